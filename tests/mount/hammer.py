# SPDX-License-Identifier: Apache-2.0
"""hammer.py DIR SEED SECONDS NAME - one of several processes at work in one directory, on mounts of their own.

Contents say what they are, with a checksum, so that whatever is read can be told to be one whole save. Prints
counts; exit code 1 when anything was read that is none.
"""
import errno
import hashlib
import os
import random
import sys
import time

ALLOWED = {errno.EBUSY, errno.ENOENT, errno.EEXIST, errno.ETIMEDOUT, errno.ESTALE, errno.EINTR}


def content(name, number, size):
    body = f"{name}:{number}:".encode() + random.randbytes(size).hex().encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def is_whole(data):
    head, _, body = data.partition(b"\n")
    return data == b"" or hashlib.sha256(body).hexdigest().encode() == head


def write(path, flags, data):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def step(directory, name, number, counts):
    path = os.path.join(directory, f"file-{random.randrange(6)}")
    what = random.choice(["read"] * 4 + ["write", "write", "replace", "excl", "unlink", "rename", "list"])
    counts[what] = counts.get(what, 0) + 1
    if what == "read":
        with open(path, "rb") as f:
            data = f.read()
        if not is_whole(data):
            print(f"{name}: {path} holds {len(data)} bytes that nobody saved: {data[:80]!r}")
            counts["torn"] = counts.get("torn", 0) + 1
    elif what == "write":
        write(path, os.O_TRUNC, content(name, number, random.randrange(1, 2000)))
    elif what == "excl":
        write(path, os.O_EXCL, content(name, number, 50))
    elif what == "replace":
        temporary = os.path.join(directory, f"{name}.tmp")
        write(temporary, os.O_TRUNC, content(name, number, 500))
        try:
            os.rename(temporary, path)
        except OSError:
            os.unlink(temporary)  # it is this mount's own, and would be left if this was the last step
            raise
    elif what == "unlink":
        os.unlink(path)
    elif what == "rename":
        os.rename(path, os.path.join(directory, f"file-{random.randrange(6)}"))
    else:
        for entry in os.listdir(directory):
            try:
                os.stat(os.path.join(directory, entry))
            except FileNotFoundError:
                pass


def main():
    directory, seed, seconds, name = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    random.seed(f"{seed} {name}")
    counts, number, end = {}, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        number += 1
        try:
            step(directory, name, number, counts)
        except OSError as e:
            label = errno.errorcode.get(e.errno, str(e.errno))
            counts[label] = counts.get(label, 0) + 1
            if e.errno not in ALLOWED:
                print(f"{name}: {e}")
                counts["torn"] = counts.get("torn", 0) + 1
    print(f"# {name}: {number} operations {counts}")
    sys.exit(1 if counts.get("torn") else 0)


main()
