%% SPDX-License-Identifier: Apache-2.0
-module(bed_island).

%% A host in namespaces of its own: its network is lo, its host name and its files below /etc that
%% say how names are resolved are those of the test. Several nodes run there. Takes root's rights.
%% The namespaces have no names and end with the process that holds them, which bed_os ends.

-export([missing/0, start_link/1, file/1, exec/2]).

-export_type([island/0, etc/0]).

-opaque island() :: #{holder := pid(), pid := pos_integer()}.

%% The host name, and the text of each file. A file that is absent on the machine stays absent.
-type etc() :: #{
    hostname := string(), hosts := string(), resolv_conf := string(), nsswitch := string()
}.

-define(TOOLS, ["ip", "unshare", "nsenter", "mount", "hostname"]).

%% lo has two IPv6 addresses beside ::1, one of them link-local.
-define(SCRIPT,
    "put() { file=$(mktemp); printf '%s' \"$2\" >\"$file\"; chmod 644 \"$file\";"
    " mount --bind \"$file\" \"$1\"; rm \"$file\"; }\n"
    "ip link set lo up\n"
    "ip addr add fd00::99/128 dev lo nodad\n"
    "ip addr add fe80::2/64 dev lo nodad\n"
    "hostname \"$1\"\n"
    "put /etc/hosts \"$2\"\n"
    "put /etc/resolv.conf \"$3\"\n"
    "put /etc/nsswitch.conf \"$4\"\n"
    "echo ready\n"
    "exec sleep infinity\n"
).

%% Why there can be none here, if so.
-spec missing() -> none | string().
missing() ->
    case {bed_os:is_root(), [Tool || Tool <- ?TOOLS, bed_os:find(Tool) =:= false]} of
        {false, _} ->
            "a host with its own /etc/hosts takes root's rights";
        {true, [Tool | _]} ->
            Tool ++ " is not installed";
        {true, []} ->
            case os:cmd("unshare --net --mount --uts ip link set lo up && echo yes") of
                "yes\n" -> none;
                Output -> "no namespaces here: " ++ string:trim(Output)
            end
    end.

%% Starts a host that ends with the caller.
-spec start_link(etc()) -> island().
start_link(#{hostname := Name, hosts := Hosts, resolv_conf := Resolv, nsswitch := Nsswitch}) ->
    {ok, Holder} = bed_os:start_link(#{
        program => bed_os:find("unshare"),
        args =>
            ["--net", "--mount", "--uts", "sh", "-e", "-c", ?SCRIPT, "sh"] ++
                [Name, Hosts, Resolv, Nsswitch]
    }),
    ok = bed_wait:until(island, fun() ->
        case bed_os:output(Holder) of
            {running, <<"ready", _/binary>>} -> true;
            Other -> Other
        end
    end),
    #{holder => Holder, pid => bed_os:pid(Holder)}.

%% The file of the network namespace, for the option netns of gen_tcp and gen_udp.
-spec file(island()) -> file:filename().
file(#{pid := Pid}) ->
    "/proc/" ++ integer_to_list(Pid) ++ "/ns/net".

%% A program with its arguments, to be run on the host: for bed_os and bed_node.
-spec exec(island(), {string(), [string()]}) -> {string(), [string()]}.
exec(#{pid := Pid}, {Program, Args}) ->
    {bed_os:find("nsenter"),
        ["--target", integer_to_list(Pid), "--net", "--mount", "--uts", Program | Args]}.
