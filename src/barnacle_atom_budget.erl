%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_atom_budget).

-include("barnacle_doc.hrl").
-include_lib("kernel/include/logger.hrl").

?MODULEDOC("""
The atoms that are made for node names.

Atoms are never collected, so the number of atoms made here over the life of the VM is bounded by
the environment value max_new_atoms of the application barnacle. The default is a tenth of the VM's
atom limit. Names that are atoms already do not count. If half of the bound is reached, a warning is
logged, once.
""").

-export([to_node/1, used/0]).
-export([format/1]).

-export_type([refusal/0]).

-type refusal() :: barnacle_names:problem() | atom_limit.

-define(COUNTER, {?MODULE, counter}).

%% The code server runs one load at a time, so there is one counter. No process owns it.
-on_load(make_counter/0).

make_counter() ->
    case persistent_term:get(?COUNTER, undefined) of
        undefined -> persistent_term:put(?COUNTER, atomics:new(1, []));
        _LoadedAnew -> ok
    end.

?DOC("""
The node of a name. Refuses what barnacle_names:check/1 refuses, and a name that needs a new atom
past the bound (atom_limit).
""").
-spec to_node(barnacle_names:name()) -> {ok, node()} | {error, refusal()}.
to_node(Name) when is_atom(Name) ->
    case barnacle_names:check(barnacle_names:to_binary(Name)) of
        ok -> {ok, Name};
        Error -> Error
    end;
to_node(Name) when is_binary(Name) ->
    case barnacle_names:check(Name) of
        ok -> existing_or_new(Name);
        Error -> Error
    end.

?DOC("How many atoms were made so far, and how many may be made.").
-spec used() -> {non_neg_integer(), non_neg_integer()}.
used() ->
    {atomics:get(persistent_term:get(?COUNTER), 1), max_new_atoms()}.

existing_or_new(Name) ->
    try
        {ok, binary_to_existing_atom(Name, utf8)}
    catch
        error:badarg -> new(Name)
    end.

new(Name) ->
    Counter = persistent_term:get(?COUNTER),
    Max = max_new_atoms(),
    case atomics:add_get(Counter, 1, 1) of
        Count when Count > Max ->
            atomics:sub(Counter, 1, 1),
            {error, atom_limit};
        Count ->
            _ = Count =:= (Max + 1) div 2 andalso warn(Count, Max),
            {ok, binary_to_atom(Name, utf8)}
    end.

max_new_atoms() ->
    case barnacle_environment:get(max_new_atoms) of
        undefined -> erlang:system_info(atom_limit) div 10;
        Max -> Max
    end.

%% One process adds the atom that makes it half.
warn(Count, Max) ->
    Report = #{barnacle => self(), what => atoms, made => Count, max_new_atoms => Max},
    ?LOG_WARNING(Report, #{report_cb => fun ?MODULE:format/1}).

?DOC("The warning as format and arguments.").
-spec format(logger:report()) -> {io:format(), [term()]}.
format(#{barnacle := Name, made := Made, max_new_atoms := Max}) ->
    {
        "barnacle ~ts: ~b atoms made for node names, ~b may be (max_new_atoms); "
        "is the source sound?",
        [barnacle_text:term(Name), Made, Max]
    }.
