#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_xattr.sh - extended attributes user.*: kept with files and directories, one transaction each, copied by cp, rsync
# and tar, the same on another mount, after a remount and in the past; limits and refused namespaces by their errno;
# gone after an erasure.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10

# x OPERATION FILE NAME [VALUE]: through the system call; the value, the names, or the error's name
x()
{
	python3 - "$@" <<'PY'
import errno, os, struct, sys
op, path, name = sys.argv[1:4]
value = sys.argv[4] if len(sys.argv) > 4 else ""
if value == "acl":
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, 6, 0xffffffff) for tag in (1, 4, 0x20))
else:
    value = b"v" * int(value[1:]) if value.startswith("*") else value.encode()
try:
    if op == "get":
        print(os.getxattr(path, name).decode())
    elif op == "list":
        print(*sorted(os.listxattr(path)))
    elif op == "remove":
        os.removexattr(path, name)
    else:
        os.setxattr(path, name, value, {"set": 0, "create": os.XATTR_CREATE, "replace": os.XATTR_REPLACE}[op])
except OSError as e:
    print(errno.errorcode[e.errno].replace("ENOTSUP", "EOPNOTSUPP"))
PY
}

height()
{
	chartfs status "$work/doctor1" | sed -n 's/^ *"height": \([0-9]*\).*/\1/p' | head -n 1
}

# costs NAME COUNT COMMAND...: exactly so many transactions, when only this mount works
costs()
{
	local name=$1 wanted=$2 from
	shift 2
	from=$(height)
	ok "$name" "$@"
	sleep 1
	is "$name: $wanted transactions" "$wanted" echo $(($(height) - from))
}

# bare FILE...: names and values
bare()
{
	getfattr -d --absolute-names "$@" | grep -v -e '^#' -e '^$' | sort | tr '\n' ' '
}

echo '{"n":1}' >"$A/n.json"
costs "set" 1 setfattr -n user.reviewed -v 'by ada' "$A/n.json"
ok "a lease to look at it" getfattr -d "$A/n.json"
costs "set to what it is" 0 setfattr -n user.reviewed -v 'by ada' "$A/n.json"
then=$(height)
costs "another" 1 setfattr -n user.binary -v 0x00ff0a "$A/n.json"
costs "reading" 0 getfattr -d "$A/n.json"
is "both" 'user.binary=0sAP8K user.reviewed="by ada" ' bare "$A/n.json"
costs "changed" 1 setfattr -n user.reviewed -v 'by bob' "$A/n.json"
costs "removed" 1 setfattr -x user.binary "$A/n.json"
is "removed again" ENODATA x remove "$A/n.json" user.binary
is "one that is not there" ENODATA x get "$A/n.json" user.binary
is "created anew" EEXIST x create "$A/n.json" user.reviewed 1
is "replaced before it is there" ENODATA x replace "$A/n.json" user.other 1
mkdir "$A/ward"
costs "a directory's" 1 setfattr -n user.ward -v 3 "$A/ward"

soon "the other hospital sees them" "by bob" x get "$B/n.json" user.reviewed
is "and the directory's" 3 x get "$B/ward" user.ward
is "and changes one" "" x set "$B/n.json" user.seen yes
soon "back here" "user.reviewed user.seen" x list "$A/n.json" -
is "a save keeps them" "" bash -c "echo '{\"n\":2}' >$A/n.json"
is "still there" "user.reviewed user.seen" x list "$A/n.json" -
is "in the tree of then" "by ada" x get "$work/doctor1/at/@$then/patients/patient1/EMR10/n.json" user.reviewed
is "which is read-only" EROFS x set "$work/doctor1/at/@$then/patients/patient1/EMR10/n.json" user.reviewed 1
is "the version of then had none" "" bash -c "getfattr -d $A/.history/n.json/0001-* 2>/dev/null"
is "the next one has them" "by bob" bash -c "getfattr --absolute-names --only-values -n user.reviewed $A/.history/n.json/0002-*"

# other namespaces
is "trusted" EOPNOTSUPP x set "$A/n.json" trusted.x 1
is "security (SELinux, Samba's ACLs)" EOPNOTSUPP x set "$A/n.json" security.selinux 1
is "POSIX ACLs" EOPNOTSUPP x set "$A/n.json" system.posix_acl_access acl
is "asked for security" ENODATA x get "$A/n.json" security.selinux
is "asked for a POSIX ACL" EOPNOTSUPP x get "$A/n.json" system.posix_acl_access
is "facts of the ledger" EPERM x set "$A/n.json" user.chartfs.author me
ln -s n.json "$A/link"
is "a symbolic link has none" "Operation not permitted" bash -c "setfattr -h -n user.a -v 1 $A/link 2>&1 | sed 's/.*: //'"
is "a name of 255 bytes" "" x set "$A/n.json" "user.$(printf 'n%.0s' {1..250})" 1
is "of 256" ERANGE x set "$A/n.json" "user.$(printf 'n%.0s' {1..251})" 1
is "60 KiB" "" x set "$A/n.json" user.large '*61440'
is "more than 64 KiB in one" E2BIG x set "$A/n.json" user.larger '*65537'
is "more than 64 KiB together" ENOSPC x set "$A/n.json" user.larger '*8192'
is "room again" "" x remove "$A/n.json" user.large
is "without a grant" EACCES x set "$work/doctor2/patients/patient1/EMR13" user.a 1

# tools; ours is on another file system that keeps them
src=$work/src
mkdir "$src"
head -c 200000 /dev/urandom >"$src/scan"
echo '{"t":1}' >"$src/t.json"
if setfattr -n user.modality -v CT "$src/scan" 2>/dev/null && setfattr -n user.t -v 1 "$src/t.json"; then
	mkdir "$A/attachments"
	T=$A/attachments
	costs "cp -a: with the file" 1 cp -a "$src/scan" "$T/cp"
	is "copied" 'user.modality="CT" ' bare "$T/cp"
	costs "rsync -X: with the file" 1 rsync -aX "$src/scan" "$T/rsync"
	is "copied" 'user.modality="CT" ' bare "$T/rsync"
	costs "again: nothing" 0 rsync -aX "$src/scan" "$T/rsync"
	setfattr -n user.modality -v MR "$src/scan"
	costs "rsync -X: changed alone" 1 rsync -aX "$src/scan" "$T/rsync"
	is "changed" 'user.modality="MR" ' bare "$T/rsync"
	setfattr -x user.modality "$src/scan"
	echo more >>"$src/scan"
	costs "rsync -X: gone, and the content is another" 1 rsync -aX "$src/scan" "$T/rsync"
	is "gone" "" bare "$T/rsync"
	tar -C "$A" --xattrs -cf "$work/x.tar" n.json ward
	mkdir "$src/out"
	ok "tar --xattrs out" tar -C "$src/out" --xattrs -xf "$work/x.tar"
	is "a file's" "by bob" x get "$src/out/n.json" user.reviewed
	is "a directory's" 3 x get "$src/out/ward" user.ward
	ok "cp -a out" cp -a "$T/cp" "$src/back"
	is "copied" 'user.modality="CT" ' bare "$src/back"
	ok "tar --xattrs in" tar -C "$T" --xattrs -xf "$work/x.tar"
	is "a file's" "by bob" x get "$T/n.json" user.reviewed
fi
mv "$A/n.json" "$A/m.json"
is "renamed" "by bob" x get "$A/m.json" user.reviewed
mv "$A/m.json" "$A/attachments/m.txt"
is "renamed to an attachment" "by bob" x get "$A/attachments/m.txt" user.reviewed
mv "$A/attachments/m.txt" "$A/n.json"
is "and back" "by bob" x get "$A/n.json" user.reviewed

devnet umount "$work/doctor1"
mount_as doctor1
is "after a remount" "by bob" x get "$A/n.json" user.reviewed
is "a directory's" 3 x get "$A/ward" user.ward
mount_as patient1
P=$work/patient1/patients/patient1/EMR10
is "the patient sees them" "by bob" x get "$P/n.json" user.reviewed
ok "the patient erases the file" chartfs erase "$P/n.json"
is "they are gone" ENODATA x get "$P/n.json" user.reviewed
soon "for everybody" ENODATA x get "$B/n.json" user.reviewed
soon "in the past, too" ENODATA x get "$work/doctor2/at/@$then/patients/patient1/EMR10/n.json" user.reviewed
is "new ones can be set" "" x set "$B/n.json" user.after 1
ok "the ledger verifies" chartfs verify --data "$net/peer1/data" --genesis "$net/genesis"
ok "all heads and state roots are equal" within 30 same_heads
