%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_otp_lookup).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Queries to OTP for the address of a host, as net_kernel makes them: inet:getaddr/2, which knows what
NSS, inetrc files and inet_db:add_host/2 know.

OTP's native resolver is one server with four helper programs, and net_kernel shares it. A query to
it may take many seconds, and it goes on if the process that made it is killed. So at most two
queries are outstanding in this VM, each in a process that lives until OTP returns. That process has
the registered name of its place; a place is free again as soon as its process is gone.
""").

-export([ask/3, wait/3, places/0]).

-export_type([result/0, families/0]).

-type result() :: {ok, inet:ip_address()} | error.

?DOC("The address families to query, in this order; the first address is the result.").
-type families() :: [inet | inet6, ...].

?DOC("The registered names of the places. A caller that found none free can monitor them.").
-spec places() -> [atom()].
places() ->
    [barnacle_otp_lookup_1, barnacle_otp_lookup_2].

?DOC("""
Queries OTP for a host, if a place is free. OnResult is called in the process of the query: with the
result, or with busy if another query took the place first.
""").
-spec ask(binary(), families(), OnResult :: fun((result() | busy) -> term())) -> asked | busy.
ask(Host, Families, OnResult) ->
    case lists:any(fun(Place) -> whereis(Place) =:= undefined end, places()) of
        true ->
            _ = spawn(fun() -> query(Host, Families, OnResult) end),
            asked;
        false ->
            busy
    end.

?DOC("""
The result of ask/3, or error after so many milliseconds. A later result does not reach the caller.
""").
-spec wait(binary(), families(), non_neg_integer()) -> result() | busy.
wait(Host, Families, TimeoutMs) ->
    Alias = alias([reply]),
    case ask(Host, Families, fun(Result) -> Alias ! {Alias, Result} end) of
        asked ->
            receive
                {Alias, Result} -> Result
            after TimeoutMs ->
                _ = unalias(Alias),
                %% It may have come in between.
                receive
                    {Alias, Result} -> Result
                after 0 -> error
                end
            end;
        busy ->
            _ = unalias(Alias),
            busy
    end.

query(Host, Families, OnResult) ->
    case take(places()) of
        {ok, Place} ->
            Result = first(binary_to_list(Host), Families),
            true = unregister(Place),
            OnResult(Result);
        busy ->
            OnResult(busy)
    end.

take([]) ->
    busy;
take([Place | Places]) ->
    try register(Place, self()) of
        true -> {ok, Place}
    catch
        error:badarg -> take(Places)
    end.

first(_Host, []) ->
    error;
first(Host, [Family | Families]) ->
    try inet:getaddr(Host, Family) of
        {ok, Address} -> {ok, Address};
        {error, _} -> first(Host, Families)
    catch
        %% A resolver of the user's own choice may be anything.
        _:_ -> first(Host, Families)
    end.
