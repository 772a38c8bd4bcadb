# SPDX-License-Identifier: Apache-2.0
#
# flood.py SECONDS GENESIS-ID CERT.pem KEY.pem PASSPHRASE-FILE PEER-HOST:PORT... -- CLIENT-HOST:PORT... - an enrolled
# client that sends well-formed frames as fast as they are taken, and reads no answer: asks for status, blocks and
# blobs, subscriptions, proposals and transactions that are none, PUT and HOLD with bad signatures; at the ports of
# peers votes with bad signatures, of far heights and views, and doubled. Prints how many of each kind.

import collections, os, random, select, socket, ssl, struct, sys, threading, time

seconds, network = float(sys.argv[1]), bytes.fromhex(sys.argv[2])
cert, key, passphrase = sys.argv[3:6]
split = sys.argv.index("--")


def place(text):
    return text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1])


peers = [place(a) for a in sys.argv[6:split]]
clients = [place(a) for a in sys.argv[split + 1:]]
end = time.monotonic() + seconds
done = collections.Counter()


def frame(kind, payload, signed=False):
    body = bytes([1, kind]) + struct.pack(">Q", random.getrandbits(63)) + os.urandom(16)
    body += struct.pack(">I", len(payload)) + payload + (b"\x01" + os.urandom(64) if signed else b"\x00")
    return struct.pack(">I", len(body)) + body


def vote(kind, height, view):
    m = b"CFP1" + bytes([kind, random.randrange(0, 4)]) + struct.pack(">QQQ", 0, height, view)
    return frame(1, m + os.urandom(32 + 64))


def status(height, view):
    m = b"CFP1" + bytes([6, random.randrange(0, 4)]) + struct.pack(">QQQ", 0, view, height)
    return frame(1, m + b"\x01" + os.urandom(64))


def far():
    return random.choice([0, 1, 50, 2**32, 2**63])


VOTES = {
    "votes": lambda: vote(random.choice([2, 3]), far(), far()),
    "states": lambda: status(far(), far()),
    "doubles": lambda: vote(2, 1, 0) * 3,
    "requests": lambda: frame(1, b"CFP1\x0a" + struct.pack(">I", 2000) + os.urandom(2000)),
    "bodies": lambda: frame(1, b"CFP1\x09" + struct.pack(">QQ", 0, far()) + os.urandom(32) +
                            struct.pack(">I", 1 << 20) + bytes(1 << 20)),
}
ASKS = {
    "status": lambda: frame(14, b""),
    "block": lambda: frame(7, struct.pack(">Q", random.randrange(1, 40))),
    "subscribe": lambda: frame(5, struct.pack(">Q", 1)),
    "blob": lambda: frame(12, os.urandom(32)),
    "endorse": lambda: frame(3, struct.pack(">QH", 0, 1) + os.urandom(200)),
    "far endorse": lambda: frame(3, struct.pack(">QH", 2**40, 0)),
    "submit": lambda: frame(2, struct.pack(">HI", 1, 3000) + os.urandom(3000) + struct.pack(">I", 0)),
    "put": lambda: frame(8, os.urandom(128 << 10), True),
    "hold": lambda: frame(10, struct.pack(">H", 1) + os.urandom(40), True),
}


def connection(target, link, kinds):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(cert, key, open(passphrase).read().strip())
    name = random.choice(list(kinds))
    made = b"".join(kinds[name]() for _ in range(1 if name in ("bodies", "put") else 50))
    with context.wrap_socket(socket.create_connection(target, timeout=5)) as s:
        s.sendall(b"CFS1" + bytes([link, 0, 0, 0]))
        for _ in range(200):
            if time.monotonic() > end:
                return
            s.sendall(made)
            done[name] += 1 if name in ("bodies", "put") else 50


def again(targets, link, kinds):
    while time.monotonic() < end:
        try:
            connection(random.choice(targets), link, kinds)
        except OSError:
            done["ended by the peer"] += 1


threads = [threading.Thread(target=again, args=a, daemon=True)
           for a in [(peers, 1, VOTES)] * 4 + [(clients, 2, ASKS)] * 8]
for t in threads:
    t.start()
for t in threads:
    t.join(max(0, end + 8 - time.monotonic()))
print(", ".join(f"{k}: {v}" for k, v in sorted(done.items())))
