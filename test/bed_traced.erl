%% SPDX-License-Identifier: Apache-2.0
-module(bed_traced).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Which modules of the application a refresh over DNS enters, in a node with a scripted name server.
The VM counts the calls.
""").

-export([print/0]).
%% Called in the node.
-export([refresh/0]).

-define(LIMIT_MS, 60000).
-define(HOUR_MS, 3600000).

?DOC("""
Prints the modules that two refreshes enter, one that connects a node and the next one, which finds
that node connected. Ends the VM.
""").
-spec print() -> no_return().
print() ->
    [First | _] = Nodes = bed_hosts:nodes(bed_hosts:start_link(loopback, 2), #{}),
    Dns = bed_dns_script:start_link(bed_story:answering([First])),
    Options = bed_story:dns(bed_dns_script:nameserver(Dns), #{}),
    {ok, _} = bed_node:call(First, bed_member, start, [Options#{poll_interval => ?HOUR_MS}]),
    _ = bed_node:call(First, ?MODULE, refresh, []),
    ok = bed_dns_script:script(Dns, bed_story:answering(Nodes)),
    [
        begin
            Entered = bed_node:call(First, ?MODULE, refresh, []),
            [_] = bed_node:visible(First),
            io:format("a refresh that ~s enters ~b modules: ~s~n", [
                What, length(Entered), lists:join(", ", [atom_to_list(M) || M <- Entered])
            ])
        end
     || What <- ["connects a node", "finds it connected"]
    ],
    ok = bed_nodes:stop(Nodes),
    halt(0).

?DOC("Refreshes this node's barnacle; the modules that were entered until its server was idle.").
-spec refresh() -> [module()].
refresh() ->
    Dir = filename:dirname(code:where_is_file("barnacle_cluster.beam")),
    Modules = [
        list_to_atom(filename:basename(File, ".beam"))
     || File <- filelib:wildcard(filename:join(Dir, "*.beam"))
    ],
    [{module, _} = code:ensure_loaded(Module) || Module <- Modules],
    ok = count(Modules, true),
    _ = barnacle_cluster:refresh(bed_member:server(), ?LIMIT_MS),
    _ = sys:get_state(bed_member:server()),
    Entered = [Module || Module <- Modules, is_entered(Module)],
    ok = count(Modules, false),
    Entered.

count(Modules, OnOff) ->
    lists:foreach(
        fun(Module) -> erlang:trace_pattern({Module, '_', '_'}, OnOff, [call_count]) end, Modules
    ).

is_entered(Module) ->
    lists:any(
        fun({Name, Arity}) ->
            {call_count, Count} = erlang:trace_info({Module, Name, Arity}, call_count),
            is_integer(Count) andalso Count > 0
        end,
        Module:module_info(functions) -- [{module_info, 0}, {module_info, 1}]
    ).
