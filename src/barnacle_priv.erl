%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_priv).

-include("barnacle_doc.hrl").

?MODULEDOC("Where what is built of the native core lies: the directory priv of barnacle.").

-export([path/1]).

?DOC("The path of a file in it, whether the file is there or not.").
-spec path(file:filename()) -> file:filename().
path(Name) ->
    filename:join(directory(), Name).

directory() ->
    case code:priv_dir(barnacle) of
        {error, bad_name} -> beside(code:which(?MODULE));
        Directory -> Directory
    end.

%% Where the code path has the modules and no application around them.
beside(Beam) when is_list(Beam) -> filename:join(filename:dirname(filename:dirname(Beam)), "priv");
beside(_Unknown) -> "priv".
