#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh TEST... - runs test programs and scripts one after the other and sums up.
#
# A test that prints a TAP plan ("1..N") counts each of its points, and points it planned but never
# reached as failed. Any other counts as one: exit code 0 passed, 77 skipped, else failed.
# Prints only what failed, and how long the longest took. The last line is "N passed, N failed"; ends with 1 when any failed.
# TEST_TIMEOUT: seconds for each (default 600). TEST_VERBOSE=1 prints all output.
set -u

passed=0
failed=0
out=$(mktemp) || exit 1
times=$(mktemp) || exit 1
trap 'rm -f "$out" "$times"' EXIT
trap 'exit 130' INT TERM

count() { # PATTERN -> how many lines of the output match
	grep -c "$1" "$out"
}

for test in "$@"; do
	begun=$(date +%s)
	timeout -k 5 "${TEST_TIMEOUT:-600}" "$test" >"$out" 2>&1
	code=$?
	echo "$(($(date +%s) - begun)) s $test" >>"$times"
	plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\)$/\1/p' "$out" | head -n 1)
	if [ -n "$plan" ]; then
		good=$(count '^ok ')
		bad=$((plan - good))
		# a leak or a crash after the last point
		[ "$bad" -le 0 ] && bad=0 && [ "$code" -ne 0 ] && bad=1
	elif [ "$code" -eq 77 ]; then
		echo "skipped: $test: $(tail -n 1 "$out")"
		continue
	elif [ "$code" -eq 0 ]; then
		good=1
		bad=0
	else
		good=0
		bad=1
	fi
	passed=$((passed + good))
	failed=$((failed + bad))
	if [ "$bad" -ne 0 ]; then
		echo "FAILED: $test ($bad failed, exit code $code)"
		grep -v '^ok ' "$out" | sed 's/^/  /'
	elif [ "${TEST_VERBOSE:-0}" = 1 ]; then
		echo "passed: $test"
		sed 's/^/  /' "$out"
	fi
done

[ "$#" -gt 10 ] && sort -rn "$times" | head -n 15
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
