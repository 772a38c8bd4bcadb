#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_die.sh - kill -9 of a mount in the middle of saves, again and again: while all is well, while peers restart,
# with the network gone, with its own disk full. Each save is committed or offered again, none is half, and what was
# acknowledged is there. SAVES (default 250): how many are to have been begun, a hundred at most for each kill;
# make die SAVES=1000.
. "$(dirname "$0")/../lib/mount.sh"

each=100
saves=${SAVES:-250}
variants=(well peers network disk)
network_up
# the data of the mount that is killed, on a disk that can be filled
data=$net/mounts/doctor1-$(printf %s "$work/doctor1" | sha256sum | cut -c1-8)
mkdir -p "$data"
chmod 700 "$data"
mount -t tmpfs -o size=96m,mode=700 tmpfs "$data" 2>/dev/null && disk=1
after_all=unmount_disk
unmount_disk()
{
	[ -z "${disk:-}" ] || umount -l "$data" 2>/dev/null
}
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10
log=$work/log

kill_mount()
{
	kill -KILL "$pid"
}

saver()
{
	python3 "$here/tests/mount/saver.py" "$@"
}

# begun COUNT: so many lines more than there were when the round began
begun()
{
	within 30 bash -c "[ \$(wc -l <$log) -ge $((lines + $1)) ]"
}

all_peers()
{
	for n in 1 2 3 4; do
		devnet peer "$net" $n "$1"
	done
}

restart_peers()
{
	while [ ! -e "$work/restarted" ]; do
		for n in 1 2 3 4; do
			devnet peer "$net" $n kill
			devnet peer "$net" $n start
		done
	done 2>/dev/null
}

# what a variant does while saves run, and what it takes back when the mount is dead
during()
{
	case $1 in
	well) begun $((20 + round * 37 % 80)) ;;
	peers)
		rm -f "$work/restarted"
		restart_peers &
		restarter=$!
		begun $((20 + round * 37 % 80))
		;;
	network)
		begun 40
		all_peers pause
		begun 44 || true
		sleep 1
		;;
	disk)
		begun 30
		dd if=/dev/zero of="$data/filler" bs=64k status=none 2>/dev/null
		sleep 1
		;;
	esac
}

afterwards()
{
	case $1 in
	peers)
		touch "$work/restarted"
		wait $restarter
		;;
	network) all_peers cont ;;
	disk) rm "$data/filler" ;;
	esac
	return 0
}

die_while_saving()
{
	pid=$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$work/doctor1/.chartfs/status")
	lines=$(wc -l <"$log")
	saver save "$A" "$log" $((round * each)) $each &
	saving=$!
	during "$1"
	kill_mount
	afterwards "$1"
	wait $saving
	devnet mount "$net" doctor1 "$work/doctor1"
}

check()
{
	saver check "$A" "$work/doctor1/.chartfs/conflicts" "$log" $rounds
}

: >"$log"
# at least each variant once; a machine on which next to nothing is begun ends, too
for ((round = 0; round < 4 || ($(grep -c began "$log") < saves && round < saves / 5); round++)); do
	variant=${variants[round % 4]}
	[ "$variant" != disk ] || [ -n "${disk:-}" ] || continue
	ok "kill $round, $variant: mounted again" die_while_saving "$variant"
	recovers "saves go on" 40 save "$A/after$round.json" '{"after":1}'
done
rounds=$round
ok "at least $saves saves were begun" [ "$(grep -c began "$log")" -ge "$saves" ]
ok "each save is committed or offered again, none is half" check
check | sed 's/^# /#   /'
is "saves were under way when it died" yes bash -c "[ \$(grep -c began $log) -gt \$(grep -c saved $log) ] && echo yes"
ok "a hundred more" saver save "$A" "$log" $((rounds * each)) $each
ok "are there" check
ok "the other hospital has the same" within 20 diff -r "$A" "$B"
ok "all heads and state roots are equal" within 30 same_heads
