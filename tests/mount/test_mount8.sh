#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_mount8.sh - mount -t chartfs and fstab: in a mount namespace of its own, where /usr/sbin has the helper.
[ "${1:-}" = inside ] || exec unshare -m "$0" inside
. "$(dirname "$0")/../lib/mount.sh"

mkdir "$work/sbin" "$work/mnt"
ln -s "$bin/chartfs" "$work/sbin/mount.chartfs"
mount -t overlay none -o "lowerdir=$work/sbin:/usr/sbin" /usr/sbin 2>/dev/null || {
	echo "no overlay file system here"
	exit 77
}
network_up
M=$work/mnt
mount_as doctor1
ini=$(ls "$net"/mounts/doctor1*/mount.ini 2>/dev/null | head -n 1)
[ -n "$ini" ] || ini=$(find "$net" -name '*.ini' | grep doctor1 | head -n 1)
devnet umount "$work/doctor1"

mounted()
{
	grep -c " $M fuse.chartfs " /proc/mounts
}

ok "mount -t chartfs returns when the tree can be used" bash -c "mount -t chartfs $ini $M && ls $M/patients/patient1/EMR10"
ok "umount" umount "$M"
is "nothing is mounted" 0 mounted
echo "$ini $M chartfs ro,_netdev,nofail,x-systemd.automount 0 0" >"$work/fstab"
ok "by fstab, with words for others" within 10 mount --fstab "$work/fstab" "$M"
is "read-only" "Read-only file system" bash -c "touch $M/patients/patient1/EMR10/x.json 2>&1 | sed 's/.*: //'"
kill -KILL "$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$M/.chartfs/status")"
# a request that is under way when the process ends is told of the abort; the next one of the end
ok "a dead mount says so" within 5 bash -c "LC_ALL=C ls $M 2>&1 | grep -q 'Transport endpoint is not connected'"
ok "and is replaced" within 10 mount -t chartfs "$ini" "$M"
is "by one" 1 mounted
ok "which can be used" save "$M/patients/patient1/EMR10/again.json" '{"again":1}'
fails "an unknown word: 32 and the reason" 32 "unknown mount option 'foo'" mount -t chartfs -o foo "$ini" "$work/sbin"
fails "a configuration that is missing" 32 "none.ini" mount -t chartfs "$work/none.ini" "$work/sbin"
ok "mount -f mounts nothing" mount -f -t chartfs "$ini" "$work/sbin"
ok "umount" umount "$M"
