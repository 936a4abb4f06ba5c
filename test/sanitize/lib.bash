# SPDX-License-Identifier: Apache-2.0
# Tests under a sanitizer or valgrind: builds, the VM's wrapper, reports, and faults that must be
# seen. Sourced after test/step/lib.bash and test/step/doctest.bash.
#
# Nothing of the product knows of this. An application directory of its own has the sanitized
# library and program in its priv, beside the modules that all tests use, and goes into the code path.
# A VM gets there by a program `erl` of its own, first on the PATH, which nodes of the test-bed take
# too. Whatever finds something writes a report; a report is a failure, whoever's exit status is lost.

here=$PWD/test/sanitize

# under KIND: asan, ubsan, tsan or valgrind; sets up what the rest uses.
under() {
    kind=$1
    root=$PWD/_build/sanitize/$kind
    app=$root/lib/barnacle
    # Without vptr: GCC 12's check calls an ifstream broken whose constructor finds no file to open.
    case $kind in
        asan) sanitize=address,undefined flags="-O1 -g1 -fno-sanitize=vptr" runtimes=(libasan libubsan) ;;
        ubsan) sanitize=undefined flags="-O1 -g1 -fno-sanitize=vptr" runtimes=() ;;
        tsan) sanitize=thread flags="-O1 -g1" runtimes=(libtsan) ;;
        valgrind) sanitize= flags="-O1 -g1" runtimes=() ;;
    esac
    instrumented=()
    if [ -n "$sanitize" ]; then
        instrumented=("-fsanitize=$sanitize" -fno-sanitize-recover=all -fno-omit-frame-pointer)
    fi
    variables=("CXXFLAGS=$flags" "SANITIZE=$sanitize" "PRIV=$app/priv")
    # The plain build's objects are not these.
    if [ "$kind" = valgrind ]; then variables+=("BUILD=$root/build"); fi
    mkdir -p "$app/priv" "$root/bin" "$root/erts"
    ln -sfn "$PWD/_build/test/lib/barnacle/ebin" "$app/ebin"
    ln -sfn "$PWD/_build/test/lib/barnacle/include" "$app/include"
}

# reports_of PART: where reports go from now on.
reports_of() {
    reports=$root/reports/$1
    rm -rf "$reports"
    mkdir -p "$reports"
    local log="log_path=$reports/report"
    export ASAN_OPTIONS="$log:exitcode=99:detect_leaks=1:strict_string_checks=1"
    export UBSAN_OPTIONS="$log:print_stacktrace=1" REPORTS=$reports
    export LSAN_OPTIONS="suppressions=$here/lsan.supp:print_suppressions=0"
    # Races are looked for in what is instrumented: the VM has its own ways to be sure.
    export TSAN_OPTIONS="$log:exitcode=99:report_signal_unsafe=0:ignore_noninstrumented_modules=1"
    TSAN_OPTIONS+=":detect_deadlocks=0"
    export VALGRIND_OPTS="--quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=all
        --errors-for-leak-kinds=definite,indirect,possible --child-silent-after-fork=yes
        --num-callers=20 --log-file=$reports/report.%p"
}

no_reports() {
    local found file
    mapfile -t found < <(find "$reports" -type f -size +0)
    for file in "${found[@]:0:5}"; do
        echo "----- $file"
        head -n 80 "$file"
    done
    [ ${#found[@]} -eq 0 ] || { echo "${#found[@]} reports in $reports"; false; }
}
check_reports() { check "$kind: $1: nothing was reported" no_reports; }

# The core's makefile, one at a time: steps that run side by side build the same.
build() { yielding flock "$root/lock" make "$jobs" -C c_src "${variables[@]}" "$@"; }

# What the port program runs under is in its file: tests start it by that name.
build_port() {
    # Anew: one that was run under valgrind before is a script.
    rm -f "$app/priv/barnacle_port"
    build "$app/priv/barnacle_port" || return
    if [ "$kind" = valgrind ]; then
        mv -f "$app/priv/barnacle_port" "$root/bin/barnacle_port"
        printf '#!/bin/sh\nexec valgrind "%s"\n' "$root/bin/barnacle_port" >"$app/priv/barnacle_port"
        chmod 755 "$app/priv/barnacle_port"
    fi
}

# compile OUTPUT SOURCE OPTION...: a running program keeps its bytes.
compile() {
    local output=$root/bin/$1 source=$here/$2
    shift 2
    ${CXX:-c++} -std=c++20 -Wall -Wextra -Wpedantic -Werror -O1 -g1 "$@" -o "$output.$$" "$source" &&
        mv -f "$output.$$" "$output"
}
build_faulty() { compile faulty faulty.cpp "${instrumented[@]}" -pthread; }
build_vm() {
    local erlang runtime program preload=
    erlang=$(command erl -noshell -eval 'io:put_chars(code:root_dir()), halt().') || return
    build "$app/priv/barnacle_nif.so" || return
    compile faulty_nif.so faulty_nif.cpp "${instrumented[@]}" -shared -fPIC \
        -isystem "$erlang/usr/include" || return
    if [ ${#runtimes[@]} -gt 0 ]; then
        compile only_vm.so only_vm.cpp -shared -fPIC || return
        # The first sanitizer's must be the first of all; ours says something in the place of the others'.
        for runtime in "${runtimes[@]}"; do
            preload+=$(${CXX:-c++} -print-file-name="$runtime.so"):
            if [[ $preload != *only_vm.so:* ]]; then preload+=$root/bin/only_vm.so:; fi
        done
    fi
    # Not the script `erl`: a shell does not run under ThreadSanitizer. +Mea min: the VM's memory
    # comes from malloc, block by block, so that each block is watched and leaks are seen; only with
    # slow unwinding do the suppressions find the VM's functions.
    # The VM puts the directory of its programs first on the PATH, so it has one with this `erl` in it.
    for program in "$erlang"/erts-*/bin/*; do
        if [ "${program##*/}" != erl ]; then ln -sfn "$program" "$root/erts/${program##*/}"; fi
    done
    cat >"$root/bin/erl.$$" <<WRAPPER
#!/bin/sh
export ROOTDIR='$erlang' BINDIR='$root/erts' EMU=beam PROGNAME=erl
export ASAN_OPTIONS="\$ASAN_OPTIONS:fast_unwind_on_malloc=0"
exec env LD_PRELOAD="$preload\$LD_PRELOAD" "\$BINDIR/erlexec" +Mea min "\$@"
WRAPPER
    chmod 755 "$root/bin/erl.$$"
    mv -f "$root/bin/erl.$$" "$root/erts/erl"
}

# in_vm COMMAND...: with the VM's wrapper, and the sanitized priv in the code path. Nodes of the
# test-bed end in good order where they are only put away: leaks are looked for at the end.
in_vm() {
    PATH=$root/erts:$PATH BEAMS=$app/ebin BED_NODES_END=halt BED_SKIPS=$here/$kind.skip UNDER=$kind \
        BED_STRETCH=5 "$@"
}
erl_here() { in_vm erl -noshell -noinput -pa "$app/ebin" -pa "$PWD/$test_beams" "$@"; }

# counted PART COMMAND...: tests that print a line of totals.
counted() {
    local part=$1 output
    shift
    reports_of "$part"
    output=$("$@" 2>&1 | tee "$root/$part.log" | grep -aE '^(skipped: |FAILED|[0-9]+ passed, )')
    grep -avE '^[0-9]+ passed, ' <<<"$output"
    add "$(grep -aE '^[0-9]+ passed, ' <<<"$output" | tail -n 1)"
    printf '%s: %s: %s (%s)\n' "$kind" "$part" "$(tail -n 1 <<<"$output")" "$root/$part.log"
    check_reports "$part"
}
eunit() { erl_here -s bed_totals eunit "$PWD/$test_beams" "$@"; }

# sees PART FAULT REPORT COMMAND...: the command, which commits the fault, is stopped or fails, and
# what it is reported as is in the report.
sees() {
    local part=$1 fault=$2 report=$3
    shift 3
    reports_of "$part-$fault"
    seen() {
        local output status
        output=$("$@" 2>&1)
        status=$?
        if [ "$status" -eq 0 ]; then
            printf '%s\nthe fault went by: exit status 0\n' "$output"
        elif ! grep -rqs -- "$report" "$reports" && ! in_output "$part" "$report" "$output"; then
            printf '%s\nno report says "%s" (exit status %s); reports:\n' "$output" "$report" "$status"
            no_reports
        else
            return 0
        fi
        return 1
    }
    check "$kind: $part: $fault is seen" seen "$@"
}
# A program that has both sanitizers writes reports of undefined behaviour to standard error only; that
# it ends at once is what its tests see. VMs write them down (only_vm.cpp), and so do programs that have
# UndefinedBehaviorSanitizer alone.
in_output() { # PART REPORT OUTPUT
    [ "$kind-$1-$2" = "asan-program-igned integer overflow" ] && [[ $3 == *"$2"* ]]
}
# Without a fault there is nothing to see.
sees_none() {
    local part=$1
    shift
    reports_of "$part-none"
    check "$kind: $part: no fault, and nothing goes wrong" "$@"
    check_reports "$part-none"
}

declare -A report_of=(
    [heap_overflow]=heap-buffer-overflow [use_after_free]=heap-use-after-free
    [leak]='detected memory leaks' [signed_overflow]='igned integer overflow'
    [data_race]='data race' [vm_memory_overflow]=heap-buffer-overflow
    [vm_memory_leak]='detected memory leaks' [resource_leak]='detected memory leaks'
)
declare -A valgrind_report_of=(
    [heap_overflow]='Invalid write' [use_after_free]='Invalid read' [leak]='definitely lost'
    [uninitialised]='depends on uninitialised'
)
expected() { if [ "$kind" = valgrind ]; then echo "${valgrind_report_of[$1]}"; else echo "${report_of[$1]}"; fi; }

# Each of these commits faults by the way that the tests run, and looks for the reports.
program_faults() { # FAULT...
    local fault runner=()
    if [ "$kind" = valgrind ]; then runner=(valgrind); fi
    check "$kind: the faulty program is built" build_faulty
    sees_none program "${runner[@]}" "$root/bin/faulty" none
    for fault in "$@"; do
        sees program "$fault" "$(expected "$fault")" "${runner[@]}" "$root/bin/faulty" "$fault"
    done
}
vm_faults() { # FAULT...
    local fault
    check "$kind: the library and a faulty one are built" build_vm
    sees_none vm erl_here -run bed_faulty run "$root/bin/faulty_nif" none
    for fault in "$@"; do
        sees vm "$fault" "$(expected "$fault")" \
            erl_here -run bed_faulty run "$root/bin/faulty_nif" "$fault"
    done
}
# A node of the test-bed, started by a VM that has no fault: its exit status is nobody's.
node_fault() { # FAULT
    reports_of "node-$1"
    committed() {
        erl_here -run bed_faulty in_node "$root/bin/faulty_nif" "$1" &&
            { grep -rqs -- "$(expected "$1")" "$reports" || { echo "not reported" && false; }; }
    }
    check "$kind: nodes of the test-bed: $1 is seen" committed "$1"
}

doctest() {
    reports_of doctest
    local runner=()
    if [ "$kind" = valgrind ]; then runner=(UNDER=valgrind); fi
    local name reason names=
    while IFS=: read -r _ name reason; do
        names+=${names:+,}${name# }
        echo "skipped: doctest: ${name# }:$reason"
    done < <(grep '^doctest: ' "$here/$kind.skip")
    if [ -n "$names" ]; then
        runner+=("TEST_ARGS=--no-colors=true '--test-case-exclude=$names'")
    fi
    check "$kind: the core's tests are built" build tests
    run_doctest "${variables[@]}" "${runner[@]}"
    check_reports doctest
}
port_program() {
    check "$kind: the port program is built" build_port
    counted port-program eunit barnacle_port_program_tests barnacle_port_tests
}
