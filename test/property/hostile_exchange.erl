%% SPDX-License-Identifier: Apache-2.0
-module(hostile_exchange).

%% Exchanges with hostile servers for prop_hostile: many at once, each with a script of its own, and
%% what of their results nobody said. What was said is read here by other code than the core's:
%% OTP's inet_dns, and a regular expression.

-ifdef(PROPER).

-export([prepare/0, dns/2, epmd/2, left/0]).

%% The servers and the generators are in the same VM; ten thousand operations that stayed would take
%% half a gigabyte.
-define(FLAT_BYTES, 100000000).

%% Exchanges at the same time, at most.
-define(MOST, 50).

-type limits() :: #{timeout_ms := pos_integer(), latest_ms := pos_integer()}.

%% Loads what may be called, for a module that is loaded brings atoms.
-spec prepare() -> ok.
prepare() ->
    Ours = [filename:dirname(code:which(Module)) || Module <- [?MODULE, bed_wait, barnacle_native]],
    _ = addresses(?MOST),
    _ = [
        code:ensure_loaded(list_to_atom(filename:basename(File, ".beam")))
     || Dir <- [ebin(Library) || Library <- [kernel, stdlib, proper]] ++ Ours,
        File <- filelib:wildcard("*.beam", Dir)
    ],
    ok.

ebin(Library) -> filename:join(code:lib_dir(Library), "ebin").

%% Lookups at the same time; gives what is wrong with their results, and how many found something.
-spec dns([map()], limits()) -> {[term()], non_neg_integer()}.
dns(Scripts, Limits) ->
    Server = hostile_dns:start_link(hd(addresses(1)), Scripts),
    Options = #{
        timeout => maps:get(timeout_ms, Limits),
        grace => 100,
        nameservers => [hostile_dns:nameserver(Server)]
    },
    Failures = at_once(fun(N, _Script) ->
        Name = hostile_dns:name(N),
        in_time(Limits, fun() -> barnacle_native:dns(Name, Options) end, fun(Result) ->
            wrong_addresses(Result, hostile_dns:said(Server, N))
        end)
    end, Scripts),
    ok = hostile_dns:stop(Server),
    Failures.

%% An address that comes out was in a message that answers the question.
wrong_addresses({ok, #{a := A, aaaa := Aaaa}}, Said) ->
    [
        {not_said, Address, Said}
     || {addresses, Addresses} <- [A, Aaaa], Address <- Addresses, not is_said(Address, Said)
    ];
wrong_addresses({error, {bad_request, _}} = Error, _Said) ->
    [Error];
wrong_addresses({error, _}, _Said) ->
    [].

is_said(Address, Said) ->
    lists:any(fun({Query, Message}) -> is_in(Address, Query, Message) end, Said).

%% Where OTP finds no sense in a message, its bytes must do.
is_in(Address, <<Id:16, _/binary>>, <<Id:16, _/binary>> = Message) ->
    case decode(Message) of
        {ok, Decoded} ->
            lists:member(Address, [
                inet_dns:rr(Record, data)
             || Record <- inet_dns:msg(Decoded, anlist)
            ]);
        {error, _} ->
            binary:match(Message, bytes(Address)) =/= nomatch
    end;
is_in(_Address, _Query, _Message) ->
    false.

%% OTP's decoder crashes on some.
decode(Message) ->
    try
        inet_dns:decode(Message)
    catch
        error:_ -> {error, crash}
    end.

bytes({A, B, C, D}) -> <<A, B, C, D>>;
bytes(Address) -> <<<<Part:16>> || Part <- tuple_to_list(Address)>>.

%% Requests to as many EPMDs at the same time.
-spec epmd([map()], limits()) -> {[term()], non_neg_integer()}.
epmd(Scripts, Limits) ->
    Port = bed_ports:port(),
    Addresses = addresses(length(Scripts)),
    Servers = [
        bed_epmd_script:start_link({Address, Port}, steps(Script))
     || {Address, Script} <- lists:zip(Addresses, Scripts)
    ],
    Options = #{timeout => maps:get(timeout_ms, Limits), port => Port},
    Failures = at_once(fun(_N, {Address, Script}) ->
        Host = list_to_binary(bed_ports:text(Address)),
        in_time(Limits, fun() -> barnacle_native:epmd_names([Host], Options) end, fun(Result) ->
            {ok, [{Host, Outcome}]} = Result,
            wrong_names(Outcome, sent(Script), maps:get(then, Script))
        end)
    end, lists:zip(Addresses, Scripts)),
    lists:foreach(fun bed_epmd_script:stop/1, Servers),
    Failures.

%% The same each time: the test-bed holds a socket for each block of addresses.
addresses(Count) ->
    case persistent_term:get({?MODULE, addresses}, []) of
        Addresses when length(Addresses) >= Count ->
            lists:sublist(Addresses, Count);
        _ ->
            ok = persistent_term:put({?MODULE, addresses}, bed_ports:addresses(Count)),
            addresses(Count)
    end.

steps(#{cuts := Cuts, then := Then} = Script) ->
    [{send, Piece} || Piece <- bed_nonsense:pieces(Cuts, sent(Script))] ++
        [Then || Then =/= close].

sent(#{said := Said, changes := Changes}) ->
    bed_nonsense:mangle(Changes, Said).

%% All names if the whole is a reply, else none; a reply that does not end in order is none.
wrong_names({ok, Names}, Sent, close) ->
    [{wrong_names, Names, Sent} || {ok, Names} =/= read(Sent)];
wrong_names({ok, Names}, Sent, Then) ->
    [{not_ended, Then, Names, Sent}];
wrong_names({error, Why}, Sent, close) ->
    [{wrong_error, Why, Sent} || read(Sent) =/= error, Why =/= timeout];
wrong_names({error, _}, _Sent, _Then) ->
    [].

%% The reply as c_src/epmd_names_reply.hpp has it.
read(<<Port:32, Lines/binary>>) when Port > 0, Port < 65536 ->
    read_lines(binary:split(Lines, <<"\n">>, [global]), []);
read(_) ->
    error.

read_lines([<<>>], Names) ->
    case length(lists:ukeysort(1, Names)) =:= length(Names) of
        true -> {ok, lists:reverse(Names)};
        false -> error
    end;
read_lines([_], _Names) ->
    error;
read_lines([Line | Lines], Names) ->
    case re:run(Line, "^name ([!-?A-~]{1,255}) at port ([1-9][0-9]{0,4})$",
        [{capture, all_but_first, binary}, dollar_endonly])
    of
        {match, [Name, Port]} ->
            case binary_to_integer(Port) of
                Number when Number < 65536 -> read_lines(Lines, [{Name, Number} | Names]);
                _ -> error
            end;
        nomatch ->
            error
    end.

%% What is left of all exchanges so far: more than before the first of them.
-spec left() -> [term()].
left() ->
    case persistent_term:get(?MODULE, undefined) of
        undefined ->
            %% What is made once has been made by now.
            persistent_term:put(?MODULE, held()),
            [];
        Before ->
            try bed_wait:until(nothing_left, fun() -> more(Before, held()) =:= [] end) of
                ok -> []
            catch
                error:{never, nothing_left, _} -> more(Before, held())
            end
    end.

more(Before, Now) ->
    [
        {Key, Was, Is}
     || {Key, Was} <- Before,
        {_, Is} <- [lists:keyfind(Key, 1, Now)],
        Is > Was + allowed(Key)
    ].

allowed(resident_bytes) -> ?FLAT_BYTES;
%% The core has words of its own for errors, each an atom once it has come up.
allowed(atoms) -> 50;
allowed(_) -> 0.

held() ->
    #{descriptors := Descriptors, resident_bytes := Bytes} = bed_load:costs(),
    #{operations := Operations} = barnacle_native:info(),
    [
        {descriptors, Descriptors},
        {resident_bytes, Bytes},
        {operations, Operations},
        {processes, erlang:system_info(process_count)},
        {ports, erlang:system_info(port_count)},
        {atoms, erlang:system_info(atom_count)},
        {ets_tables, length(ets:all())}
    ].

in_time(#{latest_ms := LatestMs}, Call, Check) ->
    BeganMs = erlang:monotonic_time(millisecond),
    Result = Call(),
    TookMs = erlang:monotonic_time(millisecond) - BeganMs,
    {[{too_late, TookMs, Result} || TookMs > LatestMs] ++ Check(Result), successes(Result)}.

successes({ok, #{a := A, aaaa := Aaaa}}) ->
    min(1, length([Found || {addresses, Found} <- [A, Aaaa]]));
successes({ok, [{_, {ok, _}}]}) -> 1;
successes(_) -> 0.

at_once(Fun, List) ->
    Numbered = lists:zip(lists:seq(1, length(List)), List),
    {Failures, Successes} = lists:unzip(
        bed_nodes:at_once(fun({N, Item}) -> Fun(N, Item) end, Numbered)
    ),
    {lists:append(Failures), lists:sum(Successes)}.

-endif.
