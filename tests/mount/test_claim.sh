#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_claim.sh - a patient without a key is admitted in custody, later takes the chart over, and then decides.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as manager1
mount_as doctor1
mount_as patient1
mount_as patient2
H=$work/manager1/patients/mia
P=$work/patient1/patients/mia

ok "the hospital admits" mkdir "$H"
ok "and writes" bash -c "echo '{\"n\":1}' >$H/EMR10/note.json && cp /etc/passwd $H/EMR04/scan.bin"
ok "and lets a doctor in" chartfs grant "$H" --to doctor1 --sections EMR10 --verbs read
id=$(chartfs grants "$H" | awk '$1 == "patient" { print $2 }')
ok "grants tells the patient's id" test ${#id} = 32
ok "the patient knows of nothing yet" bash -c "! ls $work/patient1/patients | grep mia"
ok "the patient consents" chartfs consent --patient "$id" --custodian manager1 -o "$work/consent" "$work/patient1"
chartfs consent --patient "$id" --custodian manager1 -o "$work/forged" "$work/patient2"
sed 's/\(.*\)[0-9a-f]\{4\}$/\10000/' "$work/consent" >"$work/damaged"
fails "a consent with another signature" 4 "consented" chartfs claim "$H" --consent "$work/damaged"
echo "chartfs-consent-v1 00" >"$work/short"
fails "half a consent" 1 "damaged consent" chartfs claim "$H" --consent "$work/short"
fails "a consent that is not there" 7 "nowhere" chartfs claim "$H" --consent "$work/nowhere"
fails "a doctor consents to own nothing" 4 "owns no chart" chartfs consent --patient "$id" --custodian manager1 "$work/doctor1"
ok "the hospital hands over" chartfs claim "$H" --consent "$work/consent"
ok "the patient sees the chart" within 5 grep -q '"n":1' "$P/EMR10/note.json"
ok "and every byte of it" cmp /etc/passwd "$P/EMR04/scan.bin"
ok "grants names the owner" bash -c "chartfs grants $P | grep -q '^patient1@hospitalA *owner'"
ok "the patient writes" bash -c "echo '{\"mine\":1}' >$P/EMR13/mine.json"
ok "the hospital still reads and writes" within 5 bash -c "cat $H/EMR13/mine.json && echo '{\"n\":2}' >$H/EMR10/note.json"
fails "but grants no more" 4 "only the patient grants" chartfs grant "$H" --to doctor2 --sections EMR10 --verbs read
fails "a second consent serves nobody" 4 "custody" chartfs claim "$H" --consent "$work/forged"
ok "the patient takes the hospital's right back" chartfs revoke "$P" --from manager1
ok "gone at once" within 5 bash -c "! cat $H/EMR10/note.json 2>/dev/null"
ok "the doctor keeps theirs" cat "$work/doctor1/patients/mia/EMR10/note.json"
