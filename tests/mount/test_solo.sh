#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_solo.sh - chartfs solo: founding, coming back, being killed, and what it refuses.
. "$(dirname "$0")/../lib/mount.sh"

D=$work/ledger M=$work/mnt
note=$M/patients/lena/EMR10/note.json
mkdir "$M"

pid_of()
{
	sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$1/.chartfs/status"
}

gone()
{
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

also_at_end=end_solo
end_solo()
{
	chartfs umount "$M"
	chartfs umount "$work/mnt2"
} >/dev/null 2>&1

fails "without a mount point: usage" 1 "usage: chartfs solo DIR MNT" chartfs solo "$D"
fails "a mount point that is missing" 7 "no such" bash -c "chartfs solo $D $work/none 2>&1 | tr N n; exit \${PIPESTATUS[0]}"
touch "$work/file"
fails "a mount point that is a file" 1 "not a directory" chartfs solo "$D" "$work/file"
fails "an unknown option of the mount" 1 "unknown mount option 'foo'" chartfs solo "$D" "$M" -o foo
mkdir "$work/other"
touch "$work/other/x"
fails "a directory that holds something else" 1 "no solo network" chartfs solo "$work/other" "$M"
is "is left as it was" x ls "$work/other"

ok "the first run founds the network and mounts it" chartfs solo "$D" "$M"
ok "the keys are the owner's alone" bash -c "[ -z \"\$(find $D -name '*.key' -perm /077; find $D/passphrase -perm /077)\" ]"
ok "a patient" mkdir "$M/patients/lena"
ok "a record" bash -c "echo '{\"a\": 1}' >$note"
ok "four peers have it" within 5 bash -c "[ \$(chartfs peers $M | grep -c '\"height\": 3,') = 4 ]"
mkdir "$work/mnt2"
fails "the same directory twice" 6 "in use" chartfs solo "$D" "$work/mnt2"
fails "another one on the same mount point" 6 "a mount is there already" chartfs solo "$work/ledger2" "$M"

pid=$(pid_of "$M")
ok "umount" chartfs umount "$M"
ok "waits for the end of the process" gone "$pid"
is "nothing is mounted" "" ls "$M"
fails "umount of what is not mounted" 7 "in no chartfs mount" chartfs umount "$M"
ok "the whole ledger verifies" chartfs verify --data "$D/peer3/data" --genesis "$D/genesis"

ok "the second run" chartfs solo "$D" "$M"
is "has the record" '{"a": 1}' cat "$note"
ok "a change" bash -c "echo '{\"a\": 2}' >$note"
kill -KILL "$(pid_of "$M")"
ok "killed with -9, it starts over its own dead mount" within 5 chartfs solo "$D" "$M"
is "and has what was committed" '{"a": 2}' cat "$note"
is "as two versions" 2 bash -c "chartfs log $note | wc -l"
is "mounted once" 1 grep -c " $M " /proc/mounts
kill -KILL "$(pid_of "$M")"
ok "umount of a dead mount" within 5 chartfs umount "$M"
is "nothing is mounted" 0 grep -c " $M " /proc/mounts

echo wrong >"$work/wrong"
fails "a wrong passphrase" 12 "wrong passphrase" chartfs solo "$D" "$M" --passphrase-file "$work/wrong"
fails "a wrong one in the environment" 12 "wrong passphrase" env CHARTFS_PASSPHRASE=bad chartfs solo "$D" "$M"
fails "a passphrase file that is missing" 7 "$work/none" chartfs solo "$D" "$M" --passphrase-file "$work/none"
is "nothing is mounted" 0 grep -c " $M " /proc/mounts

ok "in the foreground" bash -c "chartfs solo -f $D $M & within() { for i in \$(seq 100); do cat $note && return; sleep 0.1; done; false; }; within; r=\$?; kill -TERM \$!; wait \$!; exit \$r"
is "SIGTERM unmounts" 0 grep -c " $M " /proc/mounts
