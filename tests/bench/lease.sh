#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# lease.sh - what the trace costs: 1,000 records of one section read by their owner, who asks nobody, and by a
# doctor, who takes one lease first. Each sample from a mount that has just come up and an empty page cache; both
# in turn, the order changing, medians of several rounds. Ends with 1 when the ratio is over 1.2. Root.
#
#   BIN=build ROUNDS=7 RECORDS=1000 tests/bench/lease.sh
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(cd "${BIN:-$here/build}" && pwd)
rounds=${ROUNDS:-7}
records=${RECORDS:-1000}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/chartfs-bench.XXXXXX")
net=$work/net out=$work/figures
export CHARTFS_BIN=$bin

cleanup()
{
	"$here/contrib/devnet" down "$net" || true
	rm -rf "$work"
}
trap cleanup EXIT

# one WHO: milliseconds for all records, by a mount that is new
one()
{
	local mnt=$work/mnt-$1 dir=$work/mnt-$1/patients/patient1/EMR02/many from
	mkdir -p "$mnt"
	"$here/contrib/devnet" mount "$net" "$1" "$mnt"
	until [ "$(ls "$dir" 2>/dev/null | wc -l)" = "$records" ]; do
		sleep 0.1
	done
	sync
	echo 3 >/proc/sys/vm/drop_caches
	from=${EPOCHREALTIME/./}
	"$bin/records" read "$dir" "$records" >/dev/null
	echo "$1 $((${EPOCHREALTIME/./} - from))" >>"$out"
	"$here/contrib/devnet" umount "$mnt"
}

# leases: how many doctor1 has taken to read
leases()
{
	"$bin/chartfs" accesses "$work/mnt-patient1/patients/patient1" | awk '$2 ~ /^doctor1@/ && $5 == "read"' | wc -l
}

"$here/contrib/devnet" up "$net"
mkdir -p "$work/mnt-patient1"
"$here/contrib/devnet" mount "$net" patient1 "$work/mnt-patient1"
mkdir "$work/mnt-patient1/patients/patient1/EMR02/many"
"$bin/records" save "$work/mnt-patient1/patients/patient1/EMR02/many" "$records" 8 >/dev/null
"$here/contrib/devnet" umount "$work/mnt-patient1"
for ((r = 0; r < rounds; r++)); do
	if [ $((r % 2)) = 0 ]; then
		one patient1
		one doctor1
	else
		one doctor1
		one patient1
	fi
done
"$here/contrib/devnet" mount "$net" patient1 "$work/mnt-patient1"
taken=$(leases)
"$here/contrib/devnet" umount "$work/mnt-patient1"

echo "machine: $(nproc) cores, $(uname -sr); $records records, $rounds rounds, $taken leases"
awk -v taken="$taken" -v rounds="$rounds" '
{ n[$1]++; v[$1, n[$1]] = $2 }
function median(who,   i, j, c, a, t) {
	c = n[who]
	for (i = 1; i <= c; i++) a[i] = v[who, i]
	for (i = 1; i < c; i++) for (j = i + 1; j <= c; j++) if (a[i] > a[j]) { t = a[i]; a[i] = a[j]; a[j] = t }
	return a[int((c + 1) / 2)]
}
END {
	o = median("patient1"); d = median("doctor1")
	printf "owner %.1f ms, doctor %.1f ms, ratio %.2f (1.20 allowed)\n", o / 1000, d / 1000, d / o
	exit d > 1.2 * o || taken != rounds
}' "$out"
