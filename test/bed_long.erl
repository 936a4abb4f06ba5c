%% SPDX-License-Identifier: Apache-2.0
-module(bed_long).

%% Whether stories are told at length, as `make faults` has them, or in short, as `make test` does.

-export([either/2]).

%% Short where the environment does not say FAULTS=long.
-spec either(Short, Long) -> Short | Long.
either(Short, Long) ->
    case os:getenv("FAULTS", "short") of
        "long" -> Long;
        "short" -> Short
    end.
