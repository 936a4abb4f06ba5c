%% SPDX-License-Identifier: Apache-2.0
-module(bench_plot).

%% Results as SVG, drawn by gnuplot: a bar for each case's median, a line for its quartiles.

-export([draw/2]).
%% For other pictures.
-export([run/1, quoted/1]).

-define(LIMIT_MS, 60000).

%% Draws a result into a file.
-spec draw(bench_result:result(), file:filename()) -> ok.
draw(#{title := Title, plot := Axis, rows := Rows}, File) ->
    Groups = in_order([Group || #{group := Group} <- Rows]),
    Series = in_order([Name || #{series := Name} <- Rows]),
    run([
        "set terminal svg size 800,400 font 'sans-serif,12' background '#ffffff'\n",
        "set output '", File, "'\n",
        "set title '", quoted(Title), "' noenhanced\n",
        "set ylabel '", quoted(Axis), "' noenhanced\n",
        "set logscale y\nset format y '%g'\nset grid ytics lc '#dddddd'\n",
        "set key outside top center horizontal noenhanced\n",
        "set style data histograms\nset style histogram errorbars gap 1 lw 1\n",
        "set style fill solid 0.8\nset boxwidth 0.9\n",
        "set xtics noenhanced\nset bmargin 4\nset datafile missing '?'\n",
        "$data << EOD\n", [data(Group, Series, Rows) || Group <- Groups], "EOD\n",
        "plot ", lists:join(", ", [column(N, Name) || {N, Name} <- enumerated(Series)]), "\n"
    ]).

%% Runs gnuplot with a script.
-spec run(iodata()) -> ok.
run(Script) ->
    Dir = bed_os:temp_dir(),
    File = filename:join(Dir, "plot"),
    ok = file:write_file(File, unicode:characters_to_binary(Script)),
    {ok, Gnuplot} = bed_os:start_link(#{
        program => bed_os:find("gnuplot"), args => [File], remove => Dir
    }),
    {exited, 0} = ended(Gnuplot),
    bed_os:stop(Gnuplot).

ended(Gnuplot) ->
    bed_wait:until(gnuplot, fun() ->
        case bed_os:output(Gnuplot) of
            {{exited, 0}, _} -> {true, {exited, 0}};
            {{exited, Status}, Output} -> {true, {exited, Status, Output}};
            {running, _} -> running
        end
    end, ?LIMIT_MS).

data(Group, Series, Rows) ->
    Cells = [cell([S || #{group := G, series := N, summary := S} <- Rows, G =:= Group, N =:= Name])
     || Name <- Series],
    %% Long labels stand on two lines, or they cover each other.
    ["\"", string:replace(Group, ", ", ",\\n", all), "\" ", lists:join($\s, Cells), $\n].

cell([#{q1 := Q1, median := Median, q3 := Q3} | _]) ->
    %% A logarithm wants more than nothing.
    io_lib:format("~f ~f ~f", [max(float(Value), 0.0001) || Value <- [Median, Q1, Q3]]);
cell([]) ->
    "? ? ?".

column(N, Name) ->
    First = 3 * N - 1,
    [
        io_lib:format("$data using ~b:~b:~b:xtic(1) title '", [First, First + 1, First + 2]),
        quoted(Name),
        "'"
    ].

%% A text between single quotes.
-spec quoted(unicode:chardata()) -> unicode:chardata().
quoted(Text) -> string:replace(Text, "'", "''", all).

in_order(List) ->
    lists:reverse(lists:foldl(
        fun(Item, Seen) ->
            case lists:member(Item, Seen) of
                true -> Seen;
                false -> [Item | Seen]
            end
        end,
        [],
        List
    )).

enumerated(List) ->
    lists:zip(lists:seq(1, length(List)), List).
