%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_port_program_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% The port program by itself: what it says to whatever it is told, and how it ends.

-include_lib("eunit/include/eunit.hrl").

-import(bed_port_program, [start/1, stop/1, send/2, next/1, frame/2, frame/3, status/1]).

-define(HOUR_MS, 3600000).
-define(LIMIT_S, 120).
-define(EPOLLIN, 1).
-define(EPOLLOUT, 4).
-define(MAX_FRAME_BYTES, (64 * 1024 * 1024 + 9)).
%% {error, {bad_request, Text}}
-define(bad(Id, Part),
    (fun() ->
        {Id, {error, {bad_request, Text}}} = next(Program),
        ?assertNotEqual({nomatch, Text}, {binary:match(Text, <<Part>>), Text})
    end)()
).

frames_test_() ->
    {timeout, ?LIMIT_S, fun frames/0}.

frames() ->
    with(#{}, fun(Program) ->
        ok = send(Program, frame($o, 7, bed_port_program:resolve([<<"127.0.0.1">>]))),
        ?assertEqual({7, {ok, [{<<"127.0.0.1">>, {ok, [{127, 0, 0, 1}]}}]}}, next(Program)),
        ok = send(Program, frame($d, 8, {[<<"a">>, <<"b">>], [<<"c">>, <<"a">>], <<"self">>})),
        ?assertEqual({8, {ok, {[1], [0]}}}, next(Program)),
        ok = send(Program, frame($d, 1 bsl 64 - 1, {[], [], <<"self">>})),
        ?assertEqual({1 bsl 64 - 1, {ok, {[], []}}}, next(Program)),
        ok = send(Program, frame($i, 9)),
        ?assertMatch({9, {ok, #{operations := 0, cares := _, libuv := _}}}, next(Program))
    end).

%% A byte at a time, then many frames in one piece.
pieces_test_() ->
    {timeout, ?LIMIT_S, fun pieces/0}.

pieces() ->
    with(#{}, fun(Program) ->
        [ok = send(Program, [Byte]) || <<Byte>> <= frame($i, 1)],
        ?assertMatch({1, {ok, _}}, next(Program)),
        ok = send(Program, [frame($i, Id) || Id <- lists:seq(2, 10000)]),
        [?assertMatch({Id, {ok, _}}, next(Program)) || Id <- lists:seq(2, 10000)]
    end).

bad_frames_test_() ->
    {timeout, ?LIMIT_S, fun bad_frames/0}.

bad_frames() ->
    with(#{}, fun(Program) ->
        ok = send(Program, <<0:32>>),
        ?bad(0, "0 bytes has no room"),
        ok = send(Program, <<8:32, "12345678">>),
        ?bad(0, "8 bytes has no room"),
        ok = send(Program, frame($x, 3)),
        ?bad(3, "no frame is of the kind 120"),
        ok = send(Program, frame($o, 0, <<>>)),
        ?bad(0, "the id 0 is taken"),
        [
            begin
                ok = send(Program, frame($o, 4, Body)),
                ?bad(4, " ")
            end
         || Body <- [<<>>, <<131>>, <<130, 106>>, <<131, 104, 255>>, term_to_binary({dns, self()})]
        ],
        [
            begin
                ok = send(Program, frame($d, 5, Names)),
                ?bad(5, " ")
            end
         || Names <- [
                <<>>, {[], []}, {[a], [], <<>>}, {[<<"a">> | <<"b">>], [], <<>>}, {[], "ab", <<>>},
                {[], [], 1}, <<(term_to_binary({[], [], <<"a">>}))/binary, 0>>
            ]
        ],
        ok = send(Program, frame($c, 6)),
        works(Program)
    end).

%% Every frame has an answer, and the program goes on.
random_frames_test_() ->
    {timeout, ?LIMIT_S, fun random_frames/0}.

random_frames() ->
    with(#{}, fun(Program) ->
        [
            begin
                Kind = lists:nth(rand:uniform(3), "odx"),
                ok = send(Program, frame(Kind, Id, [$\203, rand:bytes(rand:uniform(40))])),
                ?assertMatch({Id, {error, {bad_request, _}}}, next(Program))
            end
         || Id <- lists:seq(1, 500)
        ],
        works(Program)
    end).

too_long_test_() ->
    {timeout, 60, fun too_long/0}.

too_long() ->
    with(#{}, fun(Program) ->
        %% Three sizes: the last that is allowed, one more, and as long as a length can say. They
        %% are told apart by their heads; of the last one nothing more comes.
        Body = binary:copy(<<0>>, ?MAX_FRAME_BYTES - 9),
        ok = send(Program, [<<?MAX_FRAME_BYTES:32, $o, 1:64>>, Body]),
        ?bad(1, "can't be decoded"),
        ok = send(Program, <<(?MAX_FRAME_BYTES + 1):32, $o, 2:64>>),
        ?bad(2, "too long"),
        ok = send(Program, [Body, 0]),
        works(Program),
        ok = send(Program, <<16#ffffffff:32, $d, 3:64, "the rest never comes">>),
        ?bad(3, "4294967295 bytes is too long")
    end).

ids_test_() ->
    {timeout, ?LIMIT_S, fun ids/0}.

ids() ->
    bed_silent:server(fun(Server) ->
        with(#{}, fun(Program) ->
            Waits = frame($o, 1, bed_silent:request(Server, ?HOUR_MS)),
            ok = send(Program, [Waits, Waits]),
            ?bad(0, "the id 1 is taken"),
            ok = send(Program, frame($i, 2)),
            ?assertMatch({2, {ok, #{operations := 1}}}, next(Program)),
            %% Cancelled: without a reply, and its id is free.
            ok = send(Program, [frame($c, 1), frame($i, 3)]),
            ?assertMatch({3, {ok, #{operations := 0}}}, next(Program)),
            ok = send(Program, frame($o, 1, bed_silent:request(Server, 1))),
            ?assertMatch({1, {ok, #{a := {error, timeout}}}}, next(Program))
        end)
    end).

many_at_once_test_() ->
    {timeout, ?LIMIT_S, fun() ->
        bed_silent:server(fun(Server) ->
            with(#{}, fun(Program) ->
                Before = descriptors(Program),
                Request = bed_silent:request(Server, ?HOUR_MS),
                Ids = lists:seq(1, 1000),
                ok = send(Program, [frame($o, Id, Request) || Id <- Ids]),
                works(Program),
                ok = send(Program, frame($i, 2000)),
                ?assertMatch({2000, {ok, #{operations := 1000}}}, next(Program)),
                ok = send(Program, [[frame($c, Id) || Id <- Ids], frame($i, 2001)]),
                ?assertMatch({2001, {ok, #{operations := 0}}}, next(Program)),
                ?assertEqual(Before, descriptors(Program))
            end)
        end)
    end}.

%% No descriptors left: an error that says so, and the next operation works.
descriptors_test_() ->
    {timeout, ?LIMIT_S, fun descriptors/0}.

descriptors() ->
    bed_silent:server(fun(Server) ->
        with(#{limit => 40}, fun(Program) ->
            Request = bed_silent:request(Server, ?HOUR_MS),
            ok = send(Program, [[frame($o, Id, Request) || Id <- lists:seq(1, 50)], frame($i, 99)]),
            Refused = refused(Program, 0),
            ?assert(Refused > 0),
            ok = send(Program, [frame($c, Id) || Id <- lists:seq(1, 50)]),
            works(Program)
        end)
    end).

refused(Program, Count) ->
    case next(Program) of
        {99, {ok, #{operations := Running}}} ->
            ?assertEqual(50, Running + Count),
            Count;
        {_, {error, {posix, emfile}}} ->
            refused(Program, Count + 1);
        {_, {ok, #{a := {error, {posix, emfile}}}}} ->
            refused(Program, Count + 1)
    end.

%% The end

ends_with_its_input_test_() ->
    Info = frame($i, 1),
    [
        {What, {timeout, ?LIMIT_S, fun() ->
            bed_silent:server(fun(Server) ->
                Bytes = iolist_to_binary(Frames(Server)),
                Program = start(#{bytes => byte_size(Bytes)}),
                ok = send(Program, Bytes),
                ?assertEqual(0, status(Program))
            end)
        end}}
     || {What, Frames} <- [
            {"after a frame", fun(_) -> Info end},
            {"in a length", fun(_) -> [Info, 0, 0] end},
            {"in a frame", fun(_) -> binary:part(Info, 0, 10) end},
            {"in a frame that is skipped", fun(_) -> <<16#ffffffff:32, $o, 1:64, "more">> end},
            {"while operations run", fun(Server) ->
                Request = bed_silent:request(Server, ?HOUR_MS),
                [frame($o, Id, Request) || Id <- lists:seq(1, 100)]
            end}
        ]
    ].

%% Operations have begun to wait, or are being answered, when the input closes.
ends_in_the_middle_test_() ->
    {timeout, ?LIMIT_S, fun ends_in_the_middle/0}.

ends_in_the_middle() ->
    bed_silent:server(fun(Server) ->
        Wait = frame($o, 1, bed_silent:request(Server, ?HOUR_MS)),
        Work = [
            frame($o, Id, bed_port_program:resolve([<<"127.0.0.1">>]))
         || Id <- lists:seq(2, 1000)
        ],
        Program = start(#{bytes => iolist_size([Wait, Work]) + 1}),
        ok = send(Program, [Wait, Work]),
        {ok, _} = gen_udp:recv(Server, 0, 60000),
        {_, {ok, _}} = next(Program),
        ok = send(Program, <<0>>),
        ?assertEqual(0, status(Program))
    end).

%% Nobody reads its output, and its input closes: when it is more than a pipe holds, and when it is
%% more than the program queues.
ends_while_blocked_test_() ->
    {timeout, ?LIMIT_S, fun() ->
        [
            begin
                Frames = [frame($i, Id) || Id <- lists:seq(1, Count)],
                Program = start(#{held => Frames}),
                ok = bed_wait:until(blocked, fun() -> Blocked(Program) end),
                ok = bed_port_program:cut(Program),
                Pid = bed_port_program:os_pid(Program),
                ok = bed_wait:until(gone, fun() -> not bed_node:is_running(Pid) end),
                ok = bed_port_program:release(Program),
                ?assertEqual(0, last_status(Program))
            end
         || {Count, Blocked} <- [
                {2000, fun is_blocked/1},
                {1000000, fun rests/1}
            ]
        ]
    end}.

%% What was on its way when it ended may end in the middle of a frame.
last_status(#{port := Port, dir := Dir}) ->
    receive
        {Port, {exit_status, _}} ->
            {ok, Text} = file:read_file(filename:join(Dir, "status")),
            ok = file:del_dir_r(Dir),
            binary_to_integer(string:trim(Text))
    after 60000 -> never
    end.

%% While nobody reads, it stops taking frames; when somebody does, all of them are answered.
rests_while_blocked_test_() ->
    {timeout, ?LIMIT_S, fun() ->
        bed_silent:server(fun(Server) ->
            Count = 1000000,
            Frames = [
                frame($o, 1, bed_silent:request(Server, 100))
                | [frame($i, Id) || Id <- lists:seq(2, Count)]
            ],
            Program = start(#{held => Frames}),
            ok = bed_wait:until(rests, fun() -> rests(Program) end),
            ok = bed_port_program:release(Program),
            {0, {ok, _}} = next(Program),
            ?assertEqual(lists:seq(1, Count), lists:sort(ids(Program, Count))),
            stop(Program)
        end)
    end}.

ids(_Program, 0) -> [];
ids(Program, Left) ->
    {Id, {ok, _}} = next(Program),
    [Id | ids(Program, Left - 1)].

%% The events that it waits for on a descriptor, by its own epoll descriptor.
awaited(Program, Descriptor) ->
    Dir = "/proc/" ++ integer_to_list(bed_port_program:os_pid(Program)) ++ "/fdinfo/",
    Infos = [file:read_file(Dir ++ Fd) || Fd <- filelib:wildcard("*", Dir)],
    Pattern = io_lib:format("tfd: +~b +events: +([0-9a-f]+)", [Descriptor]),
    [
        list_to_integer(Events, 16)
     || {ok, Info} <- Infos,
        {match, [Events]} <- [re:run(Info, Pattern, [{capture, all_but_first, list}])]
    ].

is_blocked(Program) ->
    [Events || Events <- awaited(Program, 1), Events band ?EPOLLOUT =/= 0] =/= [].

rests(Program) ->
    is_blocked(Program) andalso
        lists:all(fun(Events) -> Events band ?EPOLLIN =:= 0 end, awaited(Program, 0)).

wrong_descriptors_test_() ->
    {timeout, ?LIMIT_S, fun wrong_descriptors/0}.

wrong_descriptors() ->
    [
        ?assertMatch({_, "1\n"}, {Redirection, os:cmd(lists:flatten([
            "'", bed_port_program:path(), "' ", Redirection, " 2>/dev/null; echo $?"
        ]))})
     || Redirection <- ["</dev/null", "<&-", "</dev/null >&-"]
    ].

%% Help

works(Program) ->
    ok = send(Program, frame($o, 1 bsl 40, bed_port_program:resolve([<<"::1">>, <<"127.0.0.1">>]))),
    ?assertMatch({1 bsl 40, {ok, [{<<"::1">>, {error, _}}, {_, {ok, _}}]}}, next(Program)).

with(Options, Test) ->
    Program = start(Options),
    Test(Program),
    stop(Program).

descriptors(Program) ->
    Pid = bed_port_program:os_pid(Program),
    length(filelib:wildcard("/proc/" ++ integer_to_list(Pid) ++ "/fd/*")).

-endif.
