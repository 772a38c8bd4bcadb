#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_saves.sh - one transaction a logical save, whatever the tool does to files: counted on the ledger.
# SQLITE: transactions of sqlite's (default 40), each of which is several saves.
. "$(dirname "$0")/../lib/solo.sh"

R=$M/patients/lena/EMR10
src=$work/src
mkdir -p "$src/series"
head -c 300000 /dev/urandom >"$src/scan"
for i in 1 2 3; do
	head -c 20000 /dev/urandom >"$src/series/$i"
done
chmod 640 "$src/series/2"
touch -d '2026-01-02 03:04:05.678901234' "$src/scan" "$src/series/1"

# whoever writes first in a window, be it the owner, takes a lease (acl/ACCESS.md 5)
costs "the first file of a section" 2 bash -c "echo '{}' >$R/first.json"
costs "and of another one" 2 bash -c "echo x >$A/first"
costs "the shell: a new record" 1 bash -c "echo '{\"a\": 1}' >$R/a.json"
costs "the shell: over it" 1 bash -c "echo '{\"a\": 2}' >$R/a.json"
costs "the same content again" 0 bash -c "echo '{\"a\": 2}' >$R/a.json"
costs "append" 1 bash -c "echo >>$R/a.json"
costs "two commands into one redirection" 1 bash -c "{ echo '{\"b\":'; /bin/echo 1; echo '}'; } >$R/b.json"
costs "an empty file" 1 touch "$A/empty"
costs "reading" 0 cat "$R/a.json" "$A/empty"
costs "sed -i" 1 sed -i s/2/3/ "$R/a.json"
costs "sed -i.bak" 1 sed -i.bak s/3/4/ "$R/a.json"
costs "vim" 1 vim.tiny -u NONE -c 'set backup writebackup swapfile' -c '%s/4/5/' -c wq -es "$R/a.json"
costs "vim in place" 1 vim.tiny -u NONE -c 'set backupcopy=yes' -c '%s/5/6/' -c wq -es "$R/a.json"
costs "a temporary file and a rename" 1 bash -c "echo '{\"a\": 7}' >$R/.a.json.x1y2z3 && sync $R/.a.json.x1y2z3 && mv $R/.a.json.x1y2z3 $R/a.json"
costs "cp" 1 cp "$src/scan" "$A/scan"
costs "cp over it" 1 cp "$src/series/1" "$A/scan"
costs "cp -a" 1 cp -a "$src/scan" "$A/scan-a"
costs "mv" 1 mv "$A/scan-a" "$A/scan-b"
costs "mv from another file system" 1 bash -c "cp $src/scan $work/moved && mv $work/moved $A/moved"
costs "rsync: one new file" 1 rsync -a "$src/scan" "$A/synced"
costs "rsync: nothing to do" 0 rsync -a "$src/scan" "$A/synced"
costs "rsync: changed" 1 bash -c "echo more >>$src/scan && rsync -a $src/scan $A/synced"
# it sets the times by name after the close that saved the bytes
costs "rsync --inplace" 2 bash -c "echo more >>$src/scan && rsync -a --inplace $src/scan $A/synced"
tar -C "$src" --format=posix -cf "$work/s.tar" series
costs "tar -x of a directory, three files, and the directory's time" 5 tar -C "$A" -xf "$work/s.tar"
ok "tar's times and modes" diff -r "$src/series" "$A/series"
is "mode" 640 stat -c %a "$A/series/2"
is "time" "$(stat -c %y "$src/series/1")" stat -c %y "$A/series/1"

# emacs renames the file away and writes it anew; it is in no list of packages, being large
if command -v emacs >/dev/null; then
	costs "emacs" 1 emacs -Q -nw --batch --eval "(progn (find-file \"$R/a.json\") (insert \" \") (save-buffer))"
fi

# a transfer: the receiver writes the final name in place and never syncs
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$A/study"
storescp -od "$A/study" "$port" 2>"$work/storescp.log" &
receiver=$!
sample=$here/contrib/sample/irene-castell/hip-control.dcm
within 5 sh -c "echo >/dev/tcp/127.0.0.1/$port" || sleep 1
costs "storescp receives an image" 1 storescu 127.0.0.1 "$port" "$sample"
is "one file" 1 bash -c "ls $A/study | wc -l"
ok "dcmdump reads it" bash -c "dcmdump -q $A/study/*"
costs "storescp receives it again: the same" 0 storescu 127.0.0.1 "$port" "$sample"
kill "$receiver"
wait "$receiver" 2>/dev/null
costs "dcmodify" 1 bash -c "dcmodify -q -m PatientName=Changed $A/study/*"

# git: hard links are refused and it renames, objects are 0444, the index is locked and mapped
git_of()
{
	HOME=$work git -c user.name=t -c user.email=t@example.org -c init.defaultBranch=main -c gc.auto=0 "$@"
}
mkdir "$work/origin"
git_of -C "$work/origin" init -q
for i in $(seq 20); do
	echo "file $i" >"$work/origin/f$i"
done
git_of -C "$work/origin" add . && git_of -C "$work/origin" commit -qm one
ok "git clone into the mount" git_of clone -q "$work/origin" "$A/clone"
ok "git fsck" git_of -C "$A/clone" fsck --strict
ok "git commit there" bash -c "echo changed >$A/clone/f3"
ok "git add, commit" git_of -C "$A/clone" commit -qam two
ok "git gc" git_of -C "$A/clone" gc -q
ok "git push from it" git_of -C "$A/clone" push -q origin HEAD:refs/heads/two
ok "git fsck" git_of -C "$A/clone" fsck --strict
is "git status: clean" "" git_of -C "$A/clone" status --porcelain

# sqlite: byte-range locks, a journal beside it, fdatasync of file and directory
db=$A/index.sqlite
sql()
{
	sqlite3 -cmd '.timeout 5000' "$db" "$@"
}
many()
{
	for i in $(seq "$1"); do
		echo "BEGIN; INSERT INTO t VALUES($i, hex(randomblob(200))); UPDATE n SET v = v + 1; COMMIT;"
	done | sqlite3 "$db"
}
ok "sqlite: a database" sql 'CREATE TABLE t(a INTEGER, b TEXT); CREATE TABLE n(v INTEGER); INSERT INTO n VALUES(0)'
count=${SQLITE:-40}
costs "sqlite: a transaction" 1 sql "INSERT INTO t VALUES(0, 'x')"
ok "sqlite: $count transactions" many "$count"
is "integrity_check" ok sql 'PRAGMA integrity_check'
is "all of them" "$count" sql 'SELECT v FROM n'
costs "sqlite: one that is rolled back" 0 sql "BEGIN; INSERT INTO t VALUES(-1, 'x'); ROLLBACK"

ok "nothing is left to be saved" within 5 test ! -s "$M/.chartfs/staged"
ok "a remount" remount
is "integrity_check" ok sql 'PRAGMA integrity_check'
is "all of them" "$count" sql 'SELECT v FROM n'
ok "git fsck" git_of -C "$A/clone" fsck --strict
is "the scan" "$(sha256sum <"$src/scan")" bash -c "sha256sum <$A/synced"
