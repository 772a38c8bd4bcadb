#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_kill.sh - kill -9 of peers under load: one gone, saves go on; two gone, saves time out and nothing
# staged is lost; back again, all heads and state roots are equal and no save is lost or doubled.
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"

network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10

writer_start "$A"
ok "saves run" goes_on
for n in 1 2 3 4; do
	devnet peer "$net" $n kill
	ok "peer $n killed: saves go on" goes_on
	devnet peer "$net" $n start
	ok "peer $n back: saves go on" goes_on
done
devnet peer "$net" 2 pause
ok "peer 2 stopped dead: saves go on" goes_on
devnet peer "$net" 2 cont
nothing_lost "$B"

devnet peer "$net" 3 kill
devnet peer "$net" 4 kill
is "two killed: ETIMEDOUT" ETIMEDOUT python3 -c "
import os,errno
fd=os.open('$A/late.json',os.O_CREAT|os.O_WRONLY,0o644)
os.write(fd,b'{\"late\":1}')
try: os.close(fd); print('saved')
except OSError as e: print(errno.errorcode[e.errno])"
ok "what was staged is kept and listed" grep -q late.json "$work/doctor1/.chartfs/staged"
is "reads go on" '{"i":0}' cat "$A/w-00000.json"
devnet peer "$net" 3 start
ok "back with three: it is committed" within 40 grep -q late "$B/late.json"
is "once" 1 bash -c "ls $B/.history/late.json | wc -l"
ok "and new saves succeed" save "$A/new.json" '{"new":1}'
devnet peer "$net" 4 start
ok "all four are equal again" within 30 same_heads
for n in 1 2 3 4; do
	devnet peer "$net" $n kill
done
for n in 1 2 3 4; do
	devnet peer "$net" $n start
done
ok "all four killed and back: saves succeed" within 40 save "$A/after.json" '{"after":1}'
ok "and are equal" within 30 same_heads
ok "the ledger verifies with the genesis alone" bash -c "
	$here/contrib/devnet peer $net 1 stop && chartfs verify --data $net/peer1/data --genesis $net/genesis"
