%% SPDX-License-Identifier: Apache-2.0
%% Documentation attributes exist since OTP 27; on older releases these macros leave nothing behind.
-if(?OTP_RELEASE >= 27).
-define(MODULEDOC(Text), -moduledoc(Text)).
-define(DOC(Text), -doc(Text)).
-else.
-define(MODULEDOC(Text), -compile([])).
-define(DOC(Text), -compile([])).
-endif.
