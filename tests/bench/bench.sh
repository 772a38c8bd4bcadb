#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench.sh - saves and reads of 4 KiB records on chartfs (four peers, TLS on loopback) beside the same work on
# the plain directory it all lies on, in turn, several rounds: medians and ratios. Root: drops the page cache.
#
#   BIN=build ROUNDS=5 SAVES=200 tests/bench/bench.sh
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(cd "${BIN:-$here/build}" && pwd)
rounds=${ROUNDS:-5}
saves=${SAVES:-200}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/chartfs-bench.XXXXXX")
net=$work/net mnt=$work/mnt plain=$work/plain out=$work/figures
export CHARTFS_BIN=$bin

cleanup()
{
	"$here/contrib/devnet" umount "$mnt" || true
	"$here/contrib/devnet" down "$net" || true
	rm -rf "$work"
}
trap cleanup EXIT

drop()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# figures SIDE PREFIX: "metric value unit" lines from stdin, kept as "side metric value"
keep()
{
	awk -v side="$1" -v prefix="$2" '{print side, prefix $1, $2}' >>"$out"
}

# one SIDE DIR ROUND
one()
{
	local side=$1 dir=$2/round$3
	mkdir -p "$dir/one" "$dir/many"
	"$bin/records" save "$dir/one" "$saves" 1 | keep "$side" ""
	"$bin/records" save "$dir/many" $((saves * 4 / 16 * 16)) 16 | keep "$side" ""
	drop
	"$bin/records" read "$dir/one" "$saves" | keep "$side" cold_
	"$bin/records" read "$dir/one" "$saves" | keep "$side" warm_
}

mkdir -p "$net" "$mnt" "$plain"
"$here/contrib/devnet" up "$net"
"$here/contrib/devnet" mount "$net" patient1 "$mnt"
chart=$mnt/patients/patient1/EMR02
for ((r = 1; r <= rounds; r++)); do
	one chartfs "$chart" "$r"
	one plain "$plain" "$r"
done
"$here/contrib/devnet" status "$net" >/dev/null

echo "machine: $(nproc) cores, $(awk '/MemTotal/{printf "%.0f GiB", $2/1048576}' /proc/meminfo), $(uname -sr); $rounds rounds, median of each"
awk '
{ k = $2; side = $1; n[side, k]++; v[side, k, n[side, k]] = $3; if (!(k in seen)) { seen[k] = 1; order[++m] = k } }
function median(side, k,   i, j, c, a, t) {
	c = n[side, k]
	for (i = 1; i <= c; i++) a[i] = v[side, k, i]
	for (i = 1; i < c; i++) for (j = i + 1; j <= c; j++) if (a[i] > a[j]) { t = a[i]; a[i] = a[j]; a[j] = t }
	return a[int((c + 1) / 2)]
}
END {
	printf "%-16s %12s %12s %8s\n", "metric", "chartfs", "plain", "ratio"
	for (i = 1; i <= m; i++) {
		k = order[i]; c = median("chartfs", k); p = median("plain", k)
		printf "%-16s %12.1f %12.1f %8.2f\n", k, c, p, p ? c / p : 0
	}
}' "$out"
