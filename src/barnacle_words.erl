%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_words).

-include("barnacle_doc.hrl").

?MODULEDOC("Names, times and reasons in words, alike in logs and in what is printed.").

-export([printable/1, names/1, names/2, count/2, time/1, reason/1, reasons/1, queried/2]).
-export([term/1, call/3, cut/2]).

-define(FEW, 5).
-define(MANY, 20).
%% As long as a node's name may be.
-define(NAME_CHARS, 255).
-define(TERM_CHARS, 500).

?DOC("""
A name as it can be shown: what no terminal should get is shown as Erlang writes it, and the end of
what is too long to be a node's is left out.
""").
-spec printable(binary()) -> binary().
printable(Name) when byte_size(Name) > ?NAME_CHARS ->
    <<(printable(binary:part(Name, 0, ?NAME_CHARS)))/binary, "...">>;
printable(Name) ->
    case unicode:characters_to_list(Name) of
        Characters when is_list(Characters) ->
            case lists:all(fun is_printable/1, Characters) of
                true -> Name;
                false -> as_term(Name)
            end;
        _NotUnicode ->
            as_term(Name)
    end.

%% io_lib's notion has escape and line breaks among it.
is_printable(Character) ->
    Character >= $\s andalso io_lib:printable_unicode_list([Character]).

as_term(Name) ->
    iolist_to_binary(io_lib:format("~w", [Name])).

?DOC("The first few of some names, and how many more there are.").
-spec names([barnacle_names:name()]) -> unicode:chardata().
names(Names) ->
    names(Names, ?FEW).

?DOC("""
The first Max of some names, and how many more there are; or the first few, each with what a
function gives for it.
""").
-spec names([Name], pos_integer() | fun((Name) -> unicode:chardata())) -> unicode:chardata() when
    Name :: barnacle_names:name().
names([], _) ->
    "none";
names(Names, More) when is_function(More, 1) ->
    {Shown, Rest} = lists:split(min(?FEW, length(Names)), lists:sort(Names)),
    [
        lists:join(", ", [[printable(barnacle_names:to_binary(N)), More(N)] || N <- Shown]),
        [io_lib:format(" and ~b more", [length(Rest)]) || Rest =/= []]
    ];
names(Names, Max) ->
    Sorted = lists:sort([printable(barnacle_names:to_binary(Name)) || Name <- Names]),
    Shown = lists:sublist(Sorted, Max),
    case length(Sorted) - length(Shown) of
        0 -> lists:join(", ", Shown);
        More -> [lists:join(", ", Shown), io_lib:format(" and ~b more", [More])]
    end.

?DOC("A number of things: no rounds, 1 round, 2 rounds.").
-spec count(non_neg_integer(), string()) -> unicode:chardata().
count(0, Thing) -> ["no ", Thing, "s"];
count(1, Thing) -> ["1 ", Thing];
count(Number, Thing) -> [integer_to_list(Number), $\s, Thing, "s"].

?DOC("A time in its two largest units: 0 ms, 900 ms, 12 s, 3 min 5 s, 2 h, 4 d 1 h.").
-spec time(non_neg_integer()) -> unicode:chardata().
time(Ms) when Ms < 1000 ->
    [integer_to_list(Ms), " ms"];
time(Ms) ->
    Seconds = Ms div 1000,
    Parts = [
        {Seconds div 86400, "d"},
        {Seconds div 3600 rem 24, "h"},
        {Seconds div 60 rem 60, "min"},
        {Seconds rem 60, "s"}
    ],
    [First | Rest] = lists:dropwhile(fun({Number, _}) -> Number =:= 0 end, Parts),
    Second = [Part || {Number, _} = Part <- lists:sublist(Rest, 1), Number > 0],
    lists:join($\s, [[integer_to_list(N), $\s, Unit] || {N, Unit} <- [First | Second]]).

?DOC("A reason as a phrase: that of barnacle_errors where it has one, else the term.").
-spec reason(term()) -> unicode:chardata().
reason({bad_return, What}) ->
    bad_return(What);
reason([_ | _] = Reasons) ->
    {Sources, Others} = lists:partition(fun is_of_source/1, Reasons),
    case lists:all(fun is_doubt/1, Others) of
        true ->
            OfSources = [reasons(Sources) || Sources =/= []],
            lists:join("; ", OfSources ++ [reason(Doubt) || Doubt <- Others]);
        false -> term(Reasons)
    end;
reason(#{'__exception__' := true} = Exception) ->
    case elixir('Elixir.Exception', format_banner, [error, Exception]) of
        {ok, Banner} -> cut(Banner, 2 * ?TERM_CHARS);
        error -> term(Exception)
    end;
reason(Reason) ->
    case barnacle_errors:says(Reason) of
        {ok, Phrase} -> [Phrase, detail(Reason)];
        error -> term(Reason)
    end.

%% A host, or an address family, and why it gave nothing.
is_of_source({Source, _}) -> is_binary(Source) orelse Source =:= inet orelse Source =:= inet6;
is_of_source(_) -> false.

%% Why a response may not be whole: barnacle_native:doubt/0.
is_doubt({response, _} = Reason) -> barnacle_errors:says(Reason) =/= error;
is_doubt(_) -> false.

%% What a phrase leaves open.
detail({not_registered, Names}) -> [" (it knows ", names(Names), ")"];
detail({invalid_node_name, What}) -> [": ", misnomer(What)];
detail({unusable_address, What}) -> [": ", misuse(What)];
detail({lookup_failed, Why}) -> [": ", reason(Why)];
detail({at_address, Address, Why, Others}) ->
    [" (", Address, ": ", reason(Why), "; of ", names(Others), " one works)"];
%% Its phrase says it.
detail({posix, econnrefused}) -> "";
detail({posix, Errno}) -> [" (", term(Errno), $)];
detail({posix_error, <<"econnrefused">>}) -> "";
detail({posix_error, Name}) when is_binary(Name) -> [" (", printable(Name), $)];
detail({native_library, Text}) -> [" (", term(Text), $)];
detail(_) -> "".

%% What a function of your own returned, and what it must return. The examples are terms, so that an
%% Elixir host reads them in Elixir.
bad_return({filter, Name, Got}) ->
    [
        "the function filter returned ", term(Got), " for ", term(Name),
        "; it must return true or false"
    ];
bad_return({Module, Function, Got}) when is_atom(Function) ->
    Where =
        case Module of
            barnacle_strategy_custom -> ["the function ", atom_to_list(Function)];
            _ -> call(Module, Function, none)
        end,
    [Where, " returned ", term(Got), "; it must return ", right(Module, Function)];
bad_return(What) ->
    term({bad_return, What}).

right(_, init) ->
    [term({ok, state}), " or ", term({error, <<"why">>})];
right(barnacle_strategy_custom, discover) ->
    [
        term({ok, example_nodes()}), ", ", term({partial, example_nodes(), reason}), " or ",
        term({error, reason}), ", with all nodes as atoms or binaries"
    ];
right(_, discover) ->
    [
        "a tuple of a result and the next state: ", term({{complete, example_nodes()}, state}),
        ", ", term({{partial, example_nodes(), reason}, state}), " or ",
        term({{error, reason}, state}),
        ", with all nodes as atoms or binaries"
    ];
right(_, list) ->
    [term({ok, example_nodes()}), " or ", term({error, reason}), ", with all nodes as atoms"];
right(_, _) ->
    [
        term({ok, example_nodes()}), " or ", term({error, [{hd(example_nodes()), reason}]}),
        ", with all nodes as atoms"
    ].

example_nodes() -> ['app@10.0.0.1'].

misnomer(no_at) -> "it has no @";
misnomer(no_basename) -> "there is nothing before the @";
misnomer(no_host) -> "there is nothing after the @";
misnomer(too_long) -> "it has more than 255 bytes";
misnomer(zone) -> "its address has a zone, with which OTP connects to no node";
misnomer({basename, Char}) -> ["its part before the @ has ", character(Char)];
misnomer({host, Char}) -> ["its host has ", character(Char)];
%% A transport of the user's own gives any reason.
misnomer(Other) -> term(Other).

character($\s) -> "a blank";
character($@) -> "another @";
character(Char) when Char < 32; Char =:= 127 -> io_lib:format("the control character ~b", [Char]);
character(Char) -> ["the character ", printable(unicode:characters_to_binary([Char]))].

misuse(unspecified) -> "it is the unspecified address";
misuse(broadcast) -> "it is the broadcast address";
misuse(multicast) -> "it is a multicast address";
misuse(link_local) -> "it is a link-local address, and a node name has no zone";
misuse(Other) -> term(Other).

?DOC("""
Who failed and why, one phrase for each reason: timed out: a@h, b@h; paused: c@h. Of very many
reasons the first ones, and how many more there are.
""").
-spec reasons([{barnacle_names:name(), term()}]) -> unicode:chardata().
reasons(Failed) ->
    Groups = maps:groups_from_list(
        fun({_, Why}) -> unicode:characters_to_binary(reason(Why)) end,
        fun({Name, _}) -> Name end,
        Failed
    ),
    Sorted = lists:sort(maps:to_list(Groups)),
    Shown = lists:sublist(Sorted, ?MANY),
    Phrases = lists:join("; ", [[Why, ": ", names(Names)] || {Why, Names} <- Shown]),
    case length(Sorted) - length(Shown) of
        0 -> Phrases;
        More -> [Phrases, "; and ", count(More, "more reason")]
    end.

?DOC("""
What a status or a report has under queried, behind the reason that it explains. If each query has
that outcome, the places alone: ": app at 10.0.0.2:53". Else queries with one outcome are together:
" (refused: app.corp at 10.0.0.2:53; nxdomain: app at 10.0.0.2:53)". Of many queries the first ones
are there, and how many more there are.
""").
-spec queried(Reason :: term(), #{queried => [barnacle_strategy:queried()], _ => _}) ->
    unicode:chardata().
queried(Reason, #{queried := [_ | _] = Queried}) ->
    Shown = lists:sublist(Queried, ?FEW),
    Outcomes = lists:foldl(
        fun({_, _, Outcome}, Seen) -> Seen ++ ([Outcome] -- Seen) end, [], Shown
    ),
    Places = fun(Outcome) ->
        lists:join(", ", [place(Query) || {_, _, O} = Query <- Shown, O =:= Outcome])
    end,
    More = more(length(Queried) - length(Shown)),
    case [Outcome || Outcome <- Outcomes, not is_same(Outcome, Reason)] of
        [] ->
            [": ", lists:join(", ", [Places(Outcome) || Outcome <- Outcomes]), More];
        _ ->
            Groups = [[outcome(Outcome), ": ", Places(Outcome)] || Outcome <- Outcomes],
            [" (", lists:join("; ", Groups), More, $)]
    end;
queried(_Reason, #{}) ->
    "".

%% A value of Gleam has the phrase of the reason that it was made from.
is_same(Outcome, Reason) ->
    unicode:characters_to_binary(reason(Outcome)) =:= unicode:characters_to_binary(reason(Reason)).

outcome({posix, Errno}) -> term(Errno);
outcome(Outcome) -> term(Outcome).

place({Name, Server, _Outcome}) -> [printable(Name), " at ", printable(Server)].

more(0) -> "";
more(More) -> io_lib:format(" and ~b more", [More]).

?DOC("""
A term as Erlang writes it, or as Elixir does where that runs, without the end of a long one: errors
of others have any size.
""").
-spec term(term()) -> unicode:chardata().
term(Term) ->
    Options = [{limit, 50}, {printable_limit, ?TERM_CHARS}, {width, infinity}],
    case elixir('Elixir.Kernel', inspect, [Term, Options]) of
        {ok, Text} -> cut(Text, 2 * ?TERM_CHARS);
        error -> cut(io_lib:format("~0tp", [Term], [{chars_limit, ?TERM_CHARS}]), 2 * ?TERM_CHARS)
    end.

?DOC("A call, as a shell of Erlang takes it, or of Elixir where that runs.").
-spec call(module(), Function :: atom(), Args :: unicode:chardata() | none) -> unicode:chardata().
call(Module, Function, Args) ->
    Separator =
        case is_elixir() of
            true -> $.;
            false -> $:
        end,
    [term(Module), Separator, atom_to_list(Function), [[$(, Args, $)] || Args =/= none]].

is_elixir() ->
    erlang:function_exported('Elixir.Kernel', inspect, 2).

%% An Elixir host has Kernel loaded. A struct may have an inspect of its own that fails.
elixir(Module, Function, Args) ->
    case is_elixir() of
        true ->
            try apply(Module, Function, Args) of
                Text when is_binary(Text) -> {ok, Text};
                _ -> error
            catch
                _:_ -> error
            end;
        false ->
            error
    end.

?DOC("A text, the end of a long one left out.").
-spec cut(unicode:chardata(), pos_integer()) -> unicode:chardata().
cut(Text, Max) ->
    case string:slice(Text, Max, 1) of
        Rest when Rest =:= <<>>; Rest =:= [] -> Text;
        _ -> [string:slice(Text, 0, Max), "..."]
    end.
