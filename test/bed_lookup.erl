%% SPDX-License-Identifier: Apache-2.0
-module(bed_lookup).

%% Lookups by the native core, of name servers of the test-bed.

-export([outcomes/2, outcomes/3, options/2, nameservers/1]).

-export_type([where/0, outcome/0]).

%% A scripted server, a list of them, of nameservers as the option has them, or the configuration of
%% a group that has one.
-type where() :: pid() | [pid(), ...] | [binary(), ...] | [{atom(), term()}].
-type outcome() :: [inet:ip_address()] | no_data | {error, term()}.

-define(LONG_MS, 30000).

%% What each family came to: its sorted addresses, or no_data, or {error, Why}.
-spec outcomes(iodata(), where()) -> {A :: outcome(), Aaaa :: outcome()}.
outcomes(Name, Where) ->
    outcomes(Name, Where, #{}).

-spec outcomes(iodata(), where(), map()) -> {A :: outcome(), Aaaa :: outcome()}.
outcomes(Name, Where, Options) ->
    {ok, #{a := A, aaaa := Aaaa}} =
        barnacle_native:dns(iolist_to_binary(Name), options(Where, Options)),
    {outcome(A), outcome(Aaaa)}.

outcome({addresses, Addresses}) -> lists:sort(Addresses);
outcome(Other) -> Other.

%% The options of a lookup there, of which some are given.
-spec options(where(), map()) -> map().
options(Server, Options) when is_pid(Server) ->
    options(nameservers([Server]), Options);
options([Server | _] = Servers, Options) when is_pid(Server) ->
    options(nameservers(Servers), Options);
options([Nameserver | _] = Nameservers, Options) when is_binary(Nameserver) ->
    maps:merge(#{timeout => ?LONG_MS, grace => ?LONG_MS, nameservers => Nameservers}, Options);
options(Config, Options) ->
    options([proplists:get_value(nameserver, Config)], Options).

-spec nameservers([pid()]) -> [binary()].
nameservers(Servers) ->
    [bed_dns_script:nameserver(Server) || Server <- Servers].
