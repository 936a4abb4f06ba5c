%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_form).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Short and long node names, which never link. OTP refuses to dial a host with a dot from a node with
a short name, and from one with a long name a host that has none and is no address
(inet_tcp_dist, splitnode/3), with an error in this node's own log each time.
""").

-export([own/0, fits/2, split/1]).

-export_type([form/0]).

-type form() :: short | long.

?DOC("""
The form of this node's name, told by the name itself: net_kernel:longnames/0 would have to wait for
net_kernel, which may be waiting for somebody. An IPv6 address counts as long.
""").
-spec own() -> form().
own() ->
    case fits(long, node()) of
        true -> long;
        false -> short
    end.

?DOC("Whether a node can be linked by one whose name has this form.").
-spec fits(form(), barnacle_names:name()) -> boolean().
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
            long -> short_name
        end,
    {Fitting, [{Node, Reason} || Node <- Others]}.
