%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_effects).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What the effects of a machine do outside the server: messages to nodes and to the registry, the end
of workers, names that become atoms. And what the machine needs to know when it starts.
""").

-export([settings/2, connected/1, to_nodes/2, send/3, stop/2]).

?DOC("The settings of the machine. IsPolling is false for run_once.").
-spec settings(barnacle_options:checked(), IsPolling :: boolean()) -> barnacle_machine:settings().
settings(#{strategy := Strategy, transport := Transport} = Options, IsPolling) ->
    Node = barnacle_transport:name(Transport),
    OwnList = barnacle_transport:has_list(Transport),
    IsCustom = barnacle_strategy:describe(Strategy) =:= barnacle_strategy_custom,
    Functions = barnacle_strategy:functions(Strategy),
    maps:merge(
        maps:with(
            [
                disconnect,
                departed_after,
                poll_interval,
                eager_poll_interval,
                retry_min,
                retry_max,
                connect_timeout,
                max_nodes
            ],
            Options
        ),
        #{
            node => Node,
            self => barnacle_names:to_binary(Node),
            own_list => OwnList,
            own_connect => not barnacle_transport:connects_by_distribution(Transport),
            own_disconnect => is_map_key(disconnect, Functions),
            custom => IsCustom andalso not OwnList,
            distribution => not OwnList,
            polls => IsPolling,
            seed => erlang:phash2({Node, self(), erlang:unique_integer()})
        }
    ).

?DOC("The connected nodes of distributed Erlang, if they count.").
-spec connected(barnacle_transport:t()) -> [{node(), visible | hidden}].
connected(Transport) ->
    case barnacle_transport:has_list(Transport) of
        true ->
            [];
        false ->
            Visible = maps:from_keys(barnacle_dist:visible(), visible),
            [{Node, maps:get(Node, Visible, hidden)} || Node <- barnacle_dist:connected()]
    end.

?DOC("""
The nodes of names that are to be connected, and the names that are refused, with the reason.
""").
-spec to_nodes([barnacle_names:name()], barnacle_transport:t()) ->
    {[node()], [{barnacle_names:name(), barnacle_atom_budget:refusal()}]}.
to_nodes(Names, Transport) ->
    IsAny = not barnacle_transport:connects_by_distribution(Transport),
    lists:foldl(
        fun(Name, {Nodes, Refused}) ->
            %% A transport of its own may have names of any form.
            case IsAny andalso is_atom(Name) orelse barnacle_atom_budget:to_node(Name) of
                true -> {[Name | Nodes], Refused};
                {ok, Node} -> {[Node | Nodes], Refused};
                {error, Why} -> {Nodes, [{Name, Why} | Refused]}
            end
        end,
        {[], []},
        Names
    ).

?DOC("Performs an effect that needs nothing of the server.").
-spec send(barnacle_machine:effect(), Barnacle :: term(), barnacle_options:checked()) -> ok.
send({want, Names}, _Barnacle, _Options) ->
    barnacle_registry:want(Names);
send({keep, Kept}, Barnacle, _Options) ->
    barnacle_registry:keep(Barnacle, Kept);
send({ask, Node}, _Barnacle, _Options) ->
    barnacle_leave_protocol:ask(Node);
send({decline, Asker, Why}, _Barnacle, _Options) ->
    barnacle_leave_protocol:decline(Asker, Why);
send({not_mine, Asker}, _Barnacle, _Options) ->
    barnacle_leave_protocol:not_mine(Asker);
send({tell_over, Node}, _Barnacle, _Options) ->
    barnacle_leave_protocol:tell_over(Node);
send({inspect, Node}, _Barnacle, _Options) ->
    barnacle_leave_protocol:inspect(Node);
send({ask_wants, Node, Peers}, _Barnacle, _Options) ->
    barnacle_leave_protocol:ask_wants(Node, Peers);
send({expel, Node}, _Barnacle, _Options) ->
    barnacle_leave_protocol:expel(Node);
send({disconnect_node, Node}, _Barnacle, #{transport := Transport}) ->
    _ = spawn(fun() -> barnacle_transport:disconnect(Node, Transport) end),
    ok.

?DOC("Ends a worker. Nothing of it begins or arrives afterwards.").
-spec stop(discover | connect | retry | leave, {term(), map() | pid()}) -> ok.
stop(discover, {_Id, Worker}) -> barnacle_refresh:stop(Worker);
stop(leave, {_Id, Pid}) when is_pid(Pid) -> ok;
stop(_Key, {_Id, Worker}) -> barnacle_connector:stop(Worker).
