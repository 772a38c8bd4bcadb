#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_unnamed.sh - what is in the peers' blob stores and needed by nothing goes: chunks of a copy whose mount was
# killed, contents that were erased. What is named stays, in every version; what is gone can be saved again.
. "$(dirname "$0")/../lib/mount.sh"

age=4
network_up
for n in 1 2 3 4; do
	printf '\n[blobs]\nunnamed-age-s = %s\nscrub-rate-kib = 200000\n' $age >>"$net/peer$n/peer.ini"
	devnet peer "$net" "$n" stop
	devnet peer "$net" "$n" start
done
ok "the network with an age of $age s" within 20 all_equal
mount_as patient1
mount_as patient2
P=$work/patient1/patients/patient1/EMR04
mkdir "$P/attachments"
A=$P/attachments

# stored: MiB in all blob stores, rounded
stored()
{
	find "$net"/peer*/data/blobs -type f -printf '%s\n' | awk '{ n += $1 } END { printf "%d\n", n / 1048576 + 0.5 }'
}

# goes_on: the ledger's time, by somebody else's saves, which stand in blocks alone
goes_on()
{
	save "$work/patient2/patients/patient2/EMR02/clock.json" "{\"n\":$((clock = ${clock:-0} + 1))}"
	sleep 0.3
}

# until_stored MIB: the stores come to that
until_stored()
{
	local end=$((SECONDS + 60))
	until [ "$(stored)" -le "$1" ]; do
		goes_on
		[ $SECONDS -lt $end ] || return 1
	done
}

# ages: all that is stored is as old as if it had been saved ten minutes ago, when no receipt holds any more, and
# passes are over
ages()
{
	local end=$((SECONDS + 5))
	find "$net"/peer*/data/blobs -type f -exec touch -d '10 minutes ago' {} +
	while [ $SECONDS -lt $end ]; do
		goes_on
	done
}

same()
{
	cmp "$1" "$2"
}

for f in kept dead shared; do
	head -c 20000000 /dev/urandom >"$work/$f"
done
head -c 300000 /dev/urandom >"$work/piece"
ok "a scan is saved" cp "$work/kept" "$A/kept"
ok "and rewritten in the middle" dd if="$work/piece" of="$A/kept" bs=1M seek=9123456 oflag=seek_bytes conv=notrunc status=none
cp "$work/kept" "$work/kept2"
dd if="$work/piece" of="$work/kept2" bs=1M seek=9123456 oflag=seek_bytes conv=notrunc status=none
ages
before=$(stored)
echo "# $before MiB in four stores"

pid=$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$work/patient1/.chartfs/status")
# one that ends would close the file, which is a save: peers hold what they gave receipts for
tail -c +1 -f "$work/dead" >"$A/dead" 2>/dev/null &
writer=$!
ok "a copy that is not at its end is with the peers" within 60 bash -c "
	[ \"\$(find $net/peer*/data/blobs -type f -printf '%s\n' | awk '{ n += \$1 } END { printf \"%d\", n / 1048576 }')\" -ge $((before + 60)) ]"
echo "# $(stored) MiB"
kill -9 "$pid"
fusermount3 -uz "$work/patient1"
kill "$writer" 2>/dev/null
wait "$writer" 2>/dev/null
ok "the mount is killed, and what it brought goes" until_stored "$before"
echo "# $(stored) MiB"
mount_as patient1
is "nothing of it is in the chart" "kept" ls "$A"
ok "what is named stays" same "$work/kept2" "$A/kept"
mapfile -t versions < <(ls -d "$A/.history/kept/"*)
is "in both versions" 2 echo "${#versions[@]}"
ok "the first is read" same "$work/kept" "${versions[0]}"
rm -rf "$net/mounts/patient2"/*/blobs
ok "the same content is saved after all" cp "$work/dead" "$A/dead"
ages
ok "and stays" same "$work/dead" "$A/dead"

ok "two files of one content" bash -c "cp $work/shared $A/one && cp $work/shared $A/two"
full=$(stored)
ok "one is erased" chartfs erase "$A/one"
ages
ok "the other one is read by a mount that has nothing yet" bash -c "
	$here/contrib/devnet umount $work/patient1 && rm -rf $net/mounts/patient1 && $here/contrib/devnet mount $net patient1 $work/patient1 &&
	cmp $work/shared $A/two"
ok "both are erased, and the content goes" chartfs erase "$A/two"
ages
ok "from all stores" until_stored $((full - 70))
echo "# $full -> $(stored) MiB"
ok "everything else is there" bash -c "cmp $work/dead $A/dead && cmp $work/kept2 $A/kept"
devnet down "$net"
for n in 1 4; do
	ok "peer$n has every blob that is needed" bash -c "cd $net/peer$n/data/blobs && [ \$(find . -type f | wc -l) -ge $((2 * 20000000 / 131072)) ]"
	ok "and its ledger verifies" chartfs verify --data "$net/peer$n/data" --genesis "$net/genesis"
done
