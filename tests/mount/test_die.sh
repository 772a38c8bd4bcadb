#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_die.sh - kill -9 of a mount in the middle of saves, again and again, with the network there and without it:
# each save is committed or offered again, none is half, and what was acknowledged is there. ROUNDS.
. "$(dirname "$0")/../lib/mount.sh"

rounds=${ROUNDS:-4} each=200
network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10

kill_mount()
{
	kill -KILL "$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$work/doctor1/.chartfs/status")"
}

saver()
{
	python3 "$here/tests/mount/saver.py" "$@"
}

lines()
{
	wc -l <"$work/log"
}

# die_while_saving ROUND LINES: the mount dies under the saver when its log has so many lines more
die_while_saving()
{
	local until=$(($(lines) + $2))
	saver save "$A" "$work/log" $(($1 * each)) $each &
	until [ "$(lines)" -ge $until ]; do sleep 0.01; done
	kill_mount
	wait $!
	devnet mount "$net" doctor1 "$work/doctor1"
}

: >"$work/log"
for ((i = 0; i < rounds; i++)); do
	ok "round $i: killed in the middle, mounted again" die_while_saving $i $((20 + i * 61 % 200))
done
ok "each save is committed or offered again, none is half" saver check "$A" "$work/doctor1/.chartfs/conflicts" "$work/log" $rounds
saver check "$A" "$work/doctor1/.chartfs/conflicts" "$work/log" $rounds | sed 's/^# /#   /'
devnet peer "$net" 1 kill
ok "a peer starts anew meanwhile" die_while_saving $rounds 100
devnet peer "$net" 1 start
devnet peer "$net" 2 kill
devnet peer "$net" 3 kill
ok "without a quorum" die_while_saving $((rounds + 1)) 8
devnet peer "$net" 2 start
devnet peer "$net" 3 start
ok "saves go on" within 40 save "$A/after.json" '{"after":1}'
ok "each save is committed or offered again, none is half" saver check "$A" "$work/doctor1/.chartfs/conflicts" "$work/log" $((rounds + 2))
saver check "$A" "$work/doctor1/.chartfs/conflicts" "$work/log" $((rounds + 2)) | sed 's/^# /#   /'
is "saves were under way when it died" yes bash -c "[ \$(grep -c began $work/log) -gt \$(grep -c saved $work/log) ] && echo yes"
ok "the rest of a thousand" saver save "$A" "$work/log" $((rounds * each + 2 * each)) $each
ok "the other hospital has the same" within 20 diff -r "$A" "$B"
ok "all heads and state roots are equal" within 30 same_heads
