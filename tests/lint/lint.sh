#!/bin/sh
# Runs all checks of `make lint`, prints their violations, and fails if any check fails.
set -u
cd "$(dirname "$0")/../.." || exit 1
sources=$(find app tests -name '*.c' | sort)
headers=$(find app tests -name '*.h' | sort)
flags="-std=gnu17 -D_GNU_SOURCE -Iapp -Itests -Ibuild/generated $(pkg-config --cflags libpq)"
failed=0

check() { # name command …
    name=$1
    shift
    if output=$("$@" 2>&1); then
        echo "lint: $name: ok"
    else
        printf '%s\nlint: %s: FAILED\n' "$output" "$name"
        failed=1
    fi
}

tidy() {
    # Runs two processes at a time. Only the exit status of clang-tidy decides, not its statistics.
    # shellcheck disable=SC2086
    printf '%s\n' $sources | xargs -P 2 -n 4 sh -c \
        'clang-tidy --quiet --warnings-as-errors="*" "$@" -- '"$flags" clang-tidy
}

# The other checks include the headers that are generated from sql/.
check generated make --no-print-directory -s generated
# shellcheck disable=SC2086
check rules /usr/bin/python3 tests/lint/rules.py
check cycles /usr/bin/python3 tests/lint/cycles.py
check language /usr/bin/python3 tests/lint/language.py
# shellcheck disable=SC2086
check clang-format clang-format --dry-run --Werror $sources $headers
# shellcheck disable=SC2086
check cppcheck cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
    --enable=warning,performance,portability --suppress=missingInclude -Iapp app
check clang-tidy tidy
check warnings make --no-print-directory -s -j2 all
exit $failed
