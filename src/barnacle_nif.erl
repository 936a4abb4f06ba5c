%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_nif).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The functions of the native library, as they are: stubs until it is loaded. barnacle_native is what
to call instead; it documents requests and replies, keeps the deadline and cleans up.

An operation belongs to the process that opened it, and ends when that dies. To run one: open it,
step it until it is done, and after each {wait, Ms} wait for {select, Operation, Ref, ready_input},
at most Ms. No call waits for the network.

Loading this module never fails. Why the library could not be loaded is in the persistent term
{barnacle_nif, load_error}, a text for people; without the term it is loaded.
""").

-export([open/2, step/1, close/1, diff/3, info/0]).

-export_type([operation/0]).

-on_load(load/0).

-nifs([open/2, step/1, close/1, diff/3, info/0]).

%% As in c_src/nif.cpp: what the library must be built for, and why its load function refuses.
-define(ABI, 3).
-define(LOAD_REFUSALS, #{
    1 => <<"was built for another version of barnacle">>,
    2 => <<"found no memory">>,
    3 => <<"got no resource type from the VM">>,
    4 => <<"found no file descriptors left">>
}).

-define(LOAD_ERROR, {?MODULE, load_error}).

?DOC("A running operation of the core.").
-opaque operation() :: reference().

?DOC("""
Opens an operation. Request is in the External Term Format, its grammar in
include/barnacle_core.hpp. What is wrong with it is in the reply. Ref comes back in the messages
that say that the operation wants to be stepped.

Gives {error, {posix, enomem}} without memory. Anything but a binary and a reference is a badarg.
""").
-spec open(Request :: binary(), Ref :: reference()) ->
    {ok, operation()} | {error, {posix, enomem}}.
open(_Request, _Ref) ->
    erlang:nif_error(not_loaded).

?DOC("""
Does what can be done now, in microseconds: on the caller's scheduler what is sure to be short, the
rest on a dirty I/O scheduler. {done, Reply}: the reply in the External Term Format;
the operation is closed. {part, Part}: some of its results, in the same format; step again at once.
{wait, Ms}: step again when {select, Operation, Ref, ready_input} arrives
or Ms milliseconds have passed, whichever comes first; Ms is 0 for at once. A message may also come
late, after a step that wasn't waiting for it any more.

The errors: closed, the operation is closed or done, or the library was loaded anew since it was
opened; not_owner, another process opened it; select_failed, the VM can't watch its descriptor.
Anything but a reference is a badarg.
""").
-spec step(operation()) ->
    {done, Reply :: binary()}
    | {part, Part :: binary()}
    | {wait, Ms :: non_neg_integer() | infinity}
    | {error, closed | not_owner | select_failed}.
step(_Operation) ->
    erlang:nif_error(not_loaded).

?DOC("Ends an operation, whatever its state, and frees what it holds. Again is no error.").
-spec close(operation()) -> ok | {error, not_owner}.
close(_Operation) ->
    erlang:nif_error(not_loaded).

?DOC("""
The wanted names that are not listed, and the listed ones that are not wanted, neither with Self:
the caller's own terms in their order, of equal names the first. An atom and a binary with the same
UTF-8 text are the same name. Anything but proper lists of atoms and binaries is a badarg. Runs on
a dirty CPU scheduler when the lists are long.
""").
-spec diff(Wanted :: [Name], Listed :: [Name], Self :: Name) ->
    {Connect :: [Name], Disconnect :: [Name]}
when
    Name :: atom() | binary().
diff(_Wanted, _Listed, _Self) ->
    erlang:nif_error(not_loaded).

?DOC("""
operations: how many of this library's are open now; abi: the number of this interface; cares and
libuv: the versions in use.
""").
-spec info() ->
    #{
        operations := non_neg_integer(),
        abi := pos_integer(),
        cares := binary(),
        libuv := binary()
    }.
info() ->
    erlang:nif_error(not_loaded).

%% A failing on_load function would keep a release from booting.
load() ->
    Path = barnacle_priv:path("barnacle_nif"),
    case erlang:load_nif(Path, ?ABI) of
        ok ->
            _ = persistent_term:erase(?LOAD_ERROR),
            ok;
        {error, {Kind, Text}} ->
            File = unicode:characters_to_binary([Path, ".so"]),
            persistent_term:put(?LOAD_ERROR, explain(File, Kind, Text))
    end.

explain(File, Kind, Text) ->
    case filelib:is_file(File) of
        false -> <<File/binary, " does not exist">>;
        true -> <<File/binary, " ", (refusal(Kind, unicode:characters_to_binary(Text)))/binary>>
    end.

%% The VM has the load function's number in the last parentheses of its text.
refusal(Kind, Text) when Kind =:= load; Kind =:= load_failed; Kind =:= upgrade ->
    case re:run(Text, "\\((\\d+)\\)", [{capture, all_but_first, list}]) of
        {match, [Number]} -> maps:get(list_to_integer(Number), ?LOAD_REFUSALS, Text);
        nomatch -> Text
    end;
refusal(_Kind, Text) ->
    Text.
