#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_kill_rounds.sh - kill -9 of one peer after the other under load, KILLS of them (default 16): a leader each
# time, since the view moves on with each. Saves go on, and none is lost or doubled. Says the pauses that a writer saw
# around the kills. `make kills KILLS=1000`.
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"

kills=${KILLS:-16}

network_up
mount_as doctor1
mount_as doctor2
writer_start "$work/doctor1/patients/patient1/EMR10"

# One point for all rounds: the first that stalls ends them.
rounds()
{
	local i n
	for ((i = 0; i < kills; i++)); do
		n=$((i % 4 + 1))
		cut -d ' ' -f 1 /proc/uptime >>"$work/kills"
		devnet peer "$net" $n kill
		goes_on || { echo "kill $i, of peer $n: saves stall"; return 1; }
		devnet peer "$net" $n start
		goes_on || { echo "kill $i, peer $n is back: saves stall"; return 1; }
	done
}

# The longest time between two saves around each kill: half of them, nine of ten, all.
pauses()
{
	awk 'NR == FNR { kill[n++] = $1; next }
		last && k < n && $2 > kill[k] {
			while (k + 1 < n && last > kill[k + 1]) k++
			if ($2 - last > pause[k]) pause[k] = $2 - last
		}
		{ last = $2 }
		END { for (i = 0; i < n; i++) printf "%.2f\n", pause[i] }' "$work/kills" "$work/acked" | sort -n |
		awk '{ p[NR] = $1 } END {
			printf "# pauses at %d kills: p50 %s s, p90 %s s, max %s s\n", NR, p[int((NR + 1) / 2)],
				p[int(NR * 0.9 + 0.5)], p[NR] }'
}

ok "saves run" goes_on
ok "$kills times a peer is killed and comes back: saves go on" rounds
nothing_lost "$work/doctor2/patients/patient1/EMR10"
pauses
