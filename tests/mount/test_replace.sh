#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_replace.sh - a patient's keys are lost: governors approve new ones, and who may read all of the chart hands it
# over. Nobody else does, and the lost keys are good for nothing any more.
. "$(dirname "$0")/../lib/mount.sh"

network_up
pass=$net/passphrase

# person NAME ROLE LETTER: a new identity of that hospital, registered
person()
{
	chartfs-ca issue "$net/who/$1" --ca "$net/ca/hospital$3" --name "$1" --org "hospital$3" --role "$2" \
		--tls-host 127.0.0.1 --days 9 --passphrase-file "$pass" --rounds 2000 >/dev/null
	printf '[mount]\nidentity = %s\npassphrase-file = %s\ngenesis = %s\nroot = %s\ndata = %s\n' "$net/who/$1" "$pass" \
		"$net/genesis" "$net/ca/root/ca.pem" "$work/data-$1" >"$work/$1.ini"
	chartfs register --config "$work/$1.ini" >/dev/null
}

person anew patient C
person governor2 governor B
person governor3 governor C
for who in governor1 doctor1; do
	sed "s|/anew$|/$who|; s|data-anew|data-$who|" "$work/anew.ini" >"$work/$who.ini"
	sed -i "s|^identity = .*|identity = $net/who/$who|" "$work/$who.ini"
done
mount_as patient3
mount_as doctor1
mount_as doctor2
mkdir "$work/anew"
ok "the new identity sees no chart" chartfs mount --config "$work/anew.ini" --log "$work/anew.log" "$work/anew"
P=$work/patient3/patients/patient3
D=$work/doctor1/patients/patient3
E=$work/doctor2/patients/patient3
N=$work/anew/patients/patient3

ok "a chart" bash -c "echo '{\"n\":1}' >'$P/EMR10/note.json' && cp /etc/passwd '$P/EMR04/scan.bin'"
ok "somebody may read all of it" chartfs grant "$P" --to doctor1 --sections all --verbs read
ok "somebody a part" chartfs grant "$P" --to doctor2 --sections EMR10 --verbs read,modify
within 5 cat "$D/EMR10/note.json" "$E/EMR10/note.json"
id=$(chartfs grants "$P" | awk '$1 == "patient" { print $2 }')

# the keys are lost: only somebody who found them has them from here on
ask()
{
	chartfs replacement "$@"
}
fails "a doctor takes no chart over" 4 "owns no chart" ask begin --patient "$id" --old patient3@hospitalC --config "$work/doctor1.ini"
fails "a patient is named by an id" 1 "hexadecimal" ask begin --patient lena --old patient3@hospitalC --config "$work/anew.ini"
ok "the patient asks" ask begin --patient "$id" --old patient3@hospitalC --config "$work/anew.ini" -o "$work/r"
fails "nobody has approved" 4 "nobody approves" chartfs replace "$D" --with "$work/r"
ok "a governor approves" ask approve "$work/r" --config "$work/governor1.ini"
fails "one is not enough" 4 "1 of 3 organizations that have governors" chartfs replace "$D" --with "$work/r"
cp "$work/r" "$work/wrong"
ok "a doctor signs, too" ask approve "$work/wrong" --config "$work/doctor1.ini"
fails "which is no approval" 4 "a doctor does not approve" chartfs replace "$D" --with "$work/wrong"
ok "a second governor" ask approve "$work/r" --config "$work/governor2.ini"
sed '1s/[0-9a-f]\{4\}$/0000/' "$work/r" >"$work/forged"
fails "a consent that is none" 4 "not consented" chartfs replace "$D" --with "$work/forged"
sed '2s/[0-9a-f]\{4\}$/0000/' "$work/r" >"$work/forged"
fails "an approval that is none" 4 "has not approved" chartfs replace "$D" --with "$work/forged"
sed '2s/^approval/approves/' "$work/r" >"$work/damaged"
fails "a damaged file" 1 "line 2 is no approval" chartfs replace "$D" --with "$work/damaged"
fails "who may read a part cannot hand it over" 4 "no grant on" chartfs replace "$E" --with "$work/r"
fails "it is for one chart" 1 "another patient" chartfs replace "$work/doctor1/patients/patient1" --with "$work/r"
# peers see no key: who may read all of it hands over others
mkdir -p "$work/bin"
ln -s "$bin/rogue" "$work/bin/chartfs"
again_as() { chartfs umount "$work/doctor1"; rm -rf "$net"/mounts/doctor1-*; CHARTFS_ROGUE=$1 CHARTFS_BIN=$2 devnet mount "$net" doctor1 "$work/doctor1"; }
ok "one with a changed client" again_as rubbish "$work/bin"
within 10 cat "$D/EMR10/note.json"
ok "hands over keys that are none" chartfs replace "$D" --with "$work/r"
ok "the chart is the patient's, and shut" within 10 bash -c "! cat '$P/EMR10/note.json' 2>/dev/null"
fails "nothing opens" 1 "" cat "$N/EMR10/note.json"
ok "an honest one can help" again_as "" "$bin"
within 10 cat "$D/EMR10/note.json"
ok "the patient asks once more" ask begin --patient "$id" --old anew@hospitalC --config "$work/anew.ini" -o "$work/r"
ok "and gets the keys" chartfs replace "$D" --with "$work/r"

ok "the chart is the patient's again" within 5 grep -q '"n":1' "$N/EMR10/note.json"
ok "byte for byte" cmp /etc/passwd "$N/EMR04/scan.bin"
ok "grants names the owner" bash -c "chartfs grants '$N' | grep -q '^anew@hospitalC *owner'"
ok "the lost key opens nothing" within 5 bash -c "! cat '$P/EMR10/note.json' 2>/dev/null"
fails "nor writes" 1 "" save "$P/EMR10/more.json" '{}'
ok "grants stay" save "$E/EMR10/note.json" '{"n":2}'
ok "the patient writes" save "$N/EMR13/mine.json" '{"mine":1}'
ok "and decides" chartfs revoke "$N" --from doctor1
ok "who is let in" within 5 bash -c "! cat '$D/EMR10/note.json' 2>/dev/null"
fails "it served once" 4 "" chartfs replace "$E" --with "$work/r"
ok "the peers agree" within 20 same_heads
chartfs umount "$work/anew"
