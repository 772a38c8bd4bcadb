#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_wrong.sh - a peer that comes to another state than a quorum certified stops instead of voting, and says so;
# one that catches up refuses what does not verify, names who sent it, and asks another.
. "$(dirname "$0")/../lib/mount.sh"

mkdir -p "$net/prefix"
cat >"$work/liar" <<-SH
	#!/bin/sh
	shift
	exec "$bin/liar" "\$@"
SH
chmod +x "$work/liar"

# lie N [WORD]: from its next start on peer N lies like this; without a word it is honest again
lie()
{
	rm -f "$net/prefix/peer$1"
	[ -z "${2:-}" ] || echo "env CHARTFS_LIES=$2 $work/liar" >"$net/prefix/peer$1"
}

# gone N: peer N has ended by itself
gone()
{
	! kill -0 "$(cat "$net/peer$1/pid")" 2>/dev/null
}

# saves NAME COUNT: as doctor1
saves()
{
	local i
	for i in $(seq "$2"); do
		save "$A/EMR02/$1-$i.json" "{\"i\":$i}" || return
	done
}

# heard N TEXT: in the log of peer N since it was started last
heard()
{
	tail -n +$((seen + 1)) "$net/peer$1/log" | grep -q -- "$2"
}

network_up
mount_as doctor1
A=$work/doctor1/patients/patient1
ok "an honest network" saves first 3

# --- a wrong state of its own ---
wrong=$(($(leader) % 4 + 1))
devnet peer "$net" $wrong stop
lie $wrong state
seen=$(wc -l <"$net/peer$wrong/log")
devnet peer "$net" $wrong start
ok "saves go on beside a peer whose state is wrong" saves wrong 5
ok "it stops" within 20 gone $wrong
ok "says why" heard $wrong "another state root than ours"
ok "the others go on without it" saves without 3
lie $wrong
devnet peer "$net" $wrong start
ok "with a right state again it votes again" within 30 all_equal

# --- blocks that were changed on their way to who is behind ---
late=$(($(leader) % 4 + 1))
devnet peer "$net" $late stop
ok "it misses some blocks" saves late 100
for n in 1 2 3 4; do
	[ $n = $late ] || devnet peer "$net" $n stop
done
for n in 1 2 3 4; do
	[ $n = $late ] || { lie $n blocks && devnet peer "$net" $n start; }
done
seen=$(wc -l <"$net/peer$late/log")
devnet peer "$net" $late start
ok "behind liars it is abreast and votes all the same" within 60 all_equal
ok "they are named" heard $late "block .* of member [0-3] .* -> asks another"
devnet peer "$net" $late stop
ok "its ledger verifies" chartfs verify --data "$net/peer$late/data" --genesis "$net/genesis"
