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
sync
ok "the marker is in no peer's files" bash -c "! grep -r -a -l '$marker' $net/peer1 $net/peer2 $net/peer3 $net/peer4"
ok "nor the patient's name" bash -c "! grep -r -a -l patient3 $net/peer1/data $net/peer2/data $net/peer3/data $net/peer4/data | xargs -r grep -a -c 'patients/patient3'"
ok "nor in a mount's own stores" bash -c "! grep -r -a -l '$marker' $net/mounts"
