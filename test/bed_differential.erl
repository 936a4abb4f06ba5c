%% SPDX-License-Identifier: Apache-2.0
-module(bed_differential).

%% The same name on the same kind of name server, resolved by OTP's inet_res and by barnacle: what
%% inet_res resolves, barnacle resolves too, to the same addresses, at most 300 ms later.
%%
%% Each side has its own instance of the servers, so that what one side sent changes nothing for the
%% other. run/1 is called in the VM that may change packet filters (bed_middle_box).

-export([run/1, write/3, table/2]).

-export_type([kind/0, server/0, row/0]).

%% server: what answers. drop: what a middle box before it does. place: where it listens.
-type server() ::
    {raw, bed_dns_raw:script()}
    | {real, bed_dns_real:kind(), [bed_dns_real:record()]}
    | {real, bed_dns_real:kind(), Zone :: string(), [bed_dns_real:record()]}
    | closed
    | {unreachable, inet:ip_address()}.

%% name: absolute, without the dot at the end (x.test). servers: in their order, each with its
%% middle boxes and, where the server is raw, its options. system: both sides read resolv.conf in
%% place of a list of servers; and options that inet_res is given, since it reads none from that
%% file. turns: so many lookups, one after the other; the slowest counts. one_by_one: inet_res
%% queries one family after the other, as OTP does, and not both at the same time.
%% families: those that are looked up.
%% a, aaaa: the addresses that the name has. expect: what barnacle gives for them.
%% within_ms: how long barnacle may take, whatever inet_res does. allowance_ms: how much longer than
%% inet_res (300).
%% otherwise: why barnacle's result differs from that of inet_res, on purpose.
-type kind() :: #{
    name => string(),
    servers := [{server(), [bed_middle_box:rule()]} | {server(), [bed_middle_box:rule()], map()}],
    system => [{atom(), term()}],
    turns => pos_integer(),
    one_by_one => boolean(),
    families => [inet | inet6, ...],
    a => [inet:ip_address()],
    aaaa => [inet:ip_address()],
    expect := expectation(),
    within_ms => pos_integer(),
    allowance_ms => pos_integer(),
    timeout_ms => pos_integer(),
    otherwise => string()
}.
%% complete: all addresses, and no family failed. partial: all addresses of some families, and these
%% other families failed. incomplete: an error, a family that failed, or doubts about the result.
-type expectation() :: complete | incomplete | {partial, [inet | inet6]} | {error, [atom()] | any}.

-type outcome() :: {ok, [inet:ip_address()]} | {error, term()}.
-type row() :: #{
    inet_res := #{inet | inet6 => outcome()},
    inet_res_ms := non_neg_integer(),
    barnacle := term(),
    barnacle_ms := non_neg_integer(),
    problems := [string()],
    otherwise => string()
}.

-define(NAME, "x.test").
-define(DNS_PORT, 53).
-define(TIMEOUT_MS, 5000).
-define(ALLOWANCE_MS, 300).
%% A machine that is busy with other work can take both allowances away; a resolver that is too slow
%% stays too slow.
-define(ATTEMPTS, 3).

%% Asks both sides, and judges. Servers end with the caller.
-spec run(kind()) -> row().
run(#{system := _} = Kind) ->
    %% resolv.conf names no ports, so both sides have the same servers.
    Places = start(Kind),
    run(Kind, fun() -> Places end, ?ATTEMPTS);
run(Kind) ->
    run(Kind, fun() -> start(Kind) end, ?ATTEMPTS).

run(Kind, Start, Attempts) ->
    Row = compare(Kind, Start(), Start()),
    case Row of
        #{slow := true, wrong := []} when Attempts > 1 -> run(Kind, Start, Attempts - 1);
        #{} -> Row
    end.

compare(Kind, InetPlaces, BarnaclePlaces) ->
    Families = maps:get(families, Kind, [inet, inet6]),
    Turns = lists:seq(1, maps:get(turns, Kind, 1)),
    AskInet = fun() -> inet_res(Families, InetPlaces, Kind) end,
    AskBarnacle = fun() -> barnacle(Families, BarnaclePlaces, Kind) end,
    {Inet, InetMs} = slowest([timed(AskInet) || _ <- Turns]),
    {Barnacle, BarnacleMs} = slowest([timed(AskBarnacle) || _ <- Turns]),
    Wrong = unlike(Inet, Barnacle, Kind) ++ unexpected(Barnacle, Families, Kind),
    Slow = slow(Inet, InetMs, BarnacleMs, Kind),
    Row = #{
        inet_res => Inet,
        inet_res_ms => InetMs,
        barnacle => Barnacle,
        barnacle_ms => BarnacleMs,
        slow => Slow =/= [],
        wrong => Wrong,
        problems => Wrong ++ Slow
    },
    maps:merge(Row, maps:with([otherwise], Kind)).

slowest(Results) ->
    [Slowest | _] = lists:reverse(lists:keysort(2, Results)),
    %% A failure counts before a success that took longer.
    case [Failed || {Outcome, _} = Failed <- Results, has_failed(Outcome)] of
        [Failed | _] -> Failed;
        [] -> Slowest
    end.

has_failed({error, _}) -> true;
has_failed({ok, #{failed := Failed}}) -> Failed =/= [];
has_failed(Outcomes) when is_map(Outcomes) -> [] =/= [E || {error, E} <- maps:values(Outcomes)].

timed(Fun) ->
    StartMs = now_ms(),
    Result = Fun(),
    {Result, now_ms() - StartMs}.

now_ms() ->
    erlang:monotonic_time(millisecond).

%% ---- servers

start(#{servers := Servers}) ->
    [start_server(Server) || Server <- Servers].

start_server({Server, Rules}) ->
    start_server({Server, Rules, #{}});
start_server({Server, Rules, Options}) ->
    Place = place(Server, Options),
    lists:foreach(fun(Rule) -> ok = bed_middle_box:filter(Rule, Place) end, Rules),
    Place.

place({raw, Script}, Options) ->
    bed_dns_raw:place(bed_dns_raw:start_link(Script, Options));
place({real, Kind, Records}, Options) ->
    place({real, Kind, "test", Records}, Options);
place({real, Kind, Zone, Records}, _Options) ->
    bed_dns_real:address(bed_dns_real:start_link(Kind, {Zone, Records}));
place({unreachable, Address}, _Options) ->
    {Address, ?DNS_PORT};
place(closed, _Options) ->
    Address = bed_ports:address(),
    {Address, bed_ports:port(Address)}.

%% ---- the two sides

%% The path of inet:getaddr/2 in OTP: a query, and what inet_db makes of the response.
inet_res(Families, Places, Kind) ->
    Name = maps:get(name, Kind, ?NAME),
    Timeout = maps:get(timeout_ms, Kind, ?TIMEOUT_MS),
    Ask =
        case Kind of
            #{system := Options} ->
                [ok = apply(inet_db, Set, [Value]) || {Set, Value} <- Options],
                fun(Type) -> inet_res:getbyname(Name, Type, Timeout) end;
            #{} ->
                fun(Type) -> query(Name, Type, [{nameservers, Places}], Timeout) end
        end,
    Results =
        case Kind of
            #{one_by_one := true} -> [outcome(Ask(type(Family))) || Family <- Families];
            #{} -> in_parallel([fun() -> outcome(Ask(type(Family))) end || Family <- Families])
        end,
    maps:from_list(lists:zip(Families, Results)).

query(Name, Type, Options, Timeout) ->
    case inet_res:resolve(Name, in, Type, Options, Timeout) of
        {ok, Message} -> inet_db:res_hostent_by_domain(Name, Type, Message);
        {error, {Why, _Message}} -> {error, Why};
        {error, Why} -> {error, Why}
    end.

outcome({ok, Hostent}) -> {ok, lists:usort(element(6, Hostent))};
outcome({error, {Why, _}}) -> {error, Why};
outcome({error, Why}) -> {error, Why}.

type(inet) -> a;
type(inet6) -> aaaa.

in_parallel(Funs) ->
    Self = self(),
    Workers = [spawn_monitor(fun() -> Self ! {self(), Fun()} end) || Fun <- Funs],
    [
        receive
            {Pid, Result} ->
                demonitor(Monitor, [flush]),
                Result;
            {'DOWN', Monitor, process, Pid, Why} ->
                error(Why)
        end
     || {Pid, Monitor} <- Workers
    ].

barnacle(Families, Places, Kind) ->
    Name = maps:get(name, Kind, ?NAME),
    Options = #{timeout => maps:get(timeout_ms, Kind, ?TIMEOUT_MS)},
    {Queried, Where} =
        case Kind of
            #{system := _} -> {Name, #{}};
            #{} -> {Name ++ ".", #{nameservers => [text(Place) || Place <- Places]}}
        end,
    Wanted =
        case Families of
            [Family] -> #{families => Family};
            _ -> #{}
        end,
    All = maps:merge(maps:merge(Options, Where), Wanted),
    case result(barnacle_dns:query(list_to_binary(Queried), All)) of
        {ok, #{addresses := Addresses} = Found} ->
            Sorted = maps:map(fun(_, List) -> lists:usort(List) end, Addresses),
            {ok, Found#{addresses := Sorted}};
        {error, _} = Error ->
            Error
    end.

text({Address, Port}) when tuple_size(Address) =:= 4 ->
    iolist_to_binary([inet:ntoa(Address), $:, integer_to_list(Port)]);
text({Address, Port}) ->
    iolist_to_binary([$[, inet:ntoa(Address), "]:", integer_to_list(Port)]).

%% ---- the judgement

%% What inet_res resolves, barnacle resolves.
unlike(_Inet, _Barnacle, #{otherwise := _}) ->
    [];
unlike(Inet, Barnacle, _Kind) ->
    [
        format("~p of inet_res: ~s; of barnacle: ~s", [Family, addresses(Wanted), addresses(Given)])
     || {Family, {ok, Wanted}} <- maps:to_list(Inet),
        Given <- [of_family(Family, Barnacle)],
        Given =/= Wanted
    ].

of_family(Family, {ok, #{addresses := Addresses}}) -> maps:get(Family, Addresses, []);
of_family(_Family, {error, _}) -> [].

unexpected(Barnacle, Families, #{expect := Expect} = Kind) ->
    case meets(Expect, Barnacle, Families, Kind) of
        true -> [];
        false -> [format("expected of barnacle: ~p", [Expect])]
    end.

meets({error, Reasons}, {error, Why}, _Families, _Kind) ->
    Reasons =:= any orelse lists:member(Why, Reasons);
meets(incomplete, {ok, #{doubts := [_ | _]}}, _Families, _Kind) ->
    true;
meets(incomplete, Barnacle, _Families, _Kind) ->
    has_failed(Barnacle);
meets(complete, Barnacle, Families, Kind) ->
    meets({partial, []}, Barnacle, Families, Kind);
meets({partial, Failing}, {ok, #{failed := Failed} = Found}, Families, Kind) ->
    Failing =:= lists:sort([element(1, Pair) || Pair <- Failed]) andalso
        lists:all(
            fun(Family) -> of_family(Family, {ok, Found}) =:= real(Family, Kind) end,
            Families -- Failing
        );
meets(_, _, _, _) ->
    false.

real(inet, Kind) -> lists:usort(maps:get(a, Kind, []));
real(inet6, Kind) -> lists:usort(maps:get(aaaa, Kind, [])).

%% Where inet_res resolves nothing, only the kind's own limit holds.
slow(Inet, InetMs, BarnacleMs, Kind) ->
    AllowanceMs = maps:get(allowance_ms, Kind, ?ALLOWANCE_MS),
    Limits =
        [InetMs + AllowanceMs || lists:any(fun is_resolved/1, maps:values(Inet))] ++
            [Limit || #{within_ms := Limit} <- [Kind]],
    [
        format("barnacle took ~b ms, and ~b ms are allowed", [BarnacleMs, Limit])
     || Limit <- Limits, BarnacleMs > bed_long:stretched(Limit)
    ].

is_resolved({ok, _}) -> true;
is_resolved({error, _}) -> false.

%% ---- the table

%% Adds a row to a file of rows; several processes may do so at the same time.
-spec write(file:filename(), Name :: atom(), row()) -> ok.
write(File, Name, Row) ->
    ok = filelib:ensure_dir(File),
    file:write_file(File, io_lib:format("~s~n", [line(Name, Row)]), [append]).

%% All rows, in the order of the names, under a line about the versions.
-spec table(file:filename(), [atom()]) -> iodata().
table(File, Names) ->
    {ok, Text} = file:read_file(File),
    Lines = [{hd(string:lexemes(Line, " |")), Line} || Line <- string:lexemes(Text, "\n")],
    [
        "| kind | inet_res | ms | barnacle | ms | as required |\n|---|---|---|---|---|---|\n",
        [
            [Line, $\n]
         || Name <- Names, {Kind, Line} <- Lines, Kind =:= atom_to_binary(Name)
        ]
    ].

line(Name, #{inet_res := Inet, barnacle := Barnacle, problems := Problems} = Row) ->
    Verdict =
        case {Problems, Row} of
            {[], #{otherwise := Why}} -> ["yes; ", Why];
            {[], _} -> "yes";
            {_, _} -> ["NO: ", lists:join("; ", Problems)]
        end,
    Columns = [
        atom_to_list(Name),
        lists:join(", ", [side(Family, Outcome) || {Family, Outcome} <- maps:to_list(Inet)]),
        integer_to_list(maps:get(inet_res_ms, Row)),
        found(Barnacle),
        integer_to_list(maps:get(barnacle_ms, Row)),
        Verdict
    ],
    ["| ", lists:join(" | ", Columns), " |"].

side(Family, {ok, Addresses}) -> [count(Family, length(Addresses))];
side(Family, {error, Why}) -> [label(Family), " ", word(Why)].

found({error, Why}) ->
    word(Why);
found({ok, #{addresses := Addresses, failed := Failed}}) ->
    lists:join(", ",
        [count(Family, length(List)) || {Family, List} <- maps:to_list(Addresses)] ++
            [[label(element(1, Pair)), " ", word(element(2, Pair))] || Pair <- Failed]).

count(Family, Count) -> [integer_to_list(Count), " ", label(Family)].

label(inet) -> "A";
label(inet6) -> "AAAA".

word(Why) -> format("~0tp", [Why]).

addresses([]) -> "none";
addresses(List) when length(List) > 3 -> format("~b addresses", [length(List)]);
addresses(List) -> lists:join(" ", [inet:ntoa(Address) || Address <- List]).

format(Format, Args) ->
    lists:flatten(io_lib:format(Format, Args)).

%% The queries that a result comes from do not count here.
result({Result, _Queried}) when is_tuple(Result) -> Result;
result(Result) -> Result.
