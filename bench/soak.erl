%% SPDX-License-Identifier: Apache-2.0
-module(soak).

%% The soak at length: prints what it came to, writes bench/results/soak.json and soak.svg, and
%% fails where something grew. With a leak on purpose it writes nothing.

-export([main/1]).

-define(RESULTS, "bench/results/soak").
-define(SAMPLES, 600).
-define(LEAST_SAMPLE_MS, 1000).
-define(WORLD, #{barnacles => 200, nodes => 5}).

%% Called as `erl -s soak main MINUTES [LEAK...]`.
-spec main([atom()]) -> no_return().
main([MinutesText | Leak]) ->
    Minutes = number(atom_to_list(MinutesText)),
    Seconds = round(Minutes * 60),
    {ok, _} = application:ensure_all_started(barnacle),
    SampleMs = max(?LEAST_SAMPLE_MS, Seconds * 1000 div ?SAMPLES),
    Result = bed_soak:run(?WORLD#{seconds => Seconds, sample_ms => SampleMs, leak => Leak}),
    #{verdicts := Verdicts, done := Done, unwell := Unwell} = Result,
    io:format("~ts~n", [bed_flat:words(Verdicts)]),
    [io:format("~-20s ~b~n", [What, Count]) || {What, Count} <- lists:sort(maps:to_list(Done))],
    Unwell =:= none orelse io:format("did not recover: ~0tp~n", [Unwell]),
    Leak =:= [] andalso kept(Minutes, Result),
    halt(min(length([Unwell || Unwell =/= none] ++ bed_flat:growing(Verdicts)), 1)).

kept(Minutes, #{samples := Samples, verdicts := Verdicts, done := Done, unwell := Unwell}) ->
    Measures = [Measure || {Measure, _} <- Verdicts],
    ok = file:write_file(?RESULTS ++ ".json",
        bench_json:encode(#{
            id => soak,
            minutes => Minutes,
            barnacles => maps:get(barnacles, ?WORLD),
            machine => bench_machine:description(),
            done => Done,
            recovered => Unwell =:= none,
            verdicts => maps:from_list(Verdicts),
            %% Each measure's curve over at_s.
            curves => maps:from_list([
                {Key, [maps:get(Key, Sample) || Sample <- Samples]} || Key <- [at_s | Measures]
            ])
        })
    ),
    draw(Minutes, Measures, Samples).

%% A panel for each measure.
draw(Minutes, Measures, Samples) ->
    Title = io_lib:format("~b barnacles in a hostile world for ~p minutes", [
        maps:get(barnacles, ?WORLD), Minutes
    ]),
    Rows = (length(Measures) + 2) div 3,
    bench_plot:run([
        "set terminal svg size 960,", integer_to_list(Rows * 220 + 40),
        " font 'sans-serif,12' background '#ffffff'\n",
        "set output '", ?RESULTS, ".svg'\n",
        "$samples << EOD\n", [row(Measures, Sample) || Sample <- Samples], "EOD\n",
        "set multiplot layout ", integer_to_list(Rows), ",3 title '", Title, "' noenhanced\n",
        "set key off\nset grid ytics lc '#dddddd'\nset xlabel 'minutes'\nset xrange [0:]\n",
        "set yrange [0:*]\nset offsets 0, 0, graph 0.1, 0\n",
        [
            [
                "set title '", words(Measure), "' noenhanced\n",
                "plot $samples using 1:", integer_to_list(N), " with lines lc '#2e9e5b'\n"
            ]
         || {N, Measure} <- lists:zip(lists:seq(2, length(Measures) + 1), Measures)
        ],
        "unset multiplot\n"
    ]).

row(Measures, #{at_s := AtS} = Sample) ->
    Values = [AtS / 60 | [maps:get(Measure, Sample) || Measure <- Measures]],
    [lists:join($\s, [io_lib:format("~.4f", [float(Value)]) || Value <- Values]), $\n].

words(Measure) ->
    string:replace(atom_to_list(Measure), "_", " ", all).

number(Text) ->
    try
        list_to_float(Text)
    catch
        error:badarg -> list_to_integer(Text)
    end.
