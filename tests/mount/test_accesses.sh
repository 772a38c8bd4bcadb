#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_accesses.sh - who read what, when and why: ACCESS/ and chartfs accesses, for the patient and for governors;
# a doctor's, a manager's and a governor's reading, also of charts in custody; the same as FHIR's AuditEvent.
. "$(dirname "$0")/../lib/mount.sh"

# fields FILE: who, role, section, use, purpose, sorted
fields()
{
	cut -f 2-6 "$1" | tr '\t' ' ' | sort -u
}

# fhir FILE WHO...: an AuditEvent a line, as R4 demands it, of these readers
cat >"$work/fhir.py" <<'PY'
import json, re, sys
instant = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
seen = set()
for line in open(sys.argv[1]):
    e = json.loads(line)
    assert e["resourceType"] == "AuditEvent" and re.match(r"^[A-Za-z0-9.-]{1,64}$", e["id"])
    assert e["type"]["system"] and e["type"]["code"] == "110112"
    assert e["action"] in "RU" and e["outcome"] == "0" and instant.match(e["recorded"])
    assert instant.match(e["period"]["start"]) and e["period"]["start"] < e["period"]["end"]
    assert e["source"]["observer"]["display"].startswith("urn:chartfs:")
    (agent,) = e["agent"]
    assert agent["requestor"] is True and agent["who"]["identifier"]["value"]
    (purpose,) = e["purposeOfEvent"]
    assert purpose["coding"][0]["system"] == "http://terminology.hl7.org/CodeSystem/v3-ActReason"
    patient, section = e["entity"]
    assert len(patient["what"]["identifier"]["value"]) == 32 and patient["role"]["code"] == "1"
    assert section["name"].startswith("EMR")
    seen.add(agent["name"])
assert seen == set(sys.argv[2:]), seen
PY

network_up
for who in patient3 doctor1 manager1 governor1; do
	mount_as $who
done
P=$work/patient3/patients/patient3
month=$(date -u +%Y-%m)
ok "the patient writes" bash -c "echo '{\"a\":1}' >$P/EMR04/a.json"
for who in doctor1 manager1 governor1; do
	ok "$who may read" chartfs grant "$P" --to $who --sections EMR04 --verbs read
	ok "and does" within 10 cat "$work/$who/patients/patient3/EMR04/a.json"
done
A=$P/ACCESS/$month
is "the patient sees that" "doctor1@hospitalA doctor EMR04 read TREAT
governor1@hospitalA governor EMR04 read TREAT
manager1@hospitalA manager EMR04 read TREAT
patient3@hospitalC patient EMR04 write TREAT" fields "$A.txt"
is "a line an access" 4 bash -c "wc -l <$A.txt"
is "the tool says the same" "$(fields "$A.txt")" bash -c "chartfs accesses $P | cut -f 2-6 | tr '\t' ' ' | sort -u"
is "of a time before, nothing" "" chartfs accesses --until 2020-01-01 "$P"
ok "each line names its transaction" bash -c "
	cut -f 8 $A.txt | while read -r id; do chartfs tx show \$id $P | grep -q '\"type\": \"query\"' || exit 1; done"
everybody="doctor1@hospitalA manager1@hospitalA governor1@hospitalA patient3@hospitalC"
ok "as AuditEvents" python3 "$work/fhir.py" "$A.ndjson" $everybody
ok "the tool's, too" bash -c "chartfs accesses --fhir $P >$work/events && python3 $work/fhir.py $work/events $everybody"
ok "sizes are told before" bash -c "[ \$(stat -c %s $A.txt) = \$(wc -c <$A.txt) ]"
ok "a directory of two files" bash -c "[ \"\$(ls $P/ACCESS | tr '\n' ' ')\" = '$month.ndjson $month.txt ' ]"
fails "nobody writes there" 1 "Read-only file system" save "$A.txt" x
fails "or makes a file" 1 "Read-only file system" save "$P/ACCESS/mine" x
fails "or removes one" 1 "Read-only file system" rm "$A.txt"

fails "the doctor does not see it" 2 "Permission denied" ls "$work/doctor1/patients/patient3/ACCESS"
fails "and is not told" 4 "owner and to governors" chartfs accesses "$work/doctor1/patients/patient3"
ok "or listed it" bash -c "! ls $work/doctor1/patients/patient3 | grep -q ACCESS"
is "the governor sees it" "$(fields "$A.txt")" fields "$work/governor1/patients/patient3/ACCESS/$month.txt"
fails "the manager not of all" 4 "for governors" chartfs accesses "$work/manager1"

ok "a doctor admits somebody" mkdir "$work/doctor1/patients/emergency"
ok "and writes" bash -c "echo '{}' >$work/doctor1/patients/emergency/EMR07/a.json"
C=$work/manager1/patients/emergency
ok "the custodian reads it" within 10 cat "$C/EMR07/a.json"
soon "with a trace, as everybody" "doctor1@hospitalA doctor EMR07 write TREAT
manager1@hospitalA manager EMR07 read TREAT" fields "$C/ACCESS/$month.txt"
ok "the governor has all of the network" bash -c "
	chartfs accesses $work/governor1 | cut -f 2-4 | grep -q 'manager1@hospitalA.manager.EMR07'"
before=$(wc -l <"$A.txt")
ok "the governor reads on" cat "$work/governor1/patients/patient3/EMR04/a.json"
is "one lease lasts" "$before" bash -c "wc -l <$A.txt"
devnet peer "$net" 1 stop
ok "the trail is what the blocks say" chartfs verify --data "$net/peer1/data" --genesis "$net/genesis"
