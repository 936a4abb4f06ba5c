%% SPDX-License-Identifier: Apache-2.0
-module(bed_judge).

-include("barnacle_doc.hrl").

?MODULEDOC("Runs beside an application that clusters, and says what became of it.").

-export([wait/1]).

-define(LIMIT_MS, 60000).

?DOC("""
Waits until Peer has joined, by no doing of this process, writes into Pipe who joined and which
supervisor the barnacle called peers runs under, then waits to be ended with the node.
""").
-spec wait([atom()]) -> no_return().
wait([Peer, Pipe]) ->
    ok = net_kernel:monitor_nodes(true),
    Verdict =
        case lists:member(Peer, nodes()) of
            true ->
                "joined";
            false ->
                receive
                    {nodeup, Peer} -> "joined"
                after ?LIMIT_MS -> "never joined"
                end
        end,
    Text = io_lib:format("~s ~s ~s", [node(), Verdict, supervised(whereis(peers))]),
    true = os:putenv("VERDICT", lists:flatten(Text)),
    true = os:putenv("PIPE", atom_to_list(Pipe)),
    %% Through a shell, since a pipe is no regular file to the file server.
    [] = os:cmd("echo \"$VERDICT\" >\"$PIPE\""),
    timer:sleep(infinity).

supervised(undefined) ->
    "unsupervised";
supervised(Pid) ->
    {dictionary, Dictionary} = process_info(Pid, dictionary),
    case proplists:get_value('$ancestors', Dictionary) of
        [Supervisor | _] when is_atom(Supervisor) -> ["under ", atom_to_list(Supervisor)];
        _ -> "unsupervised"
    end.
