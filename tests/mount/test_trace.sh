#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_trace.sh - no read without a trace, on mounts: leases in the ledger, and peers that are gone.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as patient3
mount_as doctor1
mount_as doctor2
P=$work/patient3/patients/patient3
D1=$work/doctor1/patients/patient3
D2=$work/doctor2/patients/patient3

# transactions of type query in the ledger, as doctor2's mount has it
queries()
{
	local h top
	top=$(sed -n 's/^ *"height": \([0-9]*\).*/\1/p' "$work/doctor2/.chartfs/status" | head -n 1)
	for ((h = 1; h <= top; h++)); do
		chartfs block show "$h" "$work/doctor2"
	done | grep -cw query
}

ok "the patient writes" bash -c "for i in 1 2 3 4 5 6 7 8; do echo '{\"n\":1}' >$P/EMR04/\$i.json; done; echo '{}' >$P/EMR05/x.json"
ok "two grants" bash -c "chartfs grant $P --to doctor1 --sections EMR04,EMR05 --verbs read && chartfs grant $P --to doctor2 --sections EMR04,EMR05 --verbs read"
ok "doctor2 lists" within 5 bash -c "[ \$(ls $D2/EMR04 | wc -l) = 8 ]"
before=$(queries)
ok "doctor2 reads" bash -c "cat $D2/EMR04/*.json >/dev/null"
is "eight records, one query" $((before + 1)) queries
ok "and again" bash -c "cat $D2/EMR04/*.json >/dev/null"
is "no query more" $((before + 1)) queries
ok "doctor1 lists" within 5 bash -c "[ \$(ls $D1/EMR04 | wc -l) = 8 ]"
for n in 2 3 4; do
	devnet peer "$net" $n kill
done
ok "what was leased goes on" cat "$D2/EMR04/3.json"
fails "what was not does not" 1 "Connection timed out" cat "$D1/EMR04/1.json"
ok "the owner reads" cat "$P/EMR04/1.json"
