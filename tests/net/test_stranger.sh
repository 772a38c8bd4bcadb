#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_stranger.sh - a stranger hammers every port of four peers, without a certificate and with one: garbage,
# half-open connections, slow bytes, FIN and RST, more connections than a peer keeps, lengths of 4 GiB. Saves go
# on without a long pause, a new mount gets in meanwhile, and no peer grows or keeps what the stranger left.
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"

ulimit -Sn 1024 # as is usual; peers take what they need
network_up
mount_as doctor1
mount_as doctor2
writer_start "$work/doctor1/patients/patient1/EMR10"

pids()
{
	cat "$net"/peer*/pid
}

# most FIELD-COMMAND: the largest over the peers
rss_mib()
{
	local p
	for p in $(pids); do
		awk '/VmRSS/ { print int($2 / 1024) }' /proc/$p/status
	done | sort -n | tail -n 1
}

open_files()
{
	local p
	for p in $(pids); do
		ls /proc/$p/fd | wc -l
	done | sort -n | tail -n 1
}

ports=$(for p in $(pids); do ss -Hltnp | awk -v pid="pid=$p," 'index($0, pid) { print $4 }'; done)
is "each peer listens twice" 8 bash -c "echo '$ports' | wc -l"
ok "saves run" goes_on
before=$(open_files)

# storm NAME SECONDS ARGUMENT...
storm()
{
	local name=$1 seconds=$2 from to
	shift 2
	from=$(acked)
	# shellcheck disable=SC2086
	(ulimit -Sn "$(ulimit -Hn)" && exec python3 "$here/tests/net/stranger.py" "$seconds" $ports "$@") >"$work/storm.log" 2>&1 &
	local storm=$!
	sleep 2
	ok "$name: saves go on" goes_on
	ok "$name: a new mount gets in within 20 s" timeout 20 "$here/contrib/devnet" mount "$net" patient2 "$work/p2"
	ok "$name: and reads" ls "$work/p2/patients"
	devnet umount "$work/p2"
	recovers "$name: each peer answers" 15 abreast 1 2 3 4
	echo "# largest peer during it: $(rss_mib) MiB, $(open_files) open files"
	wait $storm
	to=$(acked)
	sed 's/^/# /' "$work/storm.log"
	echo "# $((to - from)) saves in $seconds s"
	ok "$name: largest peer below 400 MiB" test "$(rss_mib)" -lt 400
	recovers "$name: what it left open is closed" 15 bash -c "
		for p in $(pids | tr '\n' ' '); do [ \$(ls /proc/\$p/fd | wc -l) -lt $((before + 100)) ] || exit 1; done"
}

storm "without a certificate" 10
id=$net/who/patient4
storm "with a certificate" 10 -- "$id/tls.pem" "$id/tls.key" "$net/passphrase"
ok "the longest pause was below 5 s" bash -c "
	touch $work/stop; sleep 1; awk '/longest/ { exit !(\$3 < 5) }' $work/writer.log"
nothing_lost "$work/doctor2/patients/patient1/EMR10"
