%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_environment).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The settings of the whole VM: environment values of the application barnacle, given in a release's
sys.config, on the command line (erl -barnacle KEY VALUE) or by application:set_env/3.

They are read when they are needed, so a change works at once. A value that cannot be is refused
when a barnacle starts; where one gets in later, the default counts.
""").

-export([get/1, problems/0, table/0]).

?DOC("A setting's value; its default, or undefined, where it is not given or cannot be.").
-spec get(atom()) -> term().
get(Key) ->
    {Key, Type, Default, _Meaning} = lists:keyfind(Key, 1, table()),
    case given(Key) of
        {ok, Value} ->
            case barnacle_settings:check_value(Type, Value) of
                ok -> Value;
                {error, _} -> default(Default)
            end;
        undefined ->
            default(Default)
    end.

?DOC("The values that cannot be, each with what would be right.").
-spec problems() -> [barnacle_settings:problem()].
problems() ->
    [
        {Key, Value, <<"in the environment of the application barnacle: ", Text/binary>>}
     || {Key, Type, _, _} <- table(),
        {ok, Value} <- [given(Key)],
        {error, Text} <- [barnacle_settings:check_value(Type, Value)]
    ].

?DOC("Every setting of the VM: its name, type, default and meaning.").
-spec table() -> barnacle_settings:table().
table() ->
    [
        {native, {one_of, [nif, port]}, {default, nif},
            <<"where the native core runs: in the VM, or in a program of its own">>},
        {max_operations, {integer, operations, 1, 1000000}, optional,
            <<
                "how many operations of the native core run at once, the rest wait in order; 1000, "
                "or a sixteenth of the VM's file descriptors where that is less"
            >>},
        {max_new_atoms, {integer, atoms, 0, 16#7fffffff}, optional,
            <<
                "how many node names may become new atoms, ever, so that no source exhausts the "
                "atom table; a tenth of the VM's limit"
            >>}
    ].

default({default, Value}) -> Value;
default(optional) -> undefined.

given(Key) ->
    application:get_env(barnacle, Key).
