# SPDX-License-Identifier: Apache-2.0
#
# How test/run has make run the steps: STEPS names them, in the order in which they begin.

.PHONY: all prepared $(STEPS)

all: $(STEPS)

$(STEPS):
	@test/run --step $@

# What several steps use is built by one of them at a time: even a build that finds nothing to do writes
# files that others may be reading. A step whose build failed here builds again, and shows why it fails.
$(filter-out build,$(STEPS)): | prepared

prepared: | $(filter build,$(STEPS))
	@rebar3 as test compile >_build/test-logs/prepared.log 2>&1 && touch _build/prepared || true

# Both write the build of rebar3's profile ci.
$(filter xref,$(STEPS)): | $(filter dialyzer,$(STEPS))
