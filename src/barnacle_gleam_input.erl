%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam_input).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Input of a Gleam program that cannot be used: as a list for validate, as the result of run_once.

A Gleam program handles errors as values, so run_once returns one wherever the error type of the
strategy has a value for it. The error type of a custom strategy is the user's own: no value of it
is known here, so run_once exits with the text.
""").

-export([options/1, has/2, problems/1, once/1]).

-type problem() :: {problem, Setting :: binary(), Value :: binary(), Text :: binary()}.

-define(MAX_TIMEOUT_MS, 86400000).

?DOC("""
The options of barnacle_cluster. A value that is none of its setting stays as it is: the check of
the options refuses it.
""").
-spec options(map()) -> map().
options(#{strategy := Strategy} = Builder) ->
    maps:map(
        fun
            (name, Name) when is_binary(Name) -> to_name(Name);
            (listener, Subject) -> {barnacle_gleam, {barnacle_gleam_error:kind(Strategy), Subject}};
            (filter, {Kind, Filter}) when Kind =:= patterns; Kind =:= predicate -> Filter;
            (log, Level) -> to_level(Level);
            (_Key, Value) -> Value
        end,
        Builder
    ).

%% Error and None are words of Gleam's prelude and of gleam/option, so the levels have others there.
to_level(notices) -> notice;
to_level(warnings) -> warning;
to_level(errors) -> error;
to_level(silent) -> none;
to_level(Other) -> Other.

to_name(Name) ->
    try
        binary_to_atom(Name)
    catch
        error:_ -> Name
    end.

?DOC("Whether a strategy has an option.").
-spec has(atom(), barnacle_strategy:strategy()) -> boolean().
has(Key, Strategy) ->
    case table(Strategy) of
        none -> false;
        {Table, _Settings} -> lists:keymember(Key, 1, Table)
    end.

?DOC("Every setting that start would refuse, as Problem of src/barnacle/setting.gleam.").
-spec problems(map()) -> [problem()].
problems(#{strategy := Strategy} = Builder) ->
    Own = own(Strategy),
    %% The strategy's own problems come one by one in the place of one text for all.
    Others = [
        Problem
     || {Key, _, _} = Problem <- refused(Builder), Key =/= strategy orelse Own =:= []
    ],
    [to_problem(Problem) || Problem <- Own ++ Others].

own({epmd, Nodes}) ->
    [{nodes, Node, refusal(Why)} || {Node, Why} <- not_nodes(Nodes)];
own(Strategy) ->
    case table(Strategy) of
        none -> [];
        {Table, Settings} -> problems(Table, Settings)
    end.

not_nodes(Nodes) ->
    [
        {Node, Why}
     || Node <- Nodes, {error, Why} <- [barnacle_names:check(barnacle_names:to_binary(Node))]
    ].

refusal(Why) ->
    {ok, Fix} = barnacle_errors:fix(Why),
    unicode:characters_to_binary([barnacle_words:reason(Why), "; ", Fix]).

?DOC("""
The options that run_once takes from a builder, or its result if it cannot discover with them. Exits
with the text of InitFailed if the strategy is the user's own and a setting is wrong.
""").
-spec once(map()) -> {ok, map()} | {error, {strategy_error | connect_error, term()}}.
once(#{strategy := {Kind, _} = Strategy} = Builder) when Kind =:= dns; Kind =:= hosts ->
    Once = Builder#{strategy := limited(Strategy)},
    {Table, Settings} = table(maps:get(strategy, Once)),
    Keys = [Key || {Key, _, _} <- problems(Table, Settings)],
    case {wrong(Kind, Keys, Settings), refused(Once)} of
        {none, []} -> {ok, Once};
        {none, _} -> {error, {strategy_error, barnacle_gleam_error:least(Kind)}};
        {Error, _} -> {error, {strategy_error, Error}}
    end;
once(#{strategy := {epmd, Nodes}} = Builder) ->
    case not_nodes(Nodes) of
        [] -> of_nothing(Builder);
        Wrong -> {error, {connect_error, [{Node, failed_to_connect} || {Node, _} <- Wrong]}}
    end;
once(#{strategy := local_epmd} = Builder) ->
    of_nothing(Builder);
once(#{strategy := {custom, _}} = Builder) ->
    case refused(Builder) of
        [] -> {ok, Builder};
        Problems -> exit(barnacle_cluster:format_error({bad_options, Problems}))
    end.

%% Discovery whose error is Nil.
of_nothing(Builder) ->
    case refused(Builder) of
        [] -> {ok, Builder};
        _ -> {error, {strategy_error, nil}}
    end.

%% A longer timeout than a day is a day: no lookup takes so long.
limited({Kind, #{timeout := Ms} = Settings}) when Ms > ?MAX_TIMEOUT_MS ->
    {Kind, Settings#{timeout := ?MAX_TIMEOUT_MS}};
limited(Strategy) ->
    Strategy.

%% The error that says most: first of names, then of the timeout, then of the other settings.
wrong(_Kind, [], _Settings) ->
    none;
wrong(dns, Keys, _Settings) ->
    case {Keys -- [basename, query] =/= Keys, lists:member(timeout, Keys)} of
        {true, _} -> query_format_error;
        {false, true} -> timeout;
        {false, false} -> barnacle_gleam_error:least(dns)
    end;
wrong(hosts, Keys, #{hosts := Hosts}) ->
    IsWrong = fun(Key) -> lists:member(Key, Keys) end,
    case [Key || Key <- [hosts, basename, timeout], IsWrong(Key)] of
        [hosts | _] ->
            Wrong = [Host || Host <- Hosts, barnacle_strategy_hosts:is_host(Host) =/= true],
            not_queried(Wrong);
        [basename | _] ->
            not_queried(Hosts);
        [timeout] ->
            [{Host, timed_out} || Host <- Hosts];
        [] ->
            barnacle_gleam_error:least(hosts)
    end.

not_queried(Hosts) ->
    [{Host, {lookup_failed, query_format_error}} || Host <- Hosts].

table({dns, Settings}) -> {barnacle_strategy_dns:table(), Settings};
table({hosts, Settings}) -> {barnacle_strategy_hosts:table(), Settings};
table(_) -> none.

problems(Table, Settings) ->
    case barnacle_settings:check(Table, Settings) of
        {ok, _} -> [];
        {error, Problems} -> Problems
    end.

refused(Builder) ->
    case barnacle_options:new(options(Builder)) of
        {ok, _} -> [];
        {error, {bad_options, Problems}} -> Problems
    end.

to_problem({Key, Value, Text}) ->
    {problem, setting(Key), value(Value), Text}.

%% As the facade calls it.
setting(port) -> <<"epmd_port">>;
setting(query) -> <<"hostname_query">>;
setting(Key) -> unicode:characters_to_binary(barnacle_text:term(Key)).

%% Text as Gleam writes it.
value(Value) when is_binary(Value) ->
    unicode:characters_to_binary([$", barnacle_text:printable(Value), $"]);
value(Value) ->
    unicode:characters_to_binary(barnacle_text:term(Value)).
