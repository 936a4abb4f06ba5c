%% SPDX-License-Identifier: Apache-2.0
-module(bed_long).

%% Whether stories are told at length, as `make faults` has them, or in short, as `make test` does;
%% and whether all takes a multiple of its time, as it does where test/sanitize runs it.

-export([either/2, stretched/1, factor/0]).

%% Short where the environment does not say FAULTS=long.
-spec either(Short, Long) -> Short | Long.
either(Short, Long) ->
    case os:getenv("FAULTS", "short") of
        "long" -> Long;
        "short" -> Short
    end.

%% A time that is to be enough for what programs do with their processors.
-spec stretched(Ms :: pos_integer()) -> pos_integer().
stretched(Ms) ->
    Ms * factor().

%% How much longer everything may take: BED_STRETCH in the environment, or 1.
-spec factor() -> pos_integer().
factor() ->
    list_to_integer(os:getenv("BED_STRETCH", "1")).
