%% SPDX-License-Identifier: Apache-2.0
-module(facade_install_SUITE).

%% Building the native library the way a Gleam project does, and doing without it. The package is
%% laid out as Gleam's build directory has it: priv is a link into the package's own tree.

-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2]).
-export([end_per_testcase/2]).
-export([
    makes_in_the_package_and_loads/1,
    link_may_be_relative/1,
    failing_make_is_told/1,
    library_that_does_not_load_is_told/1,
    missing_make_is_told/1,
    missing_sources_are_told/1,
    missing_application_is_told/1,
    start_without_the_library_says_how_to_build_it/1
]).

suite() ->
    [{timetrap, {minutes, 3}}].

all() ->
    facade_support:cases(?MODULE, []).

init_per_suite(Config) ->
    Built = filename:join(code:priv_dir(barnacle), "barnacle_nif.so"),
    true = filelib:is_regular(Built),
    [{built, Built} | Config].

end_per_suite(_Config) ->
    ok.

init_per_testcase(_Case, Config) ->
    Dir = bed_os:temp_dir(),
    Root = filename:join(Dir, "package"),
    App = filename:join(Dir, "build/barnacle"),
    ok = filelib:ensure_dir(filename:join(Root, "c_src/Makefile")),
    ok = filelib:ensure_dir(filename:join(Root, "priv/any")),
    ok = filelib:ensure_dir(filename:join(App, "any")),
    ok = file:make_symlink(filename:dirname(code:which(barnacle_app)), filename:join(App, "ebin")),
    ok = file:make_symlink(filename:join(Root, "priv"), filename:join(App, "priv")),
    [{dir, Dir}, {root, Root}, {app, App} | Config].

end_per_testcase(_Case, Config) ->
    ok = file:del_dir_r(proplists:get_value(dir, Config)).

makes_in_the_package_and_loads(Config) ->
    makefile(Config, ["@echo making in $(CURDIR)", "@touch made", copy(Config)]),
    {0, Output} = install(Config),
    told(Output, ["works"]),
    %% A build that succeeds is two lines, whatever make says.
    ?assertEqual(nomatch, string:find(Output, "making in")),
    ?assertMatch([_, _, <<>>], binary:split(iolist_to_binary(Output), <<"\n">>, [global])),
    ?assert(filelib:is_regular(filename:join(path(root, Config), "c_src/made"))).

link_may_be_relative(Config) ->
    Link = filename:join(path(app, Config), "priv"),
    ok = file:delete(Link),
    ok = file:make_symlink("../../package/priv", Link),
    makefile(Config, [copy(Config)]),
    {0, Output} = install(Config),
    told(Output, ["works"]).

failing_make_is_told(Config) ->
    makefile(Config, ["@echo first the output", "@echo c-ares is missing >&2", "@exit 1"]),
    {1, Output} = install(Config),
    told(Output, ["first the output", "c-ares is missing", "make failed (exit status 2)"]).

library_that_does_not_load_is_told(Config) ->
    makefile(Config, ["echo rubbish > $(PRIV)/barnacle_nif.so"]),
    {1, Output} = install(Config),
    told(Output, ["doesn't load"]).

missing_make_is_told(Config) ->
    makefile(Config, [copy(Config)]),
    {1, Output} = erl(["os:putenv(\"PATH\", \"/nowhere\")," | main()], [path(app, Config)]),
    told(Output, ["no make", "libc-ares-dev", "libuv1-dev"]).

missing_sources_are_told(Config) ->
    {1, Output} = install(Config),
    told(Output, ["no Makefile in " ++ filename:join(path(root, Config), "c_src")]).

missing_application_is_told(_Config) ->
    Ebin = filename:dirname(code:which(barnacle_app)),
    {1, Output} = erl(
        [io_lib:format("{module, _} = code:load_abs(~p),", [filename:join(Ebin, barnacle_install)])
            | main()],
        []
    ),
    told(Output, ["no application barnacle"]).

start_without_the_library_says_how_to_build_it(Config) ->
    {0, Output} = erl(
        [
            "{ok, _} = application:ensure_all_started(barnacle),"
            "{error, {init_failed, Text}} = barnacle:start(barnacle:local_epmd()),"
            "io:format(\"~ts\", [Text]), halt(0)."
        ],
        [path(app, Config)]
    ),
    told(Output, [
        "gleam run -m barnacle/install", "gleam clean", "gleam export erlang-shipment"
    ]).

install(Config) ->
    erl(main(), [path(app, Config)]).

%% As gleam run -m barnacle/install ends: the exit status is main's, or 0.
main() ->
    ["facade@beyond:install(), halt(0)."].

erl(Program, Apps) ->
    Facade = filename:dirname(code:which(?MODULE)),
    Paths = lists:append([["-pa", filename:join(App, "ebin")] || App <- Apps]),
    Ended = fun(Server) ->
        case bed_os:output(Server) of
            {{exited, Status}, Output} -> {true, {Status, Output}};
            Running -> Running
        end
    end,
    {ok, Server} = bed_os:start_link(#{
        program => os:find_executable("erl"),
        args => ["-noshell", "-pa", Facade | Paths] ++ ["-eval", lists:flatten(Program)],
        env => [{"ERL_CRASH_DUMP_SECONDS", "0"}]
    }),
    Result = bed_wait:until(ended, fun() -> Ended(Server) end),
    ok = bed_os:stop(Server),
    Result.

makefile(Config, Lines) ->
    Text = ["all:\n", [["\t", Line, "\n"] || Line <- Lines]],
    ok = file:write_file(filename:join(path(root, Config), "c_src/Makefile"), Text).

copy(Config) ->
    ["cp ", path(built, Config), " $(PRIV)/"].

path(Key, Config) ->
    proplists:get_value(Key, Config).

told(Output, Parts) ->
    [?assertNotEqual(nomatch, string:find(Output, Part), Output) || Part <- Parts].
