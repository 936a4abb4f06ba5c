%% SPDX-License-Identifier: Apache-2.0
-module(bed_nss).

%% A source of host names that only the system's resolver knows, as mDNS is one: a module of NSS,
%% for a node with an /etc/nsswitch.conf of its own. known.nss.test has an address. A name that
%% begins with slow has none, after three seconds; how many such queries run is in a file.

-export([missing/0, new/1, exec/2, env/1, most/1]).

-export_type([nss/0]).

-type nss() :: #{dir := string(), address := inet:ip4_address()}.

-define(SOURCE, <<
    "#include <arpa/inet.h>\n"
    "#include <errno.h>\n"
    "#include <fcntl.h>\n"
    "#include <netdb.h>\n"
    "#include <nss.h>\n"
    "#include <stdlib.h>\n"
    "#include <string.h>\n"
    "#include <sys/socket.h>\n"
    "#include <unistd.h>\n"
    "static void note(const char* line) {\n"
    "    int fd = open(getenv(\"BED_NSS_FILE\"), O_WRONLY | O_APPEND | O_CREAT, 0600);\n"
    "    if (fd >= 0) { if (write(fd, line, 2) < 0) _exit(1); close(fd); }\n"
    "}\n"
    "enum nss_status _nss_bed_gethostbyname2_r(const char* name, int family,\n"
    "    struct hostent* host, char* buffer, size_t size, int* error, int* host_error) {\n"
    "    *error = ENOENT;\n"
    "    *host_error = HOST_NOT_FOUND;\n"
    "    if (strncmp(name, \"slow\", 4) == 0) {\n"
    "        note(\"+\\n\"); sleep(3); note(\"-\\n\");\n"
    "        return NSS_STATUS_NOTFOUND;\n"
    "    }\n"
    "    if (strcmp(name, \"known.nss.test\") != 0 || family != AF_INET)\n"
    "        return NSS_STATUS_NOTFOUND;\n"
    "    struct layout {\n"
    "        char* aliases[1]; char* addresses[2]; struct in_addr address; char name[32];\n"
    "    };\n"
    "    struct layout* out = (struct layout*)(((size_t)buffer + 15) & ~(size_t)15);\n"
    "    if (size < sizeof *out + 16) { *error = ERANGE; return NSS_STATUS_TRYAGAIN; }\n"
    "    memset(out, 0, sizeof *out);\n"
    "    inet_pton(AF_INET, getenv(\"BED_NSS_ADDRESS\"), &out->address);\n"
    "    out->addresses[0] = (char*)&out->address;\n"
    "    strcpy(out->name, name);\n"
    "    *host = (struct hostent){out->name, out->aliases, AF_INET, 4, out->addresses};\n"
    "    *error = 0; *host_error = 0;\n"
    "    return NSS_STATUS_SUCCESS;\n"
    "}\n"
    "enum nss_status _nss_bed_gethostbyname_r(const char* name, struct hostent* host,\n"
    "    char* buffer, size_t size, int* error, int* host_error) {\n"
    "    return _nss_bed_gethostbyname2_r(name, AF_INET, host, buffer, size, error, host_error);\n"
    "}\n"
>>).

%% Why this cannot be had here, if so.
-spec missing() -> none | string().
missing() ->
    case {bed_etc:missing(), bed_os:find("cc"), filelib:is_file("/etc/nsswitch.conf")} of
        {none, false, _} -> "no C compiler for a module of NSS";
        {none, _, false} -> "no NSS here";
        {Why, _, _} -> Why
    end.

%% Builds the module, in a directory that goes with the caller.
-spec new(inet:ip4_address()) -> nss().
new(Address) ->
    Dir = bed_os:temp_dir_link(),
    Source = filename:join(Dir, "nss.c"),
    ok = file:write_file(Source, ?SOURCE),
    Library = filename:join(Dir, "libnss_bed.so.2"),
    Command = ["cc -Wall -Werror -shared -fPIC -o ", Library, $\s, Source],
    "" = os:cmd(lists:flatten(Command)),
    #{dir => Dir, address => Address}.

%% For bed_node's option exec: a node whose system asks the module, with this resolv.conf.
-spec exec(nss(), ResolvConf :: iodata()) -> {string(), [string()]}.
exec(_Nss, ResolvConf) ->
    bed_etc:exec_with([
        {"/etc/resolv.conf", ResolvConf}, {"/etc/nsswitch.conf", "hosts: files bed\n"}
    ]).

%% For bed_node's option env.
-spec env(nss()) -> [{string(), string()}].
env(#{dir := Dir, address := Address} = Nss) ->
    [
        {"LD_LIBRARY_PATH", Dir},
        {"BED_NSS_FILE", file(Nss)},
        {"BED_NSS_ADDRESS", inet:ntoa(Address)}
    ].

%% How many slow queries there were, and how many at once at most.
-spec most(nss()) -> {non_neg_integer(), non_neg_integer()}.
most(Nss) ->
    Text =
        case file:read_file(file(Nss)) of
            {ok, Read} -> Read;
            {error, enoent} -> <<>>
        end,
    Lines = binary:split(Text, <<"\n">>, [global, trim]),
    {_, Most} = lists:foldl(
        fun
            (<<"+">>, {Now, Max}) -> {Now + 1, max(Now + 1, Max)};
            (<<"-">>, {Now, Max}) -> {Now - 1, Max}
        end,
        {0, 0},
        Lines
    ),
    {length([Line || <<"+">> = Line <- Lines]), Most}.

file(#{dir := Dir}) ->
    filename:join(Dir, "queries").
