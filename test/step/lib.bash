# SPDX-License-Identifier: Apache-2.0
# For the steps of test/run: counts checks and prints the line of totals.

passed=0
failed=0
skipped=0

# check NAME COMMAND...: one test, passed if the command succeeds. Its output is shown if it doesn't.
# With exit status 77 it could not run here, and its last line says why.
check() {
    local name=$1 output status
    shift
    output=$("$@" 2>&1)
    status=$?
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        printf 'ok      %s\n' "$name"
    elif [ "$status" -eq 77 ]; then
        skipped=$((skipped + 1))
        printf '%s\n' "${output##*$'\n'}"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n%s\n' "$name" "$output"
    fi
}

# yielding COMMAND...: what only compiles yields to tests with deadlines that run beside it.
yielding() { nice -n 15 "$@"; }

# skip NAME WHY: one test that cannot run here.
skip() {
    skipped=$((skipped + 1))
    printf 'skipped: %s: %s\n' "$1" "$2"
}

# add LINE: the totals of a tool that counted for itself.
add() {
    if [[ $1 =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        skipped=$((skipped + BASH_REMATCH[3]))
    else
        failed=$((failed + 1))
        printf 'FAILED  no totals in: %s\n' "$1"
    fi
}

totals() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

# As many compilers at once as there are processors; more of what mostly waits.
jobs=-j$(nproc)
side_by_side=${JOBS:-$((2 * $(nproc)))}

# The core, and modules and tests in Erlang; test/run has built them before (test/steps.mk).
mkdir -p _build
prepare() { [ -n "${PREPARED:-}" ] || rebar3 as test compile; }

# Where rebar3 puts what the Erlang steps run.
beams=_build/test/lib/barnacle/ebin
test_beams=_build/test/lib/barnacle/test
