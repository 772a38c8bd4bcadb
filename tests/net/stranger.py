# SPDX-License-Identifier: Apache-2.0
#
# stranger.py SECONDS HOST:PORT... [-- CERT.pem KEY.pem PASSPHRASE-FILE] - what somebody who reaches the ports of
# peers may do to them, all at once and again and again: connections that say nothing, bytes one by one, garbage,
# the beginning of a TLS handshake, the end of a connection right after its beginning (FIN, then RST), more
# connections than a listener keeps. With a certificate it gets past TLS and goes on behind it: no hello, a wrong
# one, lengths of 4 GiB, frames that never end, garbage for frames. Prints how many of each it did.

import collections, os, random, socket, ssl, struct, sys, threading, time

seconds = float(sys.argv[1])
rest = sys.argv[2:]
cert = rest[rest.index("--") + 1:] if "--" in rest else None
targets = [(a.rsplit(":", 1)[0], int(a.rsplit(":", 1)[1])) for a in (rest[:rest.index("--")] if cert else rest)]
end = time.monotonic() + seconds
done = collections.Counter()
CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(32)
RST = struct.pack("ii", 1, 0)


def connect(target):
    s = socket.create_connection(target, timeout=3)
    return s


def fin_rst(target):
    s = connect(target)
    s.shutdown(socket.SHUT_WR)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    s.close()


def garbage(target):
    with connect(target) as s:
        s.sendall(os.urandom(random.randrange(1, 70000)))
        if random.random() < 0.5:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)


def half_hello(target):
    with connect(target) as s:
        s.sendall(CLIENT_HELLO[:random.randrange(1, len(CLIENT_HELLO))])
        time.sleep(random.random())


def slow(target):
    with connect(target) as s:
        for b in CLIENT_HELLO:
            s.sendall(bytes([b]))
            time.sleep(0.3)
            if time.monotonic() > end:
                return


# Far more than a listener keeps, held open until the other side ends them.
def crowd(target):
    held = []
    try:
        while time.monotonic() < end and len(held) < 1500:
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(target)
            held.append(s)
            time.sleep(0.0005)
        time.sleep(2)
    finally:
        done["crowd's connections"] += len(held)
        for s in held:
            s.close()


def tls(target):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(cert[0], cert[1], open(cert[2]).read().strip())
    return context.wrap_socket(connect(target))


def inside(target):
    kind = 1 if random.random() < 0.5 else 2
    hello = b"CFS1" + bytes([kind, 0, 0, 0])
    with tls(target) as s:
        what = random.randrange(5)
        if what == 0:
            time.sleep(2)
        elif what == 1:
            s.sendall(os.urandom(8))
        elif what == 2:
            s.sendall(hello + struct.pack(">I", random.choice([0xfffffffe, 0x7fffffff, (40 << 20) + 1])))
            s.sendall(bytes(65536))
        elif what == 3:
            s.sendall(hello + struct.pack(">I", 40 << 20))
            for _ in range(40):
                s.sendall(bytes(16384))
                time.sleep(0.05)
        else:
            s.sendall(hello)
            for _ in range(200):
                body = os.urandom(random.randrange(0, 4096))
                s.sendall(struct.pack(">I", len(body) + 2) + bytes([1, random.randrange(0, 24)]) + body)


def again(what):
    while time.monotonic() < end:
        try:
            what(random.choice(targets))
            done[what.__name__] += 1
        except OSError:
            done[what.__name__ + ", ended by the peer"] += 1


jobs = [fin_rst, garbage, half_hello, crowd] + [slow] * 20 + ([inside] * 8 if cert else [])
threads = [threading.Thread(target=again, args=(j,), daemon=True) for j in jobs]
for t in threads:
    t.start()
for t in threads:
    t.join(max(0, end + 5 - time.monotonic()))
print(", ".join(f"{k}: {v}" for k, v in sorted(done.items())))
