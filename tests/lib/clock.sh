# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# clock.sh - sourced after mount.sh: peers and mounts whose wall clocks are off, and jump while they run (clock.c).
# A program's own time is all that changes: the machine's clock and the tests' own stay as they are.

gcc -O2 -D_GNU_SOURCE -Wall -Werror -shared -fPIC -o "$work/clock.so" "$here/tests/net/clock.c" || exit 1
mkdir -p "$net/prefix"

# clock FILE SECONDS: that far ahead, or behind
clock()
{
	python3 -c "
import struct
with open('$net/prefix/$1.clock', 'r+b') as f: f.write(struct.pack('=q', 1000 * int('$2')))"
}

# shared_clock FILE NAME...: peer<N> or identities, before network_up or mount_as; right at first
shared_clock()
{
	local name file=$1
	shift
	head -c 8 /dev/zero >"$net/prefix/$file.clock"
	for name in "$@"; do
		echo "$(cat "$net/prefix/$name" 2>/dev/null)" \
			"env LD_PRELOAD=$work/clock.so CHARTFS_CLOCK=$net/prefix/$file.clock" >"$net/prefix/$name.new"
		mv "$net/prefix/$name.new" "$net/prefix/$name"
	done
}

# own_clock NAME...: each has its own, of its name
own_clock()
{
	local name
	for name in "$@"; do
		shared_clock "$name" "$name"
	done
}
