#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_samba.sh - Previous Versions: .snapshots/ in every directory, read through a stock smbd with
# vfs_shadow_copy2 as contrib/smb.conf sets it, by smbclient.
. "$(dirname "$0")/../lib/mount.sh"

PATH=$PATH:/usr/sbin
command -v smbd >/dev/null && command -v smbclient >/dev/null || {
	echo "no smbd or smbclient here"
	exit 77
}

# --- the mount --------------------------------------------------------------------------------------

network_up
mount_as doctor1
mount_as patient1
top=$work/doctor1
A=$top/patients/patient1
notes=$A/EMR10
scans=$A/EMR04/attachments/ct

now()
{
	date -u +@GMT-%Y.%m.%d-%H.%M.%S
}

newest()
{
	find "$1" -mindepth 1 -maxdepth 1 | sort | tail -n 1
}

before=$(date -u -d '-1 day' +@GMT-%Y.%m.%d-%H.%M.%S)
echo '{"weight":70}' >"$notes/n.json"
mkdir -p "$scans"
head -c 3000000 /dev/urandom >"$work/scan1"
cp "$work/scan1" "$scans/1.dcm"
echo '{"old":true}' >"$notes/gone.json"
first=$(now)
sleep 2.1
echo '{"weight":71}' >"$notes/n.json"
head -c 3100000 /dev/urandom >"$work/scan2"
cp "$work/scan2" "$scans/1.dcm"
second=$(now)
sleep 2.1
echo '{"weight":72}' >"$notes/n.json"
rm "$notes/gone.json"

is "a directory as it was" '{"weight":70}' cat "$notes/.snapshots/$first/n.json"
is "and later" '{"weight":71}' cat "$notes/.snapshots/$second/n.json"
is "what is gone now" '{"old":true}' cat "$notes/.snapshots/$second/gone.json"
is "its listing is that of then" "gone.json n.json" bash -c "echo \$(ls $notes/.snapshots/$first)"
for dir in "" /patients /patients/patient1; do
	rest=/patients/patient1/EMR10/n.json
	is "from ${dir:-/}" '{"weight":70}' cat "$top$dir/.snapshots/$first${rest#"$dir"}"
done
ok "an attachment of then" cmp "$work/scan1" "$scans/.snapshots/$first/1.dcm"
ok "also from above" cmp "$work/scan1" "$A/EMR04/.snapshots/$first/attachments/ct/1.dcm"
ok "one before the ledger began is not there" test ! -e "$notes/.snapshots/$before"
ok "nor what is no time" bash -c "! ls $notes/.snapshots/@GMT-2026.02.31-00.00.00 $notes/.snapshots/latest 2>/dev/null"
ok ".snapshots is not listed" bash -c "! ls -A $notes | grep -q snapshots"
ok "a snapshot has none" test ! -e "$notes/.snapshots/$first/.snapshots"
is "sorted names, no other" "" bash -c "ls $notes/.snapshots | grep -vxE '@GMT-[0-9]{4}(\\.[0-9]{2}){2}(-[0-9]{2})(\\.[0-9]{2}){2}'"
for version in 70 71 72; do
	ok "a listed one has $version" bash -c "cat $notes/.snapshots/*/n.json | grep -qx '{\"weight\":$version}'"
done
is "all of them can be entered" "" bash -c "ls -d $notes/.snapshots/*/. 2>&1 >/dev/null"
is "read-only" "Read-only file system" bash -c "{ echo '{}' >$notes/.snapshots/$first/n.json; } 2>&1 | sed 's/.*: //'"
is "nothing is made there" "Read-only file system" bash -c "mkdir $notes/.snapshots/x 2>&1 | sed 's/.*: //'"
is "a section without a grant stays shut" "Permission denied" bash -c "ls $A/EMR13/.snapshots 2>&1 | sed 's/.*: //'"

is "in the past, too" "Permission denied" bash -c "ls $A/.snapshots/$first/EMR13 2>&1 | sed 's/.*: //'"

# one directory through three doors at once: each keeps its own name
(
	cd "$notes/.snapshots/$first" || exit
	ls "$A/.snapshots/$first/EMR10" "$top/.snapshots/$first/patients/patient1/EMR10" >/dev/null
	is "a shell that stands in one stays there" "$notes/.snapshots/$first" /bin/pwd
	ls ../../n.json >/dev/null
	point "and finds the way back" $?
	echo "$points $failures" >"$work/points"
)
read -r points failures <"$work/points"
is "different numbers" 4 bash -c "stat -c %i $notes $notes/.snapshots/$first $notes/.snapshots/$second $A/.snapshots/$first/EMR10 | sort -u | wc -l"
ino=$(stat -c %i "$notes/.snapshots/$first/n.json")
devnet umount "$top"
mount_as doctor1
is "the same after a remount" "$ino" stat -c %i "$notes/.snapshots/$first/n.json"

# --- Samba ------------------------------------------------------------------------------------------

user=$(id -un)
port=$((40000 + $$ % 20000))
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
	port=$((port + 1))
done
mkdir -p "$work/samba/ncalrpc"
{
	cat <<-EOT
		[global]
		workgroup = TEST
		server role = standalone server
		smb ports = $port
		interfaces = lo
		bind interfaces only = yes
		disable netbios = yes
		disable spoolss = yes
		load printers = no
		map to guest = bad user
		guest account = $user
		log level = 1
		log file = $work/samba/log
	EOT
	for dir in private lock state cache pid binddns; do
		echo "$dir$([ $dir = private ] || [ $dir = binddns ] && echo ' dir' || echo ' directory') = $work/samba"
	done
	echo "ncalrpc dir = $work/samba/ncalrpc"
	sed -e "s|path = .*|path = $top|; s|force user = .*|force user = $user|" "$here/contrib/smb.conf"
	echo "guest ok = yes"
} >"$work/samba/smb.conf"
testparm -s "$work/samba/smb.conf" >"$work/samba/testparm" 2>&1
ok "the settings are known to this Samba" bash -c "! grep -i -e unknown -e ignor $work/samba/testparm"

smbd --foreground --configfile="$work/samba/smb.conf" </dev/null >"$work/samba/out" 2>&1 &
smbd=$!
also_at_end=end_smbd
end_smbd()
{
	kill "$smbd" 2>/dev/null
	wait "$smbd" 2>/dev/null
	[ "$failures" = 0 ] || tail -n 8 "$work"/samba/log* "$work/samba/out" | sed 's/^/# /'
}

smb()
{
	smbclient --configfile="$work/samba/smb.conf" -N -p "$port" //127.0.0.1/charts -c "$1"
}

# get PATH FILE: fetched through the share
get()
{
	rm -f "$2"
	smb "get \"$1\" $2" >"$work/said" 2>&1 && cat "$2"
}

within 20 smb ls
ok "the share is there" smb ls
is "a file as it is" '{"weight":72}' get 'patients\patient1\EMR10\n.json' "$work/got"
smb 'allinfo patients\patient1\EMR10\n.json' >"$work/allinfo" 2>&1
is "previous versions are offered" yes bash -c "grep -q '^@GMT-' $work/allinfo && echo yes || cat $work/allinfo"
found=
while read -r name; do
	found="$found $(get "$name\\patients\\patient1\\EMR10\\n.json" "$work/got")"
done < <(grep -o '^@GMT-[-.0-9]*' "$work/allinfo")
for version in 70 71 72; do
	is "among those offered is $version" yes bash -c "echo '$found' | grep -q 'weight\":$version' && echo yes || echo '$found'"
done
is "the version of then" '{"weight":70}' get "$first\\patients\\patient1\\EMR10\\n.json" "$work/got"
is "a deleted file" '{"old":true}' get "$second\\patients\\patient1\\EMR10\\gone.json" "$work/got"
get "$first\\patients\\patient1\\EMR04\\attachments\\ct\\1.dcm" "$work/got" >/dev/null
ok "an attachment of then through Samba" cmp "$work/scan1" "$work/got"
is "a listing of then" 1 bash -c "smbclient --configfile=$work/samba/smb.conf -N -p $port //127.0.0.1/charts -c 'ls \"$first\\patients\\patient1\\EMR10\\*\"' | grep -c gone.json"
is "the past is not written" no bash -c "smbclient --configfile=$work/samba/smb.conf -N -p $port //127.0.0.1/charts -c 'put $work/scan1 \"$first\\patients\\patient1\\EMR10\\x.bin\"' >/dev/null && test -e $notes/x.bin && echo yes || echo no"
get "$first\\patients\\patient1\\EMR10\\n.json" "$work/got" >/dev/null
ok "and brought back" smb "put $work/got patients\\patient1\\EMR10\\n.json"
is "it is the newest version now" '{"weight":70}' cat "$notes/n.json"
is "of four" 4 bash -c "ls $notes/.history/n.json | wc -l"
soon "which the patient sees" '{"weight":70}' cat "$work/patient1/patients/patient1/EMR10/n.json"

# what DOS knows of a file stands in user.DOSATTRIB
before=$(chartfs status "$top" | sed -n 's/^ *"height": \([0-9]*\).*/\1/p' | head -n 1)
ok "a new file through Samba" smb "put $work/scan2 patients\\patient1\\EMR04\\attachments\\ct\\2.dcm"
is "is one transaction with its DOS attributes" 1 bash -c "sleep 1; echo \$((\$(chartfs status $top | sed -n 's/^ *\"height\": \\([0-9]*\\).*/\\1/p' | head -n 1) - $before))"
ok "hidden" smb 'setmode patients\patient1\EMR10\n.json +h'
is "is kept" yes bash -c "smbclient --configfile=$work/samba/smb.conf -N -p $port //127.0.0.1/charts -c 'ls patients\\patient1\\EMR10\\n.json' | grep -q 'n.json  *[AN]*H' && echo yes"
is "as an extended attribute" user.DOSATTRIB bash -c "getfattr --absolute-names $notes/n.json | grep -o user.DOSATTRIB"
