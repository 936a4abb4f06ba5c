%% SPDX-License-Identifier: Apache-2.0
-module(fault_storm_SUITE).

%% The last row of the fault matrix (test/README.md): all its faults in random order.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([fault_storm/1]).

-define(NODES, 6).

suite() ->
    [{timetrap, {minutes, bed_long:either(10, 30)}}].

all() ->
    [fault_storm].

%% Every node lives and belongs, so no link may be lost that the fault itself has not taken. At
%% length with another seed each time; STORM_SEED has the one of a storm that is to come again.
fault_storm(_Config) ->
    Seed = list_to_integer(os:getenv("STORM_SEED", bed_long:either("85", seed()))),
    ct:pal("STORM_SEED=~b", [Seed]),
    Steps = bed_storm_faults:steps(Seed, bed_long:either(60, 1000), ?NODES),
    Storm = bed_storm:start_link(?NODES, bed_storm:barnacles(#{})),
    ?assertEqual({Seed, []}, {Seed, bed_storm:play(Storm, Steps)}).

seed() ->
    integer_to_list(erlang:system_time(second)).
