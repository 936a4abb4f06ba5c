%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_nif_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% The native library's functions as they are, without barnacle_native above them.

-include_lib("eunit/include/eunit.hrl").

%% A logger's handler.
-export([log/2]).
%% Called in another VM.
-export([wait_with_operations/1, load_with_abi/1, run/1]).

-define(TIMEOUT_MS, 60000).
-define(WORKERS, 1000).
-define(EUNIT_LIMIT_S, 120).

%% An operation's life

done_at_once_test() ->
    {ok, Op} = barnacle_nif:open(<<131, 106>>, make_ref()),
    {done, Reply} = barnacle_nif:step(Op),
    ?assertMatch({error, {bad_request, _}}, binary_to_term(Reply)),
    ?assertEqual({error, closed}, barnacle_nif:step(Op)),
    ?assertEqual(ok, barnacle_nif:close(Op)).

result_test() ->
    Found = {ok, [{127, 0, 0, 1}]},
    ?assertEqual(
        {ok, [{<<"127.0.0.1">>, Found}, {<<"localhost">>, Found}]},
        run(resolve([<<"127.0.0.1">>, <<"localhost">>]))
    ).

timeout_test() ->
    bed_silent:server(fun(Server) ->
        ?assertMatch(
            {ok, #{a := {error, timeout}, aaaa := {error, timeout}}},
            run(bed_silent:request(Server, 100))
        )
    end).

select_message_test() ->
    bed_silent:server(fun(Server) ->
        Ref = make_ref(),
        {ok, Op} = barnacle_nif:open(term_to_binary(bed_silent:request(Server, ?TIMEOUT_MS)), Ref),
        ok = step_until_waiting(Op),
        %% Two queries; what is answered to them wakes the operation.
        {ok, {Address, Port, _}} = gen_udp:recv(Server, 0, ?TIMEOUT_MS),
        ok = gen_udp:send(Server, Address, Port, <<"no DNS message">>),
        receive
            {select, Op, Ref, ready_input} -> ok
        after ?TIMEOUT_MS -> ?assert(false)
        end,
        ?assertMatch({wait, _}, barnacle_nif:step(Op)),
        ?assertEqual(ok, barnacle_nif:close(Op))
    end).

close_test() ->
    bed_silent:server(fun(Server) ->
        Before = operations(),
        {ok, Unstepped} = open(Server),
        {ok, Waiting} = open(Server),
        ok = step_until_waiting(Waiting),
        ?assertEqual(Before + 2, operations()),
        [
            begin
                ?assertEqual(ok, barnacle_nif:close(Op)),
                ?assertEqual(ok, barnacle_nif:close(Op)),
                ?assertEqual({error, closed}, barnacle_nif:step(Op))
            end
         || Op <- [Unstepped, Waiting]
        ],
        ok = bed_wait:until(closed, fun() -> operations() =:= Before end)
    end).

only_the_owner_test() ->
    bed_silent:server(fun(Server) ->
        {ok, Op} = open(Server),
        {_, Monitor} = spawn_monitor(fun() ->
            exit({barnacle_nif:step(Op), barnacle_nif:close(Op)})
        end),
        receive
            {'DOWN', Monitor, process, _, Came} ->
                ?assertEqual({{error, not_owner}, {error, not_owner}}, Came)
        end,
        ?assertMatch({wait, _}, barnacle_nif:step(Op)),
        ok = barnacle_nif:close(Op)
    end).

%% Nobody has the operation any more, and it was never stepped.
forgotten_test() ->
    bed_silent:server(fun(Server) ->
        Before = operations(),
        _ = open(Server),
        ok = bed_wait:until(collected, fun() ->
            true = garbage_collect(),
            operations() =:= Before
        end)
    end).

badarg_test() ->
    Bad = [
        {open, [not_a_binary, make_ref()]},
        {open, [<<1:3>>, make_ref()]},
        {open, [<<>>, not_a_reference]},
        {step, [not_a_reference]},
        {close, [self()]},
        {diff, [[], [], 1]}
    ],
    [?assertError(badarg, apply(barnacle_nif, Function, Args)) || {Function, Args} <- Bad],
    ?assertEqual({error, closed}, barnacle_nif:step(make_ref())),
    ?assertEqual(ok, barnacle_nif:close(make_ref())).

info_test() ->
    ?assertMatch(
        #{operations := Operations, abi := 3, cares := Cares, libuv := Libuv} when
            is_integer(Operations) andalso is_binary(Cares) andalso is_binary(Libuv),
        barnacle_nif:info()
    ).

%% Workers die at random moments: before they open, and then mostly within a step.
killed_workers_leave_nothing_test_() ->
    {timeout, ?EUNIT_LIMIT_S, fun() ->
        bed_silent:server(fun(Server) ->
            ok = logger:add_handler(?MODULE, ?MODULE, #{config => self()}),
            Before = {operations(), descriptors()},
            Opened = lists:sum([kill_workers(Server, 50) || _ <- lists:seq(1, ?WORKERS div 50)]),
            ?assert(Opened > ?WORKERS div 4),
            ok = bed_wait:until(ended, fun() ->
                Now = {operations(), descriptors()},
                Now =:= Before orelse Now
            end),
            ok = logger:remove_handler(?MODULE),
            %% The VM reports a descriptor that was closed while it was selected.
            ?assertEqual([], logged())
        end)
    end}.

log(#{level := error} = Event, #{config := Pid}) ->
    Pid ! {logged, Event};
log(_Event, _Config) ->
    ok.

logged() ->
    receive
        {logged, Event} -> [Event | logged()]
    after 0 -> []
    end.

%% Kills one after the other as soon as some of them, how many is random, have opened an operation.
%% Gives that number.
kill_workers(Server, Count) ->
    Self = self(),
    Workers = [
        spawn_monitor(fun() ->
            {ok, Op} = open(Server),
            Self ! opened,
            step_again(Op)
        end)
     || _ <- lists:seq(1, Count)
    ],
    Opened = rand:uniform(Count + 1) - 1,
    [
        receive
            opened -> ok
        end
     || _ <- lists:seq(1, Opened)
    ],
    [exit(Worker, kill) || {Worker, _} <- Workers],
    [
        receive
            {'DOWN', Monitor, process, Worker, Reason} -> ?assertEqual(killed, Reason)
        end
     || {Worker, Monitor} <- Workers
    ],
    flush(opened),
    Opened.

flush(Message) ->
    receive
        Message -> flush(Message)
    after 0 -> ok
    end.

%% Steps more often than it is asked to, so that a kill finds it in the NIF.
step_for_ever(Server) ->
    {ok, Op} = open(Server),
    step_again(Op).

step_again(Op) ->
    {wait, _} = barnacle_nif:step(Op),
    step_again(Op).

%% Diff

diff_test() ->
    %% Of each kind of name, as an atom and as a binary: ASCII, Latin-1, other.
    Atoms = [list_to_atom([$n, Char]) || Char <- [$a, 233, 1234]],
    Binaries = [unicode:characters_to_binary([$n, Char]) || Char <- [$a, 233, 1234]],
    Long = list_to_atom(lists:duplicate(255, 16#10348)),
    ?assertEqual({[], []}, barnacle_nif:diff(Atoms, Binaries, self)),
    ?assertEqual({Atoms ++ [Long], [other]}, barnacle_nif:diff(Atoms ++ [Long], [other], self)),
    ?assertEqual({[a, <<"b">>], []}, barnacle_nif:diff([a, <<"b">>, <<"a">>, b, a], [], self)),
    ?assertEqual({[], []}, barnacle_nif:diff([self, <<"self">>], [self], self)),
    [Sub] = [Part || <<_, Part/binary>> <- [<<"xname">>]],
    ?assertEqual({[Sub], []}, barnacle_nif:diff([Sub], [], a)),
    ?assertEqual({[], []}, barnacle_nif:diff([Sub], [name], a)).

%% More names than a normal scheduler takes.
long_diff_test() ->
    Names = [list_to_binary(["node", integer_to_list(N), "@host"]) || N <- lists:seq(1, 20000)],
    {First, Last} = lists:split(5000, Names),
    ?assertEqual({First, []}, barnacle_nif:diff(Names, Last, <<"self">>)),
    ?assertEqual({[], First}, barnacle_nif:diff(Last, Names, <<"self">>)),
    ?assertEqual({tl(Names), []}, barnacle_nif:diff(Names, [], hd(Names))),
    ?assertError(badarg, barnacle_nif:diff(Names ++ [1], [], <<"self">>)),
    ?assertError(badarg, barnacle_nif:diff(Names, Names ++ improper, <<"self">>)).

%% The VM

halt_test_() ->
    [
        {timeout, ?EUNIT_LIMIT_S, fun() -> ?assertEqual({How, 0}, {How, halt_with(How)}) end}
     || How <- ["halt()", "init:stop()", "halt(0, [{flush, false}])"]
    ].

halt_with(How) ->
    Port = open_port({spawn_executable, os:find_executable("erl")}, [
        {args,
            ["-noshell", "-noinput"] ++ code_path() ++
                ["-eval", "barnacle_nif_tests:wait_with_operations(50), " ++ How ++ "."]},
        exit_status,
        stderr_to_stdout
    ]),
    receive
        {Port, {exit_status, Status}} -> Status
    after ?TIMEOUT_MS -> never
    end.

%% Gives back control with that many operations waiting, some of them being stepped all the time.
wait_with_operations(Count) ->
    {ok, Server} = gen_udp:open(0, [{ip, {127, 0, 0, 1}}]),
    [spawn(fun() -> step_for_ever(Server) end) || _ <- lists:seq(1, Count div 10)],
    [spawn(fun() -> wait_for_ever(Server) end) || _ <- lists:seq(1, Count)],
    bed_wait:until(opened, fun() -> operations() =:= Count + Count div 10 end).

wait_for_ever(Server) ->
    {ok, Op} = open(Server),
    ok = step_until_waiting(Op),
    receive
        never -> ok
    end.

%% New code takes the library's place while an operation of the old one is running.
upgrade_test_() ->
    {timeout, ?EUNIT_LIMIT_S, fun() ->
        with_vm(fun(Vm) ->
            Owner = bed_node:call(Vm, erlang, spawn, [?MODULE, wait_with_operations, [10]]),
            ok = bed_wait:until(opened, fun() -> remote_operations(Vm) =:= 11 end),
            [
                begin
                    ?assertMatch({module, _}, bed_node:call(Vm, code, load_file, [barnacle_nif])),
                    ?assertEqual(
                        none, bed_node:call(Vm, persistent_term, get, [load_error(), none])
                    ),
                    ?assertEqual(0, remote_operations(Vm)),
                    ?assertMatch(
                        {ok, [{<<"127.0.0.1">>, {ok, _}}]},
                        bed_node:call(Vm, ?MODULE, run, [resolve([<<"127.0.0.1">>])])
                    ),
                    %% Kills what still runs the old code, in the NIF too.
                    _ = bed_node:call(Vm, code, purge, [barnacle_nif]),
                    ?assertEqual(0, remote_operations(Vm))
                end
             || _ <- lists:seq(1, 3)
            ],
            ?assert(is_pid(Owner))
        end)
    end}.

wrong_abi_test_() ->
    {timeout, ?EUNIT_LIMIT_S, fun() ->
        with_vm(fun(Vm) ->
            Text = bed_node:call(Vm, ?MODULE, load_with_abi, [0]),
            ?assertNotEqual(nomatch, binary:match(Text, <<"another version of barnacle">>)),
            ?assertNotEqual(nomatch, binary:match(Text, <<"barnacle_nif.so">>))
        end)
    end}.

%% Loads the module with another number than the library's; gives what it remembers of that.
load_with_abi(Abi) ->
    {ok, {_, [{abstract_code, {raw_abstract_v1, Forms}}]}} =
        beam_lib:chunks(code:which(barnacle_nif), [abstract_code]),
    Other = lists:map(
        fun
            ({function, _, load, 0, _} = Load) -> with_abi(Load, Abi);
            (Form) -> Form
        end,
        Forms
    ),
    {ok, Module, Beam} = compile:forms(Other),
    {module, Module} = code:load_binary(Module, code:which(Module), Beam),
    persistent_term:get(load_error()).

with_abi({call, Line, {remote, _, _, {atom, _, load_nif}} = Function, [Path, _]}, Abi) ->
    {call, Line, Function, [Path, {integer, Line, Abi}]};
with_abi(Form, Abi) when is_tuple(Form) ->
    list_to_tuple(with_abi(tuple_to_list(Form), Abi));
with_abi([Head | Tail], Abi) ->
    [with_abi(Head, Abi) | with_abi(Tail, Abi)];
with_abi(Form, _) ->
    Form.

%% Help

load_error() ->
    {barnacle_nif, load_error}.

operations() ->
    maps:get(operations, barnacle_nif:info()).

remote_operations(Vm) ->
    maps:get(operations, bed_node:call(Vm, barnacle_nif, info, [])).

descriptors() ->
    {ok, Names} = file:list_dir("/proc/self/fd"),
    length(Names).

open(Server) ->
    barnacle_nif:open(term_to_binary(bed_silent:request(Server, ?TIMEOUT_MS)), make_ref()).

step_until_waiting(Op) ->
    case barnacle_nif:step(Op) of
        {wait, 0} -> step_until_waiting(Op);
        {wait, _} -> ok
    end.

%% Runs an operation to its end.
run(Request) ->
    Ref = make_ref(),
    {ok, Op} = barnacle_nif:open(term_to_binary(Request), Ref),
    run(Op, Ref).

run(Op, Ref) ->
    case barnacle_nif:step(Op) of
        {done, Reply} ->
            binary_to_term(Reply);
        {wait, Ms} ->
            receive
                {select, Op, Ref, ready_input} -> ok
            after min(Ms, ?TIMEOUT_MS) -> ok
            end,
            run(Op, Ref)
    end.

resolve(Hosts) ->
    {resolve, #{
        hosts => Hosts,
        family => inet,
        timeout_ms => ?TIMEOUT_MS,
        nameservers => [],
        concurrency => 64
    }}.

with_vm(Function) ->
    {ok, Vm} = bed_node:start_link(#{alive => false}),
    try
        Function(Vm)
    after
        bed_node:stop(Vm)
    end.

code_path() ->
    lists:append([
        ["-pa", filename:dirname(code:which(Module))]
     || Module <- [barnacle_nif, bed_wait]
    ]).

-endif.
