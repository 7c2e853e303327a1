#!/bin/sh
# fuzz.sh - every fuzz target once: all seeds, then a few seconds of new inputs.
. "$(dirname "$0")/../lib.sh"

case_short_run() {
	need clang
	echo 'int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return (void)p, (void)n, 0; }' >probe.c
	clang -fsanitize=fuzzer,address probe.c -o probe 2>/dev/null || skip "clang has no libFuzzer (libclang-rt-dev)"
	FUZZ_KEEP_GOING=1 "$TOP/tools/fuzz" all "${FUZZ_SECONDS:-4}"
}

run_cases
