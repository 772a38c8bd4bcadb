#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_markers.sh - what a patient writes and what it is called - contents, file names, a patient's name - is in no
# peer's files, logs or memory, in nothing that goes over the network, and in nothing that a mount leaves on disk.
# That the search finds what is there is shown by what is not secret, in the same places.
. "$(dirname "$0")/../lib/mount.sh"

command -v tcpdump >/dev/null || {
	echo "tcpdump is needed"
	exit 77
}
mark=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
marks=(c0ntent"$mark" n4me"$mark" pati3nt"$mark" b1g"$mark" st4ged"$mark" l1nk"$mark")

# forms: each marker as it is, in hexadecimal, in two bytes a character, and the middle of its base64
forms()
{
	local m i
	for m in "${marks[@]}"; do
		echo "$m"
		printf %s "$m" | od -An -tx1 | tr -d ' \n'
		echo
		for i in 0 1 2; do
			printf %s "${m:i}" | base64 -w 0 | head -c 24
			echo
		done
	done
}

# in_any FILE_OR_DIR...: the files that have one of the markers
in_any()
{
	grep -r -a -l -F -f "$work/forms" "$@"
	for m in "${marks[@]}"; do
		LC_ALL=C grep -r -a -l -P "$(printf %s "$m" | sed 's/./&\\x00/g')" "$@"
	done
}

also_at_end=end_capture
end_capture()
{
	[ -z "${capture:-}" ] || kill -INT "$capture" 2>/dev/null
	wait "${capture:-}" 2>/dev/null
	capture=
}

forms >"$work/forms"
network_up
# to a directory of its own: tcpdump gives up root
mkdir "$work/capture"
tcpdump -i lo -U -w "$work/capture/lo.pcap" -Z root tcp >"$work/capture/log" 2>&1 &
capture=$!
within 10 test -s "$work/capture/lo.pcap"
mount_as manager1
mount_as doctor1
H=$work/manager1/patients/pati3nt$mark
D=$work/doctor1/patients/pati3nt$mark
name=n4me$mark

ok "a patient of that name" mkdir "$H"
ok "a record" save "$H/patient.json" "{\"name\": \"pati3nt$mark\", \"c\": \"c0ntent$mark\"}"
ok "a directory, a record in it" bash -c "mkdir '$H/EMR10/$name' && echo '{\"c\": \"c0ntent$mark\"}' >'$H/EMR10/$name/$name.json'"
ok "an attachment of some chunks" bash -c "yes 'b1g$mark' | head -c 500000 >'$H/EMR04/$name.bin'"
ok "a link" ln -s "l1nk$mark" "$H/EMR10/$name/$name-link"
ok "somebody is let in" chartfs grant "$H" --to doctor1 --sections EMR04,EMR10 --verbs read,modify
ok "and reads" within 5 grep -q "c0ntent$mark" "$D/EMR10/$name/$name.json"
ok "all of it" bash -c "[ \$(grep -c 'b1g$mark' '$D/EMR04/$name.bin') -gt 10000 ]"
ok "changes" bash -c "echo '{\"c\": \"c0ntent$mark\", \"n\": 2}' >'$D/EMR10/$name/$name.json'"
ok "renames" within 5 mv "$H/EMR10/$name/$name.json" "$H/EMR10/$name/again-$name.json"
ok "removes" rm "$H/EMR04/$name.bin"
ok "looks back" bash -c "ls '$H/EMR04/.history/$name.bin' && cat '$H/EMR10/$name/again-$name.json.proof' >'$work/proof'"
fails "is refused something" 1 "" save "$D/EMR02/$name.json" "{\"c\": \"c0ntent$mark\"}"

# what is not yet saved, and its mount killed with it
exec 5>"$H/EMR04/st4ged-$name.bin"
yes "st4ged$mark" | head -c 900000 >&5
kill -KILL "$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$work/manager1/.chartfs/status")"
exec 5>&-
mount_as manager1

# what peers hold in memory while they work
for n in 1 2 3 4; do
	devnet peer "$net" $n pause
	python3 "$here/tests/mount/memory.py" "$(cat "$net/peer$n/pid")" "$work/core$n"
	devnet peer "$net" $n cont
done
end_capture

ok "peers' memory was written out" bash -c "grep -l -a -F doctor1 '$work'/core? | wc -l | grep -qx 4"
is "no marker is in it" "" in_any "$work"/core?
ok "the capture has what connections begin with" grep -q -a hospitalA "$work/capture/lo.pcap"
ok "and some megabytes" test "$(stat -c %s "$work/capture/lo.pcap")" -gt 2000000
is "no marker is in it" "" in_any "$work/capture"
for n in 1 2 3 4; do
	ok "peer $n's files have who is registered" bash -c "grep -r -q -a doctor1 '$net/peer$n/data'"
done
is "no marker is in peers' files and logs" "" in_any "$net"/peer?
ok "the mounts' stores are there" bash -c "grep -r -q -a doctor1 '$net/mounts'"
is "no marker is in what mounts leave on disk" "" in_any "$net/mounts"
is "nor in a proof" "" in_any "$work/proof"
ok "the search finds one where there is one" bash -c "printf 'x%s' 'b1g$mark' >'$work/plain'"
is "in plain" "$work/plain" bash -c "grep -a -l -F -f '$work/forms' '$work/plain'"
base64 -w 0 <"$work/plain" >"$work/encoded"
is "and in base64" "$work/encoded" bash -c "grep -a -l -F -f '$work/forms' '$work/encoded'"
