#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_seven.sh - seven peers bear two faults of any two kinds at once: killed, stopped dead, cut off; a leader
# that stops for longer than a view change and comes back. Three are too many: saves time out, and go on when one
# is back. No save that was acknowledged is lost or doubled.
PEERS=7
. "$(dirname "$0")/../lib/hosts.sh"
. "$here/tests/lib/writer.sh"

network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10
writer_start "$A"
ok "saves run" goes_on

one=$(leader)
two=$((one % 7 + 1))
devnet peer "$net" $one pause
cut $two
ok "leader $one stops dead, peer $two is cut off: saves go on" goes_on
sleep 5
ok "and on" goes_on
devnet peer "$net" $one cont
join $two
recovers "both are back: abreast" 15 abreast $one $two

one=$(leader)
two=$((one % 7 + 1))
devnet peer "$net" $one kill
devnet peer "$net" $two kill
ok "leader $one and the next are killed: saves go on" goes_on
devnet peer "$net" $one start
devnet peer "$net" $two start
recovers "both are back: abreast" 15 abreast $one $two

apart "1 2" "3 4 5 6 7"
ok "two and five: saves go on" goes_on
heal
recovers "healed: abreast" 15 abreast 1 2 3 4 5 6 7

pause_saves
devnet peer "$net" 1 kill
devnet peer "$net" 4 pause
cut 6
is "three at once: ETIMEDOUT" ETIMEDOUT try_save "$A/late.json"
devnet peer "$net" 4 cont
recovers "one is back: it is committed" 15 test -e "$B/late.json"
join 6
devnet peer "$net" 1 start
recovers "all are equal" 30 all_equal
nothing_lost "$B"
