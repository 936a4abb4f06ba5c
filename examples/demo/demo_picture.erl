%% SPDX-License-Identifier: Apache-2.0
-module(demo_picture).

%% Who is connected to whom, and since when. On a terminal a matrix that is drawn anew in its place;
%% elsewhere a line for each change.

-export([new/2, title/2, step/2, show/2, done/2]).

-export_type([picture/0]).

-record(picture, {
    look :: live | plain,
    nodes :: [node()],
    started_ms :: integer(),
    %% When each link was first seen, by {Who, Whom}, in ms since the step began.
    links = #{} :: #{{node(), node()} => integer()},
    down = [] :: [node()],
    drawn_lines = 0 :: non_neg_integer()
}).

-opaque picture() :: #picture{}.

-spec new(live | plain, [node()]) -> picture().
new(Look, Nodes) ->
    #picture{look = Look, nodes = Nodes, started_ms = now_ms()}.

-spec title(string(), picture()) -> picture().
title(Text, #picture{nodes = Nodes} = Picture) ->
    io:format("~n~s~n", [Text]),
    [io:format("  ~b = ~s~n", [N, Node]) || {N, Node} <- numbered(Nodes)],
    Picture.

%% A new step of the story: its clock starts at 0.
-spec step(string(), picture()) -> picture().
step(Text, Picture) ->
    io:format("~n- ~s~n", [Text]),
    %% What is linked already has been so since before this step.
    Old = maps:map(fun(_, _) -> 0 end, Picture#picture.links),
    Picture#picture{started_ms = now_ms(), links = Old, drawn_lines = 0}.

%% Shows what is seen now.
-spec show(demo_judge:sight(), picture()) -> picture().
show(Sight, #picture{links = Before} = Picture) ->
    AtMs = elapsed_ms(Picture),
    Links = maps:from_list([
        {Link, maps:get(Link, Before, AtMs)}
     || {Who, Seen} <- Sight, Seen =/= down, Whom <- Seen, Link <- [{Who, Whom}]
    ]),
    Down = [Node || {Node, down} <- Sight],
    Changed = Picture#picture{links = Links, down = Down},
    case Picture#picture.look of
        live -> draw(Changed);
        plain -> tell(Before, AtMs, Changed)
    end.

%% The step's last line, with the time that it took.
-spec done(string(), picture()) -> {non_neg_integer(), picture()}.
done(Text, Picture) ->
    TookMs = elapsed_ms(Picture),
    io:format("  ~s after ~s s~n", [Text, seconds(TookMs)]),
    {TookMs, Picture}.

%% ---- a terminal: the matrix

draw(#picture{nodes = Nodes, drawn_lines = Drawn} = Picture) ->
    Lines =
        [
            ["    sees ", [io_lib:format("~7b", [N]) || {N, _} <- numbered(Nodes)]]
            | [row(N, Node, Picture) || {N, Node} <- numbered(Nodes)]
        ] ++ [io_lib:format("    ~s s", [seconds(elapsed_ms(Picture))])],
    Up = [io_lib:format("\e[~bA", [Drawn]) || Drawn > 0],
    io:put_chars([Up, [["\r\e[K", Line, "\n"] || Line <- Lines]]),
    Picture#picture{drawn_lines = length(Lines)}.

row(N, Node, #picture{nodes = Nodes, down = Down} = Picture) ->
    [
        io_lib:format("    ~4b ", [N]),
        case lists:member(Node, Down) of
            true -> "   down";
            false -> [cell(Node, Other, Picture) || Other <- Nodes]
        end
    ].

cell(Same, Same, _Picture) ->
    dim("      .");
cell(Node, Other, #picture{links = Links}) ->
    case Links of
        #{{Node, Other} := 0} -> green("      +");
        #{{Node, Other} := AtMs} -> green(io_lib:format("~7s", [seconds(AtMs)]));
        #{} -> "      -"
    end.

green(Text) -> ["\e[32m", Text, "\e[0m"].
dim(Text) -> ["\e[2m", Text, "\e[0m"].

%% ---- elsewhere: what changed

tell(Before, AtMs, #picture{links = Links} = Picture) ->
    New = maps:keys(maps:without(maps:keys(Before), Links)),
    Lost = maps:keys(maps:without(maps:keys(Links), Before)),
    [
        io:format("  ~s s  ~s  (~b links)~n", [
            seconds(AtMs), lists:join(", ", Words), map_size(Links)
        ])
     || Words <- [words(" sees ", New, Picture) ++ words(" lost ", Lost, Picture)], Words =/= []
    ],
    Picture.

words(Verb, Links, #picture{nodes = Nodes} = Picture) ->
    [
        [number(Who, Picture), Verb, lists:join(" ", [number(Whom, Picture) || Whom <- Whoms])]
     || Who <- Nodes, Whoms <- [[Whom || {W, Whom} <- Links, W =:= Who]], Whoms =/= []
    ].

%% A node that is none of ours has its name.
number(Node, #picture{nodes = Nodes}) ->
    case [N || {N, Known} <- numbered(Nodes), Known =:= Node] of
        [N] -> integer_to_list(N);
        [] -> atom_to_list(Node)
    end.

numbered(Nodes) ->
    lists:zip(lists:seq(1, length(Nodes)), Nodes).

seconds(Ms) ->
    io_lib:format("~.3f", [Ms / 1000]).

elapsed_ms(#picture{started_ms = StartedMs}) ->
    now_ms() - StartedMs.

now_ms() ->
    erlang:monotonic_time(millisecond).
