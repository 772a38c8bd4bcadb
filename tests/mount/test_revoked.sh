#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_revoked.sh - a right that is gone is gone for files that are open, mapped and cached, too; whether it was
# revoked or has ended by the clock, in the live tree and in the past.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as patient3
mount_as doctor2
P=$work/patient3/patients/patient3
D=$work/doctor2/patients/patient3

# reader FILE GO ANSWERS: opens, maps and reads FILE twice (the second time from the kernel's cache), says so
# in ANSWERS, waits for GO, and says there how reading by handle, by map and by name went.
reader()
{
	python3 - "$@" <<'PY'
import ctypes, errno, mmap, os, sys, time
name, go, answers = sys.argv[1:]
out = open(answers, "w", buffering=1)
fd = os.open(name, os.O_RDONLY)
size = os.fstat(fd).st_size
shared = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)
before = [os.pread(fd, size, 0), os.pread(fd, size, 0), shared[:]]
print("ready", len(set(before)), size, file=out)
end = time.time() + 60
while not os.path.exists(go) and time.time() < end:
    time.sleep(0.05)

def tried(what, read):
    try:
        print(what, "served", len(read()), file=out)
    except OSError as e:
        print(what, errno.errorcode[e.errno], file=out)

tried("handle", lambda: os.pread(fd, size, 0))
tried("name", lambda: open(name, "rb").read())
child = os.fork()
if child == 0:
    shared[size // 2]
    os._exit(0)
status = os.waitpid(child, 0)[1]
print("map", "SIGBUS" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == 7 else "served", file=out)
PY
}

# start N FILE: a reader in the background, until it has read
start()
{
	reader "$2" "$work/go$1" "$work/answers$1" >/dev/null 2>&1 &
	within 10 grep -q '^ready 1' "$work/answers$1"
}

# goes N: lets reader N go on, and waits for what it says
goes()
{
	touch "$work/go$1"
	within 10 grep -q '^map' "$work/answers$1"
}

# refused N: nothing was served to reader N
refused()
{
	sed 's/^/# /' "$work/answers$1"
	grep -q '^handle EACCES' "$work/answers$1" && grep -q '^map SIGBUS' "$work/answers$1" &&
		grep -Eq '^name (EACCES|ENOENT)' "$work/answers$1"
}

head -c 300000 /dev/urandom >"$work/scan"
ok "the patient writes" bash -c "echo '{\"n\":1}' >$P/EMR02/a.json && cp $work/scan $P/EMR04/scan.bin && echo '{\"n\":5}' >$P/EMR05/e.json"
ok "and grants" chartfs grant "$P" --to doctor2 --sections EMR02,EMR04 --verbs read
ok "the doctor reads" within 5 cmp "$work/scan" "$D/EMR04/scan.bin"
past=$work/doctor2/at/latest/patients/patient3
ok "a record is open, mapped and cached" start 1 "$D/EMR02/a.json"
ok "an attachment, too" start 2 "$D/EMR04/scan.bin"
ok "and both in the past" start 3 "$past/EMR02/a.json"
ok "revoke" chartfs revoke "$P" --from doctor2 --sections EMR02
ok "the block is there" within 5 bash -c "! cat $D/EMR02/a.json 2>/dev/null"
sleep 0.3
goes 1
ok "no further byte of the record" refused 1
goes 3
ok "nor of its past" refused 3
ok "what is still granted goes on" cmp "$work/scan" "$D/EMR04/scan.bin"
goes 2
ok "by its handle and map, too" bash -c "grep '^handle served 300000' $work/answers2 && grep '^map served' $work/answers2"
until=$(date -u -d '+6 seconds' +%Y-%m-%dT%H:%M:%SZ)
ok "a grant that ends soon" chartfs grant "$P" --to doctor2 --sections EMR05 --verbs read --until "$until"
ok "is in effect" within 3 grep -q 5 "$D/EMR05/e.json"
ok "open, mapped and cached" start 4 "$D/EMR05/e.json"
sleep 7
goes 4
ok "ended, it serves nothing" refused 4
wait
