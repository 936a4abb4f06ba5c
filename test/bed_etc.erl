%% SPDX-License-Identifier: Apache-2.0
-module(bed_etc).

%% A node with an /etc/resolv.conf and other such files of its own, in a private mount namespace.
%% Takes root's rights.

-export([exec/1, exec_with/1, missing/0]).

-define(DNS_PORT, 53).

%% For bed_node's option exec.
-spec exec(ResolvConf :: string()) -> {string(), [string()]}.
exec(ResolvConf) ->
    exec_with([{"/etc/resolv.conf", ResolvConf}]).

%% The same with more than one file. They have no name any more when the node runs, so none is left.
-spec exec_with([{Path :: string(), Text :: iodata()}]) -> {string(), [string()]}.
exec_with(Files) ->
    Script =
        "while [ \"$1\" != -- ]; do file=$(mktemp) && printf %s \"$2\" >\"$file\" &&"
        " chmod 644 \"$file\" && mount --bind \"$file\" \"$1\" && rm \"$file\" && shift 2"
        " || exit 1; done; shift && exec \"$@\"",
    Args = lists:append([[Path, binary_to_list(iolist_to_binary(Text))] || {Path, Text} <- Files]),
    {bed_os:find("unshare"),
        ["--mount", "sh", "-c", Script, "sh"] ++ Args ++ ["--", bed_os:find("erl")]}.

%% Why this cannot be had here, if so: resolv.conf names no ports, so its name servers have port 53.
-spec missing() -> none | string().
missing() ->
    case bed_os:is_root() of
        false ->
            "a private /etc/resolv.conf takes root's rights";
        true ->
            case {mounts(), gen_udp:open(?DNS_PORT, [{ip, bed_ports:address()}])} of
                {false, _} -> "no private mount namespaces here";
                {true, {error, Reason}} -> "port 53 is not free: " ++ atom_to_list(Reason);
                {true, {ok, Socket}} ->
                    ok = gen_udp:close(Socket),
                    none
            end
    end.

mounts() ->
    string:trim(os:cmd("unshare --mount true && echo yes")) =:= "yes".
