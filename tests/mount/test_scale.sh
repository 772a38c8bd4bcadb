#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_scale.sh - a directory of ENTRIES records (default 30000): listed, looked up, changed, in bounded memory; and
# what it costs to enter the past on chains of BLOCKS blocks (default 100 and 3000): about the same on each, a seek.
# `make scale` has more of both.
. "$(dirname "$0")/../lib/mount.sh"

entries=${ENTRIES:-30000}
read -ra lengths <<<"${BLOCKS:-100 3000}"
per_block=1000
made=0
patience=$((60 + entries / 1000))

# lengthen COUNT [RECORDS]: so many blocks more, at each peer and in the mount's own store
lengthen()
{
	local n own
	devnet umount "$work/doctor1"
	devnet down "$net"
	"$bin/longledger" "$net" "$1" doctor1 ${2:+"$2"} || return
	own=$(echo "$net"/mounts/doctor1-*/chain)
	for n in "$net"/peer{2,3,4}/data/chain "$own"; do
		rm -rf "$n" && cp -a "$net/peer1/data/chain" "$n" || return
	done
	for n in 1 2 3 4; do
		devnet peer "$net" $n start
	done
}

# measure NAME...: its figures are shown, and kept in the array figure
declare -A figure
measure()
{
	local name value out
	out=$(python3 "$here/tests/mount/scale.py" "$@" 2>&1)
	point "$1 is done" $?
	while read -r name value; do
		figure[$name]=$value
		echo "# $name $value"
	done <<<"$out"
}

# below NAME MOST: the figure is at most that
below()
{
	ok "$1 is at most $2" awk -v value="${figure[$1]:-1e9}" -v most="$2" 'BEGIN { exit value > most }'
}

# memory: MiB that the mount has for itself
memory()
{
	awk '/RssAnon/ { print int($2 / 1024) }' "/proc/$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$work/doctor1/.chartfs/status")/status"
}

network_up
mount_as doctor1
P=patients/patient1
save "$work/doctor1/$P/EMR01/anchor.json" '{"anchor":1}'
first=$(date +%s)

for length in "${lengths[@]}"; do
	ok "a chain of $length blocks" lengthen $((length - made))
	made=$length
	mount_as doctor1
	ok "is shown" within $patience test -e "$work/doctor1/$P/EMR01/anchor.json"
	# so many names of the past, none of them looked at before
	while [ $(($(date +%s) - first)) -lt 15 ]; do
		sleep 0.2
	done
	measure past "$work/doctor1" "$P/EMR01/anchor.json" "$first" "$(date +%s)" '{"anchor":1}
'
	below snapshots_list_ms 2000
	for name in at snapshot; do
		kind=${name}_ms
		[ -n "${figure[first_$kind]:-}" ] || figure[first_$kind]=${figure[$kind]}
		ok "$kind on $length blocks is what it was on ${lengths[0]}" awk -v now="${figure[$kind]}" -v then="${figure[first_$kind]}" '
			BEGIN { exit now > 4 * then + 10 }'
	done
done

ok "a directory of $entries records" lengthen $(((entries + per_block - 1) / per_block)) $per_block
mount_as doctor1
# longledger's patient is one of those who granted
large()
{
	D=$(echo "$work"/doctor1/patients/*/EMR12/"$(printf %09d $((entries - 1)))".json)
	D=${D%/*}
	[ -d "$D" ]
}
within $patience large
point "is shown" $?
before=$(memory)
measure stat "$D" "$entries"
below stat_ms 5
measure list "$D"
ok "all of it is listed" [ "${figure[names]}" -ge "$entries" ]
below list_s $((5 + entries / 5000))
cold=${figure[list_s]}
measure list "$D"
below list_s "$(awk -v cold="$cold" 'BEGIN { print 2 * cold + 2 }')"
measure change "$D" "$entries"
below create_ms 1500
below unlink_ms 1500
ok "ls -l" bash -c "[ \$(ls -lf '$D' | wc -l) -ge $entries ]"
after=$(memory)
echo "# the mount's own memory: $before MiB, then $after MiB"
ok "memory is bounded" [ $after -le $((before + 60 + entries / 1000)) ]
