#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_grants.sh - grants and revocations on mounts; and no plaintext on any peer.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as patient3
mount_as doctor1
mount_as doctor2
P=$work/patient3/patients/patient3
marker=chartfs-marker-$RANDOM$RANDOM$RANDOM

ok "the patient writes" bash -c "echo '{\"m\":\"$marker\"}' >$P/EMR13/$marker.json && echo '{}' >$P/EMR02/a.json && cp /etc/passwd $P/EMR13/attachment.bin"
ok "nobody else knows of the patient" bash -c "! ls $work/doctor2/patients | grep patient3"
ok "grant" chartfs grant "$P" --to doctor2 --sections EMR13 --verbs read
ok "in effect at once" within 3 grep -q "$marker" "$work/doctor2/patients/patient3/EMR13/$marker.json"
ok "attachments, too" within 3 cmp /etc/passwd "$work/doctor2/patients/patient3/EMR13/attachment.bin"
chmod 642 "$P/EMR13/attachment.bin"
soon "modes are shown as they are stored, also to who only reads" 642 stat -c %a "$work/doctor2/patients/patient3/EMR13/attachment.bin"
ok "another section stays closed" bash -c "! cat $work/doctor2/patients/patient3/EMR02/a.json 2>/dev/null"
ok "read is not write" bash -c "! echo '{\"x\":1}' 2>/dev/null >$work/doctor2/patients/patient3/EMR13/$marker.json"
ok "the other doctor sees nothing" bash -c "! ls $work/doctor1/patients | grep patient3"
ok "a doctor cannot grant" bash -c "! chartfs grant $work/doctor2/patients/patient3 --to doctor1 --sections EMR13 --verbs read 2>/dev/null"
ok "grants lists it" bash -c "chartfs grants $P | grep doctor2"
ok "revoke" chartfs revoke "$P" --from doctor2
ok "gone at once" within 3 bash -c "! cat $work/doctor2/patients/patient3/EMR13/$marker.json 2>/dev/null"
ok "what is written next, too" bash -c "echo '{\"n\":1}' >$P/EMR13/next.json; ! cat $work/doctor2/patients/patient3/EMR13/next.json 2>/dev/null"
ok "the patient reads all" bash -c "cat $P/EMR13/$marker.json $P/EMR13/next.json $P/EMR02/a.json >/dev/null"
fails "an unknown person" 7 "nobody" chartfs grant "$P" --to nobody --sections EMR02 --verbs read
fails "an unknown verb" 1 "write" chartfs grant "$P" --to doctor2 --sections EMR02 --verbs write
fails "an unknown section" 1 "EMR17" chartfs grant "$P" --to doctor2 --sections EMR17 --verbs read

# --- GRANTS/: a file for each person, written to grant, removed to revoke ---
G=$P/GRANTS
D=$work/doctor2/patients/patient3
is "nobody has a grant: no file" "" ls "$G"
ok "a file is written" save "$G/doctor2@hospitalB" 'EMR13 read'
ok "its person reads" within 3 grep -q "$marker" "$D/EMR13/$marker.json"
is "the file says what the tool says" "doctor2@hospitalB EMR13" bash -c "chartfs grants '$P' | awk '\$2 == \"read\" && /EMR13/ { print \$1, \$3 }' | sed 's/patient,//'"
is "and what was written, the patient's directory with it" 'patient,EMR13 read' cat "$G/doctor2@hospitalB"
is "it is listed" doctor2@hospitalB ls "$G"
ok "its size is that of its text" bash -c "[ \$(stat -c %s '$G/doctor2@hospitalB') = \$(wc -c <'$G/doctor2@hospitalB') ]"
ok "another text is another grant" bash -c "printf '# the ward\nEMR13 read,add,modify\nEMR02 read until 2099-12-31\n' >'$G/doctor2@hospitalB'"
is "read back" 'EMR02 read until 2099-12-31T23:59:59Z
EMR13 read,add,modify
patient read' bash -c "LC_ALL=C sort '$G/doctor2@hospitalB'"
ok "in effect at once" within 3 save "$D/EMR13/by-doctor.json" '{"d":1}'
ok "in the other section, too" within 3 cat "$D/EMR02/a.json"
ok "a line less is a revocation" bash -c "echo 'EMR13 read' >'$G/doctor2@hospitalB'"
ok "of that section" within 3 bash -c "! cat '$D/EMR02/a.json' 2>/dev/null"
fails "and of the verbs left out" 1 "Permission denied" save "$D/EMR13/by-doctor.json" '{"d":2}'
ok "what is left is left" cat "$D/EMR13/by-doctor.json"
fails "a wrong word" 1 "Invalid argument" save "$G/doctor2@hospitalB" 'EMR13 write'
ok "is named, with its line" grep -q "EINVAL: line 1: no verb 'write'" "$work/patient3/.chartfs/last-error"
fails "a text that grants nothing" 1 "Invalid argument" save "$G/doctor2@hospitalB" '# nothing'
is "and nothing has changed" 'EMR13 read' bash -c "grep EMR13 '$G/doctor2@hospitalB' | sed 's/patient,//'"
fails "a file for nobody" 1 "Invalid argument" save "$G/nobody@hospitalB" 'EMR13 read'
fails "a file with any name" 1 "Invalid argument" save "$G/readme" 'EMR13 read'
fails "who may not grant writes none" 1 "Permission denied" save "$D/GRANTS/doctor1@hospitalA" 'EMR13 read'
fails "nor removes one" 1 "Permission denied" rm -f "$D/GRANTS/doctor2@hospitalB"
ok "but may see what stands" grep -q EMR13 "$D/GRANTS/doctor2@hospitalB"
ok "sed writes a copy first, which is none" bash -c "! sed -i 's/read/add/' '$G/doctor2@hospitalB' 2>/dev/null"
ok "it is listed nowhere else" bash -c "! ls -a '$P' | grep -q GRANTS"
ok "cp grants to somebody else what one has" cp "$G/doctor2@hospitalB" "$G/doctor1@hospitalA"
ok "who reads then" within 3 cat "$work/doctor1/patients/patient3/EMR13/by-doctor.json"
ok "rm revokes" rm "$G/doctor2@hospitalB" "$G/doctor1@hospitalA"
ok "gone" within 3 bash -c "! cat '$D/EMR13/by-doctor.json' 2>/dev/null"
is "no file is left" "" ls "$G"
ok "the patient keeps all" cat "$P/EMR13/by-doctor.json"
sync
ok "the marker is in no peer's files" bash -c "! grep -r -a -l '$marker' $net/peer1 $net/peer2 $net/peer3 $net/peer4"
ok "nor the patient's name" bash -c "! grep -r -a -l patient3 $net/peer1/data $net/peer2/data $net/peer3/data $net/peer4/data | xargs -r grep -a -c 'patients/patient3'"
ok "nor in a mount's own stores" bash -c "! grep -r -a -l '$marker' $net/mounts"
