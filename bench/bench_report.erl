%% SPDX-License-Identifier: Apache-2.0
-module(bench_report).

%% Results as tables, for the terminal and for bench/README.md.

-export([show/1, into_readme/2, machine_into_readme/2]).

-define(BEGIN_MARK(Id), ["<!-- ", Id, ": `make bench` writes this -->\n"]).
-define(END_MARK(Id), ["<!-- end of ", Id, " -->\n"]).

%% Prints a result.
-spec show(bench_result:result()) -> ok.
show(#{id := Id, title := Title, rows := Rows, figures := Figures}) ->
    io:format("~n~ts  ~ts~n~n", [string:uppercase(atom_to_list(Id)), Title]),
    aligned([
        ["", "", "median", "quartiles", "p99", "n"]
        | [
            [
                Group,
                Series,
                [number(Median), $\s, Unit],
                [number(Q1), " – ", number(Q3)],
                number(P99),
                integer_to_list(N)
            ]
         || #{group := Group, series := Series, unit := Unit, summary := Summary} <- Rows,
            #{q1 := Q1, median := Median, q3 := Q3, p99 := P99, n := N} <- [Summary]
        ]
    ]),
    io:format("~n", []),
    aligned([["figure", "target", "reached", "quartiles", ""] | figures(Figures)]).

%% Puts a result's figures into the text of bench/README.md, in the place of the last run's.
-spec into_readme(bench_result:result(), binary()) -> binary().
into_readme(#{id := Id, title := Title, figures := Figures}, Readme) ->
    Name = string:uppercase(atom_to_list(Id)),
    replace(Name, Readme, [
        "\n### ", Name, ": ", Title, "\n\n",
        "![", Name, "](results/", atom_to_list(Id), ".svg)\n\n",
        "| Figure | Target | Reached | Quartiles | |\n|---|---|---|---|---|\n",
        [["| ", lists:join(" | ", Cells), " |\n"] || Cells <- figures(Figures)],
        "\n"
    ]).

%% The same for the machine.
-spec machine_into_readme(#{atom() => binary() | number()}, binary()) -> binary().
machine_into_readme(Machine, Readme) ->
    replace("MACHINE", Readme, [
        "\n| | |\n|---|---|\n",
        [
            io_lib:format("| ~s | ~ts |\n", [Key, cell(maps:get(Key, Machine))])
         || Key <- lists:sort(maps:keys(Machine))
        ],
        "\n"
    ]).

cell(Value) when is_binary(Value) -> Value;
cell(Value) -> number(Value).

replace(Name, Readme, Text) ->
    Begin = unicode:characters_to_binary(?BEGIN_MARK(Name)),
    End = unicode:characters_to_binary(?END_MARK(Name)),
    [Before, Rest] = binary:split(Readme, Begin),
    [_, After] = binary:split(Rest, End),
    unicode:characters_to_binary([Before, Begin, Text, End, After]).

figures(Figures) ->
    [
        [
            What,
            target(Figure),
            [number(Reached), Unit],
            [number(Q1), " – ", number(Q3)],
            verdict(Ok)
        ]
     || #{what := What, unit := Unit, reached := Reached, q1 := Q1, q3 := Q3, ok := Ok} =
            Figure <- Figures
    ].

target(#{target := null}) -> "";
target(#{relation := Relation, target := Target, unit := Unit}) ->
    [Relation, $\s, number(Target), Unit].

verdict(true) -> "reached";
verdict(false) -> "**not reached**";
verdict(null) -> "".

%% Three digits.
number(Value) when is_integer(Value) -> integer_to_list(Value);
number(Value) when abs(Value) >= 100 -> io_lib:format("~b", [round(Value)]);
number(Value) when abs(Value) >= 10 -> io_lib:format("~.1f", [Value]);
number(Value) when abs(Value) >= 0.1 -> io_lib:format("~.2f", [Value]);
number(Value) -> io_lib:format("~.4f", [float(Value)]).

aligned(Table) ->
    Texts = [[unicode:characters_to_list(Cell) || Cell <- Cells] || Cells <- Table],
    Widths = [
        lists:max([string:length(lists:nth(Column, Cells)) || Cells <- Texts])
     || Column <- lists:seq(1, length(hd(Texts)))
    ],
    lists:foreach(
        fun(Cells) ->
            Padded = [string:pad(Cell, Width) || {Cell, Width} <- lists:zip(Cells, Widths)],
            io:format("  ~ts~n", [string:trim(lists:join("  ", Padded), trailing)])
        end,
        Texts
    ).
