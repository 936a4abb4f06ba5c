%% SPDX-License-Identifier: Apache-2.0
-module(bed_dead_end).

%% Hosts whose distribution port accepts and never speaks: to who dials them they are hung. They
%% count who dials them, and so speaks first; who only looks whether they are there doesn't count.

-behaviour(gen_server).

-export([start_link/2, dialled/1, hang_up/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-record(state, {
    listeners :: [gen_tcp:socket()],
    dials = [] :: [gen_tcp:socket()],
    dialled = 0 :: non_neg_integer()
}).

%% Hosts on these addresses, all with the same port, linked to the caller.
-spec start_link([inet:ip_address()], inet:port_number()) -> pid().
start_link(Addresses, Port) ->
    {ok, Server} = gen_server:start(?MODULE, {self(), Addresses, Port}, []),
    Server.

%% How many dials there have been so far.
-spec dialled(pid()) -> non_neg_integer().
dialled(Server) ->
    gen_server:call(Server, dialled, infinity).

%% Closes the connections of all dials that there are, so that they fail.
-spec hang_up(pid()) -> ok.
hang_up(Server) ->
    gen_server:call(Server, hang_up, infinity).

-spec init({pid(), [inet:ip_address()], inet:port_number()}) -> {ok, #state{}}.
init({Owner, Addresses, Port}) ->
    process_flag(trap_exit, true),
    link(Owner),
    Self = self(),
    Listeners = [
        begin
            {ok, Listener} = gen_tcp:listen(Port, [{ip, Address}, {active, false}]),
            _ = spawn_link(fun() -> accept(Listener, Self) end),
            Listener
        end
     || Address <- Addresses
    ],
    {ok, #state{listeners = Listeners}}.

-spec handle_call(dialled | hang_up, gen_server:from(), #state{}) -> {reply, term(), #state{}}.
handle_call(dialled, _From, #state{dialled = Dialled} = State) ->
    {reply, Dialled, State};
handle_call(hang_up, _From, #state{dials = Dials} = State) ->
    {reply, lists:foreach(fun gen_tcp:close/1, Dials), State#state{dials = []}}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, normal, #state{}}.
handle_info({accepted, Socket}, State) ->
    _ = inet:setopts(Socket, [{active, once}]),
    {noreply, State};
handle_info({tcp, Socket, _Name}, #state{dials = Dials, dialled = Dialled} = State) ->
    {noreply, State#state{dials = [Socket | Dials], dialled = Dialled + 1}};
handle_info({'EXIT', Owner, _}, State) when is_pid(Owner) ->
    {stop, normal, State};
handle_info(_, State) ->
    {noreply, State}.

accept(Listener, Server) ->
    case gen_tcp:accept(Listener) of
        {ok, Socket} ->
            ok = gen_tcp:controlling_process(Socket, Server),
            Server ! {accepted, Socket},
            accept(Listener, Server);
        {error, closed} ->
            ok
    end.
