%% SPDX-License-Identifier: Apache-2.0
-module(bed_app).

%% The application barnacle in this VM, and the processes below its supervisor.

-export([started/0, restarted/1, killed/1]).

%% Starts the application, as each host of barnacle does.
-spec started() -> ok.
started() ->
    {ok, _} = application:ensure_all_started(barnacle),
    ok.

%% Stops one of the processes and starts it again.
-spec restarted(module()) -> ok.
restarted(Module) ->
    ok = supervisor:terminate_child(barnacle_sup, Module),
    {ok, _} = supervisor:restart_child(barnacle_sup, Module),
    ok.

%% Kills one of the processes, and waits until the supervisor has started it again.
-spec killed(module()) -> ok.
killed(Module) ->
    Before = whereis(Module),
    exit(Before, kill),
    bed_wait:until({started_again, Module}, fun() ->
        case whereis(Module) of
            Before -> killed;
            undefined -> down;
            %% It has begun when it answers.
            Pid -> is_tuple(sys:get_status(Pid))
        end
    end).
