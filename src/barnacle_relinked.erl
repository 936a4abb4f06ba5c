%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_relinked).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Whether a node that has just left, and is linked again, leaves again. Pure.

Nobody may have wanted that link: global of a peer makes it that was busy with this node when it
went (barnacle_farewell), a dial does that was under way, a program that knows of no farewells. So
for 10 s it leaves again at once where all its links are to nodes that it left; five times at most,
so that nobody's links come and go for ever. It stays where it is linked to anybody else too, who
has reasons of his own.
""").

-export([new/0, left/3, again/3]).

-export_type([relinked/0]).

%% Those that it left, until when that counts (monotonic, ms), how often it may leave again.
-record(relinked, {
    left = [] :: [node()], until_ms = 0 :: integer(), times = 0 :: non_neg_integer()
}).

-opaque relinked() :: #relinked{}.

%% As long as peers remember that a node has left (barnacle_registry:has_left/1).
-define(AGAIN_MS, 10000).
-define(AGAIN_TIMES, 5).

?DOC("It has left nobody.").
-spec new() -> relinked().
new() ->
    #relinked{}.

?DOC("""
It leaves these nodes at NowMs (monotonic). Where it has just left all of them, and nobody has told
it to leave once more (asked is false), that is no new beginning; nor is it where there is none.
""").
-spec left(#{nodes := [node()], asked := boolean()}, NowMs :: integer(), relinked()) -> relinked().
left(#{nodes := []}, _NowMs, Relinked) ->
    Relinked;
left(#{nodes := Nodes, asked := IsAsked}, NowMs, #relinked{} = Relinked) ->
    case not IsAsked andalso is_recent(Nodes, NowMs, Relinked) of
        true -> Relinked;
        false -> #relinked{left = Nodes, until_ms = NowMs + ?AGAIN_MS, times = ?AGAIN_TIMES}
    end.

?DOC("Whether it leaves again, where these are its visible links. Each time that it does counts.").
-spec again([node()], NowMs :: integer(), relinked()) -> {boolean(), relinked()}.
again([_ | _] = Visible, NowMs, #relinked{times = Times} = Relinked) when Times > 0 ->
    case is_recent(Visible, NowMs, Relinked) of
        true -> {true, Relinked#relinked{times = Times - 1}};
        false -> {false, Relinked}
    end;
again(_Visible, _NowMs, Relinked) ->
    {false, Relinked}.

is_recent(Nodes, NowMs, #relinked{left = Left, until_ms = UntilMs}) ->
    NowMs < UntilMs andalso Nodes -- Left =:= [].
