#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_posix.sh - what POSIX and Linux promise of files, directories, links and permissions, on a real mount, and
# what of it is there after a remount. SEED, MIX_SECONDS: of the random mix.
. "$(dirname "$0")/../lib/solo.sh"

program posix
seen()
{
	(cd "$1" && find . -printf '%i %m %U %G %n %s %T@ %C@ %y %P -> %l\n' | LC_ALL=C sort)
}

contents()
{
	(cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}

for t in $("$bin/posix" -l); do
	ok "posix: $t" "$bin/posix" "$A/$t" "$t"
done
mkdir "$A/mix" "$work/twin"
ok "a random mix of calls comes to the same as on a plain directory (seed ${SEED:-1})" timeout 60 \
	python3 "$here/tests/mount/mix.py" run "$A/mix" "$work/twin" "${SEED:-1}" "${MIX_SECONDS:-8}"
ok "nothing is left to be saved" within 5 test ! -s "$M/.chartfs/staged"
sleep 1.2
seen "$A" >"$work/before"
contents "$A" >"$work/sums"
ok "a remount" remount
ok "numbers, modes, owners, links, sizes and times to the nanosecond are the same" \
	bash -c "$(declare -f seen); diff $work/before <(seen $A)"
ok "and so is every byte" bash -c "$(declare -f contents); diff $work/sums <(contents $A)"
is "nothing unlinked came back" "" ls -A "$A/unlinked"
for mode in async fsync; do
	ok "commit=$mode" bash -c "chartfs umount $M && chartfs solo $D $M -o commit=$mode"
	mkdir "$A/mix-$mode" "$work/twin-$mode"
	ok "$mode: a random mix of calls comes to the same, too (seed ${SEED:-1})" timeout 60 \
		python3 "$here/tests/mount/mix.py" run "$A/mix-$mode" "$work/twin-$mode" "${SEED:-1}" 4
	is "$mode: a mount alone is in no conflict" "" ls "$M/.chartfs/conflicts"
done
ok "read-only: nothing changes" bash -c "chartfs umount $M && chartfs solo $D $M -o ro"
is "EROFS" "Read-only file system" bash -c "{ echo x >$A/append/log; } 2>&1 | sed 's/.*: //'"
ok "but what is asked is answered" bash -c "chartfs whoami $M | grep -q solo && chartfs log $A/append/log | grep -q ."
is "and what would change the ledger is refused" "chartfs erase: erase: this mount is read-only" \
	bash -c "chartfs erase $A/append/log 2>&1"
ok "the ledger can be used again as soon as umount is back" bash -c "chartfs umount $M && chartfs solo $D $M -o ro"
chmod 711 "$work"
is "remounted for users of this host" "" bash -c "chartfs umount $M && chartfs solo $D $M -o users=65534"
is "a user who is one of them reads" abababababc setpriv --reuid 65534 --clear-groups cat "$A/append/log"
is "and is held to modes" "Permission denied" bash -c "setpriv --reuid 65534 --clear-groups touch $A/append/log 2>&1 | sed 's/.*: //'"
is "a user who is not, gets nothing" "Permission denied" bash -c "setpriv --reuid 65533 --clear-groups cat $A/append/log 2>&1 | sed 's/.*: //'"
