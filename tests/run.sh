#!/bin/sh
# Every test, as `make test` runs them: the rules of structure, both builds, the unit programs and
# the fuzzers' corpora under the sanitizers, the API tests on the sanitized program, the fault tests
# on the optimised one (faults have to be answered in time).
#
# The fault tests mostly wait, so they run beside all the others, in two parts that take about as
# long. What a suite says is printed when it has ended.
#
# State is below /tmp, and stays there only if something failed. The last line is the sum, of unit
# tests and of those of pytest; a step of another kind that fails adds one to what failed, and so
# does a suite that did not come to its end. Ctrl-C ends everything and prints the sum as well; a
# second one does not let the suites clear up.
# shellcheck disable=SC2086,SC2317  # one word a file; functions that only step() and traps call
set -u
cd "$(dirname "$0")/.." || exit 1

python=/usr/bin/python3
sanitize=SANITIZE=address,undefined
work=$(mktemp -d "${TMPDIR:-/tmp}/kontora-test.XXXXXX") || exit 1
passed=0
failed=0
running= # suites, each NAME:PID

# One part of the fault tests, those of the directory, of logins and of limits; what is not named here is the
# other one.
directory_faults=$(printf 'tests/faults/test_%s.py ' base_dn directory failover lockout logins outcome \
    protected rate_limits sessions strangers_registration throttle)
other_faults="tests/faults $(printf -- '--ignore=%s ' $directory_faults)"

unset CMOCKA_MESSAGE_OUTPUT CMOCKA_TEST_FILTER CMOCKA_SKIP_FILTER
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
export ASAN_OPTIONS=detect_leaks=1:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1

finish() {
    if [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]; then
        rm -rf "$work"
        echo "$passed passed, 0 failed"
        exit 0
    fi
    echo "state and logs: $work"
    echo "$passed passed, $failed failed"
    exit 1
}

signal_suites() { # signal
    for suite in $running; do
        kill -s "$1" "${suite##*:}" 2>/dev/null
    done
}

# Before everything has been tested.
give_up() {
    trap 'signal_suites KILL' INT TERM HUP
    signal_suites INT
    end_suites
    finish
}
trap 'failed=$((failed + 1)); give_up' INT TERM HUP

# A step that is right or wrong as a whole: silent if right.
step() { # name command …
    name=$1
    shift
    if "$@" >"$work/step.log" 2>&1; then
        echo "$name: ok"
    else
        cat "$work/step.log"
        echo "$name: FAILED"
        failed=$((failed + 1))
        return 1
    fi
}

# Two runs share build/: one of them builds, and the other finds everything there. What is tested is
# a copy, so that whoever builds meanwhile is in nobody's way.
alone() { # command …
    mkdir -p build
    (flock 9 && "$@" 9>&-) 9>build/lock
}

build() {
    make --no-print-directory -s -j2 all static test-packages build/tests/support/objects &&
        cp build/kontora build/tests/support/objects "$work/"
}

build_sanitized() {
    units=$(printf "build/sanitize/%s\n" tests/unit/test_*.c | sed 's/\.c$//')
    mkdir -p "$work/sanitized" "$work/unit"
    make --no-print-directory -s -j2 "$sanitize" all $units &&
        cp build/sanitize/kontora "$work/sanitized/kontora" &&
        cp $units "$work/unit/"
}

# One program, its tests counted from what cmocka says of them. One that ends badly has failed,
# whatever it said.
unit() { # program
    "$1" >"$work/unit.log" 2>&1
    status=$?
    good=$(grep -c '^\[       OK \]' "$work/unit.log")
    bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' "$work/unit.log" |
        awk '{ sum += $1 } END { print sum + 0 }')
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "$good" -gt 0 ] || [ "$bad" -gt 0 ] || bad=1
    if [ "$bad" -gt 0 ]; then
        grep -v '^\[ RUN \|^\[       OK' "$work/unit.log"
        echo "unit ${1##*/}: $bad FAILED, status $status"
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
}

units() {
    before=$passed
    for program in "$work"/unit/test_*; do
        unit "$program"
    done
    echo "unit programs: $((passed - before)) tests passed"
}

# --- the suites of pytest -------------------------------------------------------------------------

# In a session of its own, so that a terminal's Ctrl-C does not reach it beside our signal, which it
# gets as well if we are killed. And the shell lets what is in the background ignore that one.
begin_suite() { # name program argument …
    name=$1 program=$2
    shift 2
    KONTORA_BINARY=$program KONTORA_OBJECTS=$work/objects setsid setpriv --pdeathsig INT env --default-signal=INT \
        "$python" -m pytest -q --tb=short -p no:cacheprovider --durations=5 \
        --basetemp="$work/$name" --junitxml="$work/$name.xml" "$@" \
        >"$work/$name.log" 2>&1 </dev/null &
    running="$name:$! $running" # the one that began last is likely to end first
}

# A number of the summary that pytest writes for machines; 0 without one.
counted() { # name file
    number=$(sed -n "s/.*<testsuite [^>]*[^a-z]$1=\"\([0-9]*\)\".*/\1/p" "$2" 2>/dev/null)
    echo "${number:-0}"
}

end_suite() { # name pid
    while
        wait "$2" # which a signal to us interrupts
        status=$?
        kill -0 "$2" 2>/dev/null
    do :; done
    running=${running#"$1:$2 "}
    echo "--- $1"
    cat "$work/$1.log"
    bad=$(($(counted failures "$work/$1.xml") + $(counted errors "$work/$1.xml")))
    good=$(($(counted tests "$work/$1.xml") - bad - $(counted skipped "$work/$1.xml")))
    case $status in
    0 | 1) [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1 ;;
    *)
        printf '\n%s: FAILED, it did not come to its end: status %s\n' "$1" "$status"
        bad=$((bad + 1))
        ;;
    esac
    passed=$((passed + good))
    failed=$((failed + bad))
}

end_suites() {
    for suite in $running; do
        end_suite "${suite%:*}" "${suite#*:}"
    done
}

# The suites look at their own reports; this is for what died after they had looked.
no_sanitizer_report() {
    reports=$(find "$work" -name 'sanitizer.*')
    [ -z "$reports" ] || { cat $reports && return 1; }
}

step 'rules' "$python" tests/lint/rules.py
step 'build' alone build || give_up
begin_suite directory-faults "$work/kontora" $directory_faults
begin_suite other-faults "$work/kontora" $other_faults
step 'sanitized build' alone build_sanitized || give_up
begin_suite api "$work/sanitized/kontora" tests/api
units
[ ! -e tests/fuzz/run.sh ] || step 'fuzz corpora' alone sh tests/fuzz/run.sh replay
end_suites
step 'sanitizer reports: none' no_sanitizer_report
finish
