#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_demo.sh - the demonstration: up, again, with a killed and a busy mount, and down with nothing left.
. "$(dirname "$0")/../lib/mount.sh"

demo=$work/a\ demo
net=$demo/net
A=$demo/hospitalA B=$demo/hospitalB P=$demo/patient1
note=$(date +%F)-ward-round.json

also_at_end=end_demo
end_demo()
{
	"$here/contrib/demo" stop "$demo" >/dev/null 2>&1
}

# Processes whose command line names the directory.
processes()
{
	local p
	for p in /proc/[0-9]*; do
		tr '\0' ' ' <"$p/cmdline" | grep -aF "$demo/" | grep -aE '^[^ ]*chartfs'
	done 2>/dev/null
}

mounts()
{
	grep -cF "${work}/a\\040demo/" /proc/mounts
}

kill_mount()
{
	kill -KILL "$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$1/.chartfs/status")"
	within 5 bash -c "! ls '$1'"
}

out=$work/out
ok "start" bash -c "'$here/contrib/demo' start '$demo' >$out 2>&1"
[ "$failures" = 0 ] || sed 's/^/# /' "$out"
ok "the tour ends with how to stop" bash -c "tail -n 1 $out | grep -q '^Stop: make demo-stop'"
ok "it showed history, proof and four equal peers" bash -c "grep -q 'height .*modification' $out &&
	grep -q 'is the content that was committed' $out && [ \$(grep -c '^ *peer[1-4]  height' $out) = 4 ]"
is "nothing went wrong on the way" "Permission denied" \
	bash -c "grep -iE 'error|fail|denied|cannot|no such| (info|warn) ' $out | grep -v 'a hospital fails' | sed 's/.*: //'"
is "three mounts" 3 mounts
is "seven processes" 7 bash -c "$(declare -f processes); demo='$demo' processes | wc -l"
soon "the sample patients are there" 5 bash -c "ls '$A/patients' | wc -l"
is "each hospital sees what was granted" "patient1 patient2" bash -c "echo \$(ls '$B/patients')"
is "patient1 sees their own chart" patient1 ls "$P/patients"
ok "a section more for hospital B" chartfs grant "$P/patients/patient1" --to doctor2 --sections EMR13 --verbs read
ok "hospital B may look now" within 5 ls "$B/patients/patient1/EMR13"

echo '{"note": "mine"}' >"$A/patients/patient1/EMR10/$note"
ok "start while it runs" "$here/contrib/demo" start "$demo"
is "my note is not overwritten" '{"note": "mine"}' cat "$A/patients/patient1/EMR10/$note"
is "three mounts still" 3 mounts
ok "a mount is killed" kill_mount "$P"
ok "start puts it up again" "$here/contrib/demo" start "$demo"
is "it answers" patient1 ls "$P/patients"

ok "a mount is killed, another one in use" kill_mount "$P"
(cd "$B/patients" && exec sleep 60) &
busy=$!
ok "stop" "$here/contrib/demo" stop "$demo"
is "nothing is mounted" 0 mounts
is "nothing runs" "" processes
is "only the ledger is left" "net note.proof" bash -c "echo \$(ls '$demo')"
kill $busy
ok "stop again" "$here/contrib/demo" stop "$demo"
ok "every peer's ledger verifies" bash -c "for n in 1 2 3 4; do
	chartfs verify --data '$net'/peer\$n/data --genesis '$net/genesis' || exit; done"

ok "start after the stop" "$here/contrib/demo" start "$demo"
is "has everything" '{"note": "mine"}' cat "$A/patients/patient1/EMR10/$note"
ok "stop" "$here/contrib/demo" stop "$demo"
is "nothing is mounted" 0 mounts
is "nothing runs" "" processes
fails "wrong words" 1 "usage: demo start|stop DIR" "$here/contrib/demo" dance "$demo"

# As `sudo make demo`: everything is the caller's.
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
chmod 711 "$work"
if [ "$(id -u)" = 0 ] && [ -e /etc/mtab ] && "${nobody[@]}" test -x "$bin/chartfs" -a -w /dev/fuse -a -x "$here/contrib/demo"; then
	demo=$work/sudo net=$demo/net
	A=$demo/hospitalA
	export SUDO_UID=65534 SUDO_GID=65534
	ok "start through sudo" "$here/contrib/demo" start "$demo"
	ok "the mounts are the caller's" "${nobody[@]}" ls "$A/patients"
	ok "to write in, too" "${nobody[@]}" sh -c "echo '{\"a\": 1}' >$A/patients/patient1/EMR02/a.json"
	is "and nobody else's" "Permission denied" bash -c "ls '$A' 2>&1 | sed 's/.*: //'"
	ok "stop through sudo" "$here/contrib/demo" stop "$demo"
	is "nothing runs" "" processes
	is "nothing is mounted" 0 grep -c " $demo/" /proc/mounts
	unset SUDO_UID SUDO_GID
fi
