#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_disk.sh - what becomes of a peer's disk, under load. Full: the peer waits, does not vote, and goes on by
# itself once there is room. Lost whole, or set back to an old copy: it has signed what it does not remember, so it
# follows and never votes again. Seven peers bear two such; no save is lost or doubled.
export CHARTFS_PEERS=7
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"

small=$net/peer7/data
mkdir -p "$small"
mount -t tmpfs -o size=24m tmpfs "$small" 2>/dev/null || {
	echo "no tmpfs can be mounted here"
	rmdir "$small" # nothing else is there yet
	exit 77
}
unmount_small()
{
	umount -l "$small" 2>/dev/null
}
after_all=unmount_small

network_up
mount_as doctor1
mount_as doctor2
B=$work/doctor2/patients/patient1/EMR10
writer_start "$work/doctor1/patients/patient1/EMR10"
ok "saves run" goes_on

# line N TEXT: what the tool says of a peer
line()
{
	devnet status "$net" | tee /dev/stderr | grep -q "^peer$1 .*$2"
}

# follows N: as far as the others, without a vote
follows()
{
	devnet status "$net" 2>/dev/null | awk -v n="peer$1" '
		/height/ && $3 > most { most = $3 }
		$1 == n && / not voting/ { height = $3 }
		END { exit !(height > 0 && height + 5 >= most) }'
}

# said N TEXT: in its log
said()
{
	grep -q "$2" "$net/peer$1/log"
}

# --- full

dd if=/dev/zero of="$small/filler" bs=64k 2>/dev/null
recovers "peer 7's disk is full: it says so" 20 said 7 "no space"
ok "it still runs" kill -0 "$(cat "$net/peer7/pid")"
recovers "and is not counted on" 5 line 7 "not voting"
ok "saves go on" goes_on
rm "$small/filler"
recovers "there is room again: it votes and is abreast" 20 abreast 7
ok "it is the same process" test "$(grep -c 'listens' "$net/peer7/log")" = 1
dd if=/dev/zero of="$small/filler" bs=64k 2>/dev/null
devnet peer "$net" 7 kill
sleep 1
devnet peer "$net" 7 start 2>/dev/null
ok "killed with a full disk: saves go on" goes_on
rm "$small/filler"
devnet peer "$net" 7 start
recovers "room again and started: it votes and is abreast" 20 abreast 7

# --- lost

devnet peer "$net" 5 kill
rm -r "$net/peer5/data"
devnet peer "$net" 5 start
recovers "peer 5's disk was lost: it follows and does not vote" 30 follows 5
ok "and says why" said 5 "signed by this peer and not in its vote log"
ok "saves go on" goes_on
devnet peer "$net" 5 kill
devnet peer "$net" 5 start
recovers "also after a restart" 30 follows 5

# --- set back

devnet peer "$net" 6 stop
cp -a "$net/peer6/data" "$work/old"
devnet peer "$net" 6 start
recovers "a copy was made of peer 6's disk: abreast" 20 abreast 6
ok "saves go on" goes_on
sleep 2
devnet peer "$net" 6 kill
rm -r "$net/peer6/data"
cp -a "$work/old" "$net/peer6/data"
devnet peer "$net" 6 start
recovers "set back to the copy: it follows and does not vote" 30 follows 6
ok "and says why" said 6 "signed by this peer and not in its vote log"
ok "five of seven vote: saves go on" goes_on
writer_end
recovers "all seven have the same head and state" 30 bash -c "
	\"$here/contrib/devnet\" status \"$net\" | grep -c height | grep -qx 7"
nothing_lost "$B"
