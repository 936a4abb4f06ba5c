%% SPDX-License-Identifier: Apache-2.0
-module(bed_tls).

%% Distribution over TLS (OTP: inet_tls), with keys and certificates that are made for one test.

-export([options/1, carriers/0]).
%% For ssl, in the nodes.
-export([any_host/2]).

%% Writes a file for -ssl_dist_optfile into the directory: each end shows a certificate, and wants
%% one of the other, from the same authority. Hosts' names are in none.
-spec options(file:filename()) -> file:filename().
options(Dir) ->
    %% Newer OTPs refuse signatures over SHA-1, which is the default of pkix_test_data/1.
    Key = [{key, {namedCurve, secp256r1}}, {digest, sha256}],
    Chain = #{root => Key, intermediates => [], peer => Key},
    #{server_config := Server, client_config := Client} =
        public_key:pkix_test_data(#{server_chain => Chain, client_chain => Chain}),
    Any = [{match_fun, fun ?MODULE:any_host/2}],
    Options = [
        {server, Server ++ [{verify, verify_peer}, {fail_if_no_peer_cert, true}]},
        {client, Client ++ [{verify, verify_peer}, {customize_hostname_check, Any}]}
    ],
    File = filename:join(Dir, "ssl_dist.config"),
    ok = file:write_file(File, io_lib:format("~p.~n", [Options])),
    File.

-spec any_host(term(), term()) -> true.
any_host(_Host, _InCertificate) ->
    true.

%% What carries each link of this node.
-spec carriers() -> [tls | tcp].
carriers() ->
    {ok, Nodes} = net_kernel:nodes_info(),
    [carrier(proplists:get_value(owner, Info)) || {_, Info} <- Nodes].

%% Over TCP the controller is a port; over TLS it is a process.
carrier(Owner) ->
    {links, Links} = process_info(Owner, links),
    case lists:any(fun is_port/1, Links) of
        true -> tcp;
        false -> tls
    end.
