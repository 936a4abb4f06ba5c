%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_callers).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Callers of a server who wait for one answer. Each is monitored by the server: who has died is told
by {'DOWN', Monitor, process, _, _}, for gone/2, and counts no longer. No function but answer/2
takes longer where many wait.
""").

-export([new/0, add/2, is_asked/1, count/1, gone/2, answer/2]).

-export_type([callers/0]).

%% nobody: not even one who has died.
-opaque callers() :: nobody | #{reference() => gen_server:from()}.

?DOC("Nobody has asked.").
-spec new() -> callers().
new() ->
    nobody.

?DOC("One more.").
-spec add(gen_server:from(), callers()) -> callers().
add(From, nobody) -> add(From, #{});
add({Pid, _} = From, Callers) -> Callers#{monitor(process, Pid) => From}.

?DOC("Whether anybody has asked, be it one who has died.").
-spec is_asked(callers()) -> boolean().
is_asked(Callers) ->
    Callers =/= nobody.

?DOC("How many wait.").
-spec count(callers()) -> non_neg_integer().
count(nobody) -> 0;
count(Callers) -> map_size(Callers).

?DOC("Who is monitored so, if it is one of them, waits no more.").
-spec gone(reference(), callers()) -> callers().
gone(_Monitor, nobody) -> nobody;
gone(Monitor, Callers) -> maps:remove(Monitor, Callers).

?DOC("Answers all.").
-spec answer(term(), callers()) -> ok.
answer(_Answer, nobody) ->
    ok;
answer(Answer, Callers) ->
    maps:foreach(
        fun(Monitor, From) ->
            true = demonitor(Monitor),
            gen_server:reply(From, Answer)
        end,
        Callers
    ).
