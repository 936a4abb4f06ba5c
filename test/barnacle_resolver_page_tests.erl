%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_resolver_page_tests).

%% docs/resolver.md: its table has every keyword and option of resolv.conf(5), and each claim in it
%% has a test.

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(PAGE, "docs/resolver.md").
-define(DOCTEST, "c_src/test/resolv_conf_test.cpp").

%% As the man page of Linux has them, and two that are younger.
-define(KEYWORDS, [
    "nameserver", "search", "domain", "sortlist", "debug", "ndots", "timeout", "attempts", "rotate",
    "no-aaaa", "no-check-names", "inet6", "ip6-bytestring", "ip6-dotint", "no-ip6-dotint", "edns0",
    "single-request", "single-request-reopen", "no-tld-query", "use-vc", "no-reload", "trust-ad",
    "strict-error", "LOCALDOMAIN", "RES_OPTIONS"
]).

every_keyword_has_one_row_test_() ->
    Subjects = [Subject || {Subject, _} <- rows()],
    [
        ?_assertMatch({Keyword, [_]}, {Keyword, [S || S <- Subjects, is_about(Keyword, S)]})
     || Keyword <- ?KEYWORDS
    ].

every_row_says_honoured_or_why_not_test_() ->
    [
        case Claim of
            "Honoured" ++ _ -> ?_assertNotEqual({Subject, []}, {Subject, tests(Claim)});
            "Not honoured: " ++ Why -> ?_assertNotEqual({Subject, ""}, {Subject, Why});
            "Not honoured as an option: " ++ Why -> ?_assertNotEqual({Subject, ""}, {Subject, Why})
        end
     || {Subject, Claim} <- rows()
    ].

every_test_is_there_test_() ->
    [
        {Test, ?_assert(is_there(Test))}
     || {_, Claim} <- rows(), "Honoured" ++ _ <- [Claim], Test <- tests(Claim)
    ].

%% The core's test of them all reads each such word.
what_is_not_honoured_changes_nothing_test_() ->
    Title = "resolv.conf: keywords and options that are not honoured change nothing",
    [_, Rest] = string:split(text(?DOCTEST), ["TEST_CASE(\"", Title, "\")"]),
    [Body, _] = string:split(Rest, "\n}\n"),
    [
        ?_assertMatch({match, _}, re:run(Body, ["[ \"]", word(Subject), "[: \\\\]"]))
     || {Subject, "Not honoured" ++ _} <- rows()
    ].

%% ---------------------------------------------------------------------------------------------

rows() ->
    [_, Table] = string:split(text(?PAGE), "| Keyword or option |"),
    [_Head, _Line | Rows] = string:split(string:trim(Table), "\n", all),
    [
        begin
            ["", Subject, _Glibc, _Musl, Claim, ""] =
                [string:trim(Cell) || Cell <- string:split(Row, "|", all)],
            {Subject, Claim}
        end
     || Row <- Rows
    ].

is_about(Keyword, Subject) ->
    Quoted = "`" ++ Keyword ++ "`",
    Subject =:= Quoted orelse Subject =:= Quoted ++ " (environment)".

word(Subject) ->
    [_, Word, _] = string:split(Subject, "`", all),
    Word.

tests(Claim) ->
    Options = [global, {capture, all_but_first, list}],
    case re:run(Claim, "`((?:doctest|\\w+_SUITE): ?[^`]+)`", Options) of
        {match, Tests} -> [Test || [Test] <- Tests];
        nomatch -> []
    end.

is_there("doctest: " ++ Title) ->
    Case = ["TEST_CASE(\"", Title, "\")"],
    lists:any(
        fun(File) -> string:find(text(File), Case) =/= nomatch end,
        filelib:wildcard("c_src/test/*_test.cpp")
    );
is_there(Test) ->
    [Suite, Case] = string:split(Test, ":"),
    Text = text("test/" ++ Suite ++ ".erl"),
    string:find(Text, ["\n", Case, "(_Config) ->"]) =/= nomatch.

text(File) ->
    {ok, Bytes} = file:read_file(File),
    unicode:characters_to_list(Bytes).

-endif.
