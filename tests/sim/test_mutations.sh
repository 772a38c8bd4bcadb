#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_mutations.sh - each mistake that can be compiled into the core (BUG_...) must be found by the simulator
# within MUTATION_SEEDS seeds; each point says by which invariant and after how many. TAP.
set -u
cd "$(dirname "$0")/../.."
dir=${O:-build}
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT TERM

bugs=$(grep -ohw 'BUG_[A-Z_]*' net/pbft*.c ledger/certificate.c | sort -u)

# Each in the background, as many at a time as there are processors.
printf '%s\n' $bugs | xargs -P "$(nproc)" -I{} sh -c \
	'"$1/sim-$3" --seeds "$4" --from 1 --stop >"$2/$3" 2>&1; echo $? >"$2/$3.code"' \
	sh "$dir" "$out" {} "${MUTATION_SEEDS:-3000}"

echo "1..$(printf '%s\n' $bugs | wc -l)"
number=0
failed=0
for bug in $bugs; do
	number=$((number + 1))
	code=$(cat "$out/$bug.code" 2>/dev/null || echo 0)
	seed=$(sed -n 's/^seed \([0-9]*\): \([A-Z]*\) .*/\2, seed \1/p' "$out/$bug" | head -n 1)
	runs=$(sed -n 's/^\([0-9]*\) passed, .*/\1/p' "$out/$bug")
	if [ "$code" -eq 1 ] && [ -n "$seed" ]; then
		echo "ok $number - $bug: caught by $seed, after $runs good runs"
	elif [ "$code" -gt 127 ]; then
		echo "ok $number - $bug: caught by an assertion: $(tail -n 1 "$out/$bug")"
	else
		echo "not ok $number - $bug: not caught: $(tail -n 1 "$out/$bug")"
		failed=1
	fi
done
exit $failed
