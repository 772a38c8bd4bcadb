#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_rogue.sh - a client that skips its own checks, with its user's real keys (tests/rogue): no content without
# a grant, no key without a trace, no write without a right.
. "$(dirname "$0")/../lib/mount.sh"

MARK=finding-4711
mkdir -p "$work/bin"
ln -s "$bin/rogue" "$work/bin/chartfs"

# rogue_as WHO WORDS [QUERY]: the changed client, at $work/WHO, with empty stores
rogue_as()
{
	"$bin/chartfs" umount "$work/$1" 2>/dev/null
	rm -rf "$net/mounts/$1"-*
	mkdir -p "$work/$1"
	CHARTFS_ROGUE=$2 CHARTFS_QUERY=${3:-} CHARTFS_BIN=$work/bin devnet mount "$net" "$1" "$work/$1"
}

leases()
{
	chartfs accesses "$P" | cut -f 2 | grep -cx "$1"
}

network_up
mount_as patient3
P=$work/patient3/patients/patient3
D=$work/doctor1/patients/patient3
ok "the patient writes" bash -c "echo '{\"a\":\"$MARK\"}' >$P/EMR04/a.json; echo '{\"b\":\"$MARK\"}' >$P/EMR05/b.json"
ok "doctor1 may read one section" chartfs grant "$P" --to doctor1 --sections EMR04 --verbs read
ok "doctor2 too, and does" bash -c "chartfs grant $P --to doctor2 --sections EMR04 --verbs read"
mount_as doctor2
ok "with an honest client" within 10 grep -q "$MARK" "$work/doctor2/patients/patient3/EMR04/a.json"
theirs=$(chartfs accesses "$P" | grep doctor2 | cut -f 8)

ok "doctor1's client looks at no rights" rogue_as doctor1 rights
ok "a section it was granted it lists" within 10 bash -c "[ \"\$(ls $D/EMR04)\" = a.json ]"
is "one that it was not shows no name" "" bash -c "ls $D/EMR05 2>/dev/null"
fails "no content without a grant" 1 "Permission denied" cat "$D/EMR05/b.json"
is "and nobody was asked for a key" 0 leases doctor1@hospitalA
ok "it reads what it was granted" grep -q "$MARK" "$D/EMR04/a.json"
soon "with a trace" 1 bash -c "chartfs accesses $P | grep doctor1 | grep -c read"
fails "no write without a right" 1 "Permission denied" save "$D/EMR04/a.json" '{"a":2}'
fails "none of a new file" 1 "Permission denied" save "$D/EMR04/new.json" '{"a":2}'
fails "none of a name" 1 "Permission denied" mv "$D/EMR04/a.json" "$D/EMR04/c.json"
fails "no deletion" 1 "Permission denied" rm "$D/EMR04/a.json"

ok "it takes no lease any more" rogue_as doctor1 "rights lease"
ok "names it has" within 10 bash -c "[ \"\$(ls $D/EMR04)\" = a.json ]"
fails "no key without a trace" 1 "Connection timed out" cat "$D/EMR04/a.json"
ok "it names another one's query" rogue_as doctor1 "rights copied" "$theirs"
within 10 ls "$D/EMR04/a.json"
fails "that opens nothing" 1 "Permission denied" cat "$D/EMR04/a.json"

ok "the patient revokes" chartfs revoke "$P" --from doctor1
ok "its client goes on" rogue_as doctor1 rights
fails "but gets no key" 1 "" cat "$D/EMR04/a.json"
ok "the owner's record is as it was" grep -q "{\"a\":\"$MARK\"}" "$P/EMR04/a.json"
ok "and all its names" bash -c "[ \"\$(ls $P/EMR04)\" = a.json ]"
ok "nothing of it is in anybody's stores" bash -c "! grep -rqF $MARK $net"
