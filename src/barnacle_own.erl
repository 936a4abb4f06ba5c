%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_own).

-include("barnacle_doc.hrl").

?MODULEDOC("""
This node by another name. A connection attempt to such a name reaches this node's own listener: OTP
holds it for seven seconds (the kernel parameter net_setuptime) and logs an error. barnacle detects
it locally, before any attempt.

A name is this node by another name in two cases:

  * It differs from this node's name in the letter case of the host only, or has the same address in
    another form.
  * Its host is an address that this host can bind, this node listens there, and the port that the
    name stands for is the port of this node's listener. That port is the fixed one of
    -erl_epmd_port, or else what the EPMD at that address tells for the basename.

With EPMDs, only names with this node's own basename are examined: another basename is another node.
With a fixed port, the basename decides nothing: every name at such an address reaches this node.
Two nodes of one basename at two addresses of one host remain two nodes: each listens at its own.

In a refresh, names that are known already are not examined again, and host names are not resolved,
except those that were this node before. Every attempt examines its name once more (is_this/1), and
resolves it for that: by then the probe has resolved it too, so this takes no time. A host name that
the core cannot resolve is queried from OTP, as net_kernel does it.
""").

-export([answer/3, without/2, is_this/1, taken/1, host/1, has_dynamic_name/0]).
%% For tests: the decision, and what it is fed with.
-export([judge/2, facts/0, listeners/0, here/1, resolve/2]).

-export_type([facts/0, verdict/0]).

-type name() :: barnacle_names:name().
-type listener() :: {inet:ip_address(), inet:port_number()}.

?DOC("unresolved: the host's name has no address that is known now.").
-type verdict() :: same | other | unresolved.

?DOC("""
own: this node's name. listeners: the sockets of its listeners. port: of all nodes (-erl_epmd_port),
or epmd where an EPMD tells it. here: which addresses this host can bind. registered: what the EPMDs
at some addresses know. arrives: whether a connection to an address and port arrives at this node: a
packet filter may send it elsewhere. resolve: the addresses of host names; a host without any is
unresolved.
""").
-type facts() :: #{
    own := binary(),
    listeners := [listener()],
    port := inet:port_number() | epmd,
    here := fun(([inet:ip_address()]) -> [inet:ip_address()]),
    registered := fun(
        ([inet:ip_address()]) -> #{inet:ip_address() => [{binary(), inet:port_number()}]}
    ),
    arrives := fun((inet:ip_address(), inet:port_number()) -> boolean()),
    resolve := fun(([binary()]) -> #{binary() => [inet:ip_address(), ...]})
}.

%% Of an EPMD on this host.
-define(EPMD_MS, 500).
%% Of the core for a host name. After that, OTP is queried.
-define(CORE_MS, 300).
%% Of both for the names that were this node before.
-define(RESOLVE_MS, 600).
%% Of both for a name that is about to be connected to: its probe has just resolved it.
-define(RESOLVE_AGAIN_MS, 2000).
%% To connect to this node's own listener, and until that has accepted the connection.
-define(ARRIVES_MS, 500).
%% How many addresses are tried so. More than a host has come from a source that is not sound.
-define(TRIED, 16).
%% How many names of earlier refreshes partial results keep.
-define(KEPT, 1000).
%% Reserved addresses (RFC 1112, RFC 6666): where these can be bound, every address can
%% (net.ipv4.ip_nonlocal_bind).
-define(FOREIGN, [{240, 0, 0, 1}, {16#100, 0, 0, 0, 0, 0, 0, 1}]).

?DOC("""
A result with this node's own name in the place of its other names, and those names. Known: names
that were this node in the refresh before.
""").
-spec answer(barnacle_plan:answer(), [binary()], barnacle_plan:plan()) ->
    {barnacle_plan:answer(), [binary()]}.
answer(Answer, Known, Plan) ->
    {Kind, Names, _} = barnacle_plan:parts(Answer),
    New = candidates(barnacle_plan:unknown(Names, Plan), barnacle_names:self()),
    Same = same(New, Known),
    %% Only a complete result says that a name is there no more.
    Kept = [Name || Kind =/= complete, Name <- Known, not lists:member(Name, New)],
    {without(Same, Answer), lists:usort(Same ++ lists:sublist(Kept, ?KEPT))}.

same([], _Known) ->
    [];
same(New, Known) ->
    IsKnown = maps:from_keys(Known, true),
    Hosts = maps:from_keys([barnacle_names:host(Name) || Name <- Known], true),
    Resolve = fun(Wanted) ->
        resolve([Host || Host <- Wanted, is_map_key(Host, Hosts)], ?RESOLVE_MS)
    end,
    %% A name server that is silent for a while changes nothing.
    [
        Name
     || {Name, Verdict} <- judge(New, (facts())#{resolve := Resolve}),
        Verdict =:= same orelse (Verdict =:= unresolved andalso is_map_key(Name, IsKnown))
    ].

?DOC("A result with this node's own name in the place of these names.").
-spec without([binary()], barnacle_plan:answer()) -> barnacle_plan:answer().
without([], Answer) -> Answer;
without(Same, {complete, Names}) -> {complete, replaced(Same, Names)};
without(Same, {partial, Names, Why}) -> {partial, replaced(Same, Names), Why};
without(_Same, {error, _} = Answer) -> Answer.

replaced(Same, Names) ->
    Own = barnacle_names:self(),
    Without = maps:from_keys([Own | Same], true),
    [Own | [Name || Name <- Names, not is_map_key(barnacle_names:to_binary(Name), Without)]].

?DOC("Whether a node that is about to be connected to is this node.").
-spec is_this(node()) -> boolean().
is_this(Node) ->
    case candidates([barnacle_names:to_binary(Node)], barnacle_names:self()) of
        [] ->
            false;
        [Name] ->
            Resolve = fun(Hosts) -> resolve(Hosts, ?RESOLVE_AGAIN_MS) end,
            judge([Name], (facts())#{resolve := Resolve}) =:= [{Name, same}]
    end.

?DOC("""
Of nodes that failed, those that cannot exist beside this one: they have its basename and an address
of this host where this node does not listen, and the EPMD there knows that basename as this node.
An EPMD knows a basename once.
""").
-spec taken([{node(), Reason :: term()}]) -> [node()].
taken(Failed) ->
    Own = barnacle_names:self(),
    {Basename, _} = barnacle_names:split(Own),
    Refused = [
        {Node, Address}
     || {Node, port_refused} <- Failed,
        {Base, Host} <- [barnacle_names:split(Node)],
        Base =:= Basename,
        {ok, Address} <- [parse(Host)]
    ],
    taken(Refused, Basename).

taken([], _Basename) ->
    [];
taken(Refused, Basename) ->
    #{listeners := Listeners, port := Port} = facts(),
    case Port of
        epmd ->
            Here = here([Address || {_, Address} <- Refused]),
            Registered = registered(Here),
            [
                Node
             || {Node, Address} <- Refused,
                {Name, At} <- maps:get(Address, Registered, []),
                Name =:= Basename,
                lists:keymember(At, 2, Listeners)
            ];
        _Fixed ->
            []
    end.

?DOC("""
The host part of a name that barnacle makes from a host that was given: in lower case, as DNS has
it, unless this node's own host part has capitals.
""").
-spec host(binary()) -> binary().
host(Host) ->
    {_, Own} = barnacle_names:split(barnacle_names:self()),
    Lower = lower(Host),
    case lower(Own) of
        Lower -> Own;
        Own -> Lower;
        _ -> Host
    end.

?DOC("""
Whether this node gets its name from the first node that it connects to (-name undefined). No source
lists such a name. Until then it is nonode@nohost, and alive.
""").
-spec has_dynamic_name() -> boolean().
has_dynamic_name() ->
    %% net_kernel:get_state/0 tells the same, but waits for net_kernel.
    try
        erts_internal:dynamic_node_name()
    catch
        error:undef -> is_alive() andalso node() =:= nonode@nohost
    end.

%% ---- the decision ----

?DOC("A verdict on each of some names. Pure, if the functions of the facts are.").
-spec judge([binary()], facts()) -> [{binary(), verdict()}].
judge(Names, #{own := Own, port := Port} = Facts) ->
    OwnParts = barnacle_names:split(Own),
    ByName = [
        {Name, Parts, by_name(Parts, OwnParts, Port)}
     || Name <- Names, Parts <- [barnacle_names:split(Name)]
    ],
    ByAddress = by_address([{Name, Parts} || {Name, Parts, open} <- ByName], Facts),
    [{Name, maps:get(Name, ByAddress, Verdict)} || {Name, _, Verdict} <- ByName].

%% Node names are case sensitive, and host names are not.
by_name(_Parts, {<<"nonode">>, <<"nohost">>}, _Port) ->
    other;
by_name({Base, Host}, {Base, OwnHost}, _Port) ->
    case is_same_host(Host, OwnHost) of
        true -> same;
        false -> open
    end;
by_name({Base, _}, {OwnBase, _}, Port) ->
    %% An EPMD tells the port of a basename; a fixed port is that of all basenames.
    case Port =/= epmd orelse is_like(Base, OwnBase) of
        true -> open;
        false -> other
    end.

is_same_host(Host, Own) ->
    is_like(Host, Own) orelse
        case parse(Host) of
            {ok, Address} -> parse(Own) =:= {ok, Address};
            error -> false
        end.

%% As OTP reads it when it connects: 127.1 is an address too.
parse(Host) ->
    case inet:parse_address(binary_to_list(Host)) of
        {ok, Address} -> {ok, Address};
        {error, einval} -> error
    end.

by_address([], _Facts) ->
    #{};
by_address(Split, #{listeners := []}) ->
    maps:from_list([{Name, other} || {Name, _} <- Split]);
by_address(Split, Facts) ->
    Resolved = resolved([Host || {_, {_, Host}} <- Split], Facts),
    Reached = reached(Split, Resolved, Facts),
    maps:from_list([
        {Name,
            case Resolved of
                #{Host := Addresses} ->
                    %% OTP takes the first address only, and which one that is may change.
                    Is = fun(Address) -> is_map_key({Base, Address}, Reached) end,
                    verdict(lists:all(Is, Addresses));
                #{} ->
                    unresolved
            end}
     || {Name, {Base, Host}} <- Split
    ]).

verdict(true) -> same;
verdict(false) -> other.

resolved(Hosts, #{resolve := Resolve}) ->
    Literal = maps:from_list([{H, [A]} || H <- Hosts, {ok, A} <- [parse(H)]]),
    case [Host || Host <- Hosts, not is_map_key(Host, Literal)] of
        [] -> Literal;
        Names -> maps:merge(Resolve(Names), Literal)
    end.

%% Which basenames at which addresses have this node's listener behind them. What costs nothing is
%% asked first, and only addresses of this host are asked for their EPMDs.
reached(Split, Resolved, #{listeners := Listeners, port := Port, here := IsHere} = Facts) ->
    Pairs = lists:usort([
        {Base, Address}
     || {_, {Base, Host}} <- Split,
        Address <- maps:get(Host, Resolved, []),
        Ports <- [ports(Address, Listeners)],
        Ports =/= [],
        Port =:= epmd orelse lists:member(Port, Ports)
    ]),
    Here = maps:from_keys(IsHere(lists:usort([Address || {_, Address} <- Pairs])), true),
    There = [Pair || {_, Address} = Pair <- Pairs, is_map_key(Address, Here)],
    Registered = registered_so(There, Facts),
    Tried = lists:sublist(lists:usort([Address || {_, Address} <- Registered]), ?TRIED),
    Elsewhere = [Address || Address <- Tried, not arrives(Address, Facts)],
    Reached = [R || {_, Address} = R <- Registered, not lists:member(Address, Elsewhere)],
    maps:from_keys(Reached, true).

arrives(Address, #{arrives := Arrives, listeners := Listeners}) ->
    lists:any(fun(Port) -> Arrives(Address, Port) end, ports(Address, Listeners)).

registered_so([], _Facts) ->
    [];
registered_so(Pairs, #{port := epmd, registered := Ask, listeners := Listeners}) ->
    Registered = Ask(lists:usort([Address || {_, Address} <- Pairs])),
    [
        Pair
     || {Base, Address} = Pair <- Pairs,
        {Name, Port} <- maps:get(Address, Registered, []),
        Name =:= Base,
        lists:member(Port, ports(Address, Listeners))
    ];
registered_so(Pairs, _Fixed) ->
    Pairs.

%% The ports at which this node listens at an address, if that is one of this host's.
ports(Address, Listeners) ->
    [Port || {At, Port} <- Listeners, is_at(At, Address)].

is_at(At, Address) when tuple_size(At) =:= tuple_size(Address) ->
    At =:= Address orelse is_any(At);
is_at(At, Address) when tuple_size(At) =:= 8 ->
    %% OTP takes an IPv4 address in its mapped form there.
    is_at(At, inet:ipv4_mapped_ipv6_address(Address));
is_at(_At, _Address) ->
    false.

is_any(Address) ->
    lists:all(fun(Part) -> Part =:= 0 end, tuple_to_list(Address)).

%% ---- the facts ----

?DOC("The facts of this node. Nothing here waits for net_kernel.").
-spec facts() -> facts().
facts() ->
    #{
        own => barnacle_names:self(),
        listeners => listeners(),
        port => port(),
        here => fun here/1,
        registered => fun registered/1,
        arrives => fun arrives_here/2,
        resolve => fun(Hosts) -> resolve(Hosts, ?RESOLVE_MS) end
    }.

?DOC("""
The sockets of this node's listeners: net_kernel has opened them, so it is linked to their ports. A
process that waits in a call answers process_info/2 all the same. None where the carrier of the
distribution is not one of OTP's, or another module stands in the place of erl_epmd: then the port
of a name is not known.
""").
-spec listeners() -> [listener()].
listeners() ->
    Pid = whereis(net_kernel),
    case {net_kernel:epmd_module(), Pid =/= undefined andalso process_info(Pid, links)} of
        {erl_epmd, {links, Links}} ->
            [
                {Address, Port}
             || Link <- Links,
                is_port(Link),
                {ok, {Address, Port}} <- [inet:sockname(Link)],
                is_tuple(Address)
            ];
        _ ->
            []
    end.

port() ->
    case erl_epmd:listen_port_please("", "") of
        {ok, 0} -> epmd;
        {ok, Port} -> Port
    end.

?DOC("""
Those of some addresses that belong to this host: it can bind a socket there. The interfaces do not
list all of 127/8.
""").
-spec here([inet:ip_address()]) -> [inet:ip_address()].
here([]) ->
    [];
here(Addresses) ->
    Inet = [Address || Address <- Addresses, tuple_size(Address) =:= 4],
    Inet6 = [Address || Address <- Addresses, tuple_size(Address) =:= 8],
    bindable(inet, Inet) ++ bindable(inet6, Inet6).

bindable(_Family, []) ->
    [];
bindable(Family, Addresses) ->
    Foreign = [Address || Address <- ?FOREIGN, barnacle_address:family(Address) =:= Family],
    case bound(Family, Foreign ++ Addresses) of
        {ok, [First | _]} when First =:= hd(Foreign) -> listed(Addresses);
        {ok, Bound} -> Bound;
        error -> listed(Addresses)
    end.

%% A socket whose bind failed can be bound to the next address.
bound(Family, Addresses) ->
    bound(Family, Addresses, none, []).

bound(_Family, [], Socket, Bound) ->
    ok = close(Socket),
    {ok, lists:reverse(Bound)};
bound(Family, Addresses, none, Bound) ->
    case open(Family) of
        {ok, Socket} -> bound(Family, Addresses, Socket, Bound);
        error -> error
    end;
bound(Family, [Address | Addresses], Socket, Bound) ->
    case socket:bind(Socket, #{family => Family, addr => Address, port => 0}) of
        ok ->
            ok = close(Socket),
            bound(Family, Addresses, none, [Address | Bound]);
        {error, _} ->
            bound(Family, Addresses, Socket, Bound)
    end.

open(Family) ->
    try socket:open(Family, dgram, udp) of
        {ok, Socket} -> {ok, Socket};
        {error, _} -> error
    catch
        %% An Erlang that was built without sockets of this kind.
        error:_ -> error
    end.

close(none) ->
    ok;
close(Socket) ->
    _ = socket:close(Socket),
    ok.

%% Without evidence by a bind: what the interfaces list, and all of 127/8.
listed(Addresses) ->
    Own = maps:from_keys(barnacle_address:own(), true),
    [
        Address
     || Address <- Addresses,
        element(1, Address) =:= 127 orelse is_map_key(barnacle_address:to_text(Address), Own)
    ].

registered([]) ->
    #{};
registered(Addresses) ->
    Texts = maps:from_list([{barnacle_address:to_text(Address), Address} || Address <- Addresses]),
    case barnacle_native:epmd_names(maps:keys(Texts), #{timeout => ?EPMD_MS}) of
        {ok, Results} ->
            maps:from_list([{maps:get(Text, Texts), Names} || {Text, {ok, Names}} <- Results]);
        {error, _} ->
            #{}
    end.

%% The connection is closed at once; OTP writes nothing of it in its log.
arrives_here(Address, Port) ->
    DeadlineMs = now_ms() + ?ARRIVES_MS,
    Options = [barnacle_address:family(Address), {active, false}],
    case gen_tcp:connect(Address, Port, Options, ?ARRIVES_MS) of
        {ok, Socket} ->
            {ok, Own} = inet:sockname(Socket),
            Arrives = is_accepted(unmapped(Own), DeadlineMs),
            ok = gen_tcp:close(Socket),
            Arrives;
        {error, _} ->
            false
    end.

%% Whether a socket of this VM is the other end. It takes a moment until the listener has accepted.
is_accepted(Own, DeadlineMs) ->
    case lists:any(fun(Port) -> is_peer(Own, Port) end, erlang:ports()) of
        true ->
            true;
        false ->
            case now_ms() < DeadlineMs of
                true ->
                    receive
                    after 10 -> is_accepted(Own, DeadlineMs)
                    end;
                false ->
                    false
            end
    end.

is_peer(Own, Port) ->
    case erlang:port_info(Port, name) of
        {name, "tcp_inet"} ->
            case inet:peername(Port) of
                {ok, Peer} -> unmapped(Peer) =:= Own;
                {error, _} -> false
            end;
        _ ->
            false
    end.

unmapped({{0, 0, 0, 0, 0, 16#ffff, AB, CD}, Port}) ->
    {{AB bsr 8, AB band 255, CD bsr 8, CD band 255}, Port};
unmapped(Other) ->
    Other.

?DOC("""
The addresses of some host names: those that the core tells, or else the one that OTP tells. OTP is
queried for one host at a time; if other queries to it have all places, the core is queried again.
""").
-spec resolve([binary()], non_neg_integer()) -> #{binary() => [inet:ip_address(), ...]}.
resolve([], _TimeoutMs) ->
    #{};
resolve(Hosts, TimeoutMs) ->
    Family =
        case listeners() of
            [{Address, _} | _] -> barnacle_address:family(Address);
            [] -> inet
        end,
    DeadlineMs = now_ms() + TimeoutMs,
    ByCore = by_core(Hosts, Family, min(?CORE_MS, TimeoutMs)),
    ByOtp = [
        by_otp(Host, Family, max(0, DeadlineMs - now_ms()))
     || Host <- Hosts, not is_map_key(Host, ByCore)
    ],
    lists:foldl(fun maps:merge/2, ByCore, ByOtp).

by_core(Hosts, Family, TimeoutMs) ->
    case barnacle_native:resolve(Hosts, #{timeout => TimeoutMs, family => Family}) of
        {ok, Results} -> maps:from_list([{Host, List} || {Host, {ok, List}} <- Results]);
        {error, _} -> #{}
    end.

by_otp(_Host, _Family, 0) ->
    #{};
by_otp(Host, Family, LeftMs) ->
    case barnacle_otp_lookup:wait(Host, [Family], LeftMs) of
        {ok, Address} -> #{Host => [Address]};
        error -> #{};
        busy -> by_core([Host], Family, LeftMs)
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).

%% ---- letters ----

%% The names that may be this node, without its own.
-spec candidates([name()], binary()) -> [binary()].
candidates([], _Own) ->
    [];
candidates(Names, Own) ->
    case port() of
        epmd ->
            own_basename(Names, Own);
        _Fixed ->
            [Name || Name <- lists:map(fun barnacle_names:to_binary/1, Names), Name =/= Own]
    end.

own_basename(Names, Own) ->
    {Basename, _} = barnacle_names:split(Own),
    Size = byte_size(Basename),
    Lower = lower(Basename),
    [
        Binary
     || Name <- Names,
        Binary <- [barnacle_names:to_binary(Name)],
        Binary =/= Own,
        is_of(Binary, Size, Basename, Lower)
    ].

is_of(Name, Size, Basename, Lower) ->
    case Name of
        <<Basename:Size/binary, $@, _/binary>> -> true;
        <<Base:Size/binary, $@, _/binary>> -> lower(Base) =:= Lower;
        _ -> false
    end.

is_like(One, Other) ->
    byte_size(One) =:= byte_size(Other) andalso lower(One) =:= lower(Other).

%% Of bytes: a name from the network may be no text.
lower(Binary) ->
    <<<<(lower_byte(Byte))>> || <<Byte>> <= Binary>>.

lower_byte(Byte) when Byte >= $A, Byte =< $Z -> Byte + 32;
lower_byte(Byte) -> Byte.
