%% SPDX-License-Identifier: Apache-2.0
-module(bed_page).

%% What barnacle_cluster:print/1 writes, as a person reads it: rows by the name that they begin
%% with. Also what a node's own log gets meanwhile.

-export([page/1, row/2, section/2, printed/1, watch_log/0, logged/0, log/2]).

-define(LOG, bed_page_log).

%% Prints the barnacle of a node there, as from a remote shell: to the caller's group leader.
-spec page(bed_node:name()) -> string().
page(Node) ->
    bed_node:call(Node, ?MODULE, printed, [bed_member:server()]).

-spec printed(barnacle_cluster:server()) -> string().
printed(Server) ->
    Caller = self(),
    Leader = spawn_link(fun() ->
        receive
            {io_request, From, Ref, {put_chars, unicode, Page}} ->
                From ! {io_reply, Ref, ok},
                Caller ! {page, self(), unicode:characters_to_list(Page)}
        end
    end),
    Before = group_leader(),
    true = group_leader(Leader, self()),
    ok = barnacle_cluster:print(Server),
    true = group_leader(Before, self()),
    receive
        {page, Leader, Page} -> Page
    end.

%% What stands beside a name; none where the page has no such row.
-spec row(string(), string()) -> string() | none.
row(Name, Page) ->
    case [Text || {First, Text} <- rows(Page), First =:= Name] of
        [Text] -> Text;
        [] -> none
    end.

%% What stands below a title, in one line.
-spec section(string(), string()) -> string() | none.
section(Title, Page) ->
    case string:split(Page, "\n" ++ Title ++ ":\n") of
        [_, Rest] -> one_line(hd(string:split(Rest, "\n\n")));
        [_] -> none
    end.

rows(Page) ->
    [_, Table | _] = string:split(Page, "\n\n", all),
    %% A line that begins with a blank goes on with the one before it.
    Joined = re:replace(Table, "\n +", " ", [global, {return, list}]),
    [
        {Name, string:trim(Text)}
     || Line <- string:split(Joined, "\n", all), [Name, Text] <- [string:split(Line, " ")]
    ].

one_line(Text) ->
    re:replace(Text, "\\s+", " ", [global, {return, list}]).

%% From now on keeps what the calling node logs, at notice and above, barnacles aside.
-spec watch_log() -> ok.
watch_log() ->
    ?LOG = ets:new(?LOG, [named_table, public, duplicate_bag, {heir, whereis(init), none}]),
    ok = logger:add_handler(?LOG, ?MODULE, #{level => notice}).

-spec logged() -> [term()].
logged() ->
    [Message || {message, Message} <- ets:tab2list(?LOG)].

%% The handler.
-spec log(logger:log_event(), logger:handler_config()) -> term().
log(#{msg := {report, #{barnacle := _}}}, _Config) -> ok;
log(#{msg := Message}, _Config) -> ets:insert(?LOG, {message, Message}).
