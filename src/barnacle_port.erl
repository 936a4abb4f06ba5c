%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_port).

-include("barnacle_doc.hrl").
-include_lib("kernel/include/logger.hrl").

?MODULEDOC("""
The owner of the port program, priv/barnacle_port: hands it the questions of many processes, tells
it when one of them dies or waits no longer, and starts it again when it ends. c_src/port_frames.hpp
says what they speak.

The program is started by the first question and ends with this process, and so with the VM. When
it dies, all who wait hear of it and a new one is started: at once, and after a pause that doubles,
up to 10 s, while they keep dying young. Deaths in quick succession are logged at growing gaps.
""").

-behaviour(gen_server).

-export([start_link/0, ask/2, ask/3]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).
-export([format/1]).

-define(PROTOCOL, 2).

%% A program that lived as long as this was no failed start.
-define(YOUNG_MS, 10000).
-define(FIRST_PAUSE_MS, 100).
-define(LONGEST_PAUSE_MS, 10000).
%% How long a program that keeps an operation past its deadline may say nothing at all.
-define(SILENCE_MS, 5000).

-type question() :: ready | info | {open | diff, Body :: binary()}.
-type reply() ::
    ok
    | {ok, term()}
    | {error, port_program_died | timeout | term()}
    | {unavailable, Why :: unicode:chardata()}.
-type alias() :: reference().

%% How a frame with some of an operation's results begins: {part, Results} in the External Term
%% Format.
-define(PART, 131, 104, 2, 119, 4, "part").

-record(program, {
    port :: port(),
    file :: binary(),
    born_ms :: integer(),
    ready = false :: boolean()
}).

-record(state, {
    program = none :: none | #program{},
    %% Why there is none, for as long as the pause before the next start lasts.
    pause = none :: none | {reference(), Why :: unicode:chardata()},
    deaths = 0 :: non_neg_integer(),
    %% Whether a program has ever been ready, and none has failed to become so since.
    works = false :: boolean(),
    next_id = 1 :: pos_integer(),
    asked = #{} :: #{pos_integer() => {alias(), Monitor :: reference()}},
    ids = #{} :: #{alias() | reference() => pos_integer()},
    readiness = [] :: [alias()],
    silence = none :: none | reference()
}).

?DOC("Starts the process; the program comes later.").
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

?DOC("""
Asks the program, and waits at most TimeoutMs. ready is answered with ok when the program runs and
speaks as it should; info with what runs; open with an operation's reply; diff with positions.

unavailable says why there is no program. Two errors come from here: timeout, and port_program_died
when it died meanwhile or has just done so too often. The rest are the core's.
""").
-spec ask(question(), non_neg_integer()) -> reply().
ask(Question, TimeoutMs) ->
    ask(Question, TimeoutMs, fun(_Results) -> ok end).

?DOC("The same; OnPart is called with the results of an operation that come before its reply.").
-spec ask(question(), non_neg_integer(), fun((term()) -> term())) -> reply().
ask(Question, TimeoutMs, OnPart) ->
    ok = barnacle_app:need(),
    case whereis(?MODULE) of
        Owner when is_pid(Owner) ->
            %% Several messages may come, so it is not the first that ends the alias.
            Alias = monitor(process, Owner, [{alias, explicit_unalias}]),
            Owner ! {ask, Alias, self(), Question},
            try
                await(Owner, Alias, now_ms() + TimeoutMs, OnPart)
            after
                unalias(Alias),
                demonitor(Alias, [flush]),
                flush(Alias)
            end;
        undefined ->
            {error, port_program_died}
    end.

await(Owner, Alias, DeadlineMs, OnPart) ->
    LeftMs = max(0, DeadlineMs - now_ms()),
    receive
        {Alias, {part, Part}} ->
            {part, Results} = binary_to_term(Part),
            _ = OnPart(Results),
            await(Owner, Alias, DeadlineMs, OnPart);
        {Alias, {frame, Term}} ->
            %% Not 'safe': the atoms are the core's own, a small set.
            binary_to_term(Term);
        {Alias, Reply} ->
            Reply;
        {'DOWN', Alias, process, _, _} ->
            {error, port_program_died}
    after LeftMs ->
        case LeftMs of
            0 ->
                Owner ! {overdue, Alias},
                {error, timeout};
            _ ->
                %% Who is held up past the end of a wait has not looked at what came meanwhile.
                await(Owner, Alias, DeadlineMs, OnPart)
        end
    end.

flush(Alias) ->
    receive
        {Alias, _} -> flush(Alias)
    after 0 -> ok
    end.

-spec init([]) -> {ok, #state{}}.
init([]) ->
    %% A port that cannot be written to exits.
    process_flag(trap_exit, true),
    {ok, #state{}}.

-spec handle_call(term(), gen_server:from(), #state{}) -> {reply, term(), #state{}}.
handle_call(_, _From, State) ->
    {reply, {error, unknown_call}, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, term(), #state{}}.
handle_info({ask, Alias, Caller, Question}, State) ->
    %% Those who died before their turn would keep the living from theirs.
    case is_process_alive(Caller) of
        true -> {noreply, asked(Question, Alias, Caller, State)};
        false -> {noreply, State}
    end;
handle_info({Port, {data, Frame}}, #state{program = #program{port = Port}} = State) ->
    {noreply, came(Frame, heard(State))};
handle_info({overdue, Alias}, State) ->
    {noreply, listen(cancelled(Alias, State))};
handle_info({'DOWN', Monitor, process, _, _}, State) ->
    {noreply, cancelled(Monitor, State)};
handle_info({Port, {exit_status, Status}}, #state{program = #program{port = Port}} = State) ->
    {noreply, died(ended(Status), State)};
handle_info({'EXIT', Port, Reason}, #state{program = #program{port = Port}} = State) ->
    {noreply, died(io_lib:format("is out of reach (~0tp)", [Reason]), State)};
handle_info({timeout, Timer, pause}, #state{pause = {Timer, _}} = State) ->
    {noreply, restarted(State#state{pause = none})};
handle_info({timeout, Timer, silence}, #state{silence = Timer, program = Program} = State) ->
    ok = kill(Program),
    {noreply, died("did not answer any more", State#state{silence = none})};
handle_info({'EXIT', Pid, Reason}, State) when is_pid(Pid) ->
    {stop, Reason, State};
handle_info(_, State) ->
    {noreply, State}.

%% Questions

asked(Question, Alias, Caller, #state{program = none, pause = none} = State) ->
    case started(State) of
        {ok, State1} -> asked(Question, Alias, Caller, State1);
        {Reply, State1} -> tell(Alias, Reply, State1)
    end;
asked(ready, Alias, _Caller, #state{works = true} = State) ->
    tell(Alias, ok, State);
asked(ready, Alias, _Caller, #state{program = #program{}, readiness = Waiting} = State) ->
    State#state{readiness = [Alias | Waiting]};
asked(Question, Alias, Caller, #state{program = #program{port = Port}} = State) ->
    #state{next_id = Id, asked = Asked, ids = Ids} = State,
    Monitor = monitor(process, Caller),
    true = send(Port, Question, Id),
    State#state{
        next_id = Id + 1,
        asked = Asked#{Id => {Alias, Monitor}},
        ids = Ids#{Alias => Id, Monitor => Id}
    };
asked(_Question, Alias, _Caller, #state{works = true} = State) ->
    tell(Alias, {error, port_program_died}, State);
asked(_Question, Alias, _Caller, #state{pause = {_, Why}} = State) ->
    tell(Alias, {unavailable, Why}, State).

send(Port, {open, Request}, Id) -> port_command(Port, [<<$o, Id:64>>, Request]);
send(Port, {diff, Names}, Id) -> port_command(Port, [<<$d, Id:64>>, Names]);
send(Port, info, Id) -> port_command(Port, <<$i, Id:64>>);
send(Port, cancel, Id) -> port_command(Port, <<$c, Id:64>>).

tell(Alias, Reply, State) ->
    Alias ! {Alias, Reply},
    State.

tell_all(Aliases, Reply) ->
    lists:foreach(fun(Alias) -> Alias ! {Alias, Reply} end, Aliases).

%% The question of an alias, or of a caller's monitor, is over.
cancelled(Key, #state{ids = Ids, program = Program} = State) ->
    case Ids of
        #{Key := Id} ->
            is_record(Program, program) andalso send(Program#program.port, cancel, Id),
            {_, State1} = taken(Id, State),
            State1;
        #{} ->
            State
    end.

taken(Id, #state{asked = Asked, ids = Ids} = State) ->
    case maps:take(Id, Asked) of
        {{Alias, Monitor}, Asked1} ->
            demonitor(Monitor, [flush]),
            Ids1 = maps:without([Alias, Monitor], Ids),
            {Alias, State#state{asked = Asked1, ids = Ids1}};
        error ->
            {none, State}
    end.

%% Frames

came(<<0:64, Term/binary>>, #state{program = #program{ready = false} = Program} = State) ->
    case binary_to_term(Term) of
        {ok, #{protocol := ?PROTOCOL}} ->
            ok = tell_all(State#state.readiness, ok),
            State#state{program = Program#program{ready = true}, works = true, readiness = []};
        _ ->
            true = port_close(Program#program.port),
            died("was built for another version of barnacle", State)
    end;
came(<<0:64, Term/binary>>, State) ->
    ok = log({complains, binary_to_term(Term)}),
    State;
came(<<Id:64, ?PART, _/binary>> = Frame, #state{asked = Asked} = State) ->
    <<_:64, Part/binary>> = Frame,
    case Asked of
        #{Id := {Alias, _}} -> tell(Alias, {part, Part}, State);
        #{} -> State
    end;
came(<<Id:64, Term/binary>>, State) ->
    case taken(Id, State) of
        {none, State1} -> State1;
        {Alias, State1} -> tell(Alias, {frame, Term}, State1)
    end.

%% A caller whose operation kept no deadline has asked for this: a program that works answers.
listen(#state{program = none} = State) ->
    State;
listen(#state{program = #program{port = Port}, silence = none, next_id = Id} = State) ->
    true = send(Port, info, Id),
    Timer = erlang:start_timer(?SILENCE_MS, self(), silence),
    State#state{silence = Timer, next_id = Id + 1};
listen(State) ->
    State.

heard(#state{silence = none} = State) ->
    State;
heard(#state{silence = Timer} = State) ->
    _ = erlang:cancel_timer(Timer),
    State#state{silence = none}.

%% The program's life

started(State) ->
    File = unicode:characters_to_binary(barnacle_priv:path("barnacle_port")),
    %% Without limits the port never suspends this process: what the program has not read yet waits
    %% in the VM, no more of it than the questions of those who wait.
    Options = [
        {packet, 4}, binary, exit_status, {busy_limits_port, disabled}, {busy_limits_msgq, disabled}
    ],
    try open_port({spawn_executable, File}, Options) of
        Port ->
            {ok, State#state{program = #program{port = Port, file = File, born_ms = now_ms()}}}
    catch
        error:enoent ->
            {unavailable(File, "does not exist"), State#state{works = false}};
        error:eacces ->
            {unavailable(File, "is no program that may be run"), State#state{works = false}};
        error:Errno when is_atom(Errno) ->
            %% No descriptors, processes or memory, for now.
            {{error, {posix, Errno}}, State}
    end.

unavailable(File, Why) ->
    {unavailable, ["the port program of barnacle cannot be used: ", File, $\s, Why]}.

died(How, #state{program = #program{ready = Ready, file = File} = Program} = State) ->
    #state{asked = Asked, readiness = Waiting, works = Works} = State,
    State0 = heard(State),
    Unavailable = unavailable(File, How),
    Reply =
        case Ready of
            true -> {error, port_program_died};
            false -> Unavailable
        end,
    ok = tell_all(Waiting, Unavailable),
    ok = tell_all([Alias || {Alias, _} <- maps:values(Asked)], Reply),
    lists:foreach(
        fun({_, Monitor}) -> demonitor(Monitor, [flush]) end, maps:values(Asked)
    ),
    Deaths = deaths(Program, State),
    PauseMs = pause_ms(Deaths),
    ok = log_death(iolist_to_binary(How), Deaths, PauseMs),
    rested(PauseMs, Unavailable, State0#state{
        program = none,
        deaths = Deaths,
        works = Works andalso Ready,
        asked = #{},
        ids = #{},
        readiness = []
    }).

deaths(#program{born_ms = BornMs}, #state{deaths = Deaths}) ->
    case now_ms() - BornMs < ?YOUNG_MS of
        true -> Deaths + 1;
        false -> 1
    end.

pause_ms(1) -> 0;
pause_ms(Deaths) -> min(?LONGEST_PAUSE_MS, ?FIRST_PAUSE_MS bsl min(Deaths - 2, 10)).

rested(0, _Why, State) ->
    restarted(State);
rested(PauseMs, {unavailable, Why}, State) ->
    State#state{pause = {erlang:start_timer(PauseMs, self(), pause), Why}}.

%% What has never worked is tried again when it is asked something.
restarted(#state{works = false} = State) ->
    State;
restarted(State) ->
    {_, State1} = started(State),
    State1.

%% As a shell has it.
ended(Status) when Status > 128 -> io_lib:format("was ended by signal ~b", [Status - 128]);
ended(Status) -> io_lib:format("ended with status ~b", [Status]).

%% It may be busy for ever, and not see that its standard input is closed.
kill(#program{port = Port}) ->
    case erlang:port_info(Port, os_pid) of
        {os_pid, Pid} ->
            _ = os:cmd("kill -s KILL " ++ integer_to_list(Pid)),
            true = port_close(Port),
            ok;
        undefined ->
            ok
    end.

%% The log

log_death(_How, Deaths, _PauseMs) when Deaths band (Deaths - 1) =/= 0 -> ok;
log_death(How, Deaths, PauseMs) -> log({died, How, Deaths, PauseMs}).

log(What) ->
    Report = #{barnacle => ?MODULE, what => port_program, detail => What},
    ?LOG_WARNING(Report, #{report_cb => fun ?MODULE:format/1}).

?DOC("A report of this process as format and arguments.").
-spec format(logger:report()) -> {io:format(), [term()]}.
format(#{barnacle := Name, detail := Detail}) ->
    {"barnacle ~ts: ~ts", [barnacle_text:term(Name), text(Detail)]}.

text({died, How, Deaths, PauseMs}) ->
    [
        "the port program ", How, ", and its operations have failed; the next one starts in ",
        barnacle_text:time(PauseMs), " (", barnacle_text:count(Deaths, "death"),
        " in quick succession)"
    ];
text({complains, Reply}) ->
    ["the port program complains: ", barnacle_text:term(Reply)].

now_ms() ->
    erlang:monotonic_time(millisecond).
