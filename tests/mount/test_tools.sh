#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_tools.sh - a doctor's ordinary tools on a mount, seen from another hospital's mount beside it.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1 B=$work/doctor2/patients/patient1
src=$work/src
mkdir "$src"
for i in 1 2 3 4 5; do
	echo "{\"visit\": $i}" >"$src/visit-$i.json"
done
head -c 300000 /dev/urandom >"$src/scan.dcm"
mkdir -p "$src/series/a/b"
head -c 5000 /dev/urandom >"$src/series/a/b/0001.dcm"
touch -d '2026-01-02 03:04:05.678901234' "$src/visit-1.json" "$src/scan.dcm"
chmod 640 "$src/visit-2.json"

versions()
{
	ls "$1/.history/$2" | grep -c -v deleted
}

is "sixteen sections" 16 bash -c "ls $A | grep -c ^EMR"
ok "echo saves a record" bash -c "echo '{\"a\":1}' >$A/EMR02/echo.json"
soon "the other hospital reads it" '{"a":1}' cat "$B/EMR02/echo.json"
is "one shell redirection is one version" 1 versions "$A/EMR02" echo.json
ok "the other hospital changes it" bash -c "echo '{\"a\":2}' >$B/EMR02/echo.json"
is "seen here, without a stale cache" '{"a":2}' cat "$A/EMR02/echo.json"
is "two versions now" 2 versions "$A/EMR02" echo.json

ok "vim edits a record" vim.tiny -u NONE -c 'set backup writebackup' -c '%s/2/3/' -c wq -es "$A/EMR02/echo.json" </dev/null
soon "vim's edit is there" '{"a":3}' cat "$B/EMR02/echo.json"
is "as one version more" 3 versions "$A/EMR02" echo.json
soon "no backup of vim's reaches the other hospital" "echo.json" ls "$B/EMR02"
ok "sed -i" sed -i s/3/4/ "$A/EMR02/echo.json"
soon "sed's edit is there" '{"a":4}' cat "$B/EMR02/echo.json"
is "as one version more" 4 versions "$A/EMR02" echo.json
ok "sed -i.bak" sed -i.bak s/4/5/ "$A/EMR02/echo.json"
soon "its edit is there" '{"a":5}' cat "$B/EMR02/echo.json"
is "in the same history" 5 versions "$A/EMR02" echo.json
is "writing the same again makes no version" 5 bash -c "echo '{\"a\":5}' >$A/EMR02/echo.json; ls $A/EMR02/.history/echo.json | wc -l"
ok "jq reads" within 5 bash -c "[ \$(jq .a $B/EMR02/echo.json) = 5 ]"
# nano on a terminal of its own: a blank in front, ^S saves, ^X leaves
nano_edit()
{
	{
		sleep 1
		printf ' '
		sleep 0.3
		printf '\x13'
		sleep 1
		printf '\x18'
		sleep 0.3
	} | TERM=xterm timeout 20 script -qec "nano $1" /dev/null
}
if script -qec true /dev/null >/dev/null 2>&1; then
	ok "nano edits a record" nano_edit "$A/EMR02/echo.json"
else
	echo "# no pseudo-terminals here: nano's edit is made by the shell"
	echo ' {"a":5}' >"$A/EMR02/echo.json"
fi
soon "nano's edit is there" ' {"a":5}' cat "$B/EMR02/echo.json"
is "as one version more" 6 versions "$A/EMR02" echo.json
ok "append" bash -c "printf '\n' >>$A/EMR02/echo.json"
soon "appended" 10 stat -c %s "$B/EMR02/echo.json"

ok "mkdir, cp -a" bash -c "mkdir -p $A/EMR04/attachments && cp -a $src $A/EMR04/attachments/cp"
ok "equal here" diff -r "$src" "$A/EMR04/attachments/cp"
ok "equal there" within 5 diff -r "$src" "$B/EMR04/attachments/cp"
is "times to the nanosecond" "$(stat -c %y "$src/scan.dcm")" stat -c %y "$A/EMR04/attachments/cp/scan.dcm"
is "modes" 640 stat -c %a "$A/EMR04/attachments/cp/visit-2.json"
ok "rsync -a" rsync -a "$src/" "$A/EMR04/attachments/rsync/"
ok "equal there" within 5 diff -r "$src" "$B/EMR04/attachments/rsync"
is "a second rsync finds nothing to do" "" rsync -ai "$src/" "$A/EMR04/attachments/rsync/"
ok "rsync updates one" bash -c "echo '{\"visit\": 22}' >$src/visit-2.json && rsync -a $src/ $A/EMR04/attachments/rsync/"
soon "updated there" '{"visit": 22}' cat "$B/EMR04/attachments/rsync/visit-2.json"
ok "rsync --inplace" bash -c "echo '{\"visit\": 230}' >$src/visit-2.json && rsync -a --inplace $src/ $A/EMR04/attachments/rsync/"
soon "updated in place" '{"visit": 230}' cat "$B/EMR04/attachments/rsync/visit-2.json"
ok "tar in" bash -c "mkdir $A/EMR04/attachments/tar && tar -C $src -cf - . | tar -C $A/EMR04/attachments/tar -xf -"
ok "tar out equals" bash -c "tar -C $B/EMR04/attachments/tar -cf - . | tar -C $src -df -"

ok "a DICOM file" cp "$here/contrib/sample/irene-castell/hip-control.dcm" "$A/EMR04/attachments/hip.dcm"
ok "dcmdump reads it there" within 5 dcmdump -q "$B/EMR04/attachments/hip.dcm"
ok "rewriting 4 KiB in the middle" dd if=/dev/urandom of="$src/scan.dcm" bs=4096 seek=20 count=1 conv=notrunc status=none
ok "the same on the mount" dd if="$src/scan.dcm" of="$A/EMR04/attachments/cp/scan.dcm" bs=4096 skip=20 seek=20 count=1 conv=notrunc status=none
ok "equal there" within 5 cmp "$src/scan.dcm" "$B/EMR04/attachments/cp/scan.dcm"
ok "truncate" truncate -s 100000 "$src/scan.dcm" "$A/EMR04/attachments/cp/scan.dcm"
ok "equal there" within 5 cmp "$src/scan.dcm" "$B/EMR04/attachments/cp/scan.dcm"
ok "mv within a directory" mv "$A/EMR04/attachments/hip.dcm" "$A/EMR04/attachments/hip2.dcm"
ok "moved there" within 5 test -e "$B/EMR04/attachments/hip2.dcm" -a ! -e "$B/EMR04/attachments/hip.dcm"
ok "mv over another" mv "$A/EMR04/attachments/hip2.dcm" "$A/EMR04/attachments/cp/scan.dcm"
ok "there it is the other" within 5 cmp "$here/contrib/sample/irene-castell/hip-control.dcm" "$B/EMR04/attachments/cp/scan.dcm"
ok "a symbolic link" ln -s cp/visit-1.json "$A/EMR04/attachments/link"
soon "it leads there" cp/visit-1.json readlink "$B/EMR04/attachments/link"
ok "rm -r" rm -r "$A/EMR04/attachments/tar"
ok "gone there" within 5 test ! -e "$B/EMR04/attachments/tar"
ok "rmdir of a full directory is refused" bash -c "! rmdir $A/EMR04/attachments/rsync 2>/dev/null"
ok "df" df "$A"
ok "find walks the live tree only" bash -c "! find $work/doctor1 | grep -E '/(\.history|at|\.chartfs|\.snapshots)(/|$)'"

is "an ungranted section: EACCES" "Permission denied" bash -c "ls $A/EMR13 2>&1 | sed 's/.*: //'"
is "writing there, too" "Permission denied" bash -c "{ echo '{}' >$A/EMR13/x.json; } 2>&1 | sed 's/.*: //'"
ok "the reason is in last-error" grep -q EMR13 "$work/doctor1/.chartfs/last-error"
is "a patient who granted nothing is not known here" "" bash -c "ls $work/doctor1/patients | grep patient3"

head -c 12000000 /dev/urandom >"$src/big"
ok "a larger attachment" cp "$src/big" "$A/EMR04/attachments/big"
ok "equal there" within 5 cmp "$src/big" "$B/EMR04/attachments/big"
ok "mmap reads it" python3 -c "
import mmap, sys
with open('$B/EMR04/attachments/big','rb') as f, open('$src/big','rb') as g:
    m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
    g.seek(7654321)
    sys.exit(m[7654321:7654321+100000] != g.read(100000))"
ok "the peers agree" within 10 same_heads
