#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_tamper.sh - flips bytes in a peer's stores: `chartfs verify` names what is wrong and ends with 2, and no
# mount ever reads a wrong byte.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as doctor1
A=$work/doctor1/patients/patient1
for i in $(seq 1 30); do
	echo "{\"i\":$i}" >"$A/EMR02/r-$i.json"
done
head -c 600000 /dev/urandom >"$work/scan"
cp "$work/scan" "$A/EMR04/scan.bin"
txid=$(getfattr --only-values -n user.chartfs.txid "$A/EMR02/r-20.json")
devnet umount "$work/doctor1"
devnet peer "$net" 1 stop
ok "untouched, it verifies" chartfs verify --data "$net/peer1/data" --genesis "$net/genesis"

# flip FILE OFFSET
flip()
{
	python3 - "$1" "$2" <<-'PY'
		import sys
		with open(sys.argv[1], "r+b") as f:
		    f.seek(int(sys.argv[2]))
		    b = f.read(1)
		    f.seek(int(sys.argv[2]))
		    f.write(bytes([b[0] ^ 0x20]))
	PY
}

copy()
{
	rm -rf "$work/copy"
	cp -a "$net/peer1/data" "$work/copy"
}

verify_copy()
{
	chartfs verify --data "$work/copy" --genesis "$net/genesis"
}

segment=$(find "$net/peer1/data" -name '*.seg' -path '*blocks*' | head -n 1)
segment=${segment#"$net/peer1/data/"}
size=$(stat -c %s "$net/peer1/data/$segment")
for part in 1 3 5 7 9; do
	copy
	flip "$work/copy/$segment" $((size * part / 10))
	fails "a byte of a stored block ($part/10)" 2 "block" verify_copy
done

# rows of the database: flipped where their bytes stand in the file
db=$(find "$net/peer1/data" -name data.mdb | head -n 1)
db=${db#"$net/peer1/data/"}
row()
{
	python3 - "$work/copy/$db" "$1" <<-'PY'
		import sys
		data = open(sys.argv[1], "rb").read()
		needle = bytes.fromhex(sys.argv[2])
		at, places = data.find(needle), []
		while at >= 0:
		    places.append(at)
		    at = data.find(needle, at + 1)
		print(" ".join(map(str, places)))
	PY
}
found=1
if [ ${#txid} = 64 ]; then
	copy
	for at in $(row "$txid"); do
		copy
		flip "$work/copy/$db" "$at"
		chartfs verify --data "$work/copy" --genesis "$net/genesis" >/dev/null 2>&1
		[ $? = 2 ] && found=0
	done
fi
point "a byte of an index row" $found

# anywhere: whatever is flipped, verify says so or the byte was in no page in use
wrong=0 named=0
size=$(stat -c %s "$net/peer1/data/$db")
for i in $(seq 1 40); do
	copy
	# by no step that falls onto the same place of each page, which may be free in all of them
	flip "$work/copy/$db" $((8192 + i * 40503 * 4099 % (size - 8192)))
	timeout 120 chartfs verify --data "$work/copy" --genesis "$net/genesis" >"$work/out" 2>&1
	case $? in
	0) ;;
	2) named=$((named + 1)) ;;
	*)
		wrong=1
		sed 's/^/# /' "$work/out"
		;;
	esac
done
point "flips all over the database end with 0 or 2" $wrong
ok "and most are named ($named of 40)" test $named -ge 10

chunk=$(find "$net/peer1/data" -path '*blobs*' -type f -size +100k | head -n 1)
copy
flip "$work/copy/${chunk#"$net/peer1/data/"}" 5000
fails "a byte of a chunk" 2 "blob" verify_copy

# a damaged chunk at the peer that serves: the reader gets good bytes, from another peer
for f in $(find "$net/peer1/data" -path '*blobs*' -type f -size +100k); do
	flip "$f" 5000
done
devnet peer "$net" 1 start
rm -rf "$net"/mounts/doctor1-*
mount_as doctor1
ok "a reader gets the good bytes all the same" cmp "$work/scan" "$A/EMR04/scan.bin"

# metric NAME: of doctor 1's mount
metric()
{
	sed -n "s/^chartfs_blobs_$1_total //p" "$work/doctor1/.chartfs/metrics"
}
ok "and the mount counts what it fetched" test "$(metric fetched)" -gt 0
# in the cache of a mount
devnet umount "$work/doctor1"
for f in $(find "$net"/mounts/doctor1-* -path '*blobs*' -type f -size +100k); do
	flip "$f" 5000
done
mount_as doctor1
ok "damaged in the mount's cache: the good bytes all the same" cmp "$work/scan" "$A/EMR04/scan.bin"
ok "fetched anew and counted" test "$(metric damaged)" -gt 0 -a "$(metric fetched)" -ge "$(metric damaged)"
for n in 1 2 3 4; do
	for f in $(find "$net/peer$n/data" -path '*blobs*' -type f -size +100k); do
		flip "$f" 7000
	done
done
devnet umount "$work/doctor1"
rm -rf "$net"/mounts/doctor1-*
mount_as doctor1
is "damaged at all peers: EIO, never wrong bytes" "Input/output error" bash -c "cat $A/EMR04/scan.bin 2>&1 >/dev/null | sed 's/.*: //'"
ok "and counted" test "$(metric missing)" -gt 0
ok "records are read all the same" grep -q 30 "$A/EMR02/r-30.json"
