%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_words).

-include("barnacle_doc.hrl").

?MODULEDOC("Reasons in words, alike in logs and in what is printed.").

-import(barnacle_text, [printable/1, names/1, count/2, call/3, term/1]).

-export([reason/1, reasons/1, queried/2]).

-define(FEW, 5).
-define(MANY, 20).

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
    case barnacle_text:elixir('Elixir.Exception', format_banner, [error, Exception]) of
        {ok, Banner} -> Banner;
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
