#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_members.sh - the members change while saves go on: a fifth peer follows, is added and votes; one of the first
# is removed and goes on following; one gets new keys; the fifth is expelled. Peers are killed around the changes.
# Too few approvals, too few members, a change used twice are refused. Afterwards the whole ledger verifies from the
# genesis alone, an old mount and a fresh one show the same, and proofs of before and after are checked offline.
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"
. "$here/tests/lib/members.sh"

# caught_up: the fifth is not refused for being behind any more, but for what the ledger says
caught_up()
{
	members submit "$work/add" manager1 2>&1 | grep -q "more than half"
}

# first_read: by somebody who has no lease yet, on a mount of its own
first_read()
{
	mkdir -p "$work/first"
	devnet mount "$net" doctor2 "$work/first" && cat "$work/first/patients/patient1/EMR10/w-00000.json" &&
		devnet umount "$work/first"
}

network_up
mount_as doctor1
A=$work/doctor1/patients/patient1/EMR10
for who in manager1 custodianB custodianC custodianD governor1; do
	conf $who "$net/who/$who"
done
base=$(grep -o '127.0.0.1:[0-9]*' "$net/peer1/log" "$net/peer2/log" 2>/dev/null | head -n 1 | cut -d: -f3)
base=${base:-$(ss -Hltn | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -n | head -n 1)}
port=$((base + 20))
writer_start "$A"
ok "saves run" goes_on

mkdir -p "$net/peer5"
ok "a fifth peer gets an identity" issue "$net/peer5/identity" peer5
conf peer5 "$net/peer5/identity"
peer_ini 5 identity $port
add=(--peer-address "tls+tcp://127.0.0.1:$port" --client-address "tls+tcp://127.0.0.1:$((port + 1))")
members add peer5@hospitalA manager1 "${add[@]}" -o "$work/early"
ok "it is registered" chartfs register --config "$work/peer5.ini"
fails "who does not follow is not added" 5 "it follows first" members submit "$work/early" manager1
echo 5 >"$net/peers"
ok "it follows as a learner" devnet peer "$net" 5 start
ok "and says so" within 30 grep -q "no member yet" "$net/peer5/log"

ok "a manager proposes to add it" members add peer5@hospitalA manager1 "${add[@]}" -o "$work/add"
ok "and approves" members approve "$work/add" manager1
ok "so does a second one" members approve "$work/add" custodianB
ok "it catches up" within 60 caught_up
fails "two of four are too few" 4 "more than half" members submit "$work/add" manager1
ok "a third one approves" members approve "$work/add" custodianC
fails "a governor does not" 4 "does not approve" bash -c "
	cp $work/add $work/wrong && sed -i '/^approval/d' $work/wrong &&
	chartfs members approve $work/wrong --config $work/governor1.ini &&
	chartfs members submit $work/wrong --config $work/manager1.ini"
devnet peer "$net" 4 kill
ok "it is added while one peer is dead" members submit "$work/add" manager1
ok "saves go on" goes_on
devnet peer "$net" 4 start
recovers "all five vote" 20 vote 5
fails "a change serves once" 6 "members since block" members submit "$work/add" manager1
devnet peer "$net" 1 kill
ok "five bear the loss of one: saves go on" goes_on
devnet peer "$net" 1 start
recovers "it is back" 20 vote 5

peer_ini 2 identity $((base + 2))
devnet peer "$net" 2 stop
devnet peer "$net" 2 start
ok "peer 2 is to be removed" members remove peer2@hospitalB manager1 -o "$work/remove"
for who in manager1 custodianB custodianD; do
	members approve "$work/remove" $who >/dev/null
done
ok "it is" members submit "$work/remove" custodianD
ok "saves go on" goes_on
recovers "four vote" 20 vote 4
ok "it follows" within 30 grep -q "no member yet" "$net/peer2/log"
# some who hold a share of the key that nobody reads without are left, whether it was shared anew by now or not
devnet peer "$net" 3 kill
ok "who reads for the first time gets its keys" within 20 first_read
devnet peer "$net" 3 start
recovers "four vote again" 20 vote 4
ok "four are the fewest" bash -c "chartfs members remove peer3@hospitalC --config $work/manager1.ini -o $work/fewer"
for who in manager1 custodianB custodianC; do
	members approve "$work/fewer" $who >/dev/null
done
fails "so says the ledger" 1 "the fewest there can be" members submit "$work/fewer" manager1

ok "peer 2 is added again" members add peer2@hospitalB manager1 --peer-address "tls+tcp://127.0.0.1:$((base + 2))" \
	--client-address "tls+tcp://127.0.0.1:$((base + 3))" -o "$work/again"
for who in manager1 custodianB custodianC; do
	members approve "$work/again" $who >/dev/null
done
devnet peer "$net" 3 kill
ok "and votes" members submit "$work/again" manager1
devnet peer "$net" 3 start
recovers "all five vote" 20 vote 5
ok "saves go on" goes_on

ok "peer 3 makes new keys" chartfs-ca reenroll "$net/peer3/identity" --ca "$net/ca/hospitalC" --into "$net/peer3/next" \
	--root "$net/ca/root/ca.pem" --tls-host 127.0.0.1 --passphrase-file "$net/passphrase" --rounds 2000
conf peer3 "$net/peer3/identity"
ok "the ledger takes them as its identity's" chartfs renew --config "$work/peer3.ini" \
	--passphrase-file "$net/passphrase" "$net/peer3/next"
sed -i 's/^identity = .*/&\nnext-identity = next/' "$net/peer3/peer.ini"
devnet peer "$net" 3 stop
devnet peer "$net" 3 start
recovers "it goes on by the old ones" 20 vote 5
ok "with them it catches up, too" goes_on
ok "they are to be the member's" members refresh peer3@hospitalC manager1 \
	--peer-address "tls+tcp://127.0.0.1:$((base + 4))" --client-address "tls+tcp://127.0.0.1:$((base + 5))" \
	-o "$work/refresh"
for who in manager1 custodianB custodianC; do
	members approve "$work/refresh" $who >/dev/null
done
ok "and are" members submit "$work/refresh" manager1
recovers "all five vote" 20 vote 5
ok "it uses them" within 20 grep -q "has its next keys" "$net/peer3/log"
devnet peer "$net" 1 kill
ok "its vote is needed and counts: saves go on" goes_on
devnet peer "$net" 1 start
recovers "it is back" 20 vote 5
devnet peer "$net" 3 stop
sed -i 's/^identity = .*/identity = next/; /^next-identity/d' "$net/peer3/peer.ini"
devnet peer "$net" 3 start
recovers "and with them alone" 20 vote 5

ok "the governors expel the fifth" members expel peer5@hospitalA governor1 -o "$work/expel"
fails "managers cannot" 4 "does not approve" bash -c "
	cp $work/expel $work/wrong && chartfs members approve $work/wrong --config $work/manager1.ini &&
	chartfs members submit $work/wrong --config $work/manager1.ini"
ok "a governor approves" members approve "$work/expel" governor1
ok "it is expelled" members submit "$work/expel" governor1
recovers "four vote" 20 vote 4
ok "saves go on" goes_on
members add peer5@hospitalA manager1 "${add[@]}" -o "$work/back"
for who in manager1 custodianB custodianC; do
	members approve "$work/back" $who >/dev/null
done
fails "and never a member again" 13 "not active" members submit "$work/back" manager1

ok "a proof of before" chartfs prove "$A/w-00000.json" -o "$work/before.proof"
ok "is checked offline" chartfs-verify "$net/genesis" "$work/before.proof" "$A/w-00000.json"
last=$(ls "$A" | grep '^w-' | tail -n 4 | head -n 1)
ok "a proof of after" chartfs prove "$A/$last" -o "$work/after.proof"
ok "is checked offline, through five changes" chartfs-verify "$net/genesis" "$work/after.proof" "$A/$last"
mount_as doctor2
devnet peer "$net" 5 stop
echo 4 >"$net/peers"
nothing_lost "$work/doctor2/patients/patient1/EMR10"
devnet peer "$net" 1 stop
ok "the whole ledger verifies from the genesis" chartfs verify --data "$net/peer1/data" --genesis "$net/genesis"
ok "and the expelled one's own" chartfs verify --data "$net/peer5/data" --genesis "$net/genesis"
