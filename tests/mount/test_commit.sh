#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_commit.sh - -o commit=close, fsync, async: what close(2) and fsync(2) wait for, with the network there and gone;
# what becomes of what was put aside when the mount is killed, and of what cannot be committed.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10
ini=$(ls "$net"/mounts/doctor1-*.ini)
chartfs umount "$work/doctor1"
sed -i '/timeout-ms/d; s/^\[mount\]/[mount]\ntimeout-ms = 4000/' "$ini"

mount_with()
{
	chartfs mount --config "$ini" --log "$work/mount.log" -o "commit=$1" "$work/doctor1"
}

# put FILE TEXT [fsync]: how close and fsync ended, and whether each took less than 2 s ("at once")
put()
{
	python3 - "$@" <<'PY'
import errno, os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
os.write(fd, sys.argv[2].encode())
def do(what, fn):
    begin = time.monotonic()
    try:
        fn(fd)
        end = "done"
    except OSError as e:
        end = errno.errorcode[e.errno]
    print(what, end, "at once" if time.monotonic() - begin < 2 else "after some time")
if len(sys.argv) > 3:
    do("fsync", os.fsync)
do("close", os.close)
PY
}

# late OURS THEIRS: opened here, saved there, written here; how close ended, and the next open for writing
late()
{
	python3 - "$@" <<'PY'
import errno, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
os.pread(fd, 100, 0)
with open(sys.argv[2], "w") as theirs:
    theirs.write('{"theirs":1}')
while open(sys.argv[1]).read() != '{"theirs":1}':
    time.sleep(0.05)
def do(what, fn):
    try:
        fn()
        print(what, "done")
    except OSError as e:
        print(what, errno.errorcode[e.errno])
def save():
    os.pwrite(fd, b'{"ours":123}', 0)
    os.close(fd)
do("close", save)
time.sleep(2)
do("open", lambda: os.close(os.open(sys.argv[1], os.O_WRONLY)))
PY
}

# refused NAME: created here, then saved there under the same name; how two saves of ours end
refused()
{
	python3 - "$A/$1" "$B/$1" <<'PY'
import errno, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
with open(sys.argv[2], "w") as theirs:
    theirs.write('{"theirs":1}')
def do(text, close):
    os.pwrite(fd, text, 0)
    try:
        close()
        print("done")
    except OSError as e:
        print(errno.errorcode[e.errno])
do(b'{"ours":1}', lambda: os.close(os.dup(fd)))
do(b'{"ours":2}', lambda: os.close(fd))
PY
}

network()
{
	for n in 1 2 3 4; do
		devnet peer "$net" $n "$1"
	done
}

kill_mount()
{
	kill -KILL "$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$work/doctor1/.chartfs/status")"
	fusermount3 -uz "$work/doctor1"
}

# found NAME TEXT: committed under the name, or offered
found()
{
	[ "$(cat "$A/$1" 2>/dev/null)" = "$2" ] || cat "$work"/doctor1/.chartfs/conflicts/*"$1" | grep -qxF "$2"
}

fails "another word is refused" 1 "close, fsync or async" chartfs mount --config "$ini" -o commit=later "$work/doctor1"
for mode in close fsync async; do
	ok "$mode: mounted" mount_with $mode
	is "$mode: a save" "close done at once" put "$A/$mode.json" '{"n":1}'
	is "$mode: is seen at once here" '{"n":1}' cat "$A/$mode.json"
	soon "$mode: and soon over there" '{"n":1}' cat "$B/$mode.json"
	is "$mode: fsync and close" $'fsync done at once\nclose done at once' put "$A/$mode.json" '{"n":2}' fsync
	soon "$mode: over there" '{"n":2}' cat "$B/$mode.json"
	is "$mode: no JSON" "close EINVAL at once" put "$A/bad-$mode.json" '{'
	head -c 3000000 /dev/urandom >"$work/scan"
	ok "$mode: an attachment" cp "$work/scan" "$A/$mode.bin"
	soon "$mode: over there" "$(sha256sum <"$work/scan")" bash -c "sha256sum <$B/$mode.bin"
	from=${EPOCHREALTIME/./}
	for i in $(seq 20); do
		echo "$i" >"$A/many-$mode-$i.json"
	done
	awk -v m=$mode -v us=$((${EPOCHREALTIME/./} - from)) 'BEGIN { printf "# %s: 20 saves in %.2f s\n", m, us / 1e6 }'
	soon "$mode: all are committed" 20 bash -c "ls $B | grep -c many-$mode"
	soon "$mode: nothing is left to be saved" 0 bash -c "wc -l <$work/doctor1/.chartfs/staged"

	network pause
	case $mode in
	close) wanted="close ETIMEDOUT after some time" ;;
	*) wanted="close done at once" ;;
	esac
	is "$mode: network gone: close" "$wanted" put "$A/gone-$mode.json" '{"gone":1}'
	is "$mode: is staged" yes bash -c "grep -q gone-$mode.json $work/doctor1/.chartfs/staged && echo yes"
	case $mode in
	async) wanted=$'fsync done at once\nclose done at once' ;;
	fsync) wanted=$'fsync ETIMEDOUT after some time\nclose done at once' ;;
	close) wanted=$'fsync ETIMEDOUT after some time\nclose ETIMEDOUT after some time' ;;
	esac
	is "$mode: network gone: fsync" "$wanted" put "$A/synced-$mode.json" '{"synced":1}' fsync
	kill_mount
	network cont
	ok "$mode: killed, mounted again" mount_with $mode
	ok "$mode: what was closed is committed or offered" within 20 found "gone-$mode.json" '{"gone":1}'
	ok "$mode: what was synced, too" within 20 found "synced-$mode.json" '{"synced":1}'
	is "$mode: each of them once" 2 bash -c "ls $A $work/doctor1/.chartfs/conflicts | grep -c '\(gone\|synced\)-$mode.json'"
	is "$mode: the network comes back while it is mounted" "" bash -c "$(declare -f network devnet); here=$here net=$net; network pause"
	put "$A/back-$mode.json" '{"back":1}' >/dev/null
	network cont
	soon "$mode: it is committed" '{"back":1}' cat "$B/back-$mode.json"

	# changed meanwhile by the other hospital
	echo '{"v":1}' >"$A/both-$mode.json"
	soon "$mode: a file" '{"v":1}' cat "$B/both-$mode.json"
	case $mode in
	close) wanted=$'close EBUSY\nopen EBUSY' ;;
	*) wanted=$'close done\nopen EBUSY' ;;
	esac
	is "$mode: what was changed by others meanwhile" "$wanted" late "$A/both-$mode.json" "$B/both-$mode.json"
	is "$mode: stays as they saved it" '{"theirs":1}' cat "$A/both-$mode.json"
	ok "$mode: and ours is offered" bash -c "cat $work/doctor1/.chartfs/conflicts/*both-$mode.json | grep -q ours"
	is "$mode: until it is removed" "" bash -c "rm -f $work/doctor1/.chartfs/conflicts/*both-$mode.json; ls $work/doctor1/.chartfs/conflicts | grep both-$mode"
	if [ $mode = close ]; then
		is "a name that others took meanwhile: each save is refused" $'EBUSY\nEBUSY' refused taken.json
		is "it stays as they saved it" '{"theirs":1}' cat "$A/taken.json"
		for i in 1 2; do
			ok "and ours $i is offered" bash -c "cat $work/doctor1/.chartfs/conflicts/*taken.json | grep -q ours.:$i"
		done
	fi

	# no peer takes a chunk of it: its save does not begin
	network pause
	cp "$work/scan" "$A/unsaved-$mode.bin"
	sleep 6
	# its process may have saves to finish for longer than umount waits: 8
	chartfs umount "$work/doctor1" 2>"$work/said" || grep -q "still has saves to finish" "$work/said"
	point "$mode: network gone: unmounted" $?
	network cont
	ok "$mode: mounted again" within 60 mount_with $mode
	is "$mode: a new attachment is offered" "$(sha256sum <"$work/scan")" \
		bash -c "cat $work/doctor1/.chartfs/conflicts/*unsaved-$mode.bin | sha256sum"
	chartfs umount "$work/doctor1"
done

ok "async: put aside" mount_with async
for i in $(seq 20); do
	echo "[$i]" >"$A/end-$i.json"
done
ok "unmounted at once" chartfs umount "$work/doctor1"
is "all is committed then" 20 bash -c "sleep 1; ls $B | grep -c end-"
ok "mounted" mount_with async
is "nothing of it is offered" "" bash -c "ls $work/doctor1/.chartfs/conflicts | grep end-"
chartfs umount "$work/doctor1"
