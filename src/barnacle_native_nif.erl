%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_native_nif).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The core inside the VM: operations of the native library, each stepped by the process that calls.
""").

?BEHAVIOUR(barnacle_native).

-export([available/0, run/3, diff/3, info/0]).

-spec available() -> ok | barnacle_native:unavailable().
available() ->
    case loaded() of
        ok ->
            ok;
        _ ->
            %% Its on_load function looks for the library anew.
            _ = code:soft_purge(barnacle_nif) andalso code:load_file(barnacle_nif),
            loaded()
    end.

-spec run(term(), integer(), fun((term()) -> term())) -> term() | barnacle_native:unavailable().
run(Request, DeadlineMs, OnPart) ->
    case loaded() of
        ok -> operate(term_to_binary(Request), DeadlineMs, OnPart);
        Unavailable -> Unavailable
    end.

-spec diff([Name], [Name], Name) -> {[Name], [Name]} | barnacle_native:unavailable() when
    Name :: barnacle_native:name().
diff(Wanted, Listed, Self) ->
    case loaded() of
        ok -> barnacle_nif:diff(Wanted, Listed, Self);
        Unavailable -> Unavailable
    end.

-spec info() -> map().
info() ->
    barnacle_nif:info().

operate(Request, DeadlineMs, OnPart) ->
    %% Made here and passed on, so that the receive skips what was in the mailbox before.
    Ref = make_ref(),
    case barnacle_nif:open(Request, Ref) of
        {ok, Operation} ->
            try
                steps(Operation, Ref, DeadlineMs, OnPart)
            after
                ok = barnacle_nif:close(Operation),
                flush(Ref)
            end;
        {error, _} = Error ->
            Error
    end.

%% Who comes too late still takes what the core has: its own deadline is earlier, so it is done.
steps(Operation, Ref, DeadlineMs, OnPart) ->
    IsLate = now_ms() >= DeadlineMs,
    case barnacle_nif:step(Operation) of
        {done, Reply} ->
            %% Not 'safe': the atoms are the core's own, a small set.
            binary_to_term(Reply);
        {part, Part} ->
            {part, Results} = binary_to_term(Part),
            _ = OnPart(Results),
            steps(Operation, Ref, DeadlineMs, OnPart);
        {wait, _WaitMs} when IsLate ->
            {error, timeout};
        {wait, WaitMs} ->
            receive
                {select, Operation, Ref, ready_input} -> ok
            after wait_ms(WaitMs, DeadlineMs) -> ok
            end,
            steps(Operation, Ref, DeadlineMs, OnPart);
        {error, Reason} ->
            {error, {internal, atom_to_binary(Reason)}}
    end.

wait_ms(WaitMs, DeadlineMs) ->
    %% An atom is greater than every number: infinity leaves what is left.
    max(0, min(WaitMs, DeadlineMs - now_ms())).

flush(Ref) ->
    receive
        {select, _Operation, Ref, _Event} -> flush(Ref)
    after 0 -> ok
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).

%% What barnacle_nif remembered of its loading, as a text.
loaded() ->
    case code:ensure_loaded(barnacle_nif) of
        {module, barnacle_nif} ->
            case persistent_term:get({barnacle_nif, load_error}, none) of
                none -> ok;
                Why -> unavailable(Why)
            end;
        {error, Reason} ->
            unavailable(io_lib:format("the module barnacle_nif is missing (~0tp)", [Reason]))
    end.

unavailable(Why) ->
    {unavailable, ["the native library of barnacle cannot be loaded: ", Why]}.
