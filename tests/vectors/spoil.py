#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes should-fail-KIND-WHAT.hex, in the current directory, out of the good vectors beside them.

Run by hand after generate.c. Each file differs from a good vector in one thing that FORMAT.md forbids.
"""
import hashlib


def load(name):
    return bytes.fromhex(open(name + ".hex").read())


def save(name, data):
    text = data.hex()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)] or [""]
    open("should-fail-%s.hex" % name, "w").write("\n".join(lines) + "\n")


def put(data, at, new):
    return data[:at] + new + data[at + len(new):]


def u32(n):
    return n.to_bytes(4, "big")


proposal, tx, query, rwset, annex, header, block, body, members, certificate, evidence = map(load, (
    "proposal", "tx", "tx-query", "rwset", "annex", "header", "block", "body", "members", "certificate", "evidence"))
for name in ("proposal", "tx", "rwset", "annex", "header", "block", "body", "members", "certificate", "evidence",
             "destruction", "deal", "take", "accuse"):
    save(name + "-trailing", load(name) + b"\0")
    save(name + "-short", load(name)[:-1])
    save(name + "-nothing", b"")

# proposal: 14 tag, 32 network, 2 version, type at 48, contract's length at 81
assert proposal[81:87] == b"\5chart"
blobs = 87 + 4 + 2 + 16 + 32 + 16 + 32 + 32 + 32
assert proposal[blobs:blobs + 5] == b"\0\2\1\2\3"
ops = blobs + 2 + 2 * 40
assert proposal[ops:ops + 3] == b"\0\2\3"
save("proposal-tag", put(proposal, 0, b"chartfs tx v2"))
save("proposal-tag-without-nul", put(proposal, 13, b" "))
save("proposal-version", put(proposal, 46, b"\0\2"))
save("proposal-type-0", put(proposal, 48, b"\0"))
save("proposal-type-10", put(proposal, 48, b"\x0a"))
save("proposal-contract-empty", proposal[:81] + b"\0" + proposal[87:])
save("proposal-contract-long", proposal[:81] + b"\x21" + b"c" * 33 + proposal[87:])
one, two = proposal[blobs + 2:blobs + 42], proposal[blobs + 42:ops]
save("proposal-blobs-unsorted", put(proposal, blobs + 2, two + one))
save("proposal-blobs-doubled", put(proposal, blobs + 2, one + one))
save("proposal-blob-count", put(proposal, blobs, b"\0\3"))
save("proposal-blob-count-over", put(proposal, blobs, b"\0\x41"))
save("proposal-no-operation", proposal[:ops] + b"\0\0")
save("proposal-operation-count", put(proposal, ops, b"\0\3"))
save("proposal-operation-length", put(proposal, ops + 3, u32(0xffffffff)))

# tx: 4 + proposal, then index, count, path length of the signature
sig = 4 + len(proposal)
assert tx[sig:sig + 9] == u32(3) + u32(5) + b"\3"
save("tx-proposal-length", put(tx, 0, u32(len(proposal) + 1)))
save("tx-inner-tag", put(tx, 4, b"C"))
save("tx-inner-trailing", u32(len(proposal) + 1) + proposal + b"\0" + tx[sig:])
save("tx-sigpath-index", put(tx, sig, u32(5)))
save("tx-sigpath-path", put(tx, sig + 8, b"\2"))
save("tx-sigpath-shape", put(tx, sig, u32(4)))  # leaf 4 of 5 has a path of 1
lists = sig + 9 + 3 * 32 + 64 + 4 + len(rwset)
assert tx[lists] == 2 and tx[lists + 1:lists + 17] == b"\xa0" * 16
save("tx-endorsements-unsorted", put(tx, lists + 1, b"\xa3" * 16))
save("tx-endorsements-doubled", put(tx, lists + 1, b"\xa2" * 16))
save("tx-endorsement-count", put(tx, lists, b"\3"))
save("tx-endorsement-count-over", tx[:lists] + b"\x11" + tx[lists + 1:])
empty_sig = u32(0) + u32(0) + b"\0" + bytes(64)
save("tx-sigpath-of-nothing", query[:-1 - 1 - 4 - 14 - 73] + empty_sig + query[-1 - 1 - 4 - 14:])

# rwset: version, count of reads, then u8 length 19 (a section's key), flag at 26
assert rwset[5] == 3 and rwset[6] == 19 and rwset[26] == 1
none = u32(0)
save("rwset-version", put(rwset, 0, b"\0\2"))
save("rwset-flag", put(rwset, 26, b"\2"))
save("rwset-count", put(rwset, 2, u32(4)))
save("rwset-count-over", put(rwset, 2, u32(4097)))
save("rwset-reads-unsorted", b"\0\1" + u32(2) + b"\1b\0" + b"\1a\0" + none + none)
save("rwset-reads-doubled", b"\0\1" + u32(2) + b"\1a\0" + b"\1a\0" + none + none)
save("rwset-prefixes-unsorted", b"\0\1" + none + u32(2) + b"\2aa" + b"\1a" + none)
save("rwset-writes-unsorted", b"\0\1" + none + none + u32(2) + b"\1b\1" + b"\1a\1")
save("rwset-writes-doubled", b"\0\1" + none + none + u32(2) + b"\1a\1" + b"\1a\0" + none)
save("rwset-write-flag", b"\0\1" + none + none + u32(1) + b"\1a\2")
save("rwset-key-empty", b"\0\1" + none + none + u32(1) + b"\0\1")
save("rwset-key-long", b"\0\1" + none + none + u32(1) + b"\x61" + b"k" * 97 + b"\1")
save("rwset-value-length", b"\0\1" + none + none + u32(1) + b"\1a\0" + u32(0xffffffff))

# annex: version, count, kind at 4, length at 5
save("annex-version", put(annex, 0, b"\0\2"))
save("annex-of-nothing", annex[:2] + b"\0\0")
save("annex-count", put(annex, 2, b"\0\3"))
save("annex-kind", put(annex, 4, b"\4"))
save("annex-erased-length", put(annex, 4, b"\0"))
save("annex-length", put(annex, 5, u32(0xffffffff)))

# header and block
save("header-tag", put(header, 0, b"chartfs block v2"))
save("header-version", put(header, 49, b"\0\2"))
save("header-height-0", put(header, 51, bytes(8)))
save("header-size-over", put(header, 91, (33554433).to_bytes(8, "big")))
save("header-count-over", put(header, 131, u32(4097)))
save("header-proposer", put(header, 319, b"\x10"))
save("block-count-1", put(block, 131, u32(1)))
save("block-count-3", put(block, 131, u32(3)))
save("block-size", put(block, 98, bytes([block[98] ^ 1])))
save("block-body-root", put(block, 143, bytes([block[143] ^ 1])))
save("block-transaction", put(block, 400, bytes([block[400] ^ 1])))
first = 324 + len(tx)
swapped = header + block[first:] + block[320:first]
assert len(swapped) == len(block)
save("block-swapped", swapped)
save("body-annex-missing", body[:-4])
save("body-annex-long", body[:-4] + u32(2097153))
save("body-block-length", put(body, 0, u32(len(block) + 1)))

# members: epoch, count at 8, each 16 + 2 + 3 * 65 and two addresses of 1 + 28 bytes
size = 16 + 2 + 3 * 65 + 2 * 29
assert members[8] == 4 and len(members) == 9 + 4 * size
save("members-count-3", put(members, 8, b"\3")[:9 + 3 * size])
save("members-count-5", put(members, 8, b"\5"))
save("members-identity-twice", put(members, 9 + size, members[9:25]))
save("members-key-twice", put(members, 9 + size + 18, members[27:92]))
assert members[222:226] == b"\x1ctls"
save("members-address-nul", put(members, 223, b"\0"))
save("members-address-long", members[:222] + b"\x80" + b"a" * 128 + members[251:])

# certificate: epoch, height, view, digest, count at 56, then u8 index and 64 bytes each
assert certificate[56] == 3
save("certificate-unsorted", put(certificate, 57, b"\2"))
save("certificate-doubled", put(certificate, 57, b"\1"))
save("certificate-index", put(certificate, 57 + 2 * 65, b"\x10"))
save("certificate-count", put(certificate, 56, b"\4"))
save("certificate-count-over", certificate[:56] + b"\x11" + b"".join(
    bytes([i]) + hashlib.sha512(bytes([i])).digest() for i in range(17)))

# evidence: tag of 20, network, kind at 52, member, epoch, height at 62, view, transaction at 78, then two votes
assert evidence[52:54] == b"\3\1" and len(evidence) == 110 + 2 * 96
one, two = evidence[110:206], evidence[206:]
save("evidence-tag", put(evidence, 0, b"chartfs evidence v2"))
save("evidence-kind-0", put(evidence, 52, b"\0"))
save("evidence-kind-8", put(evidence, 52, b"\x08"))
save("evidence-member", put(evidence, 53, b"\x10"))
save("evidence-transaction", put(evidence, 78, b"\1"))
save("evidence-unsorted", evidence[:110] + two + one)
save("evidence-doubled", evidence[:110] + one + one)
message, wrong = load("evidence-message"), load("evidence-wrong")
save("evidence-message-height", put(message, 62, bytes(7) + b"\1"))
save("evidence-message-empty", message[:110] + u32(0) + message[110:])
save("evidence-message-length", put(message, 110, u32(256 * 1024 + 1)))
save("evidence-wrong-view", put(wrong, 70, bytes(7) + b"\1"))
save("evidence-wrong-no-witness", wrong[:-2 * (1 + 9 + 64) - 1] + b"\0")
save("evidence-wrong-witness-twice", wrong[:-(1 + 9 + 64)] + wrong[-2 * (1 + 9 + 64):-(1 + 9 + 64)])
save("evidence-wrong-witness-number", put(wrong, len(wrong) - (1 + 9 + 64), b"\x10"))

# deal: u16, u64, length of the deal, then its two commitments; the seals' lengths after their count
deal, destruction = load("deal"), load("destruction")
assert deal[14:16] == b"\2\4" and deal[145:150] == b"\4\0\0\0\x71"
save("deal-no-point", put(deal, 20, bytes([deal[20] ^ 1])))
save("deal-threshold-0", deal[:10] + u32(1 + 1) + b"\0\0" + deal[-257:])
save("deal-seals-fewer", put(deal, 145, b"\3"))
save("deal-seal-length", put(deal, 146, u32(112)))
save("deal-proofs-over", put(deal, len(deal) - 257, b"\x11"))
said = len(destruction) - 3 * 73
assert destruction[said - 2:said + 1] == b"\0\3\1"
save("destruction-tag", put(destruction, 20, b"2"))
save("destruction-unsorted", put(destruction, said, b"\3"))
save("destruction-doubled", put(destruction, said, b"\2"))
save("destruction-count-over", put(destruction, said - 1, b"\x11"))
save("destruction-proof-length", put(destruction, 23, u32(len(destruction) - 27)))
save("destruction-proof-tag", put(destruction, 27, b"chartfs proof v2"))
