#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_backup.sh - tar, rsync, restic and borg over a tree of the past and over .snapshots: copies are what a signed
# manifest says, a second run reads nothing again, also after a remount; chartfs restore brings back what is as the
# manifest says and names what is not, in a plain directory and as saves on the mount.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as doctor1
top=$work/doctor1
A=$top/patients/patient1
mkdir -p "$A/EMR04/attachments/ct" "$A/EMR10/ward"
for i in $(seq 20); do
	echo "{\"n\":$i}" >"$A/EMR10/n$i.json"
done
head -c 3000000 /dev/urandom >"$work/scan"
cp "$work/scan" "$A/EMR04/attachments/ct/1.dcm"
: >"$A/EMR04/attachments/empty file"
printf 'odd' >"$A/EMR04/attachments/"$'100% odd\nname'
ln -s n1.json "$A/EMR10/first"
chmod 640 "$A/EMR10/n2.json"
touch -d '2026-01-02 03:04:05.678901234' "$A/EMR10/n3.json"
setfattr -n user.reviewed -v yes "$A/EMR10/n1.json"
sleep 1.2
echo '{"last":1}' >"$A/EMR10/last.json"
height=$(chartfs status "$top" | sed -n 's/^ *"height": \([0-9]*\).*/\1/p' | head -n 1)
snap=$(date -u +@GMT-%Y.%m.%d-%H.%M.%S)
P=$top/at/@$height/patients/patient1
S=$A/.snapshots/$snap
G=$net/genesis

# check COPY: it is what the manifest says
check()
{
	chartfs restore --manifest "$work/m" --genesis "$G" "$1"
}

ok "a manifest" chartfs manifest "$P" -o "$work/m"
is "what may not be read is named in it" "n EMR13" grep '^n ' "$work/m"
is "each file" "$(find "$P" -type f -printf x 2>/dev/null | wc -c)" grep -c '^f' "$work/m"
is "with the sum of its bytes" 1 bash -c "grep -c \$(sha256sum <$work/scan | cut -c1-64) $work/m"
ok "of the tree of now, which is the same" chartfs manifest "$A" -o "$work/m2"
# but for the times of directories, which are the snapshot's: the lease to read was a block
entries()
{
	grep '^[dflxn] ' "$1" | sed 's/^\(d [0-7]* [0-9]* [0-9]*\) [0-9]*/\1/'
}
is "entry for entry" "" diff <(entries "$work/m") <(entries "$work/m2")
ok "the tree itself" check "$P"
sleep 1
ok "and the same in .snapshots" check "$S"

# tar_of SOURCE SNAPSHOT OUT: what was not in an archive of the same snapshot file; a remount is another device
tar_of()
{
	tar -C "$1" --exclude=./EMR13 --no-check-device --xattrs --listed-incremental="$2" -cf "$3" .
}

copy=$work/copy
mkdir "$copy"
ok "tar" tar_of "$P" "$work/tar.snar" "$work/1.tar"
ok "of it" tar -C "$copy" --xattrs -xf "$work/1.tar"
ok "the copy verifies" check "$copy"
ok "tar again" tar_of "$P" "$work/tar.snar" "$work/2.tar"
is "reads no file" 0 bash -c "tar -tf $work/2.tar | grep -vc '/$'"

ok "rsync of .snapshots" rsync -aX --exclude=/EMR13 "$S/" "$work/synced"
ok "the copy verifies" check "$work/synced"
is "again: nothing" "Number of regular files transferred: 0" bash -c "rsync -aX --stats --exclude=/EMR13 $S/ $work/synced | grep transferred:"

export RESTIC_PASSWORD=x RESTIC_REPOSITORY=$work/restic HOME=$work BORG_BASE_DIR=$work BORG_REPO=$work/borg
export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
ok "restic" bash -c "restic init -q && restic backup -q --exclude $P/EMR13 $P"
# unmodified and read files of one more run
restic_again()
{
	restic backup --json --exclude "$P/EMR13" "$1" | jq -r 'select(.message_type == "summary") | "\(.files_new) \(.files_changed)"'
}
is "restic again: no file is read" "0 0" restic_again "$P"
ok "restic restore" restic restore -q latest --target "$work/restored"
ok "what it restored verifies" check "$work/restored$P"
ok "borg" bash -c "borg init -e none && cd $P && borg create --exclude re:^EMR13 ::1 ."
# borg never trusts the newest time it has seen: the last record is read again
borg_again()
{
	(cd "$P" && borg create --list --exclude re:^EMR13 "::$1" . 2>&1 | grep '^[AMC] ' | grep -v -e last.json)
}
is "borg again: no file is read" "" borg_again 2
mkdir "$work/borged"
ok "borg extract" bash -c "cd $work/borged && borg extract ::1"
ok "what it extracted verifies" check "$work/borged"

devnet umount "$top"
mount_as doctor1
is "after a remount restic reads no file" "0 0" restic_again "$P"
is "nor borg" "" borg_again 3
ok "nor tar" tar_of "$P" "$work/tar.snar" "$work/3.tar"
is "that is" 0 bash -c "tar -tf $work/3.tar | grep -vc '/$'"
ok "restic of the tree of now" restic backup -q --exclude "$A/EMR13" "$A"
echo '{"n":"five"}' >"$A/EMR10/n5.json"
echo '{"n":"new"}' >"$A/EMR10/new.json"
is "then reads what is new or changed" "1 1" bash -c "restic backup --json --exclude $A/EMR13 $A | jq -r 'select(.message_type == \"summary\") | \"\\(.files_new) \\(.files_changed)\"'"

# --- restore

ok "into a plain directory" bash -c "mkdir $work/plain && chartfs restore --manifest $work/m --genesis $G $copy $work/plain"
# whoever made a link there, or had it in the backup, would have a file written, or read, somewhere else
mkdir "$work/linked" "$work/elsewhere" "$work/crafted"
ln -s "$work/elsewhere" "$work/linked/EMR10"
fails "not through a symbolic link" 2 "lies behind a symbolic link -> refused" \
	chartfs restore --manifest "$work/m" --genesis "$G" "$copy" "$work/linked"
is "nothing is written behind it" "" ls -A "$work/elsewhere"
cp -a "$copy/." "$work/crafted"
mv "$work/crafted/EMR10" "$work/aside"
ln -s "$work/aside" "$work/crafted/EMR10"
fails "nor read through one" 2 "lies behind a symbolic link in the backup" \
	chartfs restore --manifest "$work/m" --genesis "$G" "$work/crafted"
ok "all of it" check "$work/plain"
is "modes" 640 stat -c %a "$work/plain/EMR10/n2.json"
is "times" "$(stat -c %y "$P/EMR10/n3.json")" stat -c %y "$work/plain/EMR10/n3.json"
is "attributes" yes getfattr --absolute-names --only-values -n user.reviewed "$work/plain/EMR10/n1.json"
rm "$copy/EMR10/n7.json"
printf 'X' | dd of="$copy/EMR04/attachments/ct/1.dcm" bs=1 seek=1234567 conv=notrunc status=none
fails "a flipped byte is named" 2 "EMR04/attachments/ct/1.dcm: its bytes are not those of the manifest -> refused" check "$copy"
fails "a lost file, too" 2 "EMR10/n7.json: No such file or directory -> refused" check "$copy"
mkdir "$work/part"
fails "what is refused is not brought back" 2 "not what the manifest says" chartfs restore --manifest "$work/m" --genesis "$G" "$copy" "$work/part"
is "neither" "" bash -c "ls $work/part/EMR04/attachments/ct $work/part/EMR10/n7.json 2>/dev/null | grep -v :"
is "the rest is" '{"n":8}' cat "$work/part/EMR10/n8.json"
rm -r "$A/EMR10/n4.json" "$A/EMR10/ward" "$A/EMR04/attachments/ct"
before=$(chartfs status "$top" | sed -n 's/^ *"height": \([0-9]*\).*/\1/p' | head -n 1)
fails "onto the mount" 2 "not what the manifest says" chartfs restore --manifest "$work/m" --genesis "$G" "$copy" "$A"
is "what was deleted is back" '{"n":4}' cat "$A/EMR10/n4.json"
is "what was changed is as it was" '{"n":5}' cat "$A/EMR10/n5.json"
is "as its next version" 3 bash -c "ls $A/.history 2>/dev/null; ls $A/EMR10/.history/n5.json | wc -l"
ok "what was refused is not there" test ! -e "$A/EMR04/attachments/ct/1.dcm"
ok "from a good copy it comes back" chartfs restore --manifest "$work/m" --genesis "$G" "$work/synced" "$A"
ok "byte for byte" cmp "$work/scan" "$A/EMR04/attachments/ct/1.dcm"
ok "the mount is what the manifest says" check "$A"
sleep 1
after=$(chartfs status "$top" | sed -n 's/^ *"height": \([0-9]*\).*/\1/p' | head -n 1)
is "again: nothing is to be saved" "$after" bash -c "chartfs restore --manifest $work/m --genesis $G $work/synced $A >/dev/null; sleep 1; chartfs status $top | sed -n 's/^ *\"height\": \\([0-9]*\\).*/\\1/p' | head -n 1"

# --- the manifest itself
for at in 30 200 2000 $(($(stat -c %s "$work/m") - 60)); do
	cp "$work/m" "$work/bad"
	byte=$(od -An -tu1 -j "$at" -N 1 "$work/m" | tr -d ' ')
	printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$work/bad" bs=1 seek="$at" conv=notrunc status=none
	chartfs restore --manifest "$work/bad" --genesis "$G" "$work/synced" >/dev/null 2>&1
	is "byte $at changed: refused" yes bash -c "case $? in 2 | 10) echo yes ;; *) echo $? ;; esac"
done
head -c 1000 "$work/m" >"$work/bad"
fails "cut off" 2 "it is cut off" chartfs restore --manifest "$work/bad" --genesis "$G" "$work/synced"
mkdir "$work/mnt2"
chartfs solo "$work/other" "$work/mnt2" >/dev/null && chartfs umount "$work/mnt2"
fails "of another network" 10 "another network" chartfs restore --manifest "$work/m" --genesis "$work/other/genesis" "$work/synced"
fails "no manifest" 2 "this is no manifest" chartfs restore --manifest "$work/scan" --genesis "$G" "$work/synced"
