#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_snapshot.sh - a peer with an empty disk, BLOCKS blocks behind (default 2500), takes the state of a certified
# block from another one while saves go on: a member that sends wrong rows is named and left; the peer is needed to
# vote long before it has the blocks of before; it is killed with -9 in the middle of both. In the end its ledger is
# whole and verifies. A peer whose disk was lost takes the state, too, and does not vote.
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"

blocks=${BLOCKS:-2500}
most=$((60 + blocks / 50))
D=$net/peer4/data

# peer4_ini ORDER KIB
peer4_ini()
{
	mkdir -p "$net/peer4"
	cat >"$net/peer4/peer.ini" <<-INI
		[peer]
		name = peer4
		data = data
		identity = identity
		passphrase-file = ../passphrase
		genesis = ../genesis
		root = ../ca/root/ca.pem

		[roles]
		endorse = yes
		order = $1

		[catchup]
		snapshot-blocks = 1000
		backfill-rate-kib = $2
	INI
}

# How a peer's daemon becomes the liar of tests/liar.
cat >"$work/liar" <<-SH
	#!/bin/sh
	shift
	exec "$bin/liar" "\$@"
SH
chmod +x "$work/liar"

# log_has WORDS
log_has()
{
	grep -q "$1" "$net/peer4/log"
}

# killed_within DIRECTORY: peer 4 is killed with -9 as soon as the directory is there
killed_within()
{
	local end=$((SECONDS + 20))
	until [ -d "$D/$1" ]; do
		[ $SECONDS -lt $end ] || return
	done
	devnet peer "$net" 4 kill
}

# filled: the last height that the backfill told of
filled()
{
	sed -n 's/.*has blocks 1 to \([0-9]*\);.*/\1/p' "$net/peer4/log" | tail -n 1
}

# since FROM WHAT: how long it took
since()
{
	awk -v us=$((${EPOCHREALTIME/./} - $1)) -v what="$2" 'BEGIN { printf "# %s after %.1f s\n", what, us / 1e6 }'
}

# Peer 4 follows at first, so that it has signed nothing when its disk is emptied.
peer4_ini no 8192
network_up
# from its next start on peer 1 sends wrong rows
mkdir -p "$net/prefix"
echo "env CHARTFS_LIES=snapshots $work/liar" >"$net/prefix/peer1"
ok "a ledger of $blocks blocks more" lengthen "$blocks"
mount_as doctor1
ok "a mount shows the chart" within $most test -d "$work/doctor1/patients/patient1/EMR10"
writer_start "$work/doctor1/patients/patient1/EMR14"
ok "saves run" within $most goes_on

# The liar alone answers.
rm -rf "$D"
devnet peer "$net" 2 pause
devnet peer "$net" 3 pause
peer4_ini yes 100
devnet peer "$net" 4 start
ok "a member that sends wrong rows is named" within 20 log_has "member 0 sends a wrong state"
ok "nothing of it stays" test ! -e "$D/snapshot" -a ! -e "$D/snapshot.new"
devnet peer "$net" 4 kill
devnet peer "$net" 2 cont
devnet peer "$net" 3 cont
ok "saves go on" goes_on

rm -rf "$D"
devnet peer "$net" 4 start
ok "killed in the middle of a snapshot" killed_within snapshot.new
ok "nothing of it counts" test ! -e "$D/snapshot"
from=${EPOCHREALTIME/./}
devnet peer "$net" 4 start
ok "another one's state is taken" within 20 test -d "$D/snapshot"
ok "it is abreast and votes" within 20 abreast 1 2 3 4
since "$from" "abreast and voting"
devnet peer "$net" 3 stop
ok "its vote is needed: saves go on" goes_on
ok "long before it has the blocks" test -d "$D/snapshot"
mount_as custodianD
ok "a mount that it cannot serve follows another peer" within 30 \
	bash -c "[ \$(ls $work/custodianD | wc -l) -gt 0 ] && grep -q 'follows peer [0-2]' $net/mounts/custodianD-*.log"
devnet peer "$net" 3 start

ok "killed in the middle of the blocks" devnet peer "$net" 4 kill
ok "half of it verifies already" chartfs verify --data "$D" --genesis "$net/genesis"
devnet peer "$net" 4 start
ok "it votes again" within 20 abreast 1 2 3 4
echo "# blocks 1 to $(filled) so far"
ok "and still lacks some" test -d "$D/snapshot"
devnet peer "$net" 4 stop
peer4_ini yes 8192
from=${EPOCHREALTIME/./}
devnet peer "$net" 4 start
ok "then its ledger is whole" within $most log_has "the ledger is whole -> votes by it"
since "$from" "the rest"
ok "what it voted by meanwhile is gone" within 5 test ! -e "$D/snapshot"
ok "it votes by its ledger" within 20 abreast 1 2 3 4
ok "saves still run" goes_on

# A lost disk: it has signed, and knows of nothing.
devnet peer "$net" 3 stop
rm -rf "$net/peer3/data"
printf '\n[catchup]\nsnapshot-blocks = 1000\n' >>"$net/peer3/peer.ini"
devnet peer "$net" 3 start
ok "a lost disk: the state is taken" within 30 grep -q "are the state of block" "$net/peer3/log"
ok "it comes abreast" within 30 near 3
ok "it is known that votes are missing" test -e "$net/peer3/data/votes-forgotten"
ok "and it does not vote" within 20 bash -c "$here/contrib/devnet status $net | grep -q 'peer3 .*not voting'"
ok "saves still run, by the others" goes_on

devnet peer "$net" 3 stop
mount_as doctor2
E=$work/doctor2/patients/patient1/EMR14
ok "another mount comes abreast" within $most bash -c "[ \$(ls $E | grep -c ^w-) -ge $(acked) ]"
nothing_lost "$E"
devnet peer "$net" 4 stop
ok "the ledger verifies" chartfs verify --data "$D" --genesis "$net/genesis"
