# SPDX-License-Identifier: Apache-2.0
#
# writer.py DIRECTORY ACKED STOP - saves numbered records in DIRECTORY until the file STOP exists, and notes each
# save that was acknowledged in the file ACKED: its number, when (monotonic seconds), and how many ms it took. Says
# which failed, and how long the longest pause was. While STOP.hold exists it rests.

import os, sys, time
directory, acked = sys.argv[1], open(sys.argv[2], "a", buffering=1)
i, longest, last = 0, 0.0, time.monotonic()
try:
    while not os.path.exists(sys.argv[3]):
        began = time.monotonic()
        path = f"{directory}/w-{i:05d}.json"
        try:
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            os.write(fd, b'{"i":%d}' % i)
            os.close(fd)
            ended = time.monotonic()
            acked.write(f"{i} {ended:.3f} {(ended - began) * 1000:.2f}\n")
        except OSError as e:
            print("error", i, e, flush=True)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
        i += 1
        while os.path.exists(sys.argv[3] + ".hold"):
            open(sys.argv[3] + ".holds", "a").close()
            time.sleep(0.02)
            last = time.monotonic()
finally:
    print(f"longest pause {longest:.1f} s, {i} saves", flush=True)
