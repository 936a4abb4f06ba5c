%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_form).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Short and long node names, which never link. OTP refuses to dial a host with a dot from a node with
a short name, and from one with a long name a host that has none and is no address
(inet_tcp_dist, splitnode/3), with an error in this node's own log each time.
""").

-export([own/0, own_host/0, fits/2, split/1]).

-export_type([form/0]).

-type form() :: short | long | unknown.

%% Of a node that has no name yet (-name undefined): the first node that it connects to gives it.
-define(NO_NAME, nonode@nohost).

?DOC("""
The form of this node's name, told by the name itself: net_kernel:longnames/0 would have to wait for
net_kernel, which may be waiting for somebody. An IPv6 address counts as long. A node without a name
yet has the form of its flag; unknown without a flag.
""").
-spec own() -> form().
own() ->
    case {node(), flag()} of
        {?NO_NAME, {Form, _}} ->
            Form;
        {?NO_NAME, none} ->
            unknown;
        {Node, _} ->
            case fits(long, Node) of
                true -> long;
                false -> short
            end
    end.

?DOC("""
The host part of this node's name, also while it has no name yet; error if its flag does not tell.
""").
-spec own_host() -> {ok, binary()} | error.
own_host() ->
    case {node(), flag()} of
        {?NO_NAME, none} -> error;
        {?NO_NAME, {Form, Flag}} -> host_of(string:split(Flag, "@"), Form);
        {Node, _} -> {ok, barnacle_names:host(Node)}
    end.

host_of([_, Host], _Form) ->
    {ok, unicode:characters_to_binary(Host)};
host_of([_], short) ->
    {ok, Host} = inet:gethostname(),
    {ok, unicode:characters_to_binary(Host)};
host_of([_], long) ->
    error.

%% As erl_distribution reads them.
flag() ->
    case {init:get_argument(sname), init:get_argument(name)} of
        {{ok, [[Flag] | _]}, _} -> {short, Flag};
        {_, {ok, [[Flag] | _]}} -> {long, Flag};
        _ -> none
    end.

?DOC("Whether a node can be linked by one whose name has this form.").
-spec fits(form(), barnacle_names:name()) -> boolean().
fits(unknown, _Name) ->
    true;
fits(Form, Name) ->
    Host = barnacle_names:host(Name),
    case {Form, binary:match(Host, <<".">>)} of
        {short, nomatch} -> true;
        {short, _} -> false;
        {long, nomatch} -> barnacle_address:parse(Host) =/= error;
        {long, _} -> true
    end.

?DOC("The nodes that this one can link by their names, and the others, each with the reason.").
-spec split([node()]) -> {[node()], [{node(), short_name | long_name}]}.
split(Nodes) ->
    Form = own(),
    {Fitting, Others} = lists:partition(fun(Node) -> fits(Form, Node) end, Nodes),
    Reason =
        case Form of
            short -> long_name;
            _ -> short_name
        end,
    {Fitting, [{Node, Reason} || Node <- Others]}.
