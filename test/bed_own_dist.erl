%% SPDX-License-Identifier: Apache-2.0
-module(bed_own_dist).

%% A distribution protocol of a user's own (erl -proto_dist bed_own): OTP's for IPv6, renamed.

-export([listen/1, listen/2, accept/1, accept_connection/5, setup/5, close/1, select/1, address/0]).
-export([is_node_name/1]).

-spec listen(term()) -> term().
listen(Name) -> inet6_tcp_dist:listen(Name).

-spec listen(term(), term()) -> term().
listen(Name, Host) -> inet6_tcp_dist:listen(Name, Host).

-spec accept(term()) -> term().
accept(Listen) -> inet6_tcp_dist:accept(Listen).

-spec accept_connection(term(), term(), term(), term(), term()) -> term().
accept_connection(Acceptor, Socket, Node, Allowed, Time) ->
    inet6_tcp_dist:accept_connection(Acceptor, Socket, Node, Allowed, Time).

-spec setup(term(), term(), term(), term(), term()) -> term().
setup(Node, Type, Own, Form, Time) -> inet6_tcp_dist:setup(Node, Type, Own, Form, Time).

-spec close(term()) -> term().
close(Socket) -> inet6_tcp_dist:close(Socket).

-spec select(term()) -> term().
select(Node) -> inet6_tcp_dist:select(Node).

-spec address() -> term().
address() -> inet6_tcp_dist:address().

-spec is_node_name(term()) -> term().
is_node_name(Node) -> inet6_tcp_dist:is_node_name(Node).
