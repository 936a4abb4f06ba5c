# SPDX-License-Identifier: Apache-2.0
# Builds and runs the core's tests; counts test cases.

# run_doctest [VARIABLE=VALUE...]: as given to c_src/Makefile. TEST, a pattern with *, selects cases.
run_doctest() {
    local output line
    if ! yielding make "$jobs" -C c_src tests "$@"; then
        failed=$((failed + 1))
        echo "FAILED  building the tests of the core"
        return
    fi
    output=$(make -C c_src test TEST_ARGS="--no-colors=true ${TEST:+'--test-case=$TEST'}" "$@" 2>&1)
    local status=$?
    printf '%s\n' "$output"
    # [doctest] test cases:  12 |  12 passed | 0 failed | 0 skipped
    line=$(grep -aE '^\[doctest\] test cases:' <<<"$output" | tail -n 1)
    if [[ $line =~ ([0-9]+)\ passed\ *\|\ *([0-9]+)\ failed\ *\|\ *([0-9]+)\ skipped ]]; then
        add "${BASH_REMATCH[1]} passed, ${BASH_REMATCH[2]} failed, ${BASH_REMATCH[3]} skipped"
        if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
            failed=1
            echo "FAILED  exit status $status"
        fi
    else
        failed=$((failed + 1))
        echo "FAILED  doctest ended before its summary (exit status $status)"
    fi
}
