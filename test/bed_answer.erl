%% SPDX-License-Identifier: Apache-2.0
-module(bed_answer).

%% A strategy whose answer is what stands in the environment of its node: of the application
%% barnacle_bed, names.

-include("barnacle_doc.hrl").

?BEHAVIOUR(barnacle_strategy).

-export([init/1, discover/1]).

-spec init(term()) -> {ok, []}.
init([]) ->
    {ok, []}.

-spec discover([]) -> {barnacle_strategy:answer(), []}.
discover([]) ->
    {{complete, application:get_env(barnacle_bed, names, [])}, []}.
