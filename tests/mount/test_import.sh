#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_import.sh - what hospital A imports, hospital B reads byte for byte, and the ledger verifies.
#
# Imports ../shared/data when it stands beside the project, else contrib/sample; IMPORT_DATA names another input.
. "$(dirname "$0")/../lib/mount.sh"

data=${IMPORT_DATA:-$here/../shared/data}
[ -d "$data" ] || data=$here/contrib/sample
plain=$work/plain

# files DIR: the digests of all files below it, by name; unlike `find | xargs` tells of what cannot be read
files()
{
	(cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum)
}

height()
{
	chartfs status "$1" | sed -n 's/^ *"height": \([0-9]*\),*$/\1/p'
}

same_counts()
{
	local patient
	for patient in "$plain"/*/; do
		[ "$(find "$patient" -type f | wc -l)" = "$(find "$B/$(basename "$patient")" -type f | wc -l)" ] || {
			echo "$patient: other numbers of files"
			return 1
		}
	done
}

mkdir -p "$plain"
ok "import into a directory" chartfs import --quiet "$data" "$plain"
files "$plain" >"$work/want"
ok "something was imported" test -s "$work/want"
if [ -e "$data/MANIFEST.tsv" ]; then
	cut -c1-64 "$work/want" | sort -u >"$work/have"
	tail -n +2 "$data/MANIFEST.tsv" | cut -f5 | sort -u | comm -23 - "$work/have" >"$work/missing"
	is "every file of the manifest is in it as it is" "" cat "$work/missing"
fi

network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients B=$work/doctor2/patients
ok "import into the mount" chartfs import --quiet --grant doctor2:all:read "$data" "$A"
ok "hospital A reads every byte" bash -c "cd $A && sha256sum --quiet -c $work/want"
within 20 test -e "$B/$(tail -n 1 "$work/want" | cut -c67-)"
ok "hospital B reads every byte" bash -c "cd $B && sha256sum --quiet -c $work/want"
ok "and lists as many files of each patient" same_counts

before=$(height "$work/doctor1")
ok "import once more" chartfs import --quiet "$data" "$A"
is "makes no transaction" "$before" height "$work/doctor1"

mkdir "$work/bad"
echo '{"resourceType": "Patient", ' >"$work/bad/broken.json"
echo '{"resourceType":"Goal","id":"g","subject":{"reference":"Patient/other"}}' >"$work/bad/goal.json"
fails "what is no JSON is refused by name and line" 1 "broken.json: line " chartfs import "$work/bad" "$A"
ok "and the rest goes on" cmp "$work/bad/goal.json" "$A/other/EMR06/Goal-g.json"

ok "the peers agree" within 10 same_heads
ok "the mount's ledger verifies" chartfs verify "$work/doctor2"
devnet umount "$work/doctor1"
devnet umount "$work/doctor2"
devnet down "$net"
ok "peer 1's ledger verifies with the genesis alone" chartfs verify --data "$net/peer1/data" --genesis "$net/genesis"
echo "# $(wc -l <"$work/want") files imported and read back"
