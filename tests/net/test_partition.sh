#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_partition.sh - four peers on machines of their own, which lose sight of each other under load: one cut off
# (the leader, too), two and two, one that is not heard, one that hears nothing, a mount that reaches the
# minority only. The majority's saves go on, nobody forks, all are equal again soon after it healed, and no save
# is lost or doubled.
. "$(dirname "$0")/../lib/hosts.sh"
. "$here/tests/lib/writer.sh"

client_host away doctor2 10.77.0.253
network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10
writer_start "$A"
ok "saves run" goes_on

leader=$(leader)
for n in $leader $((leader % 4 + 1)); do
	cut $n
	ok "peer $n is cut off: saves go on" goes_on
	sleep 2
	ok "and on" goes_on
	join $n
	recovers "peer $n is back: it has all again" 15 abreast $n
done

leader=$(leader)
back=$((leader % 4 + 1))
deaf $back $leader
ok "peer $back does not hear the leader, $leader: saves go on" goes_on
sleep 3
ok "and on" goes_on
heal
recovers "healed: all are abreast" 15 abreast 1 2 3 4
for n in 1 2 3 4; do
	[ $n = "$leader" ] || deaf $n $leader
done
ok "nobody hears peer $leader, which hears all: saves go on" goes_on
sleep 3
ok "and on" goes_on
heal
recovers "healed: all are abreast" 15 abreast 1 2 3 4

pause_saves
apart "1 2" "3 4"
is "two and two: no save, ETIMEDOUT" ETIMEDOUT try_save "$A/apart.json"
ok "it is kept and listed" grep -q apart.json "$work/doctor1/.chartfs/staged"
heal
recovers "healed: it is committed" 15 test -e "$B/apart.json"
is "once" 1 bash -c "ls $B/.history/apart.json | wc -l"
recovers "and all are equal" 15 all_equal

ok "the away mount takes a lease" grep -q '"i":0' "$B/w-00000.json"
for n in 1 2 3; do
	at_host away ip route replace blackhole 10.77.0.$n
done
is "a mount that reaches one peer: ETIMEDOUT" ETIMEDOUT try_save "$B/alone.json"
is "it reads what it has a lease for" '{"i":0}' cat "$B/w-00000.json"
ok "the others' saves go on" save "$A/others.json" '{"i":1}'
at_host away ip route flush type blackhole
recovers "it reaches them again: committed" 15 test -e "$A/alone.json"
soon "and it sees the others' saves" '{"i":1}' cat "$B/others.json"
nothing_lost "$B"
