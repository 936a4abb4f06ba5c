%% SPDX-License-Identifier: Apache-2.0
-module(bed_stand_in).

%% Modules that stand in for others, from their source.

-export([compile/1]).

%% Each line is a form.
-spec compile([string()]) -> {module(), binary()}.
compile(Source) ->
    {ok, Module, Code} = compile:forms([form(Line) || Line <- Source], []),
    {Module, Code}.

form(Line) ->
    {ok, Tokens, _} = erl_scan:string(Line),
    {ok, Form} = erl_parse:parse_form(Tokens),
    Form.
