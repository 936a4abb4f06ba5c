%% SPDX-License-Identifier: Apache-2.0
-module(bed_dns_script).

%% A name server that does what it is told to, over UDP and TCP on one loopback address and port:
%% for answers that no real server gives. It keeps a record of every question that it was asked.
%% bed_dns_message says what a reply can be.

-behaviour(gen_server).

-export([start/1, start_link/1, start_link/2, stop/1]).
-export([nameserver/1, address/1, script/2, questions/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-export_type([script/0, question/0]).

%% A function, or a list of rules of which the first that fits decides: '_' fits everything, names
%% are absolute, in lower case and without the dot at the end. No rule: nxdomain.
-type script() ::
    fun((question()) -> bed_dns_message:reply())
    | [{Name :: string() | '_', Type :: atom(), bed_dns_message:reply()}].

%% number counts the questions for the same name and type, from 1.
-type question() :: #{
    name := string(), type := atom(), transport := udp | tcp, number := pos_integer()
}.

-record(state, {
    address :: {inet:ip_address(), inet:port_number()},
    udp :: gen_udp:socket(),
    tcp :: gen_tcp:socket(),
    script :: script(),
    questions = [] :: [question()],
    asked = #{} :: #{{Name :: string(), Type :: atom()} => pos_integer()}
}).

%% Starts a server on an address of its own; start/1 doesn't link it to the caller.
-spec start(script()) -> pid().
start(Script) ->
    {ok, Server} = gen_server:start(?MODULE, {none, Script, any}, []),
    Server.

-spec start_link(script()) -> pid().
start_link(Script) ->
    start_link(Script, any).

%% The same on a port of one's choice, on an address of its own as ever.
-spec start_link(script(), inet:port_number() | any) -> pid().
start_link(Script, Port) ->
    {ok, Server} = gen_server:start(?MODULE, {self(), Script, Port}, []),
    Server.

%% Address:Port, as barnacle's option nameservers has it.
-spec nameserver(pid()) -> binary().
nameserver(Server) ->
    {Address, Port} = address(Server),
    iolist_to_binary([inet:ntoa(Address), $:, integer_to_list(Port)]).

-spec address(pid()) -> {inet:ip_address(), inet:port_number()}.
address(Server) ->
    gen_server:call(Server, address, infinity).

%% Another script from now on; the record of questions begins anew.
-spec script(pid(), script()) -> ok.
script(Server, Script) ->
    gen_server:call(Server, {script, Script}, infinity).

%% The questions asked so far, in their order.
-spec questions(pid()) -> [question()].
questions(Server) ->
    gen_server:call(Server, questions, infinity).

-spec stop(pid()) -> ok.
stop(Server) ->
    gen_server:stop(Server, normal, infinity).

-spec init({Owner :: pid() | none, script(), inet:port_number() | any}) -> {ok, #state{}}.
init({Owner, Script, WantedPort}) ->
    process_flag(trap_exit, true),
    [link(Owner) || is_pid(Owner)],
    Address = bed_ports:address(),
    Port =
        case WantedPort of
            any -> bed_ports:port(Address);
            _ -> WantedPort
        end,
    Options = [binary, {ip, Address}],
    {ok, Udp} = gen_udp:open(Port, [{active, true}, {recbuf, 1 bsl 20} | Options]),
    {ok, Tcp} = gen_tcp:listen(Port, [{packet, 2}, {active, true}, {backlog, 128} | Options]),
    Self = self(),
    _ = spawn_link(fun() -> accept(Tcp, Self) end),
    {ok, #state{address = {Address, Port}, udp = Udp, tcp = Tcp, script = Script}}.

-spec handle_call(address | questions | {script, script()}, gen_server:from(), #state{}) ->
    {reply, term(), #state{}}.
handle_call(address, _From, #state{address = Address} = State) ->
    {reply, Address, State};
handle_call(questions, _From, #state{questions = Questions} = State) ->
    {reply, lists:reverse(Questions), State};
handle_call({script, Script}, _From, State) ->
    {reply, ok, State#state{script = Script, questions = [], asked = #{}}}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, normal, #state{}}.
handle_info({udp, Udp, Address, Port, Query}, #state{udp = Udp} = State) ->
    Send = fun
        ({other_port, Message}) ->
            {ok, {Own, _}} = inet:sockname(Udp),
            {ok, Other} = gen_udp:open(0, [{ip, Own}]),
            ok = gen_udp:send(Other, Address, Port, Message),
            gen_udp:close(Other);
        (Message) ->
            gen_udp:send(Udp, Address, Port, Message)
    end,
    {noreply, asked(Query, udp, Send, State)};
handle_info({tcp, Socket, Query}, State) ->
    Send = fun
        (close) -> gen_tcp:close(Socket);
        (Message) -> gen_tcp:send(Socket, Message)
    end,
    {noreply, asked(Query, tcp, Send, State)};
handle_info({later, Reply, Context}, State) ->
    ok = reply(Reply, Context),
    {noreply, State};
handle_info({'EXIT', Owner, _}, State) when is_pid(Owner) ->
    {stop, normal, State};
handle_info(_, State) ->
    {noreply, State}.

%% The sockets are linked to this process and go with it.
-spec terminate(term(), #state{}) -> ok.
terminate(_Reason, #state{udp = Udp, tcp = Tcp}) ->
    ok = gen_udp:close(Udp),
    gen_tcp:close(Tcp).

accept(Listen, Server) ->
    case gen_tcp:accept(Listen) of
        {ok, Socket} ->
            _ = gen_tcp:controlling_process(Socket, Server),
            accept(Listen, Server);
        {error, closed} ->
            ok
    end.

asked(Query, Transport, Send, #state{} = State) ->
    #state{script = Script, questions = Questions, asked = Asked} = State,
    case bed_dns_message:question(Query) of
        {ok, {Name, Type} = Same} ->
            Number = maps:get(Same, Asked, 0) + 1,
            Question = #{name => Name, type => Type, transport => Transport, number => Number},
            ok = reply(decide(Script, Question), {Query, Transport, Send}),
            State#state{questions = [Question | Questions], asked = Asked#{Same => Number}};
        error ->
            State
    end.

decide(Script, Question) when is_function(Script) ->
    Script(Question);
decide(Rules, #{name := Name, type := Type}) ->
    Fitting = [Reply || {N, T, Reply} <- Rules, fits(N, Name), fits(T, Type)],
    hd(Fitting ++ [nxdomain]).

fits('_', _) -> true;
fits(Same, Same) -> true;
fits(_, _) -> false.

%% Nobody waits here: what is due later comes back as a message.
reply({delay, DelayMs, Reply}, Context) ->
    _ = erlang:send_after(DelayMs, self(), {later, Reply, Context}),
    ok;
reply({all, Replies}, Context) ->
    lists:foreach(fun(Reply) -> ok = reply(Reply, Context) end, Replies);
reply(drop, _Context) ->
    ok;
reply(close, {_Query, tcp, Send}) ->
    Send(close);
reply(close, {_Query, udp, _Send}) ->
    ok;
reply({other_port, Reply}, {Query, udp, Send}) ->
    Send({other_port, bed_dns_message:reply(Reply, Query, udp)});
reply(Reply, {Query, Transport, Send}) ->
    %% Who asked may be gone by now, and large datagrams may be refused by the system.
    _ = Send(bed_dns_message:reply(Reply, Query, Transport)),
    ok.
