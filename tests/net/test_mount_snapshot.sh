#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_mount_snapshot.sh - a mount that is BLOCKS blocks behind (default 600) begins with the state of a certified
# block: a member that sends wrong rows is named and left; the live tree is at once what a mount shows that took all
# blocks, and can be written; the past is refused, with the reason, until the blocks of before have come behind, and
# is then the same, too. Killed with -9 in the middle of both. Prints how long each took. `make snapshot`.
. "$(dirname "$0")/../lib/mount.sh"

blocks=${BLOCKS:-600}
most=$((60 + blocks / 50))

# How a peer's daemon becomes the liar of tests/liar.
cat >"$work/liar" <<-SH
	#!/bin/sh
	shift
	exec "$bin/liar" "\$@"
SH
chmod +x "$work/liar"

# fresh NAME KIB [BLOCKS]: the configuration of a mount of doctor1's at $work/NAME, with stores of its own
fresh()
{
	mkdir -p "$work/$1"
	cat >"$work/$1.ini" <<-INI
		[mount]
		identity = $net/who/doctor1
		passphrase-file = $net/passphrase
		genesis = $net/genesis
		root = $net/ca/root/ca.pem
		data = $work/$1.data

		[catchup]
		snapshot-blocks = ${3:-200}
		backfill-rate-kib = $2
	INI
}

mount_fresh()
{
	chartfs mount --config "$work/$1.ini" --log "$work/$1.log" "$work/$1"
}

# field NAME KEY: a number of the mount's status
field()
{
	sed -n "s/^ *\"$2\": \([0-9]*\).*/\1/p" "$work/$1/.chartfs/status"
}

missing()
{
	field "$1" missing_blocks
}

lacks()
{
	[ "$(missing "$1")" -gt 0 ]
}

whole()
{
	[ "$(missing "$1")" = 0 ]
}

# tree NAME [BELOW]: everything a mount shows there: modes, sizes, times and contents
tree()
{
	(
		cd "$work/$1/${2:-.}" || exit
		find patients/patient? -type f -print0 2>/dev/null | sort -z | xargs -0 sha256sum
		find patients/patient? -printf '%p %M %s %T@\n' 2>/dev/null | sort
	)
}

same_tree()
{
	tree "$1" "${3:-.}" >"$work/tree1" && tree "$2" "${3:-.}" >"$work/tree2" &&
		[ "$(grep -c '^[0-9a-f]* .*json' "$work/tree1")" -ge "$blocks" ] && diff "$work/tree1" "$work/tree2"
}

# facts NAME: of one record
facts()
{
	getfattr --absolute-names --only-values -n user.chartfs.author "$work/$1/$file"
	getfattr --absolute-names --only-values -n user.chartfs.txid "$work/$1/$file"
}

# refused NAME COMMAND...: EAGAIN, and the mount says why
refused()
{
	local name=$1 out
	shift
	out=$("$@" 2>&1) && return 1
	printf '%s\n' "$out"
	printf '%s' "$out" | grep -q 'temporarily unavailable\|still being fetched' &&
		grep -q "EAGAIN: blocks 1 to [0-9]* are still being fetched" "$work/$name/.chartfs/last-error"
}

# its_pid NAME
its_pid()
{
	field "$1" pid
}

# since FROM WHAT: how long it took
since()
{
	awk -v us=$((${EPOCHREALTIME/./} - $1)) -v what="$2" 'BEGIN { printf "# %s after %.1f s\n", what, us / 1e6 }'
}

kill_mount()
{
	kill -9 "$(its_pid "$1")"
	fusermount3 -uz "$work/$1"
}

# killed_taking NAME: with -9, as soon as it takes a state
killed_taking()
{
	local pid
	chartfs mount --foreground --config "$work/$1.ini" --log "$work/$1.log" "$work/$1" &
	pid=$!
	until [ -d "$work/$1.data/snapshot.new" ]; do
		kill -0 $pid || return
	done
	kill -9 $pid
	wait $pid
	fusermount3 -uz "$work/$1" 2>/dev/null
	[ -d "$work/$1.data/snapshot.new" ]
}

network_up
fresh behind 100
ok "a mount while the ledger is short" mount_fresh behind
ok "lacks nothing" whole behind
chartfs umount "$work/behind"
mkdir -p "$net/prefix"
echo "env CHARTFS_LIES=snapshots $work/liar" >"$net/prefix/peer1"
ok "a ledger of $blocks blocks more" lengthen "$blocks"
devnet peer "$net" 4 start
ok "all have it" within $most abreast 1 2 3 4

fresh old 8192 0
from=${EPOCHREALTIME/./}
ok "a mount that takes all blocks" mount_fresh old
ok "is complete" whole old
since "$from" "block by block: usable"

file=$(cd "$work/old" && find patients/patient?/EMR05 -name '*.json' | sort | head -n 1)
dir=${file%/*} first=${file##*/}
fresh new 5
ok "killed in the middle of a state" killed_taking new
: >"$work/new.log"
from=${EPOCHREALTIME/./}
ok "a mount begins with a state" mount_fresh new
since "$from" "by a state: usable"
ok "of a member that is right" grep -q "rows of member [1-3] are the state of block" "$work/new.log"
ok "it lacks blocks, and says so" lacks new
ok "the live tree is the same" same_tree old new
is "so is who wrote a record, and in which transaction" "$(facts old)" facts new
ok "it lacks them still" lacks new
ok "a save succeeds at once" save "$work/new/patients/patient1/EMR14/at-once.json" '{"now":1}'
soon "and is seen by others" '{"now":1}' cat "$work/old/patients/patient1/EMR14/at-once.json"
now=$(cat "$work/new/.chartfs/height")
ok "a tree since then is the same" same_tree old new "at/@$now"
past=$(($(field new past_from) - 100))
ok "one of before is refused" refused new ls "$work/new/at/@$past"
ok "by its time, too" refused new ls "$work/new/at/$(date -u -d '1 day ago' +%F)"
ok "and versions" refused new ls "$work/new/$dir/.history"
ok "and the list of snapshots" refused new ls "$work/new/$dir/.snapshots"
ok "and proofs" refused new cat "$work/new/$file.proof"
fails "and the log" 8 "still being fetched" chartfs log "$work/new/$file"

left=$(missing new)
ok "some more come" within 20 bash -c "[ \$(sed -n 's/^ *\"missing_blocks\": //p' $work/new/.chartfs/status | tr -d ,) -lt $left ]"
left=$(missing new)
ok "killed in the middle of the blocks" kill_mount new
fresh new 8192
from=${EPOCHREALTIME/./}
ok "it begins where it was" mount_fresh new
ok "no state is taken again" [ "$(grep -c 'are the state of' "$work/new.log")" = 1 ]
ok "then it lacks nothing" within $most whole new
since "$from" "the rest of $left blocks"
ok "the past is the same" same_tree old new
before()
{
	diff <(cd "$work/old/at/@$past" && find patients 2>/dev/null | sort && cat patients/patient?/EMR0*/*) \
		<(cd "$work/new/at/@$past" && find patients 2>/dev/null | sort && cat patients/patient?/EMR0*/*)
}
ok "a tree of before is the same" before
is "versions are" "$(cd "$work/old/$dir/.history" && find . -printf '%p %s %T@\n' | sort)" \
	bash -c "cd $work/new/$dir/.history && find . -printf '%p %s %T@\n' | sort"
is "the log is" "$(chartfs log "$work/old/$file")" chartfs log "$work/new/$file"
ok "a proof verifies" bash -c "cat '$work/new/$file.proof' >$work/p && chartfs-verify $net/genesis $work/p"

# At first the liar alone answers.
for n in 2 3 4; do
	devnet peer "$net" $n pause
done
mount_fresh behind &
mounting=$!
ok "a member that sends wrong rows is named" within 10 grep -q "member 0 sends a wrong state" "$work/behind.log"
for n in 2 3 4; do
	devnet peer "$net" $n cont
done
wait $mounting
point "a mount that was away for long" $?
ok "another one's state is taken" grep -q "rows of member [1-3] are the state of block" "$work/behind.log"
ok "begins with a state, too" grep -q "own height [1-9][0-9]*, member [0-3] offers the state" "$work/behind.log"
ok "and shows the same" same_tree old behind
