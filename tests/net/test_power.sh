#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_power.sh - power fails under load, CUTS times (default 2), each peer on an ext4 of its own: at all four peers at
# one moment, then at one alone, in turn. Whatever a disk had not flushed is lost, kept or torn sector by sector
# (tests/power). Each time all come back with the votes they gave, and no acknowledged save is lost or doubled.
# `make power CUTS=100 SEED=7`.
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"

cuts=${CUTS:-2}
seed=${SEED:-1}
strip=$work/strip

[ -e /dev/loop-control ] || {
	echo "no loop devices here"
	exit 77
}
mkdir -p "$strip"
"$bin/disks" "$strip" 4 96 "$seed" &
disks=$!
after_all=disks_end
disks_end()
{
	local n
	for n in 1 2 3 4; do
		unplug $n
	done
	fusermount3 -uz "$strip" 2>/dev/null
	wait $disks
}

# plug N: peer N's file system is there
plug()
{
	mkdir -p "$net/peer$1/data"
	mount -o loop "$strip/disk$1" "$net/peer$1/data"
}

# unplug N: what is left of it after a loss of power; the loop device goes with the mount
unplug()
{
	umount "$net/peer$1/data" 2>/dev/null || umount -l "$net/peer$1/data" 2>/dev/null
}

within 5 test -e "$strip/power" || {
	point "the disks come up" 1
	exit 1
}
for n in 1 2 3 4; do
	mkfs.ext4 -q "$strip/disk$n" 2>/dev/null && plug $n || {
		point "an ext4 on disk $n" 1
		exit 1
	}
done
network_up
mount_as doctor1
mount_as doctor2
writer_start "$work/doctor1/patients/patient1/EMR10"

# cut PEER...: their power fails, and comes back
cut()
{
	local n
	if [ $# = 4 ]; then
		echo off >"$strip/power"
	else
		echo "off $1" >"$strip/power"
	fi
	for n; do
		devnet peer "$net" "$n" kill 2>/dev/null # unless it has stopped for good already
		unplug "$n"
	done
	sed 's/^/# /' "$strip/power"
	echo on >"$strip/power"
	for n; do
		within 5 plug "$n" && devnet peer "$net" "$n" start || return
	done
}

for ((i = 0; i < cuts; i++)); do
	ok "saves run" goes_on
	if ((i % 2 == 0)); then
		cut 1 2 3 4
		point "cut $((i + 1)): all four lost power, and start" $?
	else
		n=$((i / 2 % 4 + 1))
		cut $n
		point "cut $((i + 1)): peer $n lost power, and starts" $?
	fi
	recovers "all vote again, abreast" 30 abreast 1 2 3 4
done
ok "saves run" goes_on
nothing_lost "$work/doctor2/patients/patient1/EMR10"
for n in 1 2 3 4; do
	devnet peer "$net" $n stop
	ok "the ledger of peer $n is whole" "$bin/chartfs" verify --data "$net/peer$n/data" --genesis "$net/genesis"
done
