#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_history.sh - the past: versions of a file, the tree at a height and at a time, proofs.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as patient1
mount_as doctor1
A=$work/doctor1/patients/patient1
top=$work/doctor1

height()
{
	chartfs status "$top" | sed -n 's/.*height[^0-9]*\([0-9][0-9]*\).*/\1/p' | head -n 1
}

echo '{"v":1}' >"$A/EMR10/n.json"
h1=$(height)
t1=$(date -u +%Y-%m-%dT%H:%M:%SZ)
sleep 2
echo '{"v":2}' >"$A/EMR10/n.json"
mkdir -p "$A/EMR04/attachments/d"
head -c 200000 /dev/urandom >"$work/one"
cp "$work/one" "$A/EMR04/attachments/d/x.bin"
h2=$(height)
echo '{"v":3}' >"$A/EMR10/n.json"
head -c 300000 /dev/urandom >"$A/EMR04/attachments/d/x.bin"
rm "$A/EMR10/n.json"
h3=$(height)

ok "gone now" test ! -e "$A/EMR10/n.json"
is "four rows of history" 4 bash -c "ls $A/EMR10/.history/n.json | wc -l"
is "the first version" '{"v":1}' bash -c "cat $A/EMR10/.history/n.json/0001-*"
is "the third" '{"v":3}' bash -c "cat $A/EMR10/.history/n.json/0003-*"
is "at its height" '{"v":1}' cat "$top/at/@$h1/patients/patient1/EMR10/n.json"
is "later" '{"v":2}' cat "$top/at/@$h2/patients/patient1/EMR10/n.json"
is ".history lists a deleted file, too" n.json bash -c "ls $A/EMR10/.history | grep -x n.json"
ok "deleted at the third" test ! -e "$top/at/@$h3/patients/patient1/EMR10/n.json"
is "at a time" '{"v":1}' cat "$top/at/$t1/patients/patient1/EMR10/n.json"
ok "an attachment of then" cmp "$work/one" "$top/at/@$h2/patients/patient1/EMR04/attachments/d/x.bin"
is "today's day is now" "EMR01" bash -c "ls $top/at/$(date -u +%F)/patients/patient1 | head -n 1"
is "the past is read-only" "Read-only file system" bash -c "{ echo '{}' >$top/at/@$h1/patients/patient1/EMR10/n.json; } 2>&1 | sed 's/.*: //'"
is "so are versions" "Read-only file system" bash -c "rm -f $A/EMR10/.history/n.json/0001-* 2>&1 | sed 's/.*: //'"
ok "no such height" bash -c "! ls $top/at/@999999 2>/dev/null"
ok "cp -a of a past tree" bash -c "cp -a $top/at/@$h2/patients/patient1/EMR04 $work/copy && cmp $work/one $work/copy/attachments/d/x.bin"
is "stable inode numbers in the past" "$(stat -c %i "$top/at/@$h2/patients/patient1/EMR10/n.json")" stat -c %i "$top/at/@$h2/patients/patient1/EMR10/n.json"

echo '{"v":4}' >"$A/EMR10/n.json"
ok "log names the author" bash -c "chartfs log $A/EMR10/n.json | grep -q doctor1"
ok "diff of two versions" bash -c "chartfs diff $A/EMR10/n.json@v1 $A/EMR10/n.json@v2 | grep -q '^+{\"v\":2}'"
ok "show" bash -c "chartfs show $A/EMR10/n.json | grep -qi height"
ok "prove" chartfs prove "$A/EMR10/n.json" -o "$work/proof"
ok "the proof verifies offline" chartfs-verify "$net/genesis" "$work/proof" "$A/EMR10/n.json"
echo '{"v":5}' >"$work/other.json"
fails "with other content it does not" 2 "" chartfs-verify "$net/genesis" "$work/proof" "$work/other.json"
size=$(stat -c %s "$work/proof")
bad=0
for at in 10 $((size / 4)) $((size / 3)) $((size / 2)) $((size - 5)); do
	cp "$work/proof" "$work/proof.bad"
	byte=$(od -An -tu1 -j "$at" -N 1 "$work/proof" | tr -d ' ')
	printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$work/proof.bad" bs=1 seek="$at" conv=notrunc status=none
	chartfs-verify "$net/genesis" "$work/proof.bad" "$A/EMR10/n.json" >/dev/null 2>&1 && bad=1
done
point "no changed byte of a proof passes" $bad
ok "the proof by name" bash -c "cmp <(cat $A/EMR10/n.json.proof) $work/proof || chartfs-verify $net/genesis $A/EMR10/n.json.proof"
ok "virtual xattrs" bash -c "getfattr --only-values -n user.chartfs.author $A/EMR10/n.json | grep -q doctor1"
is "not listed" "" getfattr "$A/EMR10/n.json"
ino=$(stat -c %i "$A/EMR10/n.json")
devnet umount "$work/doctor1"
mount_as doctor1
is "inode numbers are stable over a remount" "$ino" stat -c %i "$A/EMR10/n.json"
