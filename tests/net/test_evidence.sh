#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_evidence.sh - a member lies with its real key: the network goes on, and its lie stands on the ledger, proven
# to everybody; a peer that found it and was killed tells it after its restart; what is forged convinces nobody.
. "$(dirname "$0")/../lib/mount.sh"

# How a peer's daemon becomes the liar of tests/liar: words in front of its command.
mkdir -p "$net/prefix"
cat >"$work/liar" <<-SH
	#!/bin/sh
	shift
	exec "$bin/liar" "\$@"
SH
chmod +x "$work/liar"

# lie N WORD: from now on peer N lies like this; without a word it is honest again
lie()
{
	devnet peer "$net" "$1" stop
	rm -f "$net/prefix/peer$1"
	[ -z "${2:-}" ] || echo "env CHARTFS_LIES=$2 $work/liar" >"$net/prefix/peer$1"
	devnet peer "$net" "$1" start
}

found()
{
	[ -n "$(find "$net/peer$1/data/evidence" -name '*.seg' -size +0 2>/dev/null)" ]
}

offline()
{
	local n=$1
	shift
	chartfs evidence "$@" --data "$net/peer$n/data" --genesis "$net/genesis"
}

named()
{
	chartfs evidence list "$A" | grep -qE "$1"
}

network_up
# From their restarts on. On a slow machine a restarted member may leave the view alone; it votes, and so lies, again with
# the others' next view.
for n in 1 2 3 4; do
	printf '\n[consensus]\nrotate-blocks = 20\n' >>"$net/peer$n/peer.ini"
done
mount_as doctor1
A=$work/doctor1/patients/patient1
ok "an honest network" save "$A/EMR02/first.json" '{"n":0}'
is "has no evidence" "" chartfs evidence list "$A"

# --- found, and killed before it is told ---
teller=$(leader)
liar=$(((teller + 1) % 4 + 1))
others=($((teller % 4 + 1)) $(((teller + 2) % 4 + 1)))
lie "$liar" votes
within 20 all_equal
for n in "${others[@]}"; do
	devnet peer "$net" "$n" kill
done
(save "$A/EMR02/waits.json" '{"n":1}' >/dev/null 2>&1 &)
ok "the leader keeps what its core found" within 30 found "$teller"
devnet peer "$net" "$teller" kill
lie "$liar"
for n in "${others[@]}" "$teller"; do
	devnet peer "$net" "$n" start
done
ok "killed with -9, it tells the ledger after its restart" within 90 named "by peer$liar@.*told by peer$teller@"
ok "and the others did not know" bash -c "! ls -l $net/peer${others[0]}/data/evidence $net/peer${others[1]}/data/evidence | grep -v ' 0 ' | grep seg"

# --- a liar in a network at work ---
lie "$liar" votes
within 20 all_equal # else it catches up and never votes
failed=0
for i in $(seq 1 30); do
	save "$A/EMR02/r-$i.json" "{\"i\":$i}" || failed=1
	sleep 0.1
done
point "the network goes on with a liar in it" $failed
ok "its votes are proven" within 60 named "(prepare|commit) by peer$liar@hospital"
before=$(chartfs evidence list "$A" | wc -l)
more()
{
	save "$A/EMR02/more-$SECONDS.json" "{}" && [ "$(chartfs evidence list "$A" | wc -l)" -ge 2 ]
}
ok "and more of them" within 60 more
is "nobody else is named" "" bash -c "chartfs evidence list $A | grep -v 'by peer$liar@hospital'"
id=$(chartfs evidence list "$A" | head -n 1 | cut -d' ' -f1)
for n in 1 2 3 4; do
	ok "peer $n's ledger names it" within 30 bash -c "chartfs evidence list --data $net/peer$n/data --genesis $net/genesis | grep -q '^$id .* by peer$liar@'"
done
ok "a liar does not fill the ledger ($before pieces)" bash -c "[ \$(chartfs evidence list $A | wc -l) -le 8 ]"

# --- anybody proves it again ---
ok "shown and proven again in a mount" chartfs evidence show "$id" "$A"
ok "exported" chartfs evidence show "$id" -o "$work/lie" "$A"
ok "proven with nothing but the genesis" bash -c "chartfs-verify $net/genesis $work/lie | grep -q 'peer$liar@hospital'"
cp -a "$net/peer${others[0]}/data" "$work/copy"
ok "proven from a copy of a ledger" bash -c "chartfs evidence show $id --data $work/copy --genesis $net/genesis | grep -q verified"
size=$(stat -c %s "$work/lie")
wrong=0
for at in $(seq 0 7 $((size - 1))); do
	python3 - "$work/lie" "$work/forged" "$at" <<-'PY'
		import sys
		data = bytearray(open(sys.argv[1], "rb").read())
		data[int(sys.argv[3])] ^= 4
		open(sys.argv[2], "wb").write(data)
	PY
	chartfs-verify "$net/genesis" "$work/forged" >/dev/null 2>&1
	[ $? = 2 ] || wrong=1
done
point "a byte changed, and it proves nothing (exit 2)" $wrong
fails "a forged one is told from a true one" 2 "" chartfs-verify "$net/genesis" "$work/forged"
head -c $((size - 3)) "$work/lie" >"$work/cut"
fails "so is a cut one" 2 "not a file of evidence" chartfs-verify "$net/genesis" "$work/cut"

# --- and whoever brings it is checked ---
python3 - "$work/lie" "$work/forged" <<-'PY'
	import sys
	data = bytearray(open(sys.argv[1], "rb").read())
	data[-1] ^= 4
	open(sys.argv[2], "wb").write(data)
PY
fails "the ledger refuses a forged one, with a reason" 2 "no evidence" chartfs evidence report "$work/forged" "$A"
fails "and a second copy of a true one" 6 "on the ledger" chartfs evidence report "$work/lie" "$A"
mount_as patient1
fails "a patient brings no evidence" 4 "brings no evidence" chartfs evidence report "$work/lie" "$work/patient1"
fails "there is no evidence by that name" 7 "no such evidence" chartfs evidence show "$(printf '0%.0s' {1..64})" "$A"
lie "$liar"

# --- an endorser that signs other writes than the contract makes ---
wrong=${others[1]}
lie "$wrong" endorsements
within 20 all_equal
failed=0
end=$((SECONDS + 40))
i=0
until named "endorsed-wrong by peer$wrong@hospital.*told by doctor1@" || [ $SECONDS -ge $end ]; do
	i=$((i + 1))
	save "$A/EMR02/e-$i.json" "{\"i\":$i}" || failed=1
done
point "saves succeed with those endorsers who agree" $failed
ok "the client that saw it names who differed" named "endorsed-wrong by peer$wrong@hospital.*told by doctor1@"
id=$(chartfs evidence list "$A" | sed -n 's/ endorsed-wrong .*//p' | head -n 1)
ok "by the proof of the others' signatures" chartfs evidence show "$id" -o "$work/wrong" "$A"
ok "which needs nothing but the genesis" bash -c "chartfs-verify $net/genesis $work/wrong | grep -q 'against .* members of other'"
lie "$wrong"

# --- a leader that proposes two blocks, and tells two stories of the view it leaves ---
# by one that has not filled its measure of evidence yet: not by the first liar
within 20 all_equal
leads=$(leader)
if [ $((leads % 4 + 1)) = "$liar" ]; then
	devnet peer "$net" "$leads" kill
	within 30 save "$A/EMR02/turn.json" '{"n":3}'
	devnet peer "$net" "$leads" start
	within 20 all_equal
	leads=$(leader)
fi
next=$((leads % 4 + 1))
lie "$next" proposals,changes
within 20 all_equal
devnet peer "$net" "$leads" kill
end=$((SECONDS + 60))
i=0
until named "(pre-prepare|view-change) by peer$next@hospital" || [ $SECONDS -ge $end ]; do
	i=$((i + 1))
	save "$A/EMR02/l-$i.json" "{\"i\":$i}" >/dev/null 2>&1
	sleep 0.2
done
ok "a leader that lies is named" named "(pre-prepare|view-change) by peer$next@hospital"
ok "and another one leads on" within 30 save "$A/EMR02/after.json" '{"n":2}'
devnet peer "$net" "$leads" start
lie "$next"
ok "honest again, the peer is in step with the rest" within 30 all_equal

# --- certificates with votes of a member who never gave them: a liar does not make others doubt their memory ---
silent=$(($(leader) % 4 + 1))
devnet peer "$net" $silent kill
for n in 1 2 3 4; do
	[ $n = $silent ] || lie $n certificates
done
failed=0
for i in 1 2 3; do
	within 30 save "$A/EMR02/c-$i.json" "{\"i\":$i}" || failed=1
done
point "saves go on with forged votes beside a quorum's good ones" $failed
devnet peer "$net" $silent start
ok "who is named by them falsely votes on" within 30 all_equal
