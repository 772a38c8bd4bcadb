#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_big.sh - an attachment that is many times larger than the memory its mount may use: in, out, read at random,
# rewritten in the middle, on another mount. MIB and LIMIT, in MiB (default 256 in 96); make big GIB=4 is 4 GiB in 256.
. "$(dirname "$0")/../lib/mount.sh"
. "$(dirname "$0")/../lib/bounded.sh"

mib=${MIB:-256} limit=${LIMIT:-96}
network_up
mkdir "$work/doctor1"
ok "a mount that may use $limit MiB" bounded "$limit" "$here/contrib/devnet" mount "$net" doctor1 "$work/doctor1"
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR04/attachments
B=$work/doctor2/patients/patient1/EMR04/attachments
src=$work/src
pid=$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$work/doctor1/.chartfs/status")
mkdir "$A"

# timed NAME COMMAND...: a point, and how long it took
timed()
{
	local from=${EPOCHREALTIME/./}
	ok "$@"
	awk -v us=$((${EPOCHREALTIME/./} - from)) -v mib="$mib" 'BEGIN { printf "# %.1f s, %.0f MiB/s\n", us / 1e6, mib * 1e6 / us }'
}

# same FILE: its SHA-256 is that of src
same()
{
	[ "$(sha256sum <"$1")" = "$(sha256sum <"$src")" ]
}

# at_random FILE COUNT: so many pieces at random places are those of src
at_random()
{
	python3 - "$src" "$1" "$2" <<'PY'
import os, random, sys
a, b = (os.open(p, os.O_RDONLY) for p in sys.argv[1:3])
size = os.fstat(a).st_size
assert os.fstat(b).st_size == size
r = random.Random(7)
for _ in range(int(sys.argv[3])):
    n = r.randrange(1, 200000)
    at = r.randrange(size)
    assert os.pread(a, n, at) == os.pread(b, n, at), at
PY
}

# rewrite FILE: a piece in the middle, which no chunk's border fits
rewrite()
{
	dd if="$work/piece" of="$1" bs=1M seek=$((mib / 2 * 1048576 + 12345)) oflag=seek_bytes conv=notrunc status=none
}

openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 0 </dev/zero 2>/dev/null | head -c $((mib << 20)) >"$src"
head -c 3000001 /dev/urandom >"$work/piece"
timed "$mib MiB in" cp "$src" "$A/scan"
timed "and out" same "$A/scan"
ok "at random" at_random "$A/scan" 200
from=${EPOCHREALTIME/./}
ok "rewritten in the middle" rewrite "$A/scan"
awk -v us=$((${EPOCHREALTIME/./} - from)) 'BEGIN { printf "# %.2f s\n", us / 1e6 }'
rewrite "$src"
timed "it is what it is to be" same "$A/scan"
soon "on the other mount, too" "$(stat -c %s "$src")" stat -c %s "$B/scan"
timed "the same bytes" within 20 same "$B/scan"
is "both versions are there" 2 bash -c "ls $A/.history/scan | wc -l"
echo "# of the mount: at most $(of_process "$pid" VmHWM) MiB resident, now $(of_process "$pid" RssAnon) MiB of its own"
if [ -n "$bound" ]; then
	is "nothing was killed for want of memory" 0 killed
	is "it is the same process" "$pid" sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$work/doctor1/.chartfs/status"
fi
ok "the mount's own memory is within its bound" [ "$(of_process "$pid" RssAnon)" -le "$limit" ]
