#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_rights.sh - every role, verb and kind of section, by every way in: files of a mount, the tool, and a client
# that checks nothing itself (bare.c). What is refused by one is refused by all. The expected answers: rights.txt.
. "$(dirname "$0")/../lib/mount.sh"

network_up
for who in patient3 patient4 doctor1 doctor2 manager1 governor1; do
	mount_as $who
done
while IFS=$'\t' read -r status name wrong; do
	point "$name" "$status"
	[ -z "$wrong" ] || echo "# $wrong"
done < <(python3 "$here/tests/net/rights.py" "$here/tests/net/rights.txt" "$work" "$bin" 2>"$work/rights.err" || echo "1	rights.py ends well	$(tail -n 1 "$work/rights.err")")
