#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second decoder of ledger/FORMAT.md, written from that page, for the golden vectors beside this file.

Plain Python 3, standard library only, P-256 included. Prints TAP; ends with 1 when a point failed.
"""
import glob
import hashlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20


class Malformed(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Malformed(why)


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def tag(text):
    return text.encode() + b"\0"


def u(n, size):
    return n.to_bytes(size, "big")


# --- section 1: encoding, Merkle trees ----------------------------------------------------------------


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n, what="bytes"):
        need(n <= len(self.data) - self.at, "%s of %d bytes run past the end" % (what, n))
        self.at += n
        return self.data[self.at - n:self.at]

    def u(self, size):
        return int.from_bytes(self.take(size), "big")

    def bool(self):
        v = self.u(1)
        need(v <= 1, "a bool of %d" % v)
        return v == 1

    def hash(self):
        return self.take(32)

    def short(self, low, high):
        n = self.u(1)
        need(low <= n <= high, "a short of %d bytes" % n)
        return self.take(n, "short")

    def bytes(self, high):
        n = self.u(4)
        need(n <= high, "bytes of %d, over the maximum" % n)
        return self.take(n)

    def tag(self, text):
        need(self.take(len(text) + 1) == tag(text), "wrong tag")

    def version(self):
        need(self.u(2) == 1, "unknown version")

    def list(self, count_size, low, high, item):
        n = self.u(count_size)
        need(low <= n <= high, "a count of %d" % n)
        return [item(self) for _ in range(n)]

    def end(self):
        need(self.at == len(self.data), "%d trailing bytes" % (len(self.data) - self.at))


def whole(decode, data):
    r = Reader(data)
    value = decode(r)
    r.end()
    return value


def ascending(keys, what):
    need(all(a < b for a, b in zip(keys, keys[1:])), "%s do not ascend" % what)


def leaf(data):
    return H(b"\0", data)


def node(left, right):
    return H(b"\1", left, right)


def merkle_root(leaves):
    """RFC 6962 2.1, as it is defined there."""
    if not leaves:
        return H()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return node(merkle_root(leaves[:k]), merkle_root(leaves[k:]))


def path_root(digest_leaf, index, count, path):
    """The root, by taking the path apart from its far end: the recursion of the definition."""
    if count == 1:
        need(not path, "a path that is too long")
        return digest_leaf
    need(path, "a path that is too short")
    k = 1
    while 2 * k < count:
        k *= 2
    if index < k:
        return node(path_root(digest_leaf, index, k, path[:-1]), path[-1])
    return node(path[-1], path_root(digest_leaf, index - k, count - k, path[:-1]))


# --- P-256 --------------------------------------------------------------------------------------------

P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] - 3) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def multiply(k, p):
    total = None
    while k:
        if k & 1:
            total = add(total, p)
        p = add(p, p)
        k >>= 1
    return total


def verify(point, digest, signature):
    need(point[0] == 4, "a point that is not uncompressed")
    q = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    need(max(q) < P and (q[1] * q[1] - q[0] ** 3 + 3 * q[0] - B) % P == 0, "a point off the curve")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    need(0 < r < N and 0 < s <= N // 2, "a signature out of range")
    w = pow(s, -1, N)
    sum_ = add(multiply(int.from_bytes(digest, "big") * w % N, G), multiply(r * w % N, q))
    need(sum_ is not None and sum_[0] % N == r, "a signature that does not verify")


# --- HPKE (RFC 9180): base mode, P-256, HKDF-SHA256, AES-256-GCM -------------------------------------


def double(b):
    return (b << 1 ^ (0x1b if b & 0x80 else 0)) & 0xff


def make_box():
    """FIPS 197 5.1.1: the inverse in GF(2^8), by powers of 3, then the affine map."""
    powers = [1]
    while len(powers) < 255:
        powers.append(powers[-1] ^ double(powers[-1]))
    box = [0x63] * 256
    for i, x in enumerate(powers):
        y = powers[-i % 255]
        turns = [(y << n | y >> (8 - n)) & 0xff for n in range(5)]
        box[x] = 0x63 ^ turns[0] ^ turns[1] ^ turns[2] ^ turns[3] ^ turns[4]
    return box


BOX = make_box()


def aes256(key, data):
    words, rcon = [key[i:i + 4] for i in range(0, 32, 4)], 1
    for i in range(8, 60):
        w = words[-1]
        if i % 8 == 0:
            w = bytes(BOX[b] for b in w[1:] + w[:1])
            w, rcon = bytes([w[0] ^ rcon]) + w[1:], double(rcon)
        elif i % 8 == 4:
            w = bytes(BOX[b] for b in w)
        words.append(bytes(p ^ q for p, q in zip(words[i - 8], w)))
    rounds = [b"".join(words[i:i + 4]) for i in range(0, 60, 4)]
    s = [p ^ q for p, q in zip(data, rounds[0])]
    for n, round_key in enumerate(rounds[1:], 1):
        s = [BOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if n < 14:
            s = [double(s[4 * c + r]) ^ double(s[4 * c + (r + 1) % 4]) ^ s[4 * c + (r + 1) % 4] ^
                 s[4 * c + (r + 2) % 4] ^ s[4 * c + (r + 3) % 4] for c in range(4) for r in range(4)]
        s = [p ^ q for p, q in zip(s, round_key)]
    return bytes(s)


def open_gcm(key, nonce, aad, sealed):
    def times(p, q):
        total = 0
        for i in range(127, -1, -1):
            if q >> i & 1:
                total ^= p
            p = p >> 1 ^ (0xe1 << 120 if p & 1 else 0)
        return total

    text, mac = sealed[:-16], sealed[-16:]
    h, sum_ = int.from_bytes(aes256(key, bytes(16)), "big"), 0
    pad = [d + bytes(-len(d) % 16) for d in (aad, text)] + [u(8 * len(aad), 8) + u(8 * len(text), 8)]
    for data in pad:
        for i in range(0, len(data), 16):
            sum_ = times(sum_ ^ int.from_bytes(data[i:i + 16], "big"), h)
    need(mac == bytes(p ^ q for p, q in zip(u(sum_, 16), aes256(key, nonce + u(1, 4)))), "a seal that does not open")
    stream = b"".join(aes256(key, nonce + u(i + 2, 4)) for i in range((len(text) + 15) // 16))
    return bytes(p ^ q for p, q in zip(text, stream))


def hmac(key, data):
    inner = H(bytes(b ^ 0x36 for b in key.ljust(64, b"\0")), data)
    return H(bytes(b ^ 0x5c for b in key.ljust(64, b"\0")), inner)


def labeled(suite, prk, salt, label, data, length):
    """LabeledExtract with salt (prk None), else LabeledExpand to at most 32 bytes."""
    if prk is None:
        return hmac(salt, b"HPKE-v1" + suite + label + data)
    return hmac(prk, u(length, 2) + b"HPKE-v1" + suite + label + data + b"\1")[:length]


def open_share(scalar, sealed, info, aad):
    enc, own = sealed[:65], encode(multiply(scalar, G))
    shared = u(multiply(scalar, whole(point, enc))[0], 32)
    kem, suite = b"KEM" + u(16, 2), b"HPKE" + u(16, 2) + u(1, 2) + u(2, 2)
    eae = labeled(kem, None, b"", b"eae_prk", shared, 0)
    secret = labeled(kem, eae, b"", b"shared_secret", enc + own, 32)
    context = b"\0" + labeled(suite, None, b"", b"psk_id_hash", b"", 0) + \
        labeled(suite, None, b"", b"info_hash", info, 0)
    prk = labeled(suite, None, secret, b"secret", b"", 0)
    return open_gcm(labeled(suite, prk, b"", b"key", context, 32), labeled(suite, prk, b"", b"base_nonce", context, 12),
                    aad, sealed[65:])


# --- section 2: transaction ---------------------------------------------------------------------------


def proposal(r):
    p = {}
    need(len(r.data) <= 8 * MIB, "too long")
    r.tag("chartfs tx v1")
    p["network"] = r.hash()
    r.version()
    p["type"] = r.u(1)
    need(1 <= p["type"] <= 9, "unknown type")
    p["time_ms"], p["nonce"], p["valid_until"] = r.u(8), r.take(16), r.u(8)
    p["contract"], p["contract_version"], p["policy"] = r.short(1, 32), r.u(4), r.u(2)
    p["creator"], p["creator_key"] = r.take(16), r.hash()
    p["patient"], p["patient_key"], p["doctor_key"], p["annex_hash"] = r.take(16), r.hash(), r.hash(), r.hash()
    start = r.at
    blobs = r.list(2, 0, 64, lambda r: (r.hash(), r.u(8)))
    p["blobs"] = r.data[start:r.at]
    ascending([root for root, _ in blobs], "blobs")
    p["operations"] = r.list(2, 1, 64, lambda r: (r.u(1), r.bytes(8 * MIB)))
    return p


def path_length(index, count):
    length, i, n = 0, index, count - 1
    while n > 0:
        length += i % 2 == 1 or i < n
        i, n = i // 2, n // 2
    return length


def sigpath(r):
    s = {"index": r.u(4), "count": r.u(4)}
    n = r.u(1)
    need(s["index"] < s["count"], "a leaf outside its tree")
    need(n == path_length(s["index"], s["count"]), "a path of %d does not fit" % n)
    s["path"] = [r.hash() for _ in range(n)]
    s["sig"] = r.take(64)
    return s


def check_sigpath(s, kind, network, digest, point):
    root = path_root(leaf(digest), s["index"], s["count"], s["path"])
    verify(point, H(tag("chartfs sig v1"), network, u(kind, 1), u(s["count"], 4), root), s["sig"])


def endorsements(r):
    found = r.list(1, 0, 16, lambda r: (r.take(16), sigpath(r)))
    ascending([by for by, _ in found], "endorsements")
    return found


def tx(r):
    need(len(r.data) <= 8 * MIB, "too long")
    t = {"proposal_bytes": r.bytes(8 * MIB)}
    t["proposal"] = whole(proposal, t["proposal_bytes"])
    t["id"] = H(t["proposal_bytes"])
    t["signature"] = sigpath(r)
    t["rwset"] = r.bytes(4 * MIB)
    t["endorsements"] = endorsements(r)
    t["receipts"] = endorsements(r)
    return t


def annex(r):
    need(len(r.data) <= 2 * MIB, "too long")
    r.version()
    items = r.list(2, 1, 0xffff, lambda r: (r.u(1), r.bytes(2 * MIB)))
    need(all(kind in (1, 2, 3) or (kind == 0 and len(body) == 32) for kind, body in items), "unknown kind")
    return items


# --- section 3: read-write set ------------------------------------------------------------------------


def rwset(r):
    def key(r):
        return r.short(1, 96)

    def read(r):
        k, present = key(r), r.bool()
        return k, (r.u(8), r.u(4)) if present else None

    def write(r):
        k, deleted = key(r), r.bool()
        return k, None if deleted else r.bytes(128 * 1024)

    need(len(r.data) <= 4 * MIB, "too long")
    r.version()
    reads = r.list(4, 0, 4096, read)
    empties = r.list(4, 0, 4096, key)
    writes = r.list(4, 0, 4096, write)
    ascending([k for k, _ in reads], "reads")
    ascending(empties, "empties")
    ascending([k for k, _ in writes], "writes")
    return reads, empties, writes


# --- section 4: block ---------------------------------------------------------------------------------


def header(r):
    h = {}
    r.tag("chartfs block v1")
    h["network"] = r.hash()
    r.version()
    h["height"], h["prev"], h["size"], h["tx_root"] = r.u(8), r.hash(), r.u(8), r.hash()
    h["tx_count"], h["time_ms"] = r.u(4), r.u(8)
    for name in ("body_root", "state_root", "verdict_root", "members", "next_members"):
        h[name] = r.hash()
    h["epoch"], h["proposer_view"], h["proposer"] = r.u(8), r.u(8), r.u(1)
    need(h["height"] > 0 and h["size"] <= 32 * MIB and h["tx_count"] <= 4096 and h["proposer"] < 16,
         "a field out of range")
    return h


def block(r):
    need(len(r.data) <= 32 * MIB, "too long")
    b = {"header_bytes": r.take(320)}
    b["header"] = whole(header, b["header_bytes"])
    b["txs"] = [r.bytes(8 * MIB) for _ in range(b["header"]["tx_count"])]
    need(sum(map(len, b["txs"])) == b["header"]["size"], "size is not that of the transactions")
    need(merkle_root([leaf(t) for t in b["txs"]]) == b["header"]["body_root"], "body_root does not fit")
    return b


def body(r):
    need(len(r.data) <= 32 * MIB, "too long")
    b = whole(block, r.bytes(32 * MIB))
    b["annexes"] = [r.bytes(2 * MIB) for _ in b["txs"]]
    return b


# --- section 5: members, certificates -----------------------------------------------------------------


def members(r):
    def member(r):
        m = {"id": r.take(16), "org": r.u(2)}
        m["sign"], m["endorse"], m["kem"] = r.take(65), r.take(65), r.take(65)
        for address in ("peer_address", "client_address"):
            m[address] = r.short(0, 127)
            need(b"\0" not in m[address], "a NUL in an address")
        return m

    epoch, list_ = r.u(8), r.list(1, 4, 16, member)
    for field in ("id", "sign"):
        need(len({m[field] for m in list_}) == len(list_), "a member twice")
    return epoch, list_


def certificate(r):
    c = {"epoch": r.u(8), "height": r.u(8), "view": r.u(8), "digest": r.hash()}
    c["votes"] = r.list(1, 0, 16, lambda r: (r.u(1), r.take(64)))
    ascending([i for i, _ in c["votes"]], "votes")
    need(all(i < 16 for i, _ in c["votes"]), "a member of 16 or more")
    return c


# --- section 11: evidence -----------------------------------------------------------------------------


def message_digest(network, message):
    return H(tag("chartfs pbft v1"), network, message[:-64])


def evidence(r):
    need(len(r.data) <= 256 * 1024, "too long")
    e = {}
    r.tag("chartfs evidence v1")
    e["network"], e["kind"], e["member"] = r.hash(), r.u(1), r.u(1)
    e["epoch"], e["height"], e["view"], e["tx"] = r.u(8), r.u(8), r.u(8), r.hash()
    kind, votes, messages = e["kind"], e["kind"] <= 3, e["kind"] in (4, 5)
    need(1 <= kind <= 7 and e["member"] < 16, "an unknown kind or member")
    need((e["tx"] == bytes(32)) == (kind <= 5) and (votes or e["height"] == 0) and (kind <= 5 or e["view"] == 0),
         "a field that the kind has not")
    e["sides"], e["witnesses"] = [], []
    for i in range(2):
        if votes:
            e["sides"].append({"digest": r.hash(), "sig": r.take(64)})
            continue
        side = {"bytes": r.bytes(256 * 1024)}
        need(len(side["bytes"]) > (64 if messages else 0), "too short")
        side["digest"] = message_digest(e["network"], side["bytes"]) if messages else H(side["bytes"])
        if not messages and (i == 0 or kind == 6):
            side["path"] = sigpath(r)
        e["sides"].append(side)
    if kind == 7:
        e["witnesses"] = r.list(1, 1, 16, lambda r: (r.u(1), sigpath(r)))
        ascending([i for i, _ in e["witnesses"]], "witnesses")
        need(e["witnesses"][-1][0] < 16, "a member of 16 or more")
    a, b = e["sides"][0]["digest"], e["sides"][1]["digest"]
    need(a != b and (a < b or kind == 7), "sides that do not ascend")
    return e


def check_piece(e, epoch, list_):
    network, by = e["network"], list_[e["member"]]
    need(e["epoch"] == epoch, "another set")
    if e["kind"] <= 3:
        for side in e["sides"]:
            verify(by["sign"], H(tag("chartfs vote v1"), network, u(e["kind"], 1), u(e["epoch"], 8),
                                 u(e["height"], 8), u(e["view"], 8), side["digest"]), side["sig"])
        return
    if e["kind"] <= 5:
        head = b"CFP1" + u(e["kind"], 1) + u(e["member"], 1) + u(e["epoch"], 8) + u(e["view"], 8)
        for side in e["sides"]:
            need(side["bytes"].startswith(head), "another member, epoch or view")
            verify(by["sign"], side["digest"], side["bytes"][-64:])
        return
    reads = [whole(rwset, side["bytes"])[:2] for side in e["sides"]]
    need(reads[0] == reads[1], "they have not read the same")
    digest = [H(tag("chartfs endorsement v1"), network, e["tx"], side["digest"]) for side in e["sides"]]
    for side, one in zip(e["sides"], digest):
        if "path" in side:
            check_sigpath(side["path"], 2, network, one, by["endorse"])
    if e["kind"] == 7:
        orgs = {list_[i]["org"] for i, _ in e["witnesses"]}
        need(len(orgs) == len(e["witnesses"]) == (len(list_) - 1) // 3 + 1 and by["org"] not in orgs, "witnesses")
        for i, path in e["witnesses"]:
            check_sigpath(path, 2, network, digest[1], list_[i]["endorse"])


# --- section 12: certificate of destruction -----------------------------------------------------------


def succession(r):
    return r.list(1, 0, 255, lambda r: (whole(header, r.take(320)), certificate(r), whole(members, r.bytes(16384))))


def proof(r):
    need(len(r.data) <= 16 * MIB, "too long")
    p = {}
    r.tag("chartfs proof v1")
    p["header_bytes"] = r.take(320)
    p["header"] = whole(header, p["header_bytes"])
    p["certificate"], p["succession"] = certificate(r), succession(r)
    p["tx_bytes"] = r.bytes(8 * MIB)
    p["index"], p["verdict"] = r.u(4), r.u(1)
    for name in ("tx_path", "body_path", "verdict_path"):
        p[name] = r.list(1, 0, 32, Reader.hash)
    p["chain"] = r.list(1, 1, 4, lambda r: r.bytes(16384))
    p["op"] = r.u(2)
    p["key"] = r.take(32) if r.bool() else None
    return p


def destruction(r):
    d = {}
    r.tag("chartfs destruction v1")
    d["proof"] = whole(proof, r.bytes(16 * MIB))
    d["succession"] = succession(r)
    d["said"] = r.list(1, 0, 16, lambda r: (r.u(1), r.u(8), r.take(64)))
    ascending([i for i, _, _ in d["said"]], "members")
    return d


# --- acl/ACCESS.md section 5: the members' key is shared anew -----------------------------------------


def point(r):
    data = r.take(65)
    q = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
    need(data[0] == 4 and max(q) < P and (q[1] * q[1] - q[0] ** 3 + 3 * q[0] - B) % P == 0, "no point")
    return q


def encode(q):
    return b"\4" + u(q[0], 32) + u(q[1], 32)


def contribution(r):
    c = {"commitments": r.list(1, 1, 16, point)}
    c["clear"] = r.data[:r.at]
    c["sealed"] = r.list(1, 0, 16, lambda r: r.bytes(113))
    need(all(len(s) == 113 for s in c["sealed"]), "a seal of another length")
    return c


def deal(r):
    d = {"generation": r.u(2), "epoch": r.u(8), "bytes": r.bytes(8192)}
    d["deal"] = whole(contribution, d["bytes"])
    d["proofs"] = r.list(1, 0, 16, lambda r: r.take(64))
    return d


def take(r):
    return {"generation": r.u(2), "epoch": r.u(8), "deals": r.hash()}


def accuse(r):
    return {"generation": r.u(2), "epoch": r.u(8), "dealer": r.u(1), "deal": r.hash(), "value": r.take(65),
            "challenge": r.take(32), "response": r.take(32)}


# --- section 10: the vectors --------------------------------------------------------------------------

KINDS = {f.__name__: f for f in (proposal, tx, rwset, annex, header, block, body, members, certificate,
                                  evidence, destruction, deal, take, accuse)}


def load(name):
    with open(os.path.join(HERE, name + ".hex")) as f:
        return bytes.fromhex(f.read())


def kind_of(name):
    return KINDS[name.split("-")[0]]


def expected():
    with open(os.path.join(HERE, "expected.txt")) as f:
        return {name: bytes.fromhex(value) for name, value in map(str.split, f)}


def names(pattern):
    return sorted(os.path.basename(p)[:-4] for p in glob.glob(os.path.join(HERE, pattern)))


def check_transactions(want):
    network, point = want["network"], want["creator.point"]
    t, query = whole(tx, load("tx")), whole(tx, load("tx-query"))
    need(t["proposal_bytes"] == load("proposal") and t["rwset"] == load("rwset"), "tx.hex holds other parts")
    need(t["id"] == want["tx.id"] == want["proposal.id"] and query["id"] == want["tx-query.id"], "ids")
    for one in (t, query):
        need(one["proposal"]["network"] == network and one["proposal"]["creator_key"] == H(point), "creator's key")
        check_sigpath(one["signature"], 1, network, one["id"], point)
    need(H(t["rwset"]) == want["rwset.hash"], "rwset.hash")
    for name in ("annex", "annex-left"):
        data = load(name)
        hashes = [body if kind == 0 else H(tag("chartfs annex item v1"), bytes([kind]), body)
                  for kind, body in whole(annex, data)]
        annex_hash = H(tag("chartfs annex v1"), network, data[:4], *hashes)
        need(annex_hash == want["annex.hash"] == t["proposal"]["annex_hash"], name + ": annex.hash")
    _, list_ = whole(members, load("members"))
    keys = {m["id"]: m["endorse"] for m in list_}
    digest = H(tag("chartfs endorsement v1"), network, t["id"], H(t["rwset"]))
    need(digest == want["tx.endorsement"] and len(t["endorsements"]) == 2, "tx.endorsement")
    for by, s in t["endorsements"]:
        check_sigpath(s, 2, network, digest, keys[by])
    digest = H(tag("chartfs receipt v2"), network, t["proposal"]["time_ms"].to_bytes(8, "big"), t["proposal"]["blobs"])
    need(digest == want["tx.receipt"] and len(t["receipts"]) == 3, "tx.receipt")
    for by, s in t["receipts"]:
        check_sigpath(s, 3, network, digest, keys[by])


def check_block(want):
    b = whole(body, load("body"))
    h = b["header"]
    need(load("block")[:320] == load("header") == b["header_bytes"], "block.hex begins with another header")
    need(H(b["header_bytes"]) == want["block.hash"], "block.hash")
    need(b["txs"] == [load("tx"), load("tx-query")], "block.hex holds other transactions")
    need(b["annexes"] == [load("annex"), b""], "body.hex holds other annexes")
    ids = [whole(tx, t)["id"] for t in b["txs"]]
    need(merkle_root([leaf(i) for i in ids]) == h["tx_root"] == want["block.tx_root"], "tx_root")
    need(h["body_root"] == want["block.body_root"], "body_root")
    verdicts = [bytes([v]) for v in want["block.verdicts"]]
    root = merkle_root([leaf(i + v) for i, v in zip(ids, verdicts)])
    need(root == h["verdict_root"] == want["block.verdict_root"], "verdict_root")


def check_certificate(want):
    epoch, list_ = whole(members, load("members"))
    c, h = whole(certificate, load("certificate")), whole(header, load("header"))
    need(H(tag("chartfs members v1"), load("members")) == want["members.hash"] == h["members"], "members.hash")
    need(c["digest"] == want["block.hash"] and c["epoch"] == epoch == h["epoch"], "another block")
    vote = H(tag("chartfs vote v1"), want["network"], u(3, 1), u(c["epoch"], 8), u(c["height"], 8),
             u(c["view"], 8), c["digest"])
    need(vote == want["certificate.vote"] and c["height"] == h["height"], "certificate.vote")
    n = len(list_)
    f = (n - 1) // 3
    need(len(c["votes"]) >= -(-(n + f + 1) // 2), "fewer votes than a quorum")
    for i, signature in c["votes"]:
        verify(list_[i]["sign"], vote, signature)


def check_evidence(want):
    epoch, list_ = whole(members, load("members"))
    for name in names("evidence*.hex"):
        e = whole(evidence, load(name))
        need(H(load(name)) == want[name + ".id"] and e["network"] == want["network"], name)
        check_piece(e, epoch, list_)
        for change in ({"view": e["view"] + 1}, {"member": 2}, {"tx": bytes(31) + b"\1"}, {"epoch": 1}):
            if e["kind"] > 5 and "view" in change or e["kind"] <= 5 and "tx" in change:
                continue
            try:
                check_piece(dict(e, **change), epoch, list_)
            except Malformed:
                continue
            raise Malformed("changed evidence proves something")


def check_destruction(want):
    _, list_ = whole(members, load("members"))
    d = whole(destruction, load("destruction"))
    p = d["proof"]
    h, t = p["header"], whole(tx, p["tx_bytes"])
    need(t["id"] == want["destruction.tx"] and h["network"] == want["network"], "destruction.tx")
    need(t["proposal"]["operations"][p["op"]] == (21, b"a node" + bytes(10)), "it erases something else")
    check_sigpath(t["signature"], 1, want["network"], t["id"], want["creator.point"])
    need(not p["succession"] and not d["succession"] and h["members"] == want["members.hash"], "another set")
    c = p["certificate"]
    need(c["digest"] == H(p["header_bytes"]) and c["height"] == h["height"], "another block")
    vote = H(tag("chartfs vote v1"), want["network"], u(3, 1), u(c["epoch"], 8), u(c["height"], 8),
             u(c["view"], 8), c["digest"])
    for i, signature in c["votes"]:
        verify(list_[i]["sign"], vote, signature)
    for name, data in (("tx", t["id"]), ("body", p["tx_bytes"]), ("verdict", t["id"] + u(p["verdict"], 1))):
        root = path_root(leaf(data), p["index"], h["tx_count"], p[name + "_path"])
        need(root == h[name + "_root"] and p["verdict"] == 0, name + "_path")
    need(len(d["said"]) == len(c["votes"]) == 3, "fewer than a quorum")
    for i, height, signature in d["said"]:
        need(height >= h["height"], "a height below")
        verify(list_[i]["endorse"], H(tag("chartfs destroyed v1"), want["network"], t["id"], u(height, 8),
                                      list_[i]["id"]), signature)


def check_sharing(want):
    """The dealer is member 1, the accuser member 2, whose key-agreement key is 52; the generation is 3."""
    epoch, list_ = whole(members, load("members"))
    d, t, a = whole(deal, load("deal")), whole(take, load("take")), whole(accuse, load("accuse"))
    for op in (d, t, a):
        need(op["generation"] == 3 and op["epoch"] == epoch, "another sharing")
    c = d["deal"]
    need(len(c["commitments"]) == 2 and len(c["sealed"]) == len(d["proofs"]) == len(list_), "another size")
    need(encode(c["commitments"][0]) == want["deal.public"] == encode(multiply(70, G)), "deal.public")
    head = [tag("chartfs deal v1"), want["network"], list_[1]["id"], u(epoch, 8), u(3, 2)]
    for m, sealed, proven in zip(list_, c["sealed"], d["proofs"]):
        verify(sealed[:65], H(*head, m["id"], sealed[:65]), proven)
    need(t["deals"] == want["take.deals"] == H(tag("chartfs deals v1"), u(1, 1), u(1, 1), H(d["bytes"])), "take.deals")
    need(a["dealer"] == 1 and a["deal"] == H(d["bytes"]), "accuse: another deal")
    ephemeral = whole(point, c["sealed"][2][:65])
    need(a["value"] == encode(multiply(52, ephemeral)), "accuse: another point")
    k, z = int.from_bytes(a["challenge"], "big"), int.from_bytes(a["response"], "big")
    public, value = whole(point, list_[2]["kem"]), whole(point, a["value"])
    on_generator, on_point = (encode(add(multiply(z, base), multiply(k, image)))
                              for base, image in ((G, public), (ephemeral, value)))
    real = H(tag("chartfs dleq v1"), list_[2]["kem"], c["sealed"][2][:65], a["value"], on_generator, on_point)
    need(int.from_bytes(real, "big") % N == k, "accuse: the proof does not hold")
    for i, (m, sealed) in enumerate(zip(list_, c["sealed"])):
        share = open_share(50 + i, sealed, tag("chartfs contribution v1") + m["id"], c["clear"])
        at = add(c["commitments"][0], multiply(i + 1, c["commitments"][1]))
        need(multiply(int.from_bytes(share, "big"), G) == at, "a share that its commitments do not make")


def check_tampering(want):
    """What the signatures are for: a changed digest, key, signature or count does not verify."""
    t = whole(tx, load("tx"))
    good, point = t["signature"], want["creator.point"]
    changed = dict(good, sig=bytes([good["sig"][0] ^ 1]) + good["sig"][1:])
    for s, digest in ((good, H()), (changed, t["id"]), (dict(good, index=2), t["id"]), (dict(good, count=6), t["id"])):
        try:
            check_sigpath(s, 1, want["network"], digest, point)
        except Malformed:
            continue
        raise Malformed("a changed signature verifies")


def main():
    want, points = expected(), []

    def refused(name):
        try:
            whole(kind_of(name[len("should-fail-"):]), load(name))
        except Malformed as why:
            return str(why)
        raise Malformed("it was accepted")

    good = [name for name in names("*.hex") if not name.startswith("should-fail-")]
    points += [("decode " + name, lambda name=name: whole(kind_of(name), load(name)) and "") for name in good]
    points += [("refuse " + name[12:], lambda name=name: refused(name)) for name in names("should-fail-*.hex")]
    points += [("check " + f.__name__[6:], lambda f=f: f(want))
               for f in (check_transactions, check_block, check_certificate, check_evidence, check_destruction,
                         check_sharing, check_tampering)]
    failed = len(good) != 19 or len(points) < 90
    print("1..%d" % len(points))
    for number, (name, run) in enumerate(points, 1):
        try:
            note = run()
            print("ok %d - %s%s" % (number, name, " (%s)" % note if note else ""))
        except (Malformed, KeyError) as why:
            failed = True
            print("not ok %d - %s: %s" % (number, name, why))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
