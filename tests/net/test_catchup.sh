#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_catchup.sh - a peer that is BLOCKS blocks behind (default 800) comes abreast by certified blocks while saves
# go on, is killed with -9 on its way, and votes again; then the same from an empty disk, without voting. Prints how
# long it took, the memory, and what it did to the saves. `make behind BLOCKS=100000`.
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"

blocks=${BLOCKS:-800}
most=$((120 + blocks / 50))

# catches_up NAME COMMAND...: peer 4 comes so far that the command succeeds; says how it did
catches_up()
{
	local name=$1 from=${EPOCHREALTIME/./} pid anon=0 now
	shift
	pid=$(cat "$net/peer4/pid")
	while [ -d "/proc/$pid" ] && [ $((${EPOCHREALTIME/./} - from)) -lt ${most}000000 ]; do
		now=$(awk '/RssAnon/ { print $2 }' "/proc/$pid/status")
		[ "${now:-0}" -le $anon ] || anon=$now
		! "$@" || break
		sleep 0.2
	done
	ok "$name" "$@"
	awk -v us=$((${EPOCHREALTIME/./} - from)) -v anon=$anon '
		/VmHWM/ { hwm = $2 }
		/^wchar/ { written = $2 }
		END { printf "# after %.1f s; most memory %.0f MiB, of it its own %.0f MiB; %.2f GB written\n",
			us / 1e6, hwm / 1024, anon / 1024, written / 1e9 }
		' "/proc/$pid/status" "/proc/$pid/io"
	ok "with less than 256 MiB of its own" test $anon -lt 262144
}

# uptime: the clock of writer.py
uptime()
{
	cut -d ' ' -f 1 /proc/uptime
}

# saves_since FROM NAME: how many were acknowledged since then, and how long they took
saves_since()
{
	awk -v from="$1" '$2 >= from { print $3 }' "$work/acked" | sort -n |
		awk -v name="$2" '{ ms[NR] = $1 } END { printf "# saves %s: %d, p50 %.1f ms, longest %.0f ms\n", name, NR, ms[int((NR + 1) / 2)], $1 }'
}

network_up
# block by block, however far it is behind
printf '\n[catchup]\nsnapshot-blocks = 0\n' | tee -a "$net/peer4/peer.ini" >"$net/mount.ini"
before=$(height_of 4)
ok "a ledger of $blocks blocks more" lengthen "$blocks"
from=${EPOCHREALTIME/./}
mount_as doctor1
ok "a mount with no ledger yet shows the chart" within $most test -d "$work/doctor1/patients/patient1/EMR10"
awk -v us=$((${EPOCHREALTIME/./} - from)) 'BEGIN { printf "# after %.1f s\n", us / 1e6 }'
shown=$(chartfs status "$work/doctor1" | sed -n 's/^ *"height": \([0-9]*\).*/\1/p')
ok "as it is now" [ "$shown" -ge $((before + blocks)) ]
# The three that have the ledger are a quorum without one to spare.
ok "a save succeeds" within $most bash -c "[ \$(try_save $work/doctor1/patients/patient1/EMR14/first.json) = saved ]"
writer_start "$work/doctor1/patients/patient1/EMR14"
since=$(uptime)
ok "saves run" within $most past 1 $((before + blocks + 20))
saves_since "$since" "before"

devnet peer "$net" 4 start
ok "the peer behind takes up blocks" within $most past 4 $((before + blocks / 4))
reached=$(height_of 4)
devnet peer "$net" 4 kill
devnet peer "$net" 4 start
ok "killed on its way, it has what it had" within 20 past 4 "$reached"
since=$(uptime)
catches_up "then it is abreast and votes, while saves go on" abreast 1 2 3 4
saves_since "$since" "meanwhile"

devnet peer "$net" 4 stop
rm -rf "$net/peer4/data"
devnet peer "$net" 4 start
since=$(uptime)
# It finds its own votes in the blocks, which it no longer remembers: it follows.
catches_up "with an empty disk, too: from block 1" near 4
saves_since "$since" "meanwhile"
ok "saves still run" goes_on
mount_as doctor2
E=$work/doctor2/patients/patient1/EMR14
ok "another mount comes abreast, too" within $most bash -c "[ \$(ls $E | grep -c ^w-) -ge $(acked) ]"
nothing_lost "$E"
devnet peer "$net" 4 stop
ok "its ledger verifies" chartfs verify --data "$net/peer4/data" --genesis "$net/genesis"
