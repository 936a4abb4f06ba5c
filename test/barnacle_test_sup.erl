%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_test_sup).

%% A supervisor for tests to start barnacles below.

-behaviour(supervisor).

-export([init/1]).

-spec init([]) -> {ok, {supervisor:sup_flags(), []}}.
init([]) ->
    {ok, {#{strategy => one_for_one, intensity => 100, period => 1}, []}}.
