%% SPDX-License-Identifier: Apache-2.0
-module(server_callers).

%% Callers of a server: what they ask, and what they see, in the words of server_model.

-ifdef(PROPER).

-export([start/3, call/2, normal/1, waits/1]).

%% A process that asks, and tells World {answer, Pid, Answer}. When this returns, what it asks for
%% is in the server's queue, or has been answered.
start(World, Server, Request) ->
    Pid = spawn(fun() -> World ! {answer, self(), call(Server, Request)} end),
    ok = await_asked(Pid),
    Pid.

call(Server, Request) ->
    try
        normal(ask(Server, Request))
    catch
        exit:{Why, {gen_server, call, _}} -> {gone, Why};
        exit:Why -> {crashed, crash(Why)}
    end.

ask(Server, refresh) -> barnacle_cluster:refresh(Server, infinity);
ask(Server, pause) -> barnacle_cluster:pause(Server, infinity);
ask(Server, leave) -> barnacle_cluster:leave(Server, infinity);
ask(Server, shutdown) -> barnacle_cluster:shutdown(Server, infinity);
ask(Server, status) -> barnacle_cluster:status(Server);
ask(Server, {ready, What}) -> barnacle_cluster:ready(Server, What);
ask(Server, {await, What, TimeoutMs}) -> barnacle_cluster:await(Server, What, TimeoutMs).

crash({broken, [_ | _]}) -> error;
crash(hard) -> exit;
crash({{bad_return, _}, [_ | _]}) -> bad;
crash(Other) -> Other.

normal({result, _Strategy, Result}) -> normal(Result);
normal({crashed, Why}) -> {crashed, crash(Why)};
normal({error, {crashed, Why}}) -> {error, {crashed, crash(Why)}};
normal({ok, Nodes}) -> {ok, lists:sort(Nodes)};
normal({error, {What, Failed}}) when is_list(Failed) -> {error, {What, lists:sort(Failed)}};
normal(#{next_poll_in := Next, wanted := Wanted} = Status) ->
    Keys = [state, round, rounds, failed_rounds, crashed_rounds, answer],
    (maps:with(Keys, Status))#{
        armed => is_integer(Next),
        wanted => lists:sort([binary_to_atom(Name) || Name <- maps:keys(Wanted)])
    };
normal(Other) -> Other.

await_asked(Pid) ->
    case process_info(Pid, [status, current_function]) of
        [{status, waiting}, {current_function, {gen, do_call, _}}] -> ok;
        [{status, waiting}, {current_function, {barnacle_cluster, shutdown, _}}] -> ok;
        undefined -> ok;
        _ -> erlang:yield(), await_asked(Pid)
    end.

%% Whether it waits for the server, and for nothing else.
waits(Tag) when is_reference(Tag) ->
    true;
waits(Pid) ->
    case process_info(Pid, [status, message_queue_len, current_function]) of
        [{status, waiting}, {message_queue_len, 0}, {current_function, {gen, do_call, _}}] -> true;
        _ -> false
    end.

-endif.
