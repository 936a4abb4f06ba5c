%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_hints).

-include("barnacle_doc.hrl").

-import(barnacle_text, [names/1, count/2]).

?MODULEDOC("""
Mistakes in how a node is named or set up, which no single connect can tell of: what is known of the
node and of an answer, and what is wrong with the two together. Pure but for facts/2.
""").

-export([found/4, facts/2, find/2, kind/1, text/1]).

-export_type([hint/0, facts/0]).

-type name() :: barnacle_names:name().

?DOC("""
A mistake: this node is not alive; it has a short name and others have long ones, or the other way
round (which, of how many); a complete answer does not name it, and where a name of it is to be
looked for: named differently at this host, by an address of this host, by another name of this
node, by another host, filtered. own_names: discovered names that are this node by another name.
own_listener: those with another basename, which are this node since all nodes have one port.
name_taken: names that no second node on this host can have. proto_dist_ignored: OTP ignores
-proto_dist if it is given more than once. transport: a text of the transport itself.
""").
-type hint() ::
    not_alive
    | {proto_dist_ignored, Given :: [string(), ...], Used :: string()}
    | {short_names | long_names, [name(), ...], Of :: pos_integer()}
    | {own_names, [binary(), ...]}
    | {own_listener, [binary(), ...], Own :: binary()}
    | {name_taken, [name(), ...]}
    | {transport, binary()}
    | {own_name_missing, Own :: binary(), Found :: [name(), ...],
        {basename | host | same, binary()} | filtered | elsewhere}.

?DOC("""
form: of this node's name. is_listed: whether results should contain this node; a list that was
written by hand may leave out its reader, and no source lists a dynamic name. same: discovered names
that are this node. taken: those of the failed nodes that cannot exist beside this one. proto_dist:
what was given and what OTP uses. addresses: of this host, asked for where they matter.
""").
-type facts() :: #{
    alive := boolean(),
    own := binary(),
    form := barnacle_form:form(),
    is_listed := boolean(),
    filtered := [name()],
    same := [binary()],
    taken := [name()],
    proto_dist := ok | {ignored, Given :: [string(), ...], Used :: string()},
    addresses := fun(() -> [binary()])
}.

?DOC("""
The facts of this node, and of a refresh: names that the filter kept away, names that are this node,
and nodes that failed.
""").
-spec facts(barnacle_strategy:t(), #{
    filtered := [name()], same := [binary()], failed := [{node(), term()}]
}) -> facts().
facts(Strategy, #{filtered := Filtered, same := Same, failed := Failed}) ->
    #{
        alive => is_alive(),
        own => barnacle_names:self(),
        form => barnacle_form:own(),
        is_listed =>
            barnacle_strategy:describe(Strategy) =/= barnacle_strategy_epmd andalso
                not barnacle_own:has_dynamic_name(),
        filtered => Filtered,
        same => Same,
        taken => barnacle_own:taken(Failed),
        proto_dist => barnacle_probe:proto_dist(),
        addresses => fun barnacle_address:own/0
    }.

?DOC("""
What is wrong after a discovery. The names and the state of distributed Erlang matter only if nodes
are connected by it. A transport adds its own hints; its function runs in the calling process.
""").
-spec found(
    barnacle_strategy:t(),
    barnacle_transport:t(),
    #{filtered := [name()], same := [binary()], failed := [{node(), term()}]},
    barnacle_plan:answer() | none
) -> [hint()].
found(Strategy, Transport, Observed, Answer) ->
    OfNode =
        case barnacle_transport:connects_by_distribution(Transport) of
            true -> find(facts(Strategy, Observed), Answer);
            false -> []
        end,
    OfNode ++ [{transport, Text} || Text <- barnacle_transport:hints(Transport)].

?DOC("What is wrong, given what discovery brought last; none before it brought anything.").
-spec find(facts(), barnacle_plan:answer() | none) -> [hint()].
find(#{alive := false}, _Answer) ->
    [not_alive];
find(_Facts, none) ->
    [];
find(Facts, Answer) ->
    {_, Names, _} = barnacle_plan:parts(Answer),
    Named =
        case forms(Names, Facts) of
            %% A name of the wrong form is never the one that the source has, either.
            [_ | _] = Hints -> Hints;
            [] -> own(Answer, Facts)
        end,
    this_node(Facts) ++ Named.

this_node(#{own := Own, same := All, taken := Taken, proto_dist := ProtoDist}) ->
    {Basename, _} = barnacle_names:split(Own),
    {Same, Others} = lists:partition(
        fun(Name) -> element(1, barnacle_names:split(Name)) =:= Basename end, All
    ),
    [{proto_dist_ignored, Given, Used} || {ignored, Given, Used} <- [ProtoDist]] ++
        [{own_names, Same} || Same =/= []] ++
        [{own_listener, Others, Own} || Others =/= []] ++
        [{name_taken, Taken} || Taken =/= []].

?DOC("What tells one hint from another where each is told once.").
-spec kind(hint()) -> atom() | hint().
kind(not_alive) -> not_alive;
kind({transport, _} = Hint) -> Hint;
kind(Hint) -> element(1, Hint).

?DOC("A hint in words, with what to do.").
-spec text(hint()) -> unicode:chardata().
text(not_alive) ->
    "this node is not alive, so it can join nobody; start it with -name or -sname";
text({short_names, Names, Of}) ->
    [
        "this node has a short name, but ", few_of(Names, Of), " a dot in the host (",
        names(Names), "): short and long names never link; start it with -name, a release with "
        "RELEASE_DISTRIBUTION=name"
    ];
text({long_names, Names, Of}) ->
    [
        "this node has a long name, but ", few_of(Names, Of), " no dot in the host (",
        names(Names), "): short and long names never link; start it with -sname, or give the hosts "
        "their domain"
    ];
text({proto_dist_ignored, Given, Used}) ->
    [
        "-proto_dist is given more than once (", lists:join(", ", Given), "), so OTP ignores it ",
        "and uses ", Used, ": nodes of another protocol cannot connect; give it once (see "
        "ERL_FLAGS, ERL_AFLAGS, ERL_ZFLAGS and vm.args)"
    ];
text({own_names, Names}) ->
    [
        names(Names), is_are(Names), " this node by another name: it listens there too. barnacle ",
        "does not connect to such a name, and counts it nowhere; a peer that looks for this node ",
        "by it is refused. If that was to be a second node: ", second_node()
    ];
text({own_listener, Names, Own}) ->
    [
        names(Names), is_are(Names), " this node by another name, with another basename than ", Own,
        ": this node listens there, and -erl_epmd_port gives all nodes one port, so no other node "
        "can. barnacle does not connect to such a name, and counts it nowhere. Correct the "
        "basename or the address. If that was to be a second node, give it an address of its own "
        "and start each with -kernel inet_dist_use_interface '{127,0,0,N}'"
    ];
text({name_taken, Names}) ->
    [
        names(Names), " cannot run beside this node: the EPMD of this host knows a basename once, ",
        "and knows it as this node. To run both, ", second_node()
    ];
text({transport, Text}) ->
    Text;
text({own_name_missing, Own, Found, Where}) ->
    [
        "this node is ", Own, ", which discovery does not name; it found ", names(Found), $.,
        where(Where)
    ].

is_are([_]) -> " is";
is_are(_) -> " are".

second_node() ->
    "give it another basename (where EPMDs tell the ports), or start each with -start_epmd false "
    "-erl_epmd_port PORT -kernel inet_dist_use_interface '{127,0,0,N}', PORT the same for all".

few_of(Names, Of) ->
    [integer_to_list(length(Names)), " of ", count(Of, "discovered name"), " have"].

where({basename, Name}) ->
    [
        " ", Name, " is at the same host: if that is this node, start it under that name or "
        "correct the basename; else it is another node of this host"
    ];
where({host, Name}) ->
    [
        " ", Name, " has an address of this host: peers look for this node by it; start it with ",
        "-name ", Name
    ];
where({same, Name}) ->
    [
        " ", Name, " is this node by another name: peers look for this node by it; start it with ",
        "-name ", Name
    ];
where(filtered) ->
    " The filter of this barnacle keeps its name away; peers with the same filter will not join it";
where(elsewhere) ->
    " Peers that ask the same source will not find it: it is not ready or not registered there "
    "yet, or it is started with a name or an address that the source does not use".

forms(Names, #{form := Form}) ->
    Kind =
        case Form of
            short -> short_names;
            _ -> long_names
        end,
    [
        {Kind, Wrong, length(Names)}
     || [_ | _] = Wrong <- [[Name || Name <- Names, not barnacle_form:fits(Form, Name)]]
    ].

own({complete, [_ | _] = Names}, #{is_listed := true, own := Own, filtered := Filtered} = Facts) ->
    Is = fun(Name) -> barnacle_names:to_binary(Name) =:= Own end,
    case {lists:any(Is, Names), lists:any(Is, Filtered)} of
        {true, _} -> [];
        {false, true} -> [{own_name_missing, Own, Names, filtered}];
        {false, false} -> [{own_name_missing, Own, Names, elsewhere(Own, Names, Facts)}]
    end;
own(_Answer, _Facts) ->
    [].

elsewhere(_Own, _Names, #{same := [Name | _]}) ->
    {same, Name};
elsewhere(Own, Names, #{addresses := Addresses}) ->
    [Basename, OwnHost] = binary:split(Own, <<"@">>),
    case [Name || Name <- Names, barnacle_names:host(Name) =:= OwnHost] of
        [Name | _] ->
            {basename, barnacle_names:to_binary(Name)};
        [] ->
            Here = barnacle_names:set([
                barnacle_names:join(Basename, Address)
             || Address <- Addresses()
            ]),
            case [Name || Name <- Names, is_map_key(barnacle_names:to_binary(Name), Here)] of
                [Name | _] -> {host, barnacle_names:to_binary(Name)};
                [] -> elsewhere
            end
    end.
