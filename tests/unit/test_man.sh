#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_man.sh - each verb, option, exit code and configuration key stands in its manual page.
set -u
cd "$(dirname "$0")/../.." || exit 1
man=contrib/man
failed=0

# wants PAGE WORD: the word stands in the page, hyphens written either way
wants()
{
	sed 's/\\-/-/g; s/\\f[A-Z]//g' "$man/$1" | grep -qwF -e "$2" && return
	echo "$man/$1 says nothing of '$2'"
	failed=1
}

# the table `cmds` of the tool
for verb in $(sed -n '/cmds\[\] = {/,/^};/s/^	{"\([a-z]*\)".*/\1/p' fs/chartfs.c); do
	wants chartfs.1 "$verb"
done
# long options of all programs
for option in $(sed -n 's/.*{"\([a-z-]*\)", [a-z]*_argument, .*/\1/p' fs/cmd_*.c); do
	wants chartfs.1 "--$option"
done
for option in $(grep -o '{"[a-z-]*", [a-z]*_argument' net/chartfsd.c | sed 's/{"\([a-z-]*\)".*/\1/'); do
	wants chartfsd.8 "--$option"
done
for option in $(grep -o '{"[a-z-]*", [a-z]*_argument' net/chartfs-ca.c | sed 's/{"\([a-z-]*\)".*/\1/' | grep -v help); do
	wants chartfs-ca.1 "--$option"
done
# exit codes of ledger/err.h
for code in $(sed -n 's/^	X(CF_[A-Z]*, \([0-9]*\),.*/\1/p' ledger/err.h | sort -nu); do
	grep -q "^$code|" "$man/chartfs.1" || {
		echo "$man/chartfs.1: exit code $code is missing"
		failed=1
	}
done
# keys and sections of configurations
keys=$(sed -n 's/^	{"\([a-z]*\)", "\([a-z-]*\)".*/[\1] \2/p' net/conf.c | tr ' ' '\n' | sort -u)
for word in $keys; do
	wants chartfs.conf.5 "$word"
done
[ "$(echo "$keys" | wc -l)" -gt 20 ] || failed=1

if command -v groff >/dev/null; then
	for page in "$man"/*.[1-8]; do
		warnings=$(groff -t -man -ww -Tutf8 -z "$page" 2>&1)
		[ -z "$warnings" ] || {
			echo "$warnings"
			failed=1
		}
	done
fi
exit $failed
