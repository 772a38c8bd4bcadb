#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_approve.sh - where the patient's co-signature is demanded a doctor's change waits: the patient sees the
# difference and approves or refuses it; a change of what was changed since is void.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as patient1
mount_as doctor1
mount_as doctor2
P=$work/patient1/patients/patient1
D=$work/doctor1/patients/patient1
E=$work/doctor2/patients/patient1

# pending DIR: the only change that waits there
pending()
{
	local name
	name=$(ls "$1/pending")
	[ -n "$name" ] && [ "$(printf '%s\n' "$name" | wc -l)" = 1 ] && printf '%s/pending/%s' "$1" "$name"
}

none_waits()
{
	[ -z "$(ls "$1/pending")" ]
}

exits()
{
	local code=$1
	shift
	"$@"
	[ $? = "$code" ]
}

ok "a doctor writes" save "$D/EMR10/note.json" '{"dose": 1}'
fails "a doctor demands no co-signature" 4 "only the patient" chartfs rule "$D" --sections EMR10 --changes approved
fails "changes are approved or granted" 1 "asked" chartfs rule "$P" --sections EMR10 --changes asked
ok "the patient does" chartfs rule "$P" --sections EMR10,EMR04 --changes approved
none_waits "$P"
point "nothing waits" $?

# --- what is proposed waits, and changes nothing ---
ok "close(2) returns when the change stands in the ledger, to wait" save "$D/EMR10/note.json" '{"dose": 2}'
is "the doctor's own mount shows what it was" '{"dose": 1}' cat "$D/EMR10/note.json"
is "so large is it" 12 stat -c %s "$D/EMR10/note.json"
is "and the patient's" '{"dose": 1}' cat "$P/EMR10/note.json"
ok "the patient sees the change" within 5 pending "$P"
change=$(pending "$P")
is "and the difference" '-{"dose": 1}
+{"dose": 2}' bash -c "diff -u '$P/EMR10/note.json' '$change' | tail -n 2"
ok "whose it is" bash -c "chartfs pending '$P' | grep -q 'note.json of EMR10, by doctor1@hospitalA'"
ok "the other doctor sees it, too" within 5 pending "$E"
fails "nothing is written there" 1 "" save "$change" '{"dose": 9}'
fails "the doctor does not approve it" 4 "only the patient approves" chartfs approve "$(pending "$D")"
fails "nor does the other" 4 "only the patient approves" chartfs approve "$(pending "$E")"
fails "who did not propose it withdraws nothing" 4 "only who proposed" chartfs withdraw "$(pending "$E")"
fails "another doctor's change has to wait for its turn" 1 "" save "$E/EMR10/note.json" '{"dose": 5}'
ok "and is kept" bash -c "grep -q 'EBUSY.*somebody else.s change' '$work/doctor2/.chartfs/last-error'"
ok "the patient approves" chartfs approve "$change"
is "the patient has it at once" '{"dose": 2}' cat "$P/EMR10/note.json"
soon "the doctor soon" '{"dose": 2}' cat "$D/EMR10/note.json"
soon "so does the other" '{"dose": 2}' cat "$E/EMR10/note.json"
none_waits "$P"
point "nothing waits any more" $?
ok "its history has both" bash -c "ls '$P/EMR10/.history/note.json' | wc -l | grep -qx 2"
ok "and a proof of the change convinces anybody" bash -c "chartfs prove '$P/EMR10/note.json' -o '$work/proof' && chartfs-verify '$net/genesis' '$work/proof' '$P/EMR10/note.json' | grep -q patient1"

# --- tools of all kinds, and an attachment ---
ok "sed -i proposes" sed -i 's/2/3/' "$D/EMR10/note.json"
is "and changes nothing" '{"dose": 2}' cat "$D/EMR10/note.json"
soon "it waits" '{"dose": 3}' bash -c "cat $P/pending/*"
old=$(pending "$P")
ok "the doctor thinks again" save "$D/EMR10/note.json" '{"dose": 4}'
soon "the newer change waits in its place" '{"dose": 4}' bash -c "cat $P/pending/*"
fails "who looked at the older one approves nothing" 7 "" chartfs approve "$old"
ok "the patient refuses, by rm" rm "$(pending "$P")"
is "that was all" '{"dose": 2}' cat "$P/EMR10/note.json"
ok "vim proposes" bash -c "vim -es -u NONE -c 's/2/6/' -c wq '$D/EMR10/note.json' </dev/null"
soon "what was typed" '{"dose": 6}' bash -c "cat $P/pending/*"
is "over what stays" '{"dose": 2}' cat "$D/EMR10/note.json"
ok "the doctor withdraws" chartfs withdraw "$(pending "$D")"
head -c 700000 /dev/urandom >"$work/scan"
head -c 650000 /dev/urandom >"$work/other"
ok "an attachment is added as before" cp "$work/scan" "$D/EMR04/scan.bin"
ok "to change it is to propose" cp "$work/other" "$D/EMR04/scan.bin"
ok "it is what it was" cmp "$work/scan" "$D/EMR04/scan.bin"
ok "byte for byte what is proposed is seen" within 5 cmp "$work/other" "$P/pending/"EMR04-*-scan.bin
ok "approved" chartfs approve "$P/pending/"EMR04-*-scan.bin
ok "it is the file" within 5 cmp "$work/other" "$D/EMR04/scan.bin"

# --- what is void ---
ok "a change is proposed" save "$D/EMR10/note.json" '{"dose": 7}'
within 5 pending "$P" >/dev/null
ok "the patient changes the file" save "$P/EMR10/note.json" '{"mine": 1}'
fails "then the change cannot be approved" 6 "made from version" chartfs approve "$(pending "$P")"
ok "the list says so" bash -c "chartfs pending '$P' | grep -q 'cannot be approved'"
is "and the patient's stands" '{"mine": 1}' cat "$P/EMR10/note.json"
ok "it is refused" chartfs refuse "$(pending "$P")"

# --- no way around ---
fails "a doctor removes nothing there" 1 "Permission denied" rm -f "$D/EMR10/note.json"
save "$D/EMR10/b.json" '{"b": 1}'
fails "nor replaces" 1 "Permission denied" mv "$D/EMR10/b.json" "$D/EMR10/note.json"
is "all is there" '{"mine": 1}' cat "$P/EMR10/note.json"
fails "nor renames: a name that does not open would hide it" 1 "Permission denied" mv "$D/EMR10/b.json" "$D/EMR10/c.json"
ok "modes and times need no co-signature" chmod 600 "$D/EMR10/b.json"
ok "a change waits over a remount" save "$D/EMR10/b.json" '{"b": 2}'
devnet umount "$work/patient1"
mount_as patient1
is "of the patient" '{"b": 2}' bash -c "cat $P/pending/*"
ok "an erasure takes it, too" chartfs erase "$P/EMR10/b.json"
none_waits "$P"
point "nothing waits of what is erased" $?
ok "without the rule" chartfs rule "$P" --sections EMR10 --changes granted
sleep 1
ok "a save is a save again" save "$D/EMR10/note.json" '{"dose": 8}'
soon "at once" '{"dose": 8}' cat "$P/EMR10/note.json"
ok "the peers agree" within 20 same_heads
