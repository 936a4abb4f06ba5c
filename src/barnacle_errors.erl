%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_errors).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What can fail, as one table: the value in Erlang and Elixir, the value in Gleam, what it means and
what to do. README's tables and the words of logs and status come from it.
""").

-export([table/0, says/1, fix/1, discovery_fix/1]).

-export_type([row/0, place/0]).

?DOC("""
Where an error is met: start, what start_link gives; result, what refresh, run_once and listeners
get; exit, what ends the caller; status, what only the log and status tell.
""").
-type place() :: start | result | exit | status.

?DOC("""
error: a term in which atoms that begin with a capital letter stand for any term. gleam: the value
in Gleam's notation. says: what a reason within it means, as a phrase, where there is one. fix:
it stands alone, since print/1 shows it without the table. gleam_note: what README adds to it.
""").
-type row() :: #{
    place := place(),
    error := term(),
    gleam := binary(),
    says => {Reason :: term(), Phrase :: binary()},
    fix := binary(),
    gleam_note => binary()
}.

?DOC("Every row, by place.").
-spec table() -> [row(), ...].
table() ->
    start() ++ lookups() ++ hosts() ++ strategies() ++ connects() ++ disconnects() ++ exits() ++
        refusals() ++ losses() ++ partial().

?DOC("What a reason means, as a phrase.").
-spec says(term()) -> {ok, binary()} | error.
says(Reason) ->
    first([Phrase || #{says := {Pattern, Phrase}} <- table(), fits(Pattern, Reason)]).

?DOC("What to do about a node that was not linked, or a name that is not used, for this reason.").
-spec fix(term()) -> {ok, binary()} | error.
fix({lookup_failed, {posix, eafnosupport}}) ->
    {ok, <<"start this node with `-proto_dist inet6_tcp`, or use a name with an IPv4 address">>};
fix({at_address, Address, _Why, Others}) when is_list(Others) ->
    {ok,
        unicode:characters_to_binary([
            "the host's name has several addresses: OTP connects to ", Address, " alone, and of ",
            barnacle_text:names(Others, 5), " one works; remove or repair ", Address
        ])};
fix({posix, Errno}) ->
    {ok, errno(Errno, "see errno(3)")};
fix({lookup_failed, Why} = Reason) ->
    case discovery_fix(Why) of
        {ok, Fix} -> {ok, Fix};
        error -> fix(connects(), Reason)
    end;
fix(Reason) ->
    fix(connects() ++ refusals() ++ losses() ++ start(), Reason).

?DOC("What to do about a discovery that failed, or is partial, for this reason.").
-spec discovery_fix(term()) -> {ok, binary()} | error.
discovery_fix({posix, econnrefused} = Reason) ->
    fix(lookups(), Reason);
discovery_fix({posix, Errno}) ->
    {ok, errno(Errno, "see errno(3), and check the name servers")};
discovery_fix(Reason) ->
    fix(lookups() ++ hosts() ++ partial() ++ too_many() ++ not_alive(), Reason).

%% What to do about an error of the system; Else for one that is not known.
errno(emfile, _) ->
    <<"this VM has no file descriptors left: raise `ulimit -n`">>;
errno(enfile, _) ->
    <<"this system has no file descriptors left: raise `fs.file-max`">>;
errno(enodev, _) ->
    <<
        "the zone of a name server is no network interface of this host: correct `nameservers`, "
        "or `/etc/resolv.conf`"
    >>;
errno(enetunreach, _) ->
    <<"this host has no route to that address: correct the address or the routes">>;
errno(ehostunreach, _) ->
    <<"the host is down, or a router on the way knows no route to it">>;
errno(emsgsize, _) ->
    <<"the network takes no packet of that size: raise its MTU">>;
errno(eaddrnotavail, _) ->
    <<"this host has no source address for that address: correct its network settings">>;
errno(Errno, Else) ->
    unicode:characters_to_binary([barnacle_text:term(Errno), ": ", Else]).

fix(Rows, Reason) ->
    first([Fix || #{says := {Pattern, _}, fix := Fix} <- Rows, fits(Pattern, Reason)]).

first([First | _]) -> {ok, First};
first([]) -> error.

start() ->
    [
        #{
            place => start,
            error => {bad_options, 'Problems'},
            gleam => <<"InitFailed(text)">>,
            fix => <<"correct what is named; all problems are there at once">>
        },
        #{
            place => start,
            error => {already_started, 'Pid'},
            gleam => <<"InitFailed(text)">>,
            fix => <<"another process has that name: stop it, or give another name">>
        },
        #{
            place => start,
            error => {not_started, barnacle},
            gleam => <<"InitFailed(text)">>,
            says => {{not_started, barnacle}, <<"the application barnacle is not started">>},
            fix =>
                <<
                    "add `barnacle` to `applications` of your application, or call "
                    "`application:ensure_all_started(barnacle)`"
                >>
        },
        #{
            place => start,
            error => {native_library, 'Text'},
            gleam => <<"InitFailed(text)">>,
            fix =>
                <<
                    "the text says which: build the library (`make` in the directory of "
                    "barnacle, in Gleam `gleam run -m barnacle/install`), or install the runtime "
                    "packages of c-ares and libuv"
                >>
        }
    ].

lookups() ->
    [
        lookup(Why, Gleam, Phrase, Fix)
     || {Why, Gleam, Phrase, Fix} <- [
            {nxdomain, <<"NoSuchDomain">>, <<"the name does not exist">>,
                <<"check the name, and the search list of `/etc/resolv.conf`">>},
            {timeout, <<"Timeout">>, <<"timed out">>,
                <<"the name servers are silent: check them, or name some with `nameservers`">>},
            {servfail, <<"ServerFailure">>, <<"the name server failed">>,
                <<"the name server cannot find out: check it and those that it asks">>},
            {refused, <<"Refused">>, <<"the name server refuses to answer">>,
                <<"the name server answers others only: ask another one with `nameservers`">>},
            {formerr, <<"FormatError">>, <<"the name server could not read the question">>,
                <<"ask another name server with `nameservers`">>},
            {notimp, <<"NotImplemented">>, <<"the name server does not do such questions">>,
                <<"ask another name server with `nameservers`">>},
            {badvers, <<"BadVersion">>, <<"the name server does not speak this EDNS">>,
                <<"ask another name server with `nameservers`">>},
            {qfmterror, <<"QueryFormatError">>, <<"this name cannot be asked for">>,
                <<"correct the name">>},
            {{posix, econnrefused}, <<"PosixError(\"econnrefused\")">>,
                <<"no name server listens there (econnrefused)">>,
                <<
                    "no name server runs at that address and port: correct `nameservers`, or "
                    "`/etc/resolv.conf`, or start the server"
                >>},
            {{posix, 'Errno'}, <<"PosixError(\"Errno\")">>, <<"the system failed">>,
                <<
                    "`emfile`: more descriptors (`ulimit -n`); `enetunreach`: a route to the name "
                    "server; `enodev`: an interface with the zone of the name server; `emsgsize`: "
                    "a larger MTU"
                >>},
            {port_program_died, <<"Unknown">>, <<"the port program died meanwhile">>,
                <<
                    "`native` is `port`: another one is being started; the log says how it ended, "
                    "and if it does so often, report it"
                >>},
            {unknown, <<"Unknown">>, <<"failed for a reason that is not known">>,
                <<"`status` and the log may say more">>}
        ]
    ].

lookup(Why, Gleam, Phrase, Fix) ->
    #{
        place => result,
        error => {strategy_error, Why},
        gleam => <<"StrategyError(", Gleam/binary, ")">>,
        says => {Why, Phrase},
        fix => Fix
    }.

hosts() ->
    Host = fun(Why, Gleam, Phrase, Fix) ->
        #{
                place => result,
            error => {strategy_error, [{'Host', Why}]},
            gleam => <<"StrategyError([#(host, ", Gleam/binary, ")])">>,
            says => {Why, Phrase},
            fix => Fix
        }
    end,
    [
        Host(nxdomain, <<"LookupFailed(NoSuchDomain)">>, <<"the name does not exist">>,
            <<"`hosts`: the host's name has no address: correct it, or DNS">>),
        Host(timeout, <<"TimedOut">>, <<"timed out">>,
            <<"the host is dead, or a firewall stands before its EPMD">>),
        Host(econnrefused, <<"ConnectionFailed(\"econnrefused\")">>,
            <<"no EPMD listens there (econnrefused)">>,
            <<
                "no EPMD runs on that host: start a node there, or correct `port` "
                "(`ERL_EPMD_PORT`)"
            >>),
        Host(bad_reply, <<"BadReply">>, <<"what answers is no EPMD">>,
            <<"another program has the EPMD's port: correct the host or the `port`">>),
        Host(too_long, <<"ReplyTooLong">>, <<"the EPMD's reply is too long">>,
            <<"what answers is no EPMD, or raise `max_names` and `max_bytes`">>)
    ].

strategies() ->
    too_many() ++ [core(), own()].

too_many() ->
    [
        #{
            place => result,
            error => {strategy_error, {too_many_nodes, 'Count', 'Max'}},
            gleam => <<"StrategyError(Unknown)">>,
            says =>
                {{too_many_nodes, 'Count', 'Max'}, <<"the answer has more names than max_nodes">>},
            fix => <<"raise `max_nodes`, or narrow the answer with `filter`">>,
            gleam_note =>
                <<
                    "in Gleam `Unknown` is of `dns`, `hosts` has `[]`, a custom strategy an exit "
                    "of the caller"
                >>
        }
    ].

core() ->
    #{
        place => result,
        error => {strategy_error, {native_library, 'Text'}},
        gleam => <<"StrategyError(Unknown)">>,
        says => {{native_library, 'Text'}, <<"the native core cannot be used">>},
        fix => <<"`native` is `port`, and its program is gone or ends at once: see the text">>
    }.

own() ->
    #{
        place => result,
        error => {strategy_error, 'Reason'},
        gleam => <<"StrategyError(reason)">>,
        fix =>
            <<
                "what your own functions gave; in Gleam `Nil` for `epmd` and `local_epmd`, "
                "whose EPMD may not run"
            >>
    }.

connects() ->
    not_alive() ++ probes() ++ dials().

not_alive() ->
    [
        connect(Why, Gleam, Phrase, Fix)
     || {Why, Gleam, Phrase, Fix} <- [
            {local_node_is_not_alive, <<"LocalNodeIsNotAlive">>, <<"this node is not alive">>,
                <<"start the VM with a name (`-name`, `-sname`)">>},
            {{invalid_node_name, 'Why'}, <<"FailedToConnect">>, <<"not a valid node name">>,
                <<
                    "correct the name: a basename of letters, digits, '_' and '-', an '@', and a "
                    "host name or address; 255 bytes at most"
                >>},
            {{unusable_address, 'Why'}, <<"FailedToConnect">>, <<"no host has its address">>,
                <<"correct the source: it gives an address that no host can have">>},
            {short_name, <<"FailedToConnect">>, <<"its name is short, and this node's is long">>,
                <<
                    "start it with -name and its host's domain or address, or this node with "
                    "-sname"
                >>},
            {long_name, <<"FailedToConnect">>, <<"its name is long, and this node's is short">>,
                <<"start this node with -name and its host's domain or address">>},
            {paused, <<"FailedToConnect">>, <<"paused">>,
                <<"`pause` came before it was dialled; `refresh` resumes">>}
        ]
    ].

%% Why nodes are not dialled: barnacle_probe:reason/0.
probes() ->
    [
        connect(Why, <<"FailedToConnect">>, Phrase, Fix)
     || {Why, Phrase, Fix} <- [
            {nxdomain, <<"the name does not exist">>,
                <<"the host part of the node's name does not resolve here: correct it, or DNS">>},
            {{lookup_failed, 'Why'}, <<"its host's name could not be looked up">>,
                <<
                    "see to the name servers of this host; `{posix, eafnosupport}` is an IPv6 "
                    "address without `-proto_dist inet6_tcp`"
                >>},
            {host_silent, <<"its host does not answer">>,
                <<
                    "a dead host, or a firewall before it; a larger `probe_timeout` only if it is "
                    "far away"
                >>},
            {host_unreachable, <<"there is no way to its host">>,
                <<"the network says so: the host is down, or a route is missing">>},
            {epmd_refused, <<"no EPMD runs on its host">>,
                <<
                    "no node was started there yet, or its EPMD has another port "
                    "(`ERL_EPMD_PORT`)"
                >>},
            {epmd_timeout, <<"its host's EPMD does not answer">>,
                <<"what listens there hangs: restart the EPMD, or the host">>},
            {epmd_bad_reply, <<"what answers on its host is no EPMD">>,
                <<"another program or a proxy has the EPMD's port: correct `ERL_EPMD_PORT`">>},
            {{not_registered, 'Names'}, <<"its host's EPMD does not know it">>,
                <<
                    "the node is down or has another name: start it, or correct the name"
                >>},
            {port_refused, <<"nothing listens on its distribution port">>,
                <<"the node is down, and where there is an EPMD, that has not noticed yet">>},
            {port_silent, <<"its distribution port does not answer">>,
                <<
                    "a firewall lets the EPMD's port through and not the node's: open "
                    "`inet_dist_listen_min` to `_max`"
                >>},
            {not_probed, <<"there was no time to look at it">>,
                <<"name servers are slow, or a larger `connect_timeout` is needed for so many">>},
            {{posix, 'Errno'}, <<"the system failed">>,
                <<
                    "`emfile`: more descriptors (`ulimit -n`); `eaddrnotavail`: a wrong source "
                    "address"
                >>}
        ]
    ].

%% What became of dials: barnacle_dial:reason/0.
dials() ->
    [
        connect(Why, <<"FailedToConnect">>, Phrase, Fix)
     || {Why, Phrase, Fix} <- [
            {{at_address, 'Address', 'Why', 'Others'},
                <<"the address that a connection attempt uses does not work">>,
                <<
                    "the host's name has several addresses: OTP connects to `Address` alone, and "
                    "of `Others` one works; remove or repair that address"
                >>},
            {handshake_failed, <<"it refused the handshake">>,
                <<
                    "most likely the two nodes have different cookies (`-setcookie`), or one has "
                    "a short name (`-sname`) and the other a long one; else its name is another "
                    "one (`node()` there), one of the two uses TLS, or another node has its port; "
                    "its log may say which"
                >>},
            {timeout, <<"timed out">>,
                <<
                    "the node accepts connections and does not speak: it hangs, or TLS is here and "
                    "not there; a larger `connect_timeout` only if it is slow. With a transport of "
                    "your own: its list did not contain the node in time"
                >>},
            {not_dialled, <<"the time limit ended before its connection attempt began">>,
                <<"many nodes start at once: it is attempted soon; or many hang, see `timeout`">>},
            {failed_unprobed, <<"the connect failed">>,
                <<
                    "most likely the two nodes have different cookies (`-setcookie`), or one has "
                    "a short name (`-sname`) and the other a long one, or the node is down; else "
                    "its name is another one (`node()` there), or one of the two uses TLS; its log "
                    "may say which. The probe could not look at this node"
                >>},
            {failed_to_connect, <<"the connect failed">>,
                <<"without `probe` nothing more is known: the node is down, or turned it away">>},
            {this_node, <<"this node by another name">>,
                <<"nothing: only `status` tells it, until the next refresh; it is no error">>}
        ]
    ].

connect(Why, Gleam, Phrase, Fix) ->
    #{
        place => result,
        error => {connect_error, [{'Node', Why}]},
        gleam => <<"ConnectError([#(node, ", Gleam/binary, ")])">>,
        says => {Why, Phrase},
        fix => Fix
    }.

disconnects() ->
    [
        #{
            place => result,
            error => {disconnect_error, [{'Node', Why}]},
            gleam => <<"DisconnectError([#(node, ", Gleam/binary, ")])">>,
            says => {Why, Phrase},
            fix => Fix
        }
     || {Why, Gleam, Phrase, Fix} <- [
            {failed_to_disconnect, <<"FailedToDisconnect">>, <<"the link could not be cut">>,
                <<"the node was no longer linked; `erlang:nodes/0`">>},
            {local_node_is_not_alive, <<"LocalNodeIsNotAlive">>, <<"this node is not alive">>,
                <<"a node that is not alive has no links">>},
            {paused, <<"FailedToDisconnect">>, <<"paused">>,
                <<"`pause` came before it was cut; `refresh` resumes">>}
        ]
    ].

exits() ->
    [
        #{place => exit, error => Reason, gleam => Gleam, fix => Fix}
     || {Reason, Gleam, Fix} <- [
            {{timeout, 'Call'}, <<"the same">>,
                <<"no answer within the call's timeout: give more, or look at `status`">>},
            {{noproc, 'Call'}, <<"the same">>, <<"no such server: start it, or supervise it">>},
            {{too_many_callers, 'Max'}, <<"the same">>,
                <<
                    "so many wait for this server: have fewer processes wait, or raise "
                    "`max_callers`"
                >>},
            {{strategy_timeout, 'Function'}, <<"the same">>,
                <<"a function of your own overstayed `strategy_timeout`">>},
            {'Reason', <<"the same">>, <<"a function of your own crashed with it: correct it">>},
            {{bad_options, 'Problems'}, <<"the text of InitFailed">>,
                <<
                    "`run_once` only: as for `start_link`; in Gleam for `custom` alone, others "
                    "have `StrategyError`"
                >>},
            {{not_started, barnacle}, <<"the text of InitFailed">>,
                <<
                    "`run_once`, and functions that query DNS or EPMD: as for `start_link`; those "
                    "functions exit with the same in Gleam"
                >>},
            {{native_library, 'Text'}, <<"the text of InitFailed">>,
                <<"`run_once` only: as for `start_link`">>}
        ]
    ].

refusals() ->
    of_names([
        {{invalid_node_name, 'Why'}, <<"not a valid node name">>,
            <<
                "correct the source: a basename of letters, digits, '_' and '-', an '@', and a "
                "host name or address; 255 bytes at most"
            >>},
        {{unusable_address, 'Why'}, <<"no host has its address">>,
            <<"correct the source: it gives an address that no host can have">>},
        {atom_limit, <<"no more atoms for new names (max_new_atoms)">>,
            <<"see where so many names come from; then raise `max_new_atoms`">>}
    ]).

%% The reasons of net_kernel:monitor_nodes/2.
losses() ->
    of_names([
        {connection_closed, <<"the link was closed">>,
            <<"the node ended, or closed the link: see there">>},
        {net_tick_timeout, <<"the node fell silent (net_ticktime)">>,
            <<"the node hangs, its host is dead, or the network is cut">>},
        {disconnect, <<"the link was cut here">>,
            <<"this node has left, or something in it called erlang:disconnect_node/1">>},
        {send_net_tick_failed, <<"the link broke">>, <<"look at the network between the two">>},
        {no_network, <<"this node has no network">>, <<"look at the network of this host">>}
    ]).

partial() ->
    Why = local_node_is_not_registered,
    Phrase = <<"this host's EPMD does not know this node">>,
    [status(Why, Why, Phrase, <<"it passes where EPMD was started anew: see `epmd -names`">>)] ++
        doubts().

%% Why a response may not have all addresses: barnacle_native:doubt/0.
doubts() ->
    [
        status(
            {response, Doubt},
            {response, Doubt},
            <<"a response may not be whole: ", Phrase/binary>>,
            Fix
        )
     || {Doubt, Phrase, Fix} <- [
            {several_cnames, <<"several CNAME records for one name">>,
                <<"correct the zone: a name has one CNAME record at most">>},
            {foreign_owner, <<"a record of another name">>,
                <<
                    "see what changes responses between this host and the name server, or ask "
                    "another one with `nameservers`"
                >>},
            {garbled, <<"its sections contradict its header">>,
                <<
                    "see what changes responses between this host and the name server, or ask "
                    "another one with `nameservers`"
                >>},
            {truncated, <<"it is truncated over TCP too">>,
                <<"ask another name server with `nameservers`, or give the name fewer records">>}
        ]
    ].

of_names(Rows) ->
    [status({'Name', Why}, Why, Phrase, Fix) || {Why, Phrase, Fix} <- Rows].

status(Error, Why, Phrase, Fix) ->
    #{
        place => status,
        error => Error,
        gleam => <<"a value in Status">>,
        says => {Why, Phrase},
        fix => Fix
    }.

fits(Pattern, Term) when is_atom(Pattern) ->
    case atom_to_list(Pattern) of
        [Capital | _] when Capital >= $A, Capital =< $Z -> true;
        _ -> Pattern =:= Term
    end;
fits(Pattern, Term) when is_tuple(Pattern), is_tuple(Term) ->
    fits(tuple_to_list(Pattern), tuple_to_list(Term));
fits([Pattern | Patterns], [Term | Terms]) ->
    fits(Pattern, Term) andalso fits(Patterns, Terms);
fits(Pattern, Term) ->
    Pattern =:= Term.
