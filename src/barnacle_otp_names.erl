%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_otp_names).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Operations of the native core on hosts, with the names that OTP resolves and the core does not.

The core resolves host names from the hosts file and DNS. If a name has failed there, or has no
address after 300 ms, OTP is queried (barnacle_otp_lookup) while the core continues. With the
address from OTP the operation is done again for that host; the first success is the outcome. If OTP
has no address, or the time limit comes first, the outcome is that of the core, whose reasons say
more.

A connection attempt uses the first address that OTP gives. If the core found more than one, that
address alone decides (`first`), and the core's outcome, which any of the addresses may have
brought, shows whether another one works. Without an address from OTP within 300 ms, the core's
outcome counts.
""").

-export([run/1]).

-export_type([operation/0, key/0, outcome/0]).

?DOC("What an operation has an outcome for: a host, or a node of a host.").
-type key() :: binary() | barnacle_native:target().
-type outcome() :: ok | {ok, term()} | {error, term()}.

-type outcomes() :: [{key(), outcome()}].

?DOC("""
keys: of each host. core: the operation of the core; it calls the first function with outcomes as
they become known, the second one with a host and its addresses, as barnacle_native:probe/4 does,
and gives all outcomes. again: the same for some keys of one host, with the address that OTP gave
and the time left in ms. first: whether only the first address counts. on_outcomes: called with
outcomes as they become final. deadline_ms: a monotonic time.
""").
-type operation() :: #{
    keys := #{Host :: binary() => [key(), ...]},
    core := fun((fun((outcomes()) -> term()), on_host()) -> outcomes()),
    again := fun(([key(), ...], inet:ip_address(), LeftMs :: pos_integer()) -> outcomes()),
    families := barnacle_otp_lookup:families(),
    first := boolean(),
    on_outcomes := fun((outcomes()) -> term()),
    deadline_ms := integer()
}.

-type on_host() :: fun((binary(), [inet:ip_address()]) -> term()).

%% How long a name with more than one address waits for OTP.
-define(FIRST_MS, 300).

%% How long before the time limit the second operation ends, so that its outcomes are heard.
-define(HEARD_MS, 50).

%% keys: without an outcome so far. lookup: whether OTP is queried for the host. addresses: those
%% that the core found, if more than one. core and again: outcomes of the two operations.
-record(host, {
    keys :: [key()],
    lookup = none :: none | waiting | asked | failed | {found, inet:ip_address()},
    addresses = [] :: [inet:ip_address()],
    core = #{} :: #{key() => outcome()},
    again = #{} :: #{key() => outcome()}
}).

%% ref: an alias of this process, with which all messages here begin. queue: hosts that wait for a
%% place. watched: monitors of the processes that have the places. late: when hosts with more than
%% one address stop waiting for OTP, in order.
-record(names, {
    operation :: operation(),
    ref :: reference(),
    hosts :: #{binary() => #host{}},
    host_of :: #{key() => binary()},
    queue = [] :: [binary()],
    watched = #{} :: #{reference() => []},
    late = [] :: [{integer(), binary()}],
    children = #{} :: #{reference() => pid()},
    core = running :: running | done,
    count :: non_neg_integer(),
    outcomes = #{} :: #{key() => outcome()}
}).

?DOC("Runs an operation and gives the outcome of every key. IP addresses need no lookup.").
-spec run(operation()) -> #{key() => outcome()}.
run(#{keys := Keys, core := Core, on_outcomes := OnOutcomes} = Operation) ->
    case maps:filter(fun(Host, _) -> barnacle_address:parse(Host) =:= error end, Keys) of
        Named when map_size(Named) =:= 0 ->
            maps:from_list(Core(OnOutcomes, fun(_, _) -> ok end));
        Named ->
            with_names(Named, Operation)
    end.

with_names(Named, #{keys := All, core := Core} = Operation) ->
    Ref = alias([explicit_unalias]),
    Run = fun() ->
        OnPart = fun(Outcomes) -> Ref ! {Ref, {part, Outcomes}} end,
        OnHost = fun(Host, Addresses) -> Ref ! {Ref, {host, Host, Addresses}} end,
        {core, Core(OnPart, OnHost)}
    end,
    Names = #names{
        operation = Operation,
        ref = Ref,
        count = lists:sum([length(Own) || Own <- maps:values(All)]),
        hosts = maps:map(fun(_, Keys) -> #host{keys = Keys} end, Named),
        host_of = maps:from_list([{Key, Host} || {Host, Keys} <- maps:to_list(Named), Key <- Keys])
    },
    try
        loop(start_child(Run, Names))
    after
        %% Nothing of it comes later, or stays in the mailbox.
        _ = unalias(Ref),
        flush(Ref)
    end.

%% Linked, so that the operation ends with the process that wanted it.
start_child(Run, #names{ref = Ref, children = Children} = Names) ->
    Child = fun() -> Ref ! {Ref, Run()} end,
    {Pid, Monitor} = spawn_opt(Child, [link, monitor]),
    Names#names{children = Children#{Monitor => Pid}}.

loop(#names{ref = Ref, children = Children, watched = Watched} = Names) ->
    case is_over(Names) of
        true ->
            over(Names);
        false ->
            receive
                {Ref, Message} ->
                    loop(on_message(Message, Names));
                {'DOWN', Monitor, process, _, Reason} when is_map_key(Monitor, Children) ->
                    loop(child_ended(Monitor, Reason, Names));
                {'DOWN', Monitor, process, _, _} when is_map_key(Monitor, Watched) ->
                    loop(ask(unwatched(Names)))
            after wait_ms(Names) ->
                loop(too_late(Names))
            end
    end.

%% The core keeps its own time limit, and has an outcome for each key by then. It may still wait for
%% a name server although OTP has resolved every name.
is_over(#names{outcomes = Outcomes, count = Count}) when map_size(Outcomes) =:= Count -> true;
is_over(#names{core = running}) -> false;
is_over(#names{hosts = Hosts}) when map_size(Hosts) =:= 0 -> true;
is_over(#names{operation = #{deadline_ms := DeadlineMs}}) -> now_ms() >= DeadlineMs.

wait_ms(#names{core = Core, late = Late, operation = #{deadline_ms := DeadlineMs}}) ->
    Dues = [DueMs || {DueMs, _} <- Late] ++ [DeadlineMs || Core =:= done],
    %% An atom is greater than every number.
    lists:min([infinity | [max(0, DueMs - now_ms()) || DueMs <- Dues]]).

on_message({host, Host, Addresses}, Names) ->
    noted(Addresses, Host, Names);
on_message({part, Outcomes}, Names) ->
    from_core(Outcomes, Names);
on_message({core, Outcomes}, Names) ->
    from_core(Outcomes, Names#names{core = done});
on_message({again, Host, []}, Names) ->
    update(Host, fun(H) -> H#host{lookup = failed} end, Names);
on_message({again, Host, Outcomes}, Names) ->
    update(Host, fun(H) -> H#host{again = maps:from_list(Outcomes)} end, Names);
on_message({otp, Host, busy}, Names) ->
    ask(requeued(Host, Names));
on_message({otp, Host, Result}, Names) ->
    ask(answered(Host, Result, Names)).

%% What the core says of a host's name: no address so far, or several.
noted(_Addresses, Host, #names{hosts = Hosts} = Names) when not is_map_key(Host, Hosts) ->
    Names;
noted([], Host, #names{queue = Queue} = Names) ->
    %% In random order, for a few silent names would otherwise keep the places in each refresh.
    {Before, After} = lists:split(rand:uniform(length(Queue) + 1) - 1, Queue),
    wanted(Host, Before ++ [Host | After], Names);
noted(Addresses, Host, #names{operation = #{first := true}, late = Late} = Names0) ->
    Names = update(Host, fun(H) -> H#host{addresses = Addresses} end, Names0),
    Queue = [Host | lists:delete(Host, Names#names.queue)],
    wanted(Host, Queue, Names#names{late = Late ++ [{now_ms() + ?FIRST_MS, Host}]});
noted(_Addresses, _Host, Names) ->
    Names.

wanted(Host, Queue, #names{hosts = Hosts} = Names) ->
    case Hosts of
        #{Host := #host{lookup = Lookup} = H} when Lookup =:= none; Lookup =:= waiting ->
            Waiting = Hosts#{Host := H#host{lookup = waiting}},
            ask(Names#names{hosts = Waiting, queue = Queue});
        _ ->
            Names
    end.

%% Queries OTP for those who wait, as long as a place is free.
ask(#names{queue = [Host | Queue], hosts = Hosts} = Names) when not is_map_key(Host, Hosts) ->
    ask(Names#names{queue = Queue});
ask(#names{queue = [Host | Queue], watched = Watched, ref = Ref} = Names) when
    map_size(Watched) =:= 0
->
    #{families := Families} = Names#names.operation,
    OnResult = fun(Result) -> Ref ! {Ref, {otp, Host, Result}} end,
    case barnacle_otp_lookup:ask(Host, Families, OnResult) of
        asked ->
            Lookup = fun(H) -> H#host{lookup = asked} end,
            ask(update(Host, Lookup, Names#names{queue = Queue}));
        busy ->
            Places = barnacle_otp_lookup:places(),
            Names#names{watched = maps:from_keys([monitor(process, Place) || Place <- Places], [])}
    end;
ask(Names) ->
    Names.

unwatched(#names{watched = Watched} = Names) ->
    lists:foreach(fun(Monitor) -> demonitor(Monitor, [flush]) end, maps:keys(Watched)),
    Names#names{watched = #{}}.

requeued(Host, #names{queue = Queue} = Names) ->
    update(Host, fun(H) -> H#host{lookup = waiting} end, Names#names{queue = [Host | Queue]}).

answered(Host, {ok, Address}, #names{hosts = Hosts} = Names) when is_map_key(Host, Hosts) ->
    #host{keys = Keys, lookup = Lookup} = maps:get(Host, Hosts),
    case Lookup of
        asked -> again(Host, Keys, Address, Names);
        _ -> Names
    end;
answered(Host, _Result, Names) ->
    update(Host, fun(H) -> H#host{lookup = failed} end, Names).

again(Host, Keys, Address, #names{operation = Operation} = Names) ->
    #{again := Again, deadline_ms := DeadlineMs} = Operation,
    LeftMs = max(0, DeadlineMs - now_ms()),
    TimeoutMs = max(1, LeftMs - min(?HEARD_MS, LeftMs div 10)),
    Run = fun() -> {again, Host, Again(Keys, Address, TimeoutMs)} end,
    Found = update(Host, fun(H) -> H#host{lookup = {found, Address}} end, Names),
    start_child(Run, Found).

from_core(Outcomes, #names{host_of = HostOf} = Names) ->
    {Named, Others} = lists:partition(fun({Key, _}) -> is_map_key(Key, HostOf) end, Outcomes),
    ByHost = maps:groups_from_list(fun({Key, _}) -> maps:get(Key, HostOf) end, Named),
    maps:fold(
        fun(Host, Own, Acc) ->
            Add = fun(#host{core = Core} = H) ->
                H#host{core = maps:merge(Core, maps:from_list(Own))}
            end,
            update(Host, Add, Acc)
        end,
        final(Others, Names),
        ByHost
    ).

%% Changes a host, unless all of it is over, and makes final what that decides.
update(Host, Change, #names{hosts = Hosts} = Names) ->
    case Hosts of
        #{Host := H0} ->
            #host{keys = Keys} = H = Change(H0),
            Final = [{Key, Outcome} || Key <- Keys, {ok, Outcome} <- [judge(Key, H)]],
            final(Final, Names#names{hosts = without(Final, Host, H, Hosts)});
        _ ->
            Names
    end.

without(Final, Host, #host{keys = Keys} = H, Hosts) ->
    case Keys -- [Key || {Key, _} <- Final] of
        [] -> maps:remove(Host, Hosts);
        Left -> Hosts#{Host := H#host{keys = Left}}
    end.

final([], Names) ->
    Names;
final(Final, #names{outcomes = Outcomes, operation = #{on_outcomes := OnOutcomes}} = Names) ->
    case [Own || {Key, _} = Own <- Final, not is_map_key(Key, Outcomes)] of
        [] -> ok;
        New -> OnOutcomes(New)
    end,
    Names#names{outcomes = maps:merge(maps:from_list(Final), Outcomes)}.

judge(Key, #host{core = Core, again = Again} = H) ->
    judge(maps:get(Key, Core, none), maps:get(Key, Again, none), H).

%% The core's outcome, that of the second operation, and what is known of the host.
judge(Core, none, #host{lookup = Lookup}) when Lookup =:= none; Lookup =:= failed ->
    known(Core);
judge({error, _}, none, _) ->
    wait;
judge(none, {error, _}, #host{addresses = [_ | _]}) ->
    wait;
judge(none, Again, _) ->
    known(Again);
judge({error, _}, Again, _) ->
    known(Again);
judge(Core, _Again, #host{addresses = []}) ->
    known(Core);
judge(_Core, none, _) ->
    wait;
judge(_Core, {error, Reason}, #host{lookup = {found, Address}, addresses = Addresses}) ->
    Texts = [barnacle_address:to_text(Other) || Other <- Addresses -- [Address]],
    {ok, {error, {at_address, barnacle_address:to_text(Address), Reason, Texts}}};
judge(_Core, Again, _) ->
    known(Again).

known(none) -> wait;
known(Outcome) -> {ok, Outcome}.

child_ended(Monitor, Reason, #names{children = Children} = Names) ->
    {Pid, Others} = maps:take(Monitor, Children),
    ok = forget(Pid),
    case Reason of
        normal -> Names#names{children = Others};
        _ -> exit(Reason)
    end.

%% Of a caller that traps exits nothing is left in the mailbox either.
forget(Pid) ->
    true = unlink(Pid),
    receive
        {'EXIT', Pid, _} -> ok
    after 0 -> ok
    end.

%% Hosts with more than one address that have waited for OTP long enough.
too_late(#names{late = Late} = Names) ->
    NowMs = now_ms(),
    {Over, Left} = lists:splitwith(fun({DueMs, _}) -> DueMs =< NowMs end, Late),
    GiveUp = fun
        (#host{lookup = {found, _}} = H) -> H;
        (#host{} = H) -> H#host{lookup = failed}
    end,
    lists:foldl(
        fun({_, Host}, Acc) -> update(Host, GiveUp, Acc) end, Names#names{late = Left}, Over
    ).

%% The time limit, or there is nothing left to find out.
over(#names{hosts = Hosts, children = Children} = Names) ->
    maps:foreach(
        fun(Monitor, Pid) ->
            ok = forget(Pid),
            exit(Pid, kill),
            demonitor(Monitor, [flush])
        end,
        Children
    ),
    Left = [
        {Key, maps:get(Key, Core)}
     || #host{keys = Keys, core = Core} <- maps:values(Hosts), Key <- Keys
    ],
    #names{outcomes = Outcomes} = final(Left, unwatched(Names)),
    Outcomes.

flush(Ref) ->
    receive
        {Ref, _} -> flush(Ref)
    after 0 -> ok
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).
