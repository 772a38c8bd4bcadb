# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# solo.sh - sourced by tests of one mount: a network of one process at $M, with a patient whose directory of
# attachments is $A. remount takes it down and up again.
. "$(dirname "${BASH_SOURCE[0]}")/mount.sh"

D=$work/ledger
M=$work/mnt
A=$M/patients/lena/EMR04/attachments
mkdir "$M"

also_at_end=solo_end
solo_end()
{
	chartfs umount "$M" >/dev/null 2>&1
}

solo_up()
{
	chartfs solo "$D" "$M" "$@" >/dev/null || {
		point "a mount of its own network" 1
		exit 1
	}
}

remount()
{
	chartfs umount "$M" && chartfs solo "$D" "$M" >/dev/null
}

# program NAME: built when it is not there
program()
{
	[ -x "$bin/$1" ] || make -s -C "$here" O="${O:-build}" "${O:-build}/$1"
}

# transactions: how many the ledger has, one a block as long as one client makes them one after the other
transactions()
{
	chartfs status "$M" | sed -n 's/^ *"height": \([0-9]*\).*/\1/p' | head -n 1
}

# costs NAME COUNT COMMAND...: the command makes exactly so many transactions
costs()
{
	local name=$1 wanted=$2 before after
	shift 2
	before=$(transactions)
	ok "$name" "$@"
	# what nobody waits for: times, the empty file after its close
	sleep 1
	after=$(transactions)
	is "$name: $wanted transactions" "$wanted" echo $((after - before))
}

solo_up
mkdir "$M/patients/lena" "$A"
