#!/bin/sh
# Runs the fuzzers.
#
#   run.sh [SECONDS]  builds them with clang and libFuzzer and runs each on its corpus and on what
#                     it makes of that, for so long (default 5)
#   run.sh replay     builds them with the compiler of everything else and feeds them the corpora
#
# Prints one line a fuzzer and fails if any does. What fails is kept as build/fuzz/NAME-crash-…, and
# `build/fuzz/tests/fuzz/fuzz_NAME FILE` shows it again. An input that found a fault belongs into
# corpus/NAME/, where every later run begins.
set -u
cd "$(dirname "$0")/../.." || exit 1
jobs=$(nproc)
out=build/fuzz

# One line about one fuzzer, from its exit status and its log.
report() { # name status log
    if [ "$2" -eq 0 ]; then
        echo "fuzz $1: ok, $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p; s/^replayed //p' "$3") inputs"
    else
        grep -v '^#[0-9]' "$3" | tail -n 40
        echo "fuzz $1: FAILED with status $2"
        return 1
    fi
}

replay() { # name
    build/sanitize/tests/fuzz/fuzz_"$1" tests/fuzz/corpus/"$1" >"$out/$1.log" 2>&1
    report "$1" $? "$out/$1.log"
}

# What a run learns stays in build/, so that the next begins there.
fuzz() { # name seconds
    mkdir -p "$out/corpus/$1"
    dictionary=
    [ ! -e "tests/fuzz/$1.dict" ] || dictionary="-dict=tests/fuzz/$1.dict"
    "$out/tests/fuzz/fuzz_$1" -max_total_time="$2" -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
        -artifact_prefix="$out/$1-" -print_final_stats=0 ${dictionary:+"$dictionary"} \
        "$out/corpus/$1" "tests/fuzz/corpus/$1" >"$out/$1.log" 2>&1
    report "$1" $? "$out/$1.log"
}

build() {
    mkdir -p "$out"
    make --no-print-directory -s -j "$jobs" -f tests/fuzz/fuzz.mk "$@" fuzzers >"$out/build.log" 2>&1 || {
        cat "$out/build.log"
        echo 'fuzz: they do not build'
        exit 1
    }
}

all() { # action argument …
    for source in tests/fuzz/fuzz_*.c; do
        name=${source#tests/fuzz/fuzz_}
        echo "${name%.c}"
    done | xargs -P "$jobs" -I NAME sh tests/fuzz/run.sh "$1" NAME "${2:-}"
}

case ${1:-5} in
--replay) replay "$2" ;;
--fuzz) fuzz "$2" "$3" ;;
replay)
    build SANITIZE=address,undefined
    all --replay || exit 1
    ;;
*)
    if ! echo 'int LLVMFuzzerTestOneInput(const char *data, long size) { return !data || size; }' |
        clang -fsanitize=fuzzer -x c -o /dev/null - 2>/dev/null; then
        echo 'fuzz: clang and libclang-rt-dev are needed; "run.sh replay" goes without'
        exit 1
    fi
    # The warnings are those of the other compiler.
    build BUILD=$out CC=clang WARNINGS= SANITIZE=fuzzer-no-link,address,undefined \
        FUZZ_MAIN=-fsanitize=fuzzer
    all --fuzz "${1:-5}" || exit 1
    ;;
esac
