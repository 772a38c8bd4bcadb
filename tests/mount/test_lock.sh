#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_lock.sh - a mount that nobody uses drops its keys: from then on it serves nothing, not by open files, maps and
# caches either; its memory has neither the private keys nor what they opened; what was not saved is kept, and goes on
# once it is unlocked.
. "$(dirname "$0")/../lib/mount.sh"

mark=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
idle=3
sanitized=$(nm -D "$bin/chartfs" | grep -o -m 1 '__[at]san_init')

# mount_doctor OPTIONS
mount_doctor()
{
	chartfs mount -o "$1" --log "$work/log" --identity "$net/who/doctor2" --genesis "$net/genesis" \
		--root "$net/ca/root/ca.pem" --data "$work/data" --passphrase-file "$net/passphrase" "$work/doctor2"
}

# state MNT: open, locking or locked
state()
{
	sed -n 's/^ *"lock": "\(.*\)".*/\1/p' "$1/.chartfs/status"
}

is_state()
{
	[ "$(state "$1")" = "$2" ]
}

unlock()
{
	chartfs unlock --passphrase-file "$net/passphrase" "$1"
}

# secrets: the private numbers of the doctor, in hexadecimal
secrets()
{
	local key
	for key in sign kem; do
		openssl pkey -in "$net/who/doctor2/$key.key" -passin "file:$net/passphrase" -text -noout |
			awk '/^priv:/ { on = 1; next } /^pub:/ { on = 0 } on' | tr -d ' :\n' | sed 's/^00//; s/$/\n/'
	done
}

# in_memory: what of all that the mount's process has in memory. Nothing is looked for under a sanitizer, whose maps are
# terabytes.
in_memory()
{
	local pid
	[ -z "$sanitized" ] || return 0
	pid=$(sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' "$work/doctor2/.chartfs/status")
	python3 "$here/tests/mount/memory.py" "$pid" "$work/core"
	python3 - "$work/core" "$mark" "$work/secrets" <<'PY'
import base64, sys
core = open(sys.argv[1], "rb").read()
mark = sys.argv[2].encode()
for what in (b"r3cord", b"ch9nk", b"unsav3d", b"scr4tch", b"attr1bute"):
    if what + mark in core:
        print(what.decode())
for name, text in zip(("sign", "kem"), open(sys.argv[3]).read().split()):
    key = bytes.fromhex(text.zfill(64))
    assert len(key) == 32
    # as OpenSSL and mbedTLS have numbers, as bytes, in hexadecimal, in the base64 of a PEM text
    forms = [key, key[::-1], text.encode()]
    forms += [base64.b64encode(key[i:])[:32] for i in range(3)]
    if any(form in core for form in forms):
        print(name)
PY
}

# in_use FILE RECORD GO ANSWERS: has FILE open to be read and mapped, RECORD to be read, others to be written; goes on
# when GO is there
in_use()
{
	python3 - "$@" "$mark" <<'PY'
import errno, mmap, os, sys, time
name, record, go, answers, mark = sys.argv[1:]
section = os.path.dirname(name)
held = os.open(record, os.O_RDONLY)
out = open(answers, "w", buffering=1)
fd = os.open(name, os.O_RDONLY)
size = os.fstat(fd).st_size
shared = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)
first = shared[:]
kept = os.open(section + "/kept.txt", os.O_RDWR | os.O_CREAT)
closed = os.open(section + "/closed.txt", os.O_WRONLY | os.O_CREAT)
for f in (kept, closed):
    os.write(f, ("unsav3d" + mark).encode() * 20)
os.setxattr(section + "/kept.txt", "user.note", ("attr1bute" + mark).encode())
mapped = os.open(section + "/mapped.bin", os.O_RDWR | os.O_CREAT)
os.write(mapped, b"a" * 10000)
os.fsync(mapped)
through = mmap.mmap(mapped, 10000)
through[5000:5003] = b"MAP"
scratch = os.open(section + "/.x.swp", os.O_RDWR | os.O_CREAT)
os.write(scratch, ("scr4tch" + mark).encode() * 2000)

def tried(what, do):
    try:
        do()
        print(what, "done", file=out)
    except OSError as e:
        print(what, errno.errorcode[e.errno], file=out)

def until(n):
    end = time.time() + 60
    while not os.path.exists(go + n) and time.time() < end:
        time.sleep(0.05)

def touch():
    child = os.fork()
    if child == 0:
        shared[size // 2]
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print("map", "SIGBUS" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == 7 else "served", file=out)

print("ready", size, file=out)
until("1")
tried("handle", lambda: os.pread(fd, size, 0))
tried("name", lambda: open(name, "rb").read())
touch()
tried("write", lambda: os.write(kept, b"more"))
tried("create", lambda: os.open(section + "/new.txt", os.O_WRONLY | os.O_CREAT))
tried("close", lambda: os.close(closed))
print("tried", file=out)
until("2")
print("again", os.pread(fd, size, 0) == first, shared[:] == first, file=out)
print("staged", os.pread(kept, 1000, 0) == ("unsav3d" + mark).encode() * 20,
      os.pread(scratch, 100000, 0) == ("scr4tch" + mark).encode() * 2000, file=out)
os.write(kept, b"more")
tried("save", lambda: os.close(kept))
tried("save", lambda: os.close(mapped))
print("end", file=out)
PY
}

# echo_line COMMAND: what it prints, in one line
echo_line()
{
	"$@" | xargs
}

network_up
mount_as patient3
secrets >"$work/secrets"
mkdir "$work/doctor2"
D=$work/doctor2/patients/patient3
P=$work/patient3/patients/patient3
yes "ch9nk$mark" | head -c 300000 >"$work/scan"
ok "the patient writes" bash -c "echo '{\"c\":\"r3cord$mark\"}' >$P/EMR02/a.json && cp $work/scan $P/EMR04/scan.bin"
ok "and grants" chartfs grant "$P" --to doctor2 --sections EMR02,EMR04 --verbs read,add,modify
ok "a mount that locks itself" mount_doctor idle-lock=$idle
ok "reads" within 5 grep -q "r3cord$mark" "$D/EMR02/a.json"
in_use "$D/EMR04/scan.bin" "$D/EMR02/a.json" "$work/go" "$work/answers" >"$work/in_use" 2>&1 &
ok "has files open" within 5 grep -q '^ready 300000' "$work/answers"
# what is read again and again from the kernel's cache, by one open file, is a use; looking at status is none
python3 - "$D/EMR02/a.json" "$work/unused" <<'PY' &
import os, sys, time
f = os.open(sys.argv[1], os.O_RDONLY)
while not os.path.exists(sys.argv[2]):
    os.pread(f, 10, 0)
    time.sleep(0.3)
PY
from=$SECONDS
there="r3cord ch9nk unsav3d scr4tch attr1bute sign kem"
[ -z "$sanitized" ] || there=
is "its memory has all that" "$there" echo_line in_memory
sleep $((from + idle + 2 > SECONDS ? from + idle + 2 - SECONDS : 0))
is "it is open while it is used" open state "$work/doctor2"
touch "$work/unused"
ok "without use it locks itself" within $((idle + 5)) is_state "$work/doctor2" locked
fails "nothing is shown" 1 "Permission denied" cat "$D/EMR02/a.json"
ok "and why not is told" grep -q "EACCES: locked after $idle s without use; chartfs unlock $work/doctor2" "$work/doctor2/.chartfs/last-error"
fails "nor by the tools, which say why" 4 "$work/doctor2 is locked; chartfs unlock" chartfs log "$D/EMR02/a.json"
ok "whoami and status are" bash -c "chartfs whoami $work/doctor2 && chartfs status $work/doctor2 && df $work/doctor2"
touch "$work/go1"
ok "open files say so" within 10 grep -q '^tried' "$work/answers"
sed 's/^/# /' "$work/answers"
is "handle, name, map, writing, closing" "handle EACCES name EACCES map SIGBUS write EACCES create EACCES close EACCES" \
	bash -c "sed '1d; /^tried/q' $work/answers | grep -v '^tried' | xargs"
is "its memory has nothing of it" "" in_memory
ok "the patient goes on" bash -c "echo '{\"n\":2}' >$P/EMR02/b.json"
echo no >"$work/wrong"
fails "a wrong passphrase" 12 "wrong passphrase" chartfs unlock --passphrase-file "$work/wrong" "$work/doctor2"
is "leaves it locked" locked state "$work/doctor2"
ok "the right one" unlock "$work/doctor2"
is "shows it again" "{\"c\":\"r3cord$mark\"}" cat "$D/EMR02/a.json"
is "and what was written meanwhile" '{"n":2}' cat "$D/EMR02/b.json"
touch "$work/go2"
ok "open files go on" within 10 grep -q '^end' "$work/answers"
ok "and are what they were" bash -c "grep -q '^again True True' $work/answers && grep -q '^staged True True' $work/answers"
wait
unsaved=$(yes "unsav3d$mark" | head -n 20 | tr -d '\n')
soon "what was not saved yet is saved" "${unsaved}more" cat "$P/EMR04/kept.txt"
soon "with its attributes" "attr1bute$mark" getfattr --absolute-names --only-values -n user.note "$P/EMR04/kept.txt"
soon "what was written through a map" aMAPa bash -c "tail -c +5000 $P/EMR04/mapped.bin | head -c 5"
soon "what was closed meanwhile, too" "$unsaved" cat "$P/EMR04/closed.txt"
ok "locked once more" bash -c "cat $D/EMR02/a.json; chartfs lock $work/doctor2"
is "its memory has nothing again" "" in_memory
[ -n "$sanitized" ] || ok "nor the passphrase" bash -c "! grep -qF \"\$(cat $net/passphrase)\" $work/core"
ok "which is in no file either" bash -c "! grep -rqF \"\$(cat $net/passphrase)\" $work/log $work/data"

# at once, without the option, too; and the end of a mount that is locked
ok "mount again" bash -c "chartfs umount $work/doctor2"
mount_doctor commit=async
python3 - "$D/EMR04/late.txt" "$mark" <<'PY' &
import os, sys, time
f = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
os.write(f, ("late" + sys.argv[2]).encode())
time.sleep(60)
PY
writer=$!
within 5 test -e "$D/EMR04/late.txt"
sleep 0.2
ok "lock" chartfs lock "$work/doctor2"
is "it is" locked state "$work/doctor2"
kill "$writer"
wait "$writer" 2>/dev/null
ok "unmount" chartfs umount "$work/doctor2"
mount_doctor commit=async
is "what was not saved is offered" "late$mark" bash -c "cat $work/doctor2/.chartfs/conflicts/*late.txt"

# saves that are on their way
for n in 2 3 4; do
	devnet peer "$net" $n pause
done
ok "a save that waits for the peers" save "$D/EMR02/c.json" '{"n":3}'
chartfs lock "$work/doctor2" &
locking=$!
ok "is waited for" within 5 is_state "$work/doctor2" locking
fails "while nobody is let in" 1 "Permission denied" cat "$D/EMR02/a.json"
for n in 2 3 4; do
	devnet peer "$net" $n cont
done
wait $locking
point "then it is locked" $?
soon "and the save is made" '{"n":3}' cat "$P/EMR02/c.json"
ok "unlock" unlock "$work/doctor2"
is "is shown here" '{"n":3}' cat "$D/EMR02/c.json"
fails "a network in one process keeps its keys" 1 "idle-lock" chartfs solo -o idle-lock=5 "$work/solo" "$work/solo.mnt"
