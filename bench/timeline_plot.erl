%% SPDX-License-Identifier: Apache-2.0
-module(timeline_plot).

%% Who saw how many when, as SVG by gnuplot: a panel for each agent, a row for each node.

-export([draw/3]).

-define(COLOURS, [{all, "#2e9e5b"}, {some, "#e8a33d"}, {nobody, "#d64545"}, {down, "#c8c8c8"}]).

-spec draw(string(), [timeline_record:panel()], file:filename()) -> ok.
draw(Title, Panels, File) ->
    Rows = lists:max([length(Names) || #{names := Names} <- Panels]),
    bench_plot:run([
        "set terminal svg size 900,", integer_to_list(length(Panels) * (110 + 26 * Rows) + 60),
        " font 'sans-serif,12' background '#ffffff'\n",
        "set output '", File, "'\n",
        "set multiplot layout ", integer_to_list(length(Panels)), ",1 title '",
        bench_plot:quoted(Title), "' noenhanced\n",
        "set xlabel 'seconds'\nset grid xtics lc '#eeeeee'\nset tics nomirror\n",
        "set lmargin 8\nset rmargin 3\nset tmargin 5\nset style fill solid 1 noborder\n",
        "set key off\n",
        [panel(N, Panel) || {N, Panel} <- lists:zip(lists:seq(1, length(Panels)), Panels)],
        "unset multiplot\n"
    ]).

panel(N, #{title := Title, names := Names, rows := Rows, marks := Marks, end_s := EndS}) ->
    Count = length(Names),
    Data = ["$rows", integer_to_list(N)],
    [
        Data, " << EOD\n",
        [row(Y, Row, Count - 1, EndS) || {Y, Row} <- lists:zip(lists:seq(1, Count), Rows)],
        "EOD\n",
        "unset label\nunset arrow\n",
        "set title '", bench_plot:quoted(Title), "' noenhanced offset 0,1.2\n",
        io_lib:format("set xrange [0:~.1f]\nset yrange [~b.5:0.5]\n", [EndS, Count]),
        "set ytics (",
        lists:join(", ", [io_lib:format("'~b' ~b", [Y, Y]) || Y <- lists:seq(1, Count)]),
        ")\n",
        [mark(At, Text, Level) || {{At, Text}, Level} <- lists:zip(Marks, levels(Marks))],
        "plot ", Data, " using 1:2:3:4:5:6:7 with boxxyerror lc rgb variable\n"
    ].

%% Neighbouring texts take turns in two lines above the panel.
levels(Marks) ->
    [Level rem 2 || Level <- lists:seq(1, length(Marks))].

mark(At, Text, Level) ->
    io_lib:format(
        "set arrow from ~.2f, graph 0 to ~.2f, graph 1 nohead lc '#444444' dt 2 front\n"
        "set label '~ts' at ~.2f, graph ~.2f noenhanced font ',10' front\n",
        [At, At, bench_plot:quoted(Text), At, 1.06 + 0.09 * Level]
    ).

%% A box from each point to the next one: x, y, its four sides, its colour.
row(Y, Points, All, EndS) ->
    Ends = [At || {At, _} <- tl(Points)] ++ [EndS],
    [
        io_lib:format("~.3f ~b ~.3f ~.3f ~.2f ~.2f ~b\n", [
            From, Y, From, To, Y - 0.38, Y + 0.38, colour(Seen, All)
        ])
     || {{From, Seen}, To} <- lists:zip(Points, Ends), To > From
    ].

colour(Seen, All) ->
    "#" ++ Hex = proplists:get_value(kind(Seen, All), ?COLOURS),
    list_to_integer(Hex, 16).

kind(none, _) -> down;
kind(0, _) -> nobody;
kind(All, All) -> all;
kind(_, _) -> some.
