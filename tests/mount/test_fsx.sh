#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_fsx.sh - one file at random: reads, writes, truncations, appends, maps, saves, and remounts between, with
# every byte and size checked (tests/mount/fsx.c). SEED, OPS.
. "$(dirname "$0")/../lib/solo.sh"

seed=${SEED:-1} ops=${OPS:-600}
program fsx
for round in 1 2 3; do
	ok "$((ops / 3)) operations, seed $seed" "$bin/fsx" "$A/file-$seed" "$work/model" "$seed" $((ops / 3))
	ok "what it shall hold" cmp "$work/model" "$A/file-$seed"
	ok "a remount" remount
	ok "the same" cmp "$work/model" "$A/file-$seed"
	seed=$((seed + 1))
done
ok "no save was refused" test ! -s "$M/.chartfs/last-error"
