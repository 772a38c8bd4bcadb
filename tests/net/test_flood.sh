#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_flood.sh - an enrolled client floods four peers with well-formed frames of each kind, at both ports, and reads
# no answer (flood.py). Others' saves go on, a new mount gets in, the peers' memory stays bounded, nobody leaves
# a view for it.
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"

network_up
mount_as doctor1
mount_as doctor2
writer_start "$work/doctor1/patients/patient1/EMR10"

# The largest VmHWM of the peers in MiB: what they ever had.
most_mib()
{
	local p
	for p in $(cat "$net"/peer*/pid); do
		awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$p/status"
	done | sort -n | tail -n 1
}

# ports EACH-SECOND: of each peer the lower one is for votes
ports()
{
	local p
	for p in $(cat "$net"/peer*/pid); do
		ss -Hltnp | grep "pid=$p," | awk '{ print $4 }' | sort -t : -k 2 -n | sed -n "$1p"
	done
}

ok "saves run" goes_on
from=$(acked)
id=$net/who/patient4
# shellcheck disable=SC2046
python3 "$here/tests/net/flood.py" 20 00 "$id/tls.pem" "$id/tls.key" "$net/passphrase" $(ports 1) -- $(ports 2) \
	>"$work/flood.log" 2>&1 &
flood=$!
sleep 3
ok "saves go on" goes_on
ok "a new mount gets in within 20 s" timeout 20 "$here/contrib/devnet" mount "$net" patient2 "$work/p2"
ok "and reads" ls "$work/p2/patients"
ok "and saves" bash -c "mkdir -p $work/p2/patients/patient2 && echo '{}' >$work/p2/patients/patient2/EMR01/mine.json"
ok "saves still go on" goes_on
devnet umount "$work/p2"
wait $flood
sed 's/^/# /' "$work/flood.log"
echo "# $(($(acked) - from)) saves meanwhile; largest peer $(most_mib) MiB"
ok "the flood was one" bash -c "! grep -q Traceback $work/flood.log && grep -q 'votes: [0-9]*000' $work/flood.log"
ok "no peer was ever above 700 MiB" test "$(most_mib)" -lt 700
recovers "all are abreast" 15 abreast 1 2 3 4
nothing_lost "$work/doctor2/patients/patient1/EMR10"
ok "the longest pause was below 5 s" awk '/longest/ { exit !($3 < 5) }' "$work/writer.log"
