# SPDX-License-Identifier: Apache-2.0
"""saver.py save DIR LOG FROM COUNT - saves COUNT records in eight threads, until one fails.
saver.py check DIR CONFLICTS LOG KILLS - each save that was begun is in DIR or offered in CONFLICTS, none is half.

LOG has a line "began N" before each close(2), "saved N" after one that returned 0, "refused N" after one that no
mount was there for, or that had no room to begin (ENOSPC): the caller knows that nothing is under way. A close that the kernel had taken and the mount not yet read when it died cannot be told from
one it had: of those that were aborted KILLS may be neither.
"""
import errno
import json
import os
import sys
import threading
import time


def content(n):
    return json.dumps({"i": n, "pad": "x" * (n * 37 % 3000), "end": n}).encode()


def save(directory, log_path, first, count):
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    numbers = iter(range(first, first + count))
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                n = next(numbers, None)
            if n is None:
                return
            try:
                fd = os.open(f"{directory}/r-{n}.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
                os.write(fd, content(n))
                os.write(log, b"began %d\n" % n)
                os.close(fd)
            except OSError as e:
                if e.errno in (errno.ENOTCONN, errno.ENOSPC):
                    os.write(log, b"refused %d\n" % n)
                if e.errno == errno.ENOSPC:
                    time.sleep(0.05)
                    continue
                return
            os.write(log, b"saved %d\n" % n)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def check(directory, conflicts, log_path, kills):
    told = {"began": set(), "saved": set(), "refused": set()}
    with open(log_path) as log:
        for line in log:
            told[line.split()[0]].add(int(line.split()[1]))
    began, saved = told["began"], told["saved"]
    committed, bad = set(), 0
    for name in os.listdir(directory):
        if not name.startswith("r-"):
            continue
        n = int(name[2:-5])
        with open(f"{directory}/{name}", "rb") as f:
            data = f.read()
        if data == content(n):
            committed.add(n)
        else:
            print(f"half: {name}: {data[:60]!r}")
            bad += 1
    offered = set()
    for name in os.listdir(conflicts):
        n = int(name.rsplit("r-", 1)[1][:-5])
        with open(f"{conflicts}/{name}", "rb") as f:
            data = f.read()
        if data == content(n):
            offered.add(n)
        else:
            print(f"half: offered {name}: {data[:60]!r}")
            bad += 1
    for n in sorted(saved - committed):
        print(f"lost: {n} was acknowledged")
        bad += 1
    unread = began - committed - offered - told["refused"]
    if len(unread) > int(kills):
        print(f"lost: {sorted(unread)} were being saved")
        bad += 1
    print(f"# {len(began)} begun, {len(saved)} acknowledged, {len(committed)} committed, {len(offered)} offered again, "
          f"{len(told['refused'])} refused, {len(unread)} never read")
    sys.exit(1 if bad else 0)


if sys.argv[1] == "save":
    save(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
else:
    check(*sys.argv[2:6])
