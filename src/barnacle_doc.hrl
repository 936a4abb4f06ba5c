%% SPDX-License-Identifier: Apache-2.0
%% A behaviour of barnacle's own. Gleam compiles modules in no particular order, and Erlang's
%% compiler warns of a behaviour that is not compiled yet; so only builds with an order declare it.
-ifdef(BEHAVIOURS).
-define(BEHAVIOUR(Module), -behaviour(Module)).
-else.
-define(BEHAVIOUR(Module), -compile([])).
-endif.

%% Documentation attributes exist since OTP 27; on older releases these macros leave nothing behind.
-if(?OTP_RELEASE >= 27).
-define(MODULEDOC(Text), -moduledoc(Text)).
-define(DOC(Text), -doc(Text)).
-else.
-define(MODULEDOC(Text), -compile([])).
-define(DOC(Text), -compile([])).
-endif.
