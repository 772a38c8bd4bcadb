# SPDX-License-Identifier: Apache-2.0
"""scale.py - times what programs do to a large directory, and entering the past; one figure a line: name, value.

    scale.py list DIR            all names, as ls -f: seconds, names
    scale.py stat DIR COUNT N    1000 names of 000000000.json to COUNT-1 at random: median and slowest, ms
    scale.py change DIR COUNT    creates, reads and removes a record, 20 times: medians, ms
    scale.py past MNT FILE FROM TO TEXT
                                 FILE at 30 seconds between FROM and TO at most, each once, through at/ and .snapshots/:
                                 medians, ms; FILE has TEXT at each
"""
import os
import random
import sys
import time


def median(values):
    return sorted(values)[len(values) // 2]


def ms(call):
    start = time.monotonic()
    call()
    return 1000 * (time.monotonic() - start)


def count(path):
    n = 0
    with os.scandir(path) as entries:
        for _ in entries:
            n += 1
    return n


def do_list(path):
    start = time.monotonic()
    n = count(path)
    print(f"list_s {time.monotonic() - start:.2f}\nnames {n}")


def do_stat(path, total, tries=1000):
    r = random.Random(5)
    times = [ms(lambda: os.stat(f"{path}/{r.randrange(int(total)):09}.json")) for _ in range(int(tries))]
    print(f"stat_ms {median(times):.3f}\nstat_max_ms {max(times):.1f}")


def save(path, text):
    with open(path, "w") as f:
        f.write(text)


def load(path, text):
    with open(path) as f:
        assert f.read() == text, path


def do_change(path, total):
    create, read, remove = [], [], []
    for i in range(20):
        name = f"{path}/new-{os.getpid()}-{i}.json"
        create.append(ms(lambda: save(name, '{"n":1}')))
        read.append(ms(lambda: load(name, '{"n":1}')))
        remove.append(ms(lambda: os.unlink(name)))
    print(f"create_ms {median(create):.1f}\nread_ms {median(read):.2f}\nunlink_ms {median(remove):.1f}")


def do_past(mnt, file, start, end, text):
    directory, name = os.path.split(file)
    seconds = range(int(start) + 1, int(end))
    at, gmt = [], []
    for second in random.Random(3).sample(seconds, min(30, len(seconds))):
        t = time.gmtime(second)
        at.append(ms(lambda: load(time.strftime(f"{mnt}/at/%Y-%m-%dT%H:%M:%SZ/{file}", t), text)))
        snapshot = time.strftime(f"{mnt}/{directory}/.snapshots/@GMT-%Y.%m.%d-%H.%M.%S/{name}", t)
        gmt.append(ms(lambda: load(snapshot, text)))
    listing = ms(lambda: os.listdir(f"{mnt}/{directory}/.snapshots"))
    print(f"at_ms {median(at):.2f}\nsnapshot_ms {median(gmt):.2f}\nsnapshots_list_ms {listing:.1f}")


{"list": do_list, "stat": do_stat, "change": do_change, "past": do_past}[sys.argv[1]](*sys.argv[2:])
