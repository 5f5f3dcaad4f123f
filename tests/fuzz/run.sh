#!/bin/sh
# Runs the fuzzers.
#
#   run.sh [SECONDS]  builds the fuzzers with clang and libFuzzer and runs each for SECONDS
#                     (default 5), starting from its corpus
#   run.sh replay     builds the fuzzers with the default compiler and runs each on its corpus only
#
# Prints one line per fuzzer and fails if any fuzzer fails. A failing input is kept as
# build/fuzz/NAME-crash-…; `build/fuzz/tests/fuzz/fuzz_NAME FILE` reproduces the failure. Add
# inputs that found a fault to corpus/NAME/, so that every later run starts from them.
set -u
cd "$(dirname "$0")/../.." || exit 1
jobs=$(nproc)
out=build/fuzz

# Prints the result of one fuzzer from its exit status and its log.
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

# Inputs that a run discovers stay in build/, so that the next run starts from them.
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
    make --no-print-directory -s -j "$jobs" -f tests/fuzz/fuzz.mk "$@" fuzzers \
        >"$out/build.log" 2>&1 || {
        cat "$out/build.log"
        echo 'fuzz: the fuzzers do not build'
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
        echo 'fuzz: clang and libclang-rt-dev are required; "run.sh replay" works without them'
        exit 1
    fi
    # WARNINGS is empty, because its options are made for gcc.
    build BUILD=$out CC=clang WARNINGS= SANITIZE=fuzzer-no-link,address,undefined \
        FUZZ_MAIN=-fsanitize=fuzzer
    all --fuzz "${1:-5}" || exit 1
    ;;
esac
