%% SPDX-License-Identifier: Apache-2.0
-module(bed_totals).

%% Runs EUnit, PropEr or Common Test over what is compiled and prints the totals that test/run adds
%% up. Started by the scripts in test/step as
%%
%%     erl -noshell -pa ... -s bed_totals eunit DIR
%%
%% where DIR holds the compiled tests. The VM's exit status is 0 if nothing failed.

-include("barnacle_doc.hrl").

?MODULEDOC("Test runner of the project's own make; counts alike for three frameworks.").

?BEHAVIOUR(eunit_listener).

-export([eunit/1, property/1, ct/1]).
-export([start/0, start/1, init/1, handle_begin/3, handle_end/3, handle_cancel/3, terminate/2]).

-record(count, {passed = 0, failed = 0, skipped = 0}).

-define(default_numtests, 200).
-define(eunit_limit_s, 60).

%% ---------------------------------------------------------------------------------------------
%% EUnit: every module *_tests, or those that are named

-spec eunit([atom()]) -> no_return().
eunit([Dir]) ->
    eunit([Dir | modules(Dir, "*_tests")]);
eunit([_Dir | Modules]) ->
    Skips = [Skip || {Module, _, _} = Skip <- bed_skips:all(), lists:member(Module, Modules)],
    [say("skipped: ~s:~s: ~ts~n", [Module, Name, Why]) || {Module, Name, Why} <- Skips],
    ok = bed_app:started(),
    Tests = [eunit_tests(Module, Skips) || Module <- Modules],
    _ = eunit:test(Tests, [
        no_tty, {scale_timeouts, bed_long:factor()}, {report, {?MODULE, [self()]}}
    ]),
    %% The listener is a process of its own and reports when it ends.
    receive
        {eunit_total, #count{skipped = Skipped} = Count} ->
            finish(Count#count{skipped = Skipped + length(Skips)})
    end.

%% As EUnit finds them itself, but for those that are skipped; and functions that are tests have
%% more time than its 5 s. OTP 25's knows no other default: generators give times of their own.
eunit_tests(Module, Skips) ->
    Skipped = [Name || {M, Name, _} <- Skips, M =:= Module],
    [
        eunit_test(Kind, Module, Name)
     || {Name, 0} <- Module:module_info(exports),
        not lists:member(Name, Skipped),
        {Suffix, Kind} <- [{"_test", test}, {"_test_", generator}],
        lists:suffix(Suffix, atom_to_list(Name))
    ].

eunit_test(test, Module, Name) ->
    {timeout, ?eunit_limit_s * bed_long:factor(), {test, Module, Name}};
eunit_test(generator, Module, Name) ->
    {generator, Module, Name}.

-spec start() -> pid().
start() -> start([]).

-spec start(list()) -> pid().
start(Options) -> eunit_listener:start(?MODULE, Options).

-spec init(list()) -> pid().
init([Caller | _]) -> Caller.

-spec handle_begin(group | test, proplists:proplist(), pid()) -> pid().
handle_begin(_Kind, _Data, Caller) -> Caller.

-spec handle_end(group | test, proplists:proplist(), pid()) -> pid().
handle_end(test, Data, Caller) ->
    case proplists:get_value(status, Data) of
        ok -> say("ok      ~ts~n", [test_name(Data)]);
        {skipped, Why} -> say("skipped: ~ts: ~tp~n", [test_name(Data), Why]);
        {error, Reason} -> failure(Data, Reason)
    end,
    Caller;
handle_end(group, _Data, Caller) ->
    Caller.

-spec handle_cancel(group | test, proplists:proplist(), pid()) -> pid().
handle_cancel(_Kind, Data, Caller) ->
    case proplists:get_value(reason, Data) of
        undefined -> ok;
        Reason -> say("FAILED  ~ts: cancelled: ~tp~n", [test_name(Data), Reason])
    end,
    Caller.

-spec terminate({ok, proplists:proplist()} | {error, term()}, pid()) -> pid().
terminate({ok, Data}, Caller) ->
    Of = fun(Key) -> proplists:get_value(Key, Data, 0) end,
    Caller ! {eunit_total, #count{
        passed = Of(pass),
        failed = Of(fail) + Of(cancel),
        skipped = Of(skip)
    }};
terminate({error, Reason}, Caller) ->
    say("FAILED  EUnit ended early: ~tp~n", [Reason]),
    Caller ! {eunit_total, #count{failed = 1}}.

test_name(Data) ->
    Source =
        case proplists:get_value(source, Data) of
            {M, F, _} -> io_lib:format("~s:~s", [M, F]);
            _ -> "group"
        end,
    case proplists:get_value(desc, Data) of
        Text when Text =:= undefined; Text =:= "" -> Source;
        Text -> [Source, " ", Text]
    end.

failure(Data, {Class, Reason, Stack}) ->
    Text = erl_error:format_exception(Class, Reason, Stack),
    say("FAILED  ~ts~n~ts~n~ts~n", [test_name(Data), Text, proplists:get_value(output, Data, "")]).

%% ---------------------------------------------------------------------------------------------
%% PropEr: every prop_*/0 of every module prop_*, or of the one that PROPERTY names; PROPER_NUMTESTS
%% sets how many cases each runs

-spec property([atom()]) -> no_return().
property([Dir]) ->
    Number = list_to_integer(os:getenv("PROPER_NUMTESTS", integer_to_list(?default_numtests))),
    Properties = [
        {Module, Name}
     || Module <- modules(Dir, os:getenv("PROPERTY", "prop_*")),
        {Name, 0} <- Module:module_info(exports),
        lists:prefix("prop_", atom_to_list(Name))
    ],
    ok = bed_app:started(),
    Results = [run_property(Module, Name, Number) || {Module, Name} <- Properties],
    finish(#count{
        passed = length([true || true <- Results]),
        failed = length([false || false <- Results])
    }).

run_property(Module, Name, Number) ->
    %% A call by name: PropEr is there only where this runs.
    Result = apply(proper, quickcheck, [Module:Name(), [{numtests, Number}, {max_shrinks, 500}]]),
    Passed = Result =:= true,
    Verdict = case Passed of true -> "ok     "; false -> "FAILED " end,
    say("~s ~s:~s~n", [Verdict, Module, Name]),
    Passed.

%% ---------------------------------------------------------------------------------------------
%% Common Test: the suites that Pattern names, with a directory for the framework's own logs

-spec ct([atom()]) -> no_return().
ct([Dir, Pattern, Logs]) ->
    LogDir = filename:absname(atom_to_list(Logs)),
    ok = filelib:ensure_path(LogDir),
    Options = [
        {dir, atom_to_list(Dir)},
        {suite, modules(Dir, atom_to_list(Pattern))},
        [{testcase, list_to_atom(Case)} || Case <- selected("CASE")],
        [{group, list_to_atom(Group)} || Group <- selected("GROUP")],
        {auto_compile, false},
        {logdir, LogDir},
        {multiply_timetraps, bed_long:factor()},
        {ct_hooks, [bed_ct_hook]},
        {abort_if_missing_suites, true},
        {verbosity, 0}
    ],
    ok = bed_app:started(),
    case ct:run_test(lists:flatten(Options)) of
        {Passed, Failed, {UserSkipped, AutoSkipped}} ->
            %% Common Test skips by itself where an init failed: that is a failure here.
            finish(#count{passed = Passed, failed = Failed + AutoSkipped, skipped = UserSkipped});
        {error, Reason} ->
            say("FAILED  Common Test: ~tp~n", [Reason]),
            finish(#count{failed = 1})
    end.

%% ---------------------------------------------------------------------------------------------

selected(Variable) ->
    [Name || Name <- [os:getenv(Variable, "")], Name =/= ""].

modules(Dir, Pattern) ->
    Files = filelib:wildcard(Pattern ++ ".beam", atom_to_list(Dir)),
    [list_to_atom(filename:basename(File, ".beam")) || File <- lists:sort(Files)].

finish(#count{passed = Passed, failed = Failed, skipped = Skipped}) ->
    say("~b passed, ~b failed, ~b skipped~n", [Passed, Failed, Skipped]),
    halt(min(Failed, 1)).

say(Format, Arguments) ->
    io:format(Format, Arguments).
