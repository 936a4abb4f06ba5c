%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_probe).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What is known of nodes before they are dialled, so that no dial is made in vain.

A dial to a dead host costs a process that waits for seven seconds (the kernel parameter
net_setuptime), and ends without a word of why. barnacle_native:probe/3 takes the same steps up to
the handshake for all nodes at once, and says. It asks as this VM's own distribution would: over the
carrier's family, at the fixed port of -erl_epmd_port or else EPMDs (ERL_EPMD_PORT), from the
address of inet_dist_connect_options.

Where a setting or a carrier leaves open which way a dial takes, the probe goes as far as both go
together: no further than the EPMD where inet_dist_connect_options name a port, a device or a
namespace, no further than the host's name with a carrier that isn't OTP's. With a module of one's
own in the place of erl_epmd (-epmd_module) nothing is known of hosts, and nothing is probed.
""").

-export([split/2, run/4, families/0, is_carrier_known/0, proto_dist/0]).

-export_type([reason/0, settings/0, verdict/0]).

?DOC("""
What a probe says: ok, the node accepts connections; unknown, nothing that speaks against a dial; or
why it need not be dialled. lookup_failed has also what kept the native core from looking.
at_address: the host's name has several addresses, a connection attempt uses the first one, and one
of the others works.
""").
-type verdict() :: ok | unknown | {error, reason()}.
-type reason() ::
    barnacle_native:probe_error()
    | {lookup_failed, barnacle_native:error()}
    | {at_address, Address :: binary(), reason(), Others :: [binary()]}.

?DOC("probe: whether more than host names is looked at. probe_timeout: for each node, in ms.").
-type settings() :: #{probe := boolean(), probe_timeout := pos_integer(), _ => _}.

?DOC("""
Which nodes are to be probed, and which can be dialled as they are. Hosts given by name are always
looked up: net_kernel looks names up itself, one after another, and a silent name server would hold
up every other link of the VM.
""").
-spec split([node()], settings()) -> #{probed := [node()], at_once := [node()]}.
split(Nodes, Settings) ->
    case {net_kernel:epmd_module(), depth(Settings)} of
        {erl_epmd, lookup} ->
            {AtOnce, Named} = lists:partition(fun is_literal/1, Nodes),
            #{probed => Named, at_once => AtOnce};
        {erl_epmd, _} ->
            #{probed => Nodes, at_once => []};
        {_Own, _} ->
            #{probed => [], at_once => Nodes}
    end.

?DOC("""
Probes nodes within TimeoutMs and gives a verdict on each; OnVerdicts is called with verdicts as
they are reached, before the end. Lookups have all of TimeoutMs; once its host is resolved, a node
has probe_timeout, but half of TimeoutMs at most: whom the probe takes longer for no dial would
reach in time.
""").
-spec run([node()], settings(), TimeoutMs :: pos_integer(), OnVerdicts) -> Verdicts when
    OnVerdicts :: fun((Verdicts) -> term()), Verdicts :: [{node(), verdict()}].
run(Nodes, #{probe_timeout := ProbeMs} = Settings, TimeoutMs, OnVerdicts) ->
    Depth = depth(Settings),
    Options = #{
        timeout => TimeoutMs,
        node_timeout => min(ProbeMs, (TimeoutMs + 1) div 2),
        depth => Depth,
        port => fixed_port(),
        family => family(),
        source => source()
    },
    ByTarget = maps:groups_from_list(fun target/1, Nodes),
    Verdicts = fun(Probed) -> verdicts(Probed, ByTarget, Depth) end,
    OnProbed = fun(Probed) -> OnVerdicts(Verdicts(Probed)) end,
    Targets = lists:uniq(lists:map(fun target/1, Nodes)),
    Probed = barnacle_otp_names:run(#{
        keys => maps:groups_from_list(fun({_, Host}) -> Host end, Targets),
        core => fun(OnPart, OnHost) -> probe(Targets, Options, OnPart, OnHost) end,
        again => fun(Again, Address, LeftMs) -> probe_at(Address, Again, Options, LeftMs) end,
        families => families(),
        first => Depth =/= lookup,
        on_outcomes => OnProbed,
        deadline_ms => erlang:monotonic_time(millisecond) + TimeoutMs
    }),
    Verdicts(maps:to_list(Probed)).

probe(Targets, Options, OnPart, OnHost) ->
    case barnacle_native:probe(Targets, Options, OnPart, OnHost) of
        {ok, Probed} -> Probed;
        {error, Reason} -> [{Target, not_looked(Target, Reason)} || Target <- Targets]
    end.

%% The targets of one host, whose address OTP knows. What was not looked at has no outcome.
probe_at(_Address, Targets, #{depth := lookup}, _LeftMs) ->
    [{Target, ok} || Target <- Targets];
probe_at(Address, Targets, Options, LeftMs) ->
    Host = barnacle_address:to_text(Address),
    There = [{Name, Host} || {Name, _} <- Targets],
    case barnacle_native:probe(There, Options#{timeout := LeftMs}) of
        {ok, Probed} ->
            Both = lists:zip(Targets, Probed),
            [{Target, Out} || {Target, {_, Out}} <- Both, Out =/= {error, not_probed}];
        {error, _} ->
            []
    end.

verdicts(Probed, ByTarget, Depth) ->
    [
        {Node, verdict(Outcome, Host, Depth)}
     || {{_, Host} = Target, Outcome} <- Probed, Node <- maps:get(Target, ByTarget)
    ].

verdict(ok, _Host, port) ->
    ok;
verdict(ok, _Host, _Depth) ->
    unknown;
verdict({error, not_probed}, _Host, _Depth) ->
    unknown;
verdict({error, nxdomain} = Error, Host, _Depth) ->
    %% The operating system may know its own name from neither the hosts file nor DNS
    %% (nss-myhostname), so a clear no for it is not believed; silence is, since net_kernel would
    %% wait for it too.
    case barnacle_names:host(node()) of
        Host -> unknown;
        _ -> Error
    end;
verdict(Error, _Host, _Depth) ->
    Error.

%% Without a look nothing speaks against a connection attempt, except for a name.
not_looked({_, Host}, Reason) ->
    case barnacle_address:parse(Host) of
        {ok, _} -> {error, not_probed};
        error -> {error, {lookup_failed, Reason}}
    end.

target(Node) ->
    barnacle_names:split(Node).

is_literal(Node) ->
    barnacle_address:parse(barnacle_names:host(Node)) =/= error.

?DOC("Whether the carrier of distribution is one of OTP's own, whose ways are known.").
-spec is_carrier_known() -> boolean().
is_carrier_known() ->
    lists:member(carrier(), ["inet_tcp", "inet6_tcp", "inet_tls", "inet6_tls"]).

depth(#{probe := false}) ->
    lookup;
depth(#{probe := true}) ->
    case {is_carrier_known(), route()} of
        {false, _} -> lookup;
        {true, {from, _}} -> port;
        {true, elsewhere} -> epmd
    end.

%% As net_kernel reads it. A flag that is given twice counts as not given in OTP 25, and OTP 27
%% takes the first. Which of the two it was can be seen.
carrier() ->
    case init:get_argument(proto_dist) of
        {ok, [[Carrier | _]]} -> Carrier;
        {ok, [[First | _], _ | _]} -> used(First, barnacle_own:listeners());
        _ -> "inet_tcp"
    end.

used(First, [{Address, _} | _]) ->
    IsInet6 = barnacle_address:family(Address) =:= inet6,
    IsTls = whereis(ssl_dist_sup) =/= undefined,
    case {lists:prefix("inet6_", First), lists:suffix("_tls", First)} of
        {IsInet6, IsTls} -> First;
        _ -> "inet_tcp"
    end;
used(First, []) ->
    case list_to_integer(erlang:system_info(otp_release)) >= 27 of
        true -> First;
        false -> "inet_tcp"
    end.

?DOC("Whether OTP uses the flag -proto_dist; if it ignores it, what was given and what OTP uses.").
-spec proto_dist() -> ok | {ignored, Given :: [string(), ...], Used :: string()}.
proto_dist() ->
    case init:get_argument(proto_dist) of
        {ok, [[First | _], _ | _] = Given} ->
            case carrier() of
                First -> ok;
                Used -> {ignored, lists:append(Given), Used}
            end;
        _ ->
            ok
    end.

%% A protocol of the user's own may use either.
family() ->
    case {is_carrier_known(), carrier()} of
        {false, _} -> any;
        {true, "inet6_" ++ _} -> inet6;
        {true, _} -> inet
    end.

?DOC("The address families of distribution.").
-spec families() -> barnacle_otp_lookup:families().
families() ->
    case family() of
        any -> [inet, inet6];
        Family -> [Family]
    end.

%% 0 where erl_epmd asks EPMDs. It answers for all nodes alike.
fixed_port() ->
    {ok, Port} = erl_epmd:listen_port_please("", ""),
    Port.

source() ->
    case route() of
        {from, Address} -> Address;
        elsewhere -> <<>>
    end.

%% Where the connections of dials begin: at an address (<<>>: any), or in a way that a probe can't.
route() ->
    Options = application:get_env(kernel, inet_dist_connect_options, []),
    case is_list(Options) andalso [Option || Option <- Options, chooses_route(Option)] of
        [] -> {from, <<>>};
        [{Key, Address}] when Key =:= ip; Key =:= ifaddr -> from(Address);
        _ -> elsewhere
    end.

chooses_route({Key, _}) ->
    lists:member(Key, [ip, ifaddr, port, fd, netns, bind_to_device]);
chooses_route({raw, _, _, _}) ->
    true;
chooses_route(_) ->
    false.

from(Address) ->
    case inet:is_ip_address(Address) of
        true -> {from, barnacle_address:to_text(Address)};
        false -> elsewhere
    end.
