#!/bin/sh
# Runs all tests for `make test`: the structure rules, both builds, the unit programs and the fuzz
# corpora with sanitizers, the API tests on the sanitized program, and the fault tests on the
# optimized program, because they check time limits.
#
# Builds and unit programs run first, because some of these also check time limits. Then the fault
# tests and the API tests run, each as two suites of about the same duration. Each suite of API
# tests checks its own logs at its end (test_sweep.py). The output of a suite is printed when it has
# ended.
#
# State is stored below /tmp and kept only after a failure. The last line counts passed and failed
# tests of the unit programs and of pytest; any other failed step, and a suite that was terminated
# early, counts as one failure. Ctrl-C stops everything and prints the counts; a second Ctrl-C kills
# the suites before they have cleaned up.
# shellcheck disable=SC2016,SC2086,SC2317  # inner scripts; one word per file; called by run_step
set -u
cd "$(dirname "$0")/.." || exit 1

python=/usr/bin/python3
sanitize=SANITIZE=address,undefined
work=$(mktemp -d "${TMPDIR:-/tmp}/kontora-test.XXXXXX") || exit 1
passed=0
failed=0
running= # running suites, each NAME:PID

# The fault tests of the directory, of logins and of limits are one suite, all others another one.
directory_faults=$(printf 'tests/faults/test_%s.py ' base_dn directory failover lockout logins \
    outcome protected rate_limits security_registration sessions throttle)
other_faults="tests/faults $(printf -- '--ignore=%s ' $directory_faults)"

# The API tests of accounts, records and files are one suite, all others another one.
sweep=tests/api/test_sweep.py
record_api="$(printf 'tests/api/test_%s.py ' accounts activities analytics contacts crm crm_lists \
    crm_property crm_scenario crm_values currency deals files list_filters members numbers \
    organizations pages security_members tasks tokens upload_senders validation)"
other_api="tests/api $(printf -- '--ignore=%s ' $record_api)"

unset CMOCKA_MESSAGE_OUTPUT CMOCKA_TEST_FILTER CMOCKA_SKIP_FILTER
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
export ASAN_OPTIONS=detect_leaks=1:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1

print_result_and_exit() {
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

# Ends all suites and exits before all tests have run.
abort_run() {
    trap 'signal_suites KILL' INT TERM HUP
    signal_suites INT
    end_suites
    print_result_and_exit
}
trap 'failed=$((failed + 1)); abort_run' INT TERM HUP

# Runs a command that passes or fails as a whole; prints its output only if it fails.
run_step() { # name command …
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

# Runs a command while holding the lock of build/, because concurrent runs share that folder. The
# tests use copies of the programs, so that a later build does not affect them.
with_build_lock() { # command …
    mkdir -p build
    (flock 9 && "$@" 9>&-) 9>build/lock
}

build() {
    make --no-print-directory -s -j2 all static test-packages build/tests/support/objects &&
        cp build/kontora build/tests/support/objects "$work/"
}

build_sanitized() {
    units=$(printf 'build/sanitize/%s\n' tests/unit/test_*.c | sed 's/\.c$//')
    mkdir -p "$work/sanitized" "$work/unit"
    make --no-print-directory -s -j2 "$sanitize" all $units &&
        cp build/sanitize/kontora "$work/sanitized/kontora" &&
        cp $units "$work/unit/"
}

# Counts the tests of a unit program from the output of cmocka. A program that exits with a failure
# counts as failed, whatever it printed.
count_unit() { # program
    status=$(cat "$1.status")
    good=$(grep -c '^\[       OK \]' "$1.log")
    bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' "$1.log" |
        awk '{ sum += $1 } END { print sum + 0 }')
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "$good" -gt 0 ] || [ "$bad" -gt 0 ] || bad=1
    if [ "$bad" -gt 0 ]; then
        grep -v '^\[ RUN \|^\[       OK' "$1.log"
        echo "unit ${1##*/}: $bad FAILED, status $status"
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
}

# Runs the unit programs, two at a time.
run_units() {
    before=$passed
    programs=$(find "$work/unit" -name 'test_*')
    echo "$programs" | xargs -P 2 -n 1 sh -c '"$0" >"$0.log" 2>&1; echo $? >"$0.status"'
    for program in $programs; do
        count_unit "$program"
    done
    echo "unit programs: $((passed - before)) tests passed"
}

# --- pytest suites ------------------------------------------------------------------------------

# Starts a suite in its own session, so that it gets SIGINT only from this script and not also from
# the terminal. It also gets SIGINT if this script is killed. env resets SIGINT, which the shell
# ignores in background processes.
begin_suite() { # name program argument …
    name=$1 program=$2
    shift 2
    KONTORA_BINARY=$program KONTORA_OBJECTS=$work/objects \
        setsid setpriv --pdeathsig INT env --default-signal=INT \
        "$python" -m pytest -q --tb=short -p no:cacheprovider --durations=5 \
        --basetemp="$work/$name" --junitxml="$work/$name.xml" "$@" \
        >"$work/$name.log" 2>&1 </dev/null &
    running="$name:$! $running" # the last suite to start is likely to end first
}

# Prints an attribute of the test suite in a JUnit report; 0 if there is no report.
read_count() { # name file
    number=$(sed -n "s/.*<testsuite [^>]*[^a-z]$1=\"\([0-9]*\)\".*/\1/p" "$2" 2>/dev/null)
    echo "${number:-0}"
}

end_suite() { # name pid
    while
        wait "$2" # interrupted by signals to this script
        status=$?
        kill -0 "$2" 2>/dev/null
    do :; done
    running=${running#"$1:$2 "}
    echo "--- $1"
    cat "$work/$1.log"
    bad=$(($(read_count failures "$work/$1.xml") + $(read_count errors "$work/$1.xml")))
    good=$(($(read_count tests "$work/$1.xml") - bad - $(read_count skipped "$work/$1.xml")))
    case $status in
    0 | 1) [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1 ;;
    *)
        printf '\n%s: FAILED: terminated early with status %s\n' "$1" "$status"
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

# The suites check their own reports; this finds reports of processes that ended after that check.
check_sanitizer_reports() {
    reports=$(find "$work" -name 'sanitizer.*')
    [ -z "$reports" ] || { cat $reports && return 1; }
}

run_step 'rules' "$python" tests/lint/rules.py
run_step 'build' with_build_lock build || abort_run
run_step 'sanitized build' with_build_lock build_sanitized || abort_run
run_units
begin_suite directory-faults "$work/kontora" $directory_faults
begin_suite other-faults "$work/kontora" $other_faults
renice -n 10 -p $$ >/dev/null # all that follows yields the processors to the fault tests
begin_suite other-api "$work/sanitized/kontora" $other_api
[ ! -e tests/fuzz/run.sh ] || run_step 'fuzz corpora' with_build_lock sh tests/fuzz/run.sh replay
begin_suite record-api "$work/sanitized/kontora" $record_api $sweep
end_suites
run_step 'sanitizer reports' check_sanitizer_reports
print_result_and_exit
