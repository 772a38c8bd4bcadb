#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_clock.sh - wall clocks that are an hour off, and jump while peers run: of a leader, of a backup, of two
# of four, of a client. The others' saves go on; whose clock is right again takes part again; a client is told.
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"
. "$here/tests/lib/clock.sh"

own_clock peer1 peer2 peer3 peer4 doctor2
network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10
writer_start "$A"
ok "saves run" goes_on

for off in 3600 -3600; do
	one=$(leader)
	clock "peer$one" $off
	ok "the clock of leader $one jumps by $off s: saves go on" goes_on
	sleep 2
	ok "and on" goes_on
	clock "peer$one" 0
	recovers "it is right again: abreast" 15 abreast "$one"
	one=$(($(leader) % 4 + 1))
	clock "peer$one" $off
	ok "the clock of peer $one, no leader, jumps by $off s: saves go on" goes_on
	sleep 3
	ok "and on" goes_on
	clock "peer$one" 0
	recovers "it is right again: abreast" 15 abreast "$one"
	devnet peer "$net" "$(($(leader) % 4 + 1))" kill
	ok "one is killed: the others, it among them, go on" goes_on
	for n in 1 2 3 4; do
		devnet peer "$net" $n start
	done
done

pause_saves
# both ahead: one that is behind leads well, since its blocks bear the time of the block before and 1 ms
clock peer1 3600
clock peer2 3600
# ETIMEDOUT of ordering, or EINVAL when the two that are off tell the client that it is
tried=$(try_save "$A/late.json")
ok "two of four are off: nothing is saved ($tried)" bash -c "[[ $tried == ETIMEDOUT || $tried == EINVAL ]]"
clock peer1 0
clock peer2 0
recovers "right again: saves go on" 20 save "$A/again.json" '{"again":1}'

# Within what the network allows, and yet longer than anybody waits: what waits by the wall clock must not.
clock peer1 200
save "$A/ahead.json" '{"ahead":1}'
devnet peer "$net" 4 kill
sleep 1
clock peer1 0
devnet peer "$net" 4 start
recovers "peer 1's clock is set back by 200 s while peer 4 is away: abreast" 15 abreast 1 2 3 4
devnet peer "$net" 3 kill
recovers "1, 2 and 4 hear each other: saves go on" 20 save "$A/three.json" '{"three":1}'
devnet peer "$net" 3 start

for off in 3600 -3600; do
	clock doctor2 $off
	is "a client's clock is $off s off: EINVAL" EINVAL try_save "$B/off$off.json"
	ok "and is told of its clock" grep -q "clock is off" "$work/doctor2/.chartfs/last-error"
	ok "it shows what there is" test -e "$B/w-00000.json"
	if [ $off -gt 0 ]; then
		is "what it has no lease for it does not read, either" "Invalid argument" bash -c "
			cat $B/w-00000.json 2>&1 >/dev/null | sed 's/.*: //'"
	else
		ok "it reads what it has a lease for" grep -q '"i":0' "$B/w-00000.json"
	fi
	clock doctor2 0
	ok "right again: it reads" grep -q '"i":0' "$B/w-00000.json"
	ok "and saves" save "$B/right$off.json" '{"right":1}'
done
nothing_lost "$B"
