#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_handles.sh - files that are open while something else happens to them: a rename that makes an attachment of a
# record, a save that is refused, fsync through a descriptor that is open to be read.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as doctor1
mount_as doctor2
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10

# a record becomes an attachment
written_then_renamed()
{
	python3 - "$A/x.json" "$A/x.txt" <<'PY'
import errno, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
os.pwrite(fd, b'{"a":2}', 0)
try:
    os.rename(sys.argv[1], sys.argv[2])
    print("renamed", end=" ")
except OSError as e:
    print(errno.errorcode[e.errno], end=" ")
os.close(fd)
print("closed")
PY
}
save "$A/x.json" '{"a":1}'
is "a record that is being written to does not become an attachment" "EBUSY closed" written_then_renamed
is "what was written is saved" '{"a":2}' cat "$A/x.json"
ok "closed, it becomes one" mv "$A/x.json" "$A/x.txt"
is "with what was written" '{"a":2}' cat "$A/x.txt"
soon "there, too" '{"a":2}' cat "$B/x.txt"
ok "saved and renamed at once" sh -c "echo '{\"a\":3}' >$A/y.json && echo '{\"a\":4}' >$A/y.json && mv $A/y.json $A/y.txt"
soon "the last save is there" '{"a":4}' cat "$B/y.txt"

# a save that is refused, and read while it is still there
refused()
{
	python3 - "$A/p.json" <<'PY'
import errno, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
os.pread(fd, 99, 0)
os.pwrite(fd, b'X', 0)
copy = os.dup(fd)
for one in fd, copy:
    try:
        os.close(one)
        print("closed", end=" ")
    except OSError as e:
        print(errno.errorcode[e.errno], end=" ")
    if one == fd:
        print(open(sys.argv[1]).read().strip(), end=" ")
PY
}
save "$A/p.json" '{"a":1}'
is "what is no JSON is refused" 'EINVAL X"a":1} EINVAL ' refused
soon "and no longer shown" '{"a":1}' cat "$A/p.json"
is "there neither" '{"a":1}' cat "$B/p.json"

# and one that nobody reads meanwhile: the committed version was in the kernel's pages before
refused_unread()
{
	python3 - "$A/q.json" <<'PY'
import errno, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
os.pread(fd, 99, 0)
os.pwrite(fd, b'X', 0)
try:
    os.close(fd)
    print("closed", end=" ")
except OSError as e:
    print(errno.errorcode[e.errno], end=" ")
time.sleep(0.5)
print(open(sys.argv[1]).read().strip())
PY
}
save "$A/q.json" '{"a":1}'
is "refused and not read before it is dropped" 'EINVAL {"a":1}' refused_unread

# sync(1) opens what it syncs to read it; who wrote has closed nothing
writer()
{
	exec python3 - "$A/s.json" "$work/until" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
os.pwrite(fd, b'{"s":2}', 0)
open(sys.argv[2]).read()
os.close(fd)
PY
}
save "$A/s.json" '{"s":1}'
soon "a file" '{"s":1}' cat "$B/s.json"
mkfifo "$work/until"
writer &
soon "is being written to" '{"s":2}' cat "$A/s.json"
is "nobody else sees it" '{"s":1}' cat "$B/s.json"
ok "it is synced" sync "$A/s.json"
soon "and seen" '{"s":2}' cat "$B/s.json"
echo >"$work/until"
wait $!
point "and closed without an error" $?

# one renames a record to an attachment's name and back, another one appends by both names: neither sees what a local
# directory would not show it
appended()
{
	timeout 60 python3 - "$A/to" <<'PY'
import errno, os, sys, threading
record, scan = sys.argv[1] + ".json", sys.argv[1] + ".txt"
os.close(os.open(record, os.O_WRONLY | os.O_CREAT))
stop, renamed, odd = False, 0, set()
def storm():
    global renamed
    while not stop:
        for pair in (record, scan), (scan, record):
            try:
                os.rename(*pair)
                renamed += 1
            except OSError as e:
                if e.errno not in (errno.EBUSY, errno.ENOENT):
                    odd.add("rename " + errno.errorcode[e.errno])
thread = threading.Thread(target=storm)
thread.start()
wanted = 0
for i in range(60):
    for path in record, scan:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND)
            os.write(fd, b"1")
            os.close(fd)
            wanted += 1
        except FileNotFoundError:
            pass
        except OSError as e:
            if e.errno != errno.ESTALE:  # gone again when the kernel looked anew
                odd.add("append " + errno.errorcode[e.errno])
stop = True
thread.join()
found = sum(os.path.getsize(p) for p in (record, scan) if os.path.exists(p))
print("all" if found == wanted and renamed and wanted else f"{found} of {wanted}, renamed {renamed}", *odd)
PY
}
is "renamed to and fro while others append to it: nothing is lost" all appended

# a name that is replaced or removed, while the file is open
still_open()
{
	python3 - "$A" <<'PY'
import os, sys, time
d = sys.argv[1] + "/"
def put(name, text):
    with open(d + name, "wb") as f:
        f.write(text)
put("old.txt", b"old text")
put("new.txt", b"new")
a = os.open(d + "old.txt", os.O_RDONLY)
b = os.open(d + "old.txt", os.O_RDWR)
os.rename(d + "new.txt", d + "old.txt")
time.sleep(1.5)
print(os.fstat(a).st_size, oct(os.fstat(a).st_mode & 0o777), os.pread(a, 99, 0))
os.fchmod(a, 0o600)
print(oct(os.fstat(a).st_mode & 0o777))
os.ftruncate(b, 3)
os.pwrite(b, b"er", 3)
print(os.pread(a, 99, 0), open(d + "old.txt", "rb").read())
os.close(b)
put("seen.txt", b"1")
a = os.open(d + "seen.txt", os.O_RDONLY)
put("seen.txt", b"22")
os.unlink(d + "seen.txt")
print(os.pread(a, 99, 0))
PY
}
is "who has it open goes on with it" "8 0o644 b'old text'
0o600
b'older' b'new'
b'22'" still_open

# a directory with a file in it that is not saved yet
not_empty()
{
	python3 - "$A" <<'PY'
import errno, os, sys
d = sys.argv[1] + "/"
os.mkdir(d + "full")
os.mkdir(d + "other")
fd = os.open(d + "full/x", os.O_CREAT | os.O_WRONLY)
try:
    os.rename(d + "other", d + "full")
except OSError as e:
    print(errno.errorcode[e.errno], os.listdir(d + "full"))
os.close(fd)
os.unlink(d + "full/x")
os.rename(d + "other", d + "full")
print(os.path.exists(d + "other"))
PY
}
is "is not replaced" "ENOTEMPTY ['x']
False" not_empty

# two handles: what one wrote is what the other one has, size and all, whoever made it be saved
sizes()
{
	python3 - "$A/size.txt" <<'PY'
import os, sys
def put(text):
    with open(sys.argv[1], "wb") as f:
        f.write(text)
put(b"1")
a = os.open(sys.argv[1], os.O_RDONLY)
b = os.open(sys.argv[1], os.O_RDWR)
os.pread(a, 99, 0)
os.pwrite(b, b"22", 0)
os.fsync(a)
print(os.fstat(a).st_size, os.fstat(b).st_size, os.pread(a, 99, 0))
os.pwrite(b, b"333", 0)
os.fsync(b)
print(os.fstat(a).st_size, os.fstat(b).st_size, os.pread(a, 99, 0))
PY
}
is "a reader's fsync, a writer's" "2 2 b'22'
3 3 b'333'" sizes
