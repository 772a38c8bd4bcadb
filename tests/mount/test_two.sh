#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_two.sh - two mounts of two hospitals hammer one directory: what either reads is always a whole save, and at
# the end both show the same. SEED, SECONDS_EACH.
. "$(dirname "$0")/../lib/mount.sh"

seed=${SEED:-1} seconds=${SECONDS_EACH:-20}
network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10/attachments
B=$work/doctor2/patients/patient1/EMR10/attachments
mkdir "$A"
within 5 test -d "$B"

hammer()
{
	python3 "$here/tests/mount/hammer.py" "$@"
}

both()
{
	local first=0
	hammer "$A" "$seed" "$seconds" one >"$work/one.log" &
	hammer "$B" "$seed" "$seconds" two >"$work/two.log" || first=1
	wait $! || first=1
	cat "$work/one.log" "$work/two.log"
	return $first
}

# three at once, in one directory
storm()
{
	local status=0 pids=() p
	for p in "$A" "$A" "$B"; do
		timeout 60 python3 "$here/tests/mount/mix.py" storm "$p/mix" "$seed-${#pids[@]}" 6 &
		pids+=($!)
	done
	for p in "${pids[@]}"; do
		wait "$p" || status=1
	done
	return $status
}

state()
{
	(cd "$1" && find . -type f -printf '%i %m %s %T@ %C@ %p\n' | LC_ALL=C sort && find . -type f -print0 |
		LC_ALL=C sort -z | xargs -0r sha256sum)
	python3 "$here/tests/mount/mix.py" tree "$1/mix"
}

same()
{
	[ "$(state "$A")" = "$(state "$B")" ]
}

ok "seed $seed: whatever is read was saved so by one of them" both
sed 's/^# /#   /' "$work/one.log" "$work/two.log"
mkdir "$A/mix"
ok "seed $seed: a random mix of calls on both" storm
ok "both end equal: names, numbers, modes, times, bytes" within 10 same
diff <(state "$A") <(state "$B") | head -20 | sed 's/^/#   /'
ok "so do the peers" within 30 same_heads
devnet umount "$work/doctor1" && devnet umount "$work/doctor2"
mount_as doctor1
mount_as doctor2
ok "and after both were mounted anew" within 10 same
is "no file was left half" "" bash -c "cd $A && for f in *; do [ ! -f \$f ] || [ ! -s \$f ] || [ \"\$(head -n 1 \$f)\" = \"\$(tail -n +2 \$f | sha256sum | cut -d' ' -f1)\" ] || echo \$f; done"
