#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [SHARED... --] TEST... - runs test programs and scripts and sums up. Those before "--" share the machine, as
# many side by side as it has cores; the others run one by one, since they measure times of a network.
#
# A test that prints a TAP plan ("1..N") counts each of its points, and points it planned but never
# reached as failed. Any other counts as one: exit code 0 passed, 77 skipped, else failed.
# Prints only what failed, and which took longest. The last line is "N passed, N failed"; ends with 1 when
# any failed. TEST_TIMEOUT: seconds for each (default 600). TEST_VERBOSE=1 prints all output. TEST_JOBS: so many of the
# others side by side (default 1).
set -u

count() { # PATTERN FILE -> how many lines match
	grep -c "$1" "$2"
}

# run_one BASE TEST: its output in BASE.out, "passed failed seconds test" in BASE.sum.
run_one() {
	out=$1.out
	begun=$(date +%s)
	timeout -k 5 "${TEST_TIMEOUT:-600}" "$2" >"$out" 2>&1
	code=$?
	plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\)$/\1/p' "$out" | head -n 1)
	good=0
	bad=0
	if [ -n "$plan" ]; then
		good=$(count '^ok ' "$out")
		bad=$((plan - good))
		# a leak or a crash after the last point
		[ "$bad" -le 0 ] && bad=0 && [ "$code" -ne 0 ] && bad=1
	elif [ "$code" -eq 77 ]; then
		echo "skipped: $2: $(tail -n 1 "$out")"
	elif [ "$code" -eq 0 ]; then
		good=1
	else
		bad=1
	fi
	echo "$good $bad $(($(date +%s) - begun)) $2" >"$1.sum"
	{
		if [ "$bad" -ne 0 ]; then
			echo "FAILED: $2 ($bad failed, exit code $code)"
			grep -v '^ok ' "$out" | sed 's/^/  /'
		elif [ "${TEST_VERBOSE:-0}" = 1 ]; then
			echo "passed: $2"
			sed 's/^/  /' "$out"
		fi
	} >"$1.report"
	flock "${1%/*}" cat "$1.report"
	rm -f "$out" "$1.report"
}

if [ "${1-}" = --one ]; then
	run_one "$2" "$3"
	exit 0
fi

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

run_all() { # JOBS LIST: lines of a base and a test
	xargs -r -d '\n' -n 2 -P "$1" "$0" --one <"$2"
}

number=0
shared=
: >"$dir/list"
for test in "$@"; do
	if [ "$test" = -- ]; then
		shared=$dir/shared
		mv "$dir/list" "$shared"
		: >"$dir/list"
		continue
	fi
	number=$((number + 1))
	printf '%s\n%s\n' "$dir/$number" "$test" >>"$dir/list"
done
[ -n "$shared" ] && run_all "$(nproc)" "$shared"
run_all "${TEST_JOBS:-1}" "$dir/list"

[ "$number" -gt 10 ] && cat "$dir"/*.sum | sort -k 3 -rn | awk 'NR <= 15 { print $3 " s " $4 }'
# a test without a sum was ended with its runner
cat "$dir"/*.sum 2>/dev/null | awk -v tests="$number" '
	{ passed += $1; failed += $2 }
	END { failed += tests - NR; printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }'
