%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_options).

-include("barnacle_doc.hrl").

-import(barnacle_settings, [text/2]).
-import(barnacle_text, [term/1, cut/2]).
-import(barnacle_words, [reason/1]).

?MODULEDOC("The options of a barnacle: the table of them, and their check.").

-export([new/1, used_once/1, table/0, misplaced/0, format_error/1]).

-export_type([options/0, checked/0, listener/0]).

?DOC("""
Who hears of refreshes, pause, calls of shutdown. A process receives {barnacle, ServerPid, Event};
a module's notify(Arg, Event) is called in the server and must not wait. Event is {refresh, Result},
pause or shutdown.
""").
-type listener() :: pid() | atom() | {module(), Arg :: term()}.

?DOC("What start_link and run_once take; the meaning of each stands in table/0.").
-type options() ::
    #{
        strategy := barnacle_strategy:strategy(),
        transport => {module(), Arg :: term()},
        name => atom(),
        poll_interval => pos_integer(),
        eager_poll_interval => pos_integer(),
        listener => listener(),
        disconnect => barnacle_plan:mode(),
        departed_after => non_neg_integer(),
        connect_timeout => pos_integer(),
        max_connects => pos_integer(),
        probe => boolean(),
        probe_timeout => pos_integer(),
        filter => barnacle_filter:spec(),
        max_nodes => pos_integer(),
        log => barnacle_log:level(),
        retry_min => pos_integer(),
        retry_max => pos_integer(),
        strategy_timeout => pos_integer(),
        max_callers => pos_integer()
    }
    | [{atom(), term()}].

?DOC("Options as the server has them: all checked, defaults filled in, the strategy ready.").
-type checked() :: #{
    strategy := barnacle_strategy:t(),
    transport := barnacle_transport:t(),
    name => atom(),
    poll_interval := pos_integer(),
    eager_poll_interval => pos_integer(),
    listener => listener(),
    disconnect := barnacle_plan:mode(),
    departed_after := non_neg_integer(),
    connect_timeout := pos_integer(),
    max_connects := pos_integer(),
    probe := boolean(),
    probe_timeout := pos_integer(),
    filter => barnacle_filter:filter(),
    max_nodes := pos_integer(),
    log := barnacle_log:level(),
    retry_min := pos_integer(),
    retry_max := pos_integer(),
    strategy_timeout := pos_integer(),
    max_callers := pos_integer()
}.

-define(DAY_MS, 86400000).
-define(ERROR_CHARS, 20000).
-define(NOT_USED_ONCE, [
    name,
    listener,
    poll_interval,
    eager_poll_interval,
    departed_after,
    retry_min,
    retry_max,
    max_callers,
    log
]).

?DOC("""
Checks options, and what the environment of the application says for the whole VM. bad_options
carries every problem at once.
""").
-spec new(term()) -> {ok, checked()} | {error, {bad_options, [barnacle_settings:problem()]}}.
new(Options) ->
    Checks = with_transport(barnacle_settings:check(table(), Options, [{retry_min, retry_max}])),
    case {Checks, barnacle_environment:problems()} of
        {{ok, Checked}, []} -> {ok, with_disconnect(Checked)};
        {{ok, _}, Problems} -> {error, {bad_options, Problems}};
        {{error, Problems}, More} -> {error, {bad_options, Problems ++ More}}
    end.

?DOC("""
Options without those that a single refresh does not use: what they are does not matter there. What
is no map or list of pairs stays as it is, for the check.
""").
-spec used_once(term()) -> term().
used_once(Options) when is_map(Options) ->
    maps:without(?NOT_USED_ONCE, Options);
used_once([Option | Options]) ->
    Key =
        case Option of
            {Name, _} -> Name;
            Name -> Name
        end,
    case lists:member(Key, ?NOT_USED_ONCE) of
        true -> used_once(Options);
        false -> [Option | used_once(Options)]
    end;
used_once(Options) ->
    Options.

?DOC("Every option: its name, type, default and meaning.").
-spec table() -> barnacle_settings:table().
table() ->
    [
        {strategy, {term, <<"a strategy">>, fun barnacle_strategy:new/1}, required,
            <<"where the peers are learnt from">>},
        {transport,
            {term, <<"{Module, Arg}, a module with the behaviour barnacle_transport">>,
                fun barnacle_transport:new/1},
            optional,
            <<
                "how nodes are connected, if not by distributed Erlang or by functions of a "
                "custom strategy"
            >>},
        {name, {term, <<"an atom">>, fun check_name/1}, optional,
            <<"the name that the server registers">>},
        {poll_interval, {integer, ms, 1, ?DAY_MS}, {default, 5000},
            <<"from the end of a round to the next, up to 10 % sooner">>},
        {eager_poll_interval, {integer, ms, 1, ?DAY_MS}, optional,
            <<"the interval during the first minute and after a round that failed">>},
        {listener, {term, <<"a pid, a registered name or {Module, Arg}">>, fun check_listener/1},
            optional, <<"who is told of every refresh, pause and shutdown; must not wait">>},
        {disconnect, {one_of, [departed, undiscovered, never, report]}, optional,
            <<
                "what becomes of nodes that discovery names no longer; departed, or undiscovered "
                "for a transport with a list of its own"
            >>},
        {departed_after, {integer, ms, 0, 30 * ?DAY_MS}, {default, 60000},
            <<"how long complete answers must have missed a name until it is departed">>},
        {connect_timeout, {integer, ms, 1, ?DAY_MS}, {default, 5000},
            <<"the deadline of all connects of a round together">>},
        {max_connects, {integer, nodes, 1, 10000}, {default, 64},
            <<
                "the most connection attempts at a time; of more than 15 nodes each makes fewer "
                "(of 30: 17, of 60: 4, of 90 and more: 2), so that nodes that start at once do "
                "not lose connections"
            >>},
        {probe, {one_of, [true, false]}, {default, true},
            <<
                "whether nodes are looked at before they are dialled, so that dead hosts cost "
                "little and failures have reasons; off where `-epmd_module` is not `erl_epmd`"
            >>},
        {probe_timeout, {integer, ms, 1, ?DAY_MS}, {default, 1000},
            <<"how long each node may take for that, half of `connect_timeout` at most">>},
        {filter,
            {term, <<"a predicate, or a list of patterns such as <<\"app@10.0.*\">>">>,
                fun barnacle_filter:new/1},
            optional,
            <<
                "which of the discovered names to join; the predicate takes a name as a binary, * "
                "in a pattern stands for any characters"
            >>},
        {max_nodes, {integer, names, 1, 1000000}, {default, 10000},
            <<"how many names an answer may bring, after the filter; a longer one is refused">>},
        {retry_min, {integer, ms, 1, ?DAY_MS}, {default, 1000},
            <<"how long a node whose dial failed is left alone, at first; at most `retry_max`">>},
        {retry_max, {integer, ms, 1, ?DAY_MS}, {default, 30000},
            <<"and at most; twice as long after each failure">>},
        {strategy_timeout, {integer, ms, 1, ?DAY_MS}, {default, 30000},
            <<"the deadline of each call of a strategy's own function">>},
        {max_callers, {integer, callers, 1, 100000}, {default, 10000},
            <<"how many callers may wait for `refresh`, `await` and `leave`; one more exits">>},
        {log, {one_of, [notice, warning, error, none]}, {default, notice},
            <<"the lowest level that is logged, or none">>}
    ].

?DOC("""
Keys in the environment of the application that have no effect there, each with what would have one.
""").
-spec misplaced() -> [{atom(), Text :: binary()}].
misplaced() ->
    Known = [Key || {Key, _, _, _} <- barnacle_environment:table()],
    [
        {Key, place(Key, Value, Known)}
     || {Key, Value} <- lists:sort(application:get_all_env(barnacle)),
        not lists:member(Key, [included_applications | Known])
    ].

place(Key, Value, Known) ->
    Own = keys(?MODULE),
    Strategies = [{dns, keys(barnacle_strategy_dns)}, {hosts, keys(barnacle_strategy_hosts)}],
    Of = [Strategy || {Strategy, Keys} <- Strategies, lists:member(Key, Keys)],
    case {lists:member(Key, Own), Of} of
        {true, _} ->
            text(
                "has no effect: it is an option of each barnacle; give it to child_spec or "
                "start_link, as in ~ts",
                [term({barnacle_cluster, #{Key => Value}})]
            );
        {false, [Strategy | _]} ->
            text(
                "has no effect: it is an option of the strategy ~ts; give it to child_spec or "
                "start_link, as in ~ts",
                [Strategy, term({barnacle_cluster, #{strategy => {Strategy, #{Key => Value}}}})]
            );
        {false, []} ->
            text("has no effect: there is no such setting~ts", [
                meant(Key, Known, Own ++ lists:append([Keys || {_, Keys} <- Strategies]))
            ])
    end.

meant(Key, Known, Others) ->
    case barnacle_settings:nearest(Key, Known ++ Others) of
        {ok, Near} ->
            Where =
                case lists:member(Near, Known) of
                    true -> "";
                    false -> " It is an option of a barnacle, for child_spec or start_link."
                end,
            text(". Did you mean `~ts`?~ts", [Near, Where]);
        none ->
            text("; there are ~ts", [lists:join(", ", [atom_to_list(K) || K <- Known])])
    end.

keys(Module) -> [Key || {Key, _, _, _} <- Module:table()].

?DOC("""
Why a barnacle did not start, and what to do, as a text for people. Of what no barnacle gives, the
term; of what is very long, the begin.
""").
-spec format_error(term()) -> binary().
format_error(Reason) ->
    try
        <<_, _/binary>> = unicode:characters_to_binary(cut(words(Reason), ?ERROR_CHARS))
    catch
        error:_ -> unicode:characters_to_binary(term(Reason))
    end.

words({bad_options, [_ | _] = Problems}) ->
    ["bad options:\n", barnacle_settings:format(Problems)];
words({already_started, Pid}) ->
    text("the name is taken by ~ts (~ts); stop that process or choose another name", [
        term(Pid), term(registered_name(Pid))
    ]);
words({native_library, Text}) ->
    Text;
words({not_started, barnacle} = Reason) ->
    {ok, Phrase} = barnacle_errors:says(Reason),
    {ok, Fix} = barnacle_errors:fix(Reason),
    [Phrase, ": ", Fix];
words(Reason) ->
    term(Reason).

%% The functions of a custom strategy form a transport.
with_transport({ok, #{strategy := Strategy} = Checked}) ->
    Functions = barnacle_strategy:functions(Strategy),
    case Checked of
        #{transport := _} when map_size(Functions) > 0 ->
            Text = text(
                "the strategy has functions of a transport (~ts) too: give these or the option "
                "transport",
                [lists:join(", ", [atom_to_list(F) || F <- lists:sort(maps:keys(Functions))])]
            ),
            {error, [{transport, barnacle_transport:module(maps:get(transport, Checked)), Text}]};
        #{transport := _} ->
            {ok, Checked};
        #{} ->
            without_transport(barnacle_strategy:describe(Strategy), Functions, Checked)
    end;
with_transport({error, _} = Error) ->
    Error.

%% A strategy with these functions would connect by distributed Erlang, and its user would not know.
without_transport(Module, Functions, Checked) ->
    Old = [{connect, 2}, {list, 1}],
    case [F || {F, Arity} <- Old, erlang:function_exported(Module, F, Arity)] of
        [] ->
            case barnacle_transport:custom(Functions) of
                {ok, Transport} -> {ok, Checked#{transport => Transport}};
                {error, Text} -> {error, [{strategy, {custom, Functions}, Text}]}
            end;
        [Function | _] ->
            Text = text(
                "a strategy only discovers, but ~ts exports ~ts: give the option transport, a "
                "module with the behaviour barnacle_transport ({barnacle_dist, []} for distributed "
                "Erlang)",
                [term(Module), Function]
            ),
            {error, [{strategy, Module, Text}]}
    end.

%% A transport with a list of its own is told exactly which members to disconnect. Connections of
%% distributed Erlang may be those of another program, so there only a node itself leaves.
with_disconnect(#{disconnect := _} = Options) ->
    Options;
with_disconnect(#{transport := Transport} = Options) ->
    case barnacle_transport:has_list(Transport) of
        true -> Options#{disconnect => undiscovered};
        false -> Options#{disconnect => departed}
    end.

check_name(undefined) ->
    {error, <<"undefined cannot be registered; choose another name">>};
check_name(Name) when
    Name =:= barnacle_registry;
    Name =:= barnacle_queue;
    Name =:= barnacle_port;
    Name =:= barnacle_sup
->
    {error, <<"is barnacle's own; choose another name">>};
check_name(Name) when is_atom(Name) ->
    ok;
check_name(_) ->
    {error, <<"must be an atom, for register/2">>}.

check_listener(Listener) when is_pid(Listener); is_atom(Listener) ->
    ok;
check_listener({Module, _Arg}) when is_atom(Module) ->
    case {code:ensure_loaded(Module), erlang:function_exported(Module, notify, 2)} of
        {{module, Module}, true} -> ok;
        {{module, Module}, false} -> {error, <<"the module must export notify/2">>};
        {{error, Reason}, _} -> {error, text("the module cannot be loaded: ~p", [Reason])}
    end;
check_listener(_) ->
    {error, <<"must be a pid, a registered name or {Module, Arg}">>}.

registered_name(Pid) ->
    case node(Pid) =:= node() andalso process_info(Pid, registered_name) of
        {registered_name, Name} -> Name;
        _ -> no_name
    end.
