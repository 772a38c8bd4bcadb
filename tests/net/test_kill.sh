#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_kill.sh - kill -9 of peers under load: one gone, saves go on; two gone, saves time out and nothing
# staged is lost; back again, all heads and state roots are equal and no save is lost or doubled.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10

# A writer that saves numbered records and notes each save that was acknowledged.
cat >"$work/writer.py" <<'PY'
import os, sys, time
directory, acked = sys.argv[1], open(sys.argv[2], "a", buffering=1)
i, longest, last = 0, 0.0, time.monotonic()
try:
    while not os.path.exists(sys.argv[3]):
        path = f"{directory}/w-{i:05d}.json"
        try:
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            os.write(fd, b'{"i":%d}' % i)
            os.close(fd)
            acked.write(f"{i}\n")
        except OSError as e:
            print("error", i, e, flush=True)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
        i += 1
finally:
    print(f"longest pause {longest:.1f} s, {i} saves", flush=True)
PY
python3 "$work/writer.py" "$A" "$work/acked" "$work/stop" >"$work/writer.log" 2>&1 &
writer=$!
also_at_end=end_writer
end_writer()
{
	touch "$work/stop"
	wait $writer 2>/dev/null
}

acked()
{
	wc -l <"$work/acked"
}

goes_on()
{
	local before
	before=$(acked)
	within 15 bash -c "[ \$(wc -l <$work/acked) -gt $((before + 5)) ]"
}

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
touch "$work/stop"
wait $writer
sed 's/^/# /' "$work/writer.log"
ok "no save failed" bash -c "! grep error $work/writer.log"
ok "all heads and state roots are equal" within 30 same_heads
is "nothing is lost" "$(acked)" bash -c "ls $B | grep -c ^w-"
is "nothing is doubled" "$(acked)" bash -c "cd $B && for i in w-*; do ls .history/\$i; done | wc -l"

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
