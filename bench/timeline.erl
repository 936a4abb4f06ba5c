%% SPDX-License-Identifier: Apache-2.0
-module(timeline).

%% Tells each story of timeline_stories twice, with barnacles and with what the field's pollers do,
%% and draws who saw how many of the others when: bench/timelines/ID.svg and README.md there.

-export([main/1]).

-define(DIRECTORY, "bench/timelines").
-define(AGENTS, [
    {barnacle, "barnacle"}, {poller, "one after the other, cutting what is not named"}
]).

%% Called as `erl -s timeline main rolling_restart partition`, or with `all`.
-spec main([atom()]) -> no_return().
main([all]) ->
    main([]);
main(Wanted) ->
    ok = io:setopts([{encoding, unicode}]),
    Stories = timeline_stories:all(),
    case Wanted -- [Id || #{id := Id} <- Stories] of
        [] ->
            Told = [
                told(Story)
             || #{id := Id} = Story <- Stories, Wanted =:= [] orelse lists:member(Id, Wanted)
            ],
            Wanted =:= [] andalso page(Told),
            halt(0);
        Unknown ->
            io:format("no story ~p; there are ~p~n", [Unknown, [Id || #{id := Id} <- Stories]]),
            halt(2)
    end.

told(#{id := Id, title := Title} = Story) ->
    io:format("~ts~n", [Title]),
    Panels = [
        begin
            Panel = timeline_record:play(Agent, Story),
            Lost = timeline_record:lost(Panel),
            io:format("  ~ts: ~b links of healthy nodes lost~n", [Name, length(Lost)]),
            Panel#{title => Name, lost => length(Lost)}
        end
     || {Agent, Name} <- ?AGENTS
    ],
    File = filename:join(?DIRECTORY, atom_to_list(Id)),
    ok = filelib:ensure_dir(File),
    ok = timeline_plot:draw(Title, Panels, File ++ ".svg"),
    {Story, [maps:with([title, lost], Panel) || Panel <- Panels]}.

page(Told) ->
    Text = [
        "# Who saw whom\n\n"
        "`make timelines` tells each of these stories twice with real nodes, `global`'s guard\n"
        "against overlapping partitions on: with barnacles, and with pollers as the field has\n"
        "them, which cut what an answer does not name and connect one after the other. Both poll\n"
        "every ",
        integer_to_list(timeline_record:poll_ms()),
        " ms;\n`departed_after` is ",
        integer_to_list(timeline_record:departed_after_ms()),
        " ms. A row is a node, its colour how many of the others it sees.\n"
        "*Lost* counts links that were lost between two nodes neither of which was in trouble\n"
        "then.\n",
        [section(Story, Panels) || {Story, Panels} <- Told]
    ],
    ok = file:write_file(
        filename:join(?DIRECTORY, "README.md"), unicode:characters_to_binary(Text)
    ).

section(#{id := Id, title := Title, about := About}, Panels) ->
    Picture = atom_to_list(Id) ++ ".svg",
    [
        "\n## ", Title, "\n\n", About, "\n\n![", Title, "](", Picture, ")\n\nLost: ",
        lists:join("; ", [
            io_lib:format("~ts ~b", [Name, Lost])
         || #{title := Name, lost := Lost} <- Panels
        ]),
        ".\n"
    ].
