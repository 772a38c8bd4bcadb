# SPDX-License-Identifier: Apache-2.0
"""memory.py PID OUT - what a process has in memory, as gcore(1) would write it, but for pages that hold nothing: all
that is mapped and readable, files as well. For root: chartfsd cannot be dumped by others."""
import sys

PAGE = 4096
STEP = 1024 * PAGE
ZERO = bytes(PAGE)


def main(pid, out):
    with open(f"/proc/{pid}/maps") as f:
        maps = [line.split(None, 5) for line in f]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem, open(out, "wb") as to:
        for m in maps:
            start, end = (int(x, 16) for x in m[0].split("-"))
            # a database's map is larger than its file, which is looked at by itself
            if m[1][0] != "r" or (len(m) == 6 and m[5].strip().endswith((".mdb", "[vvar]", "[vsyscall]"))):
                continue
            for at in range(start, end, STEP):
                try:
                    mem.seek(at)
                    block = mem.read(min(STEP, end - at))
                except OSError:
                    continue
                if block.count(0) == len(block):
                    continue
                for page in range(0, len(block), PAGE):
                    if block[page:page + PAGE] != ZERO:
                        to.write(block[page:page + PAGE])


main(sys.argv[1], sys.argv[2])
