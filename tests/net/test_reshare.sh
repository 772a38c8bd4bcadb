#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_reshare.sh - the members change, and share the key that nobody reads without anew: who joined answers, and is
# needed; who left is not; one who deals wrongly is found out; a kill in the midst costs nothing. What was sealed before
# opens as what is sealed after, for who asks the peers and for the owner, who does not.
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/members.sh"

# shares PEER: what the list says of it
shares()
{
	chartfs members list --config "$work/manager1.ini" | grep "^$1@" | cut -f 2-
}

# cheated_and_held COUNT: the fifth has said that it was dealt none, and then all got one
cheated_and_held()
{
	grep -q 'peer1 dealt a wrong share' "$net/peer5/log" && held "$1"
}

# reads DIRECTORY FILE WORD...: a mount of doctor2's that has no lease yet finds each word in its file
reads()
{
	local mnt=$work/$1
	shift
	mkdir -p "$mnt"
	devnet mount "$net" doctor2 "$mnt" || return
	while [ $# -gt 1 ]; do
		grep -q "$2" "$mnt/patients/patient1/$1" || return
		shift 2
	done
}

network_up
cat >"$work/liar" <<-SH
	#!/bin/bash
	shift
	exec "$bin/liar" "\$@"
SH
chmod +x "$work/liar"
mkdir -p "$net/prefix"
mount_as patient1
mount_as doctor1
P=$work/patient1/patients/patient1
D=$work/doctor1/patients/patient1
for who in manager1 custodianB custodianC custodianD; do
	conf $who "$net/who/$who"
done
base=$(ss -Hltn | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -n | head -n 1)
port=$((base + 20))
ok "a record of the first epoch" save "$D/EMR04/old.json" '{"epoch":"first"}'
ok "a revocation begins the next one" bash -c "
	chartfs grant $P --to doctor1 --sections EMR13 --verbs read,add &&
	chartfs grant $P --to manager1 --sections EMR04 --verbs read && chartfs revoke $P --from manager1 --sections EMR04"
ok "a record of the second" within 10 save "$D/EMR04/new.json" '{"epoch":"second"}'
is "the founders hold the key" "member"$'\t'"share 4" shares peer4

mkdir -p "$net/peer5"
ok "a fifth peer gets an identity" issue "$net/peer5/identity" peer5
conf peer5 "$net/peer5/identity"
peer_ini 5 identity $port
ok "it is registered" chartfs register --config "$work/peer5.ini"
echo 5 >"$net/peers"
ok "it follows" devnet peer "$net" 5 start
echo "env CHARTFS_LIES=deals $work/liar" >"$net/prefix/peer1"
devnet peer "$net" 1 stop
ok "the first to deal is going to cheat the fifth" devnet peer "$net" 1 start
members add peer5@hospitalA manager1 --peer-address "tls+tcp://127.0.0.1:$port" \
	--client-address "tls+tcp://127.0.0.1:$((port + 1))" -o "$work/add"
all_approve "$work/add" manager1 custodianB custodianC
ok "the fifth is added" within 30 members submit "$work/add" manager1
sleep 1
ok "killed meanwhile" devnet peer "$net" 3 kill
devnet peer "$net" 3 start
recovers "all five hold shares" 60 cheated_and_held 5
ok "the ledger names who cheated" bash -c "chartfs members list --config $work/manager1.ini | grep 'peer1@hospitalA dealt wrongly'"
rm "$net/prefix/peer1"
devnet peer "$net" 1 stop
devnet peer "$net" 1 start

ok "doctor2 reads the new record under a lease" reads r1 EMR04/new.json second
for n in 1 2 3; do
	devnet peer "$net" $n stop
done
ok "with two peers left the old one too: the fifth's share is needed" within 15 grep -q first "$work/r1/patients/patient1/EMR04/old.json"
for n in 1 2 3; do
	devnet peer "$net" $n start
done
recovers "all five vote" 30 vote 5

peer_ini 2 identity $((base + 2))
devnet peer "$net" 2 stop
devnet peer "$net" 2 start
members remove peer2@hospitalB manager1 -o "$work/remove"
all_approve "$work/remove" manager1 custodianB custodianC
ok "a founder is removed" members submit "$work/remove" manager1
recovers "the four share the key anew" 60 held 4
is "the founder is out" "" shares peer2
ok "a new reader reads both" reads r2 EMR04/old.json first EMR04/new.json second
ok "one who writes first in an epoch wraps to the owner" save "$D/EMR13/third.json" '{"epoch":"third"}'
mkdir -p "$work/o2"
ok "the owner comes anew" devnet mount "$net" patient1 "$work/o2"
ok "and has it all" within 15 grep -q third "$work/o2/patients/patient1/EMR13/third.json"
for n in 1 2 3 4 5; do
	devnet peer "$net" $n stop
done
ok "without peers: what was wrapped when the founders held the key" grep -q first "$work/o2/patients/patient1/EMR04/old.json"
ok "and what was wrapped now" grep -q third "$work/o2/patients/patient1/EMR13/third.json"
