#!/bin/sh
# Every test, as `make test` runs them: the rules of structure, both builds, the unit programs and
# the fuzzers' corpora under the sanitizers, the API tests on the sanitized program, the fault tests
# on the optimised one (faults have to be answered in time).
#
# State is below /tmp, and stays there only if something failed. The last line is the sum, of unit
# tests and of those of pytest; a step of another kind that fails adds one to what failed.
# shellcheck disable=SC2317  # functions that only step() calls
set -u
cd "$(dirname "$0")/.." || exit 1

python=/usr/bin/python3
sanitize=SANITIZE=address,undefined
work=$(mktemp -d "${TMPDIR:-/tmp}/kontora-test.XXXXXX") || exit 1
passed=0
failed=0
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
trap 'failed=$((failed + 1)); finish' INT TERM HUP

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
build() {
    units=$(printf "build/sanitize/%s\n" tests/unit/test_*.c | sed 's/\.c$//')
    mkdir -p build "$work/sanitized" "$work/unit"
    # shellcheck disable=SC2086  # one word a program
    (
        flock 9 &&
            make --no-print-directory -s -j2 "$sanitize" all $units 9>&- &&
            make --no-print-directory -s -j2 all static test-packages 9>&- &&
            cp build/sanitize/kontora "$work/sanitized/kontora" &&
            cp build/kontora "$work/kontora" &&
            cp $units "$work/unit/"
    ) 9>build/lock
}

fuzz_replay() {
    flock build/lock sh tests/fuzz/run.sh replay
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

# A number of the summary that pytest writes for machines; 0 without one.
counted() { # name file
    number=$(sed -n "s/.*<testsuite [^>]*[^a-z]$1=\"\([0-9]*\)\".*/\1/p" "$2" 2>/dev/null)
    echo "${number:-0}"
}

suite() { # folder program
    KONTORA_BINARY=$2 "$python" -m pytest -q --tb=short -p no:cacheprovider --durations=5 \
        --basetemp="$work/$1" --junitxml="$work/$1.xml" "tests/$1"
    status=$?
    bad=$(($(counted failures "$work/$1.xml") + $(counted errors "$work/$1.xml")))
    good=$(($(counted tests "$work/$1.xml") - bad - $(counted skipped "$work/$1.xml")))
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    passed=$((passed + good))
    failed=$((failed + bad))
}

# The suites look at their own reports; this is for what died after they had looked.
no_sanitizer_report() {
    reports=$(find "$work" -name 'sanitizer.*')
    # shellcheck disable=SC2086  # one word a report
    [ -z "$reports" ] || { cat $reports && return 1; }
}

step 'rules' "$python" tests/lint/rules.py
step 'build' build || finish
units
[ ! -e tests/fuzz/run.sh ] || step 'fuzz corpora' fuzz_replay
suite api "$work/sanitized/kontora"
suite faults "$work/kontora"
step 'sanitizer reports: none' no_sanitizer_report
finish
