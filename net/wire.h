/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - the frames between peers, mounts and tools: one struct and codec each. PROTOCOL.md section "Client
 * and peer protocol".
 *
 * frame = u8 version 1 || u8 kind || u64 request id || sender[16] || bytes payload || bool signed || [sig
 * 64]. sig is over SHA-256("chartfs msg v1" || network || kind || request id || sender || payload) by the
 * sender's signing key (peers: their endorsement key). Kinds whose payload is signed inside carry no
 * signature of their own.
 */
#ifndef NET_WIRE_H
#define NET_WIRE_H

#include "ledger/block.h"

enum wire_kind {
	WIRE_PBFT = 1,      /* a message of the PBFT core; signed inside */
	WIRE_SUBMIT = 2,    /* client to all peers: endorsed transactions; signed inside */
	WIRE_ENDORSE = 3,   /* client to endorsers: proposals; signed inside */
	WIRE_ENDORSED = 4,  /* the answer; signed inside */
	WIRE_SUBSCRIBE = 5, /* blocks from a height on, pushed as WIRE_BLOCK */
	WIRE_BLOCK = 6,     /* body, verdicts, certificate; signed inside */
	WIRE_FETCH = 7,     /* one block by height, answered by WIRE_BLOCK or WIRE_REFUSED */
	WIRE_PUT = 8,       /* a blob to keep; answered by WIRE_PUT_OK once written (not yet durable) */
	WIRE_PUT_OK = 9,
	WIRE_HOLD = 10,    /* ask for a receipt over a list of blob roots */
	WIRE_RECEIPT = 11, /* signed inside, after fsync; or what is missing */
	WIRE_GET = 12,     /* a blob by address */
	WIRE_BLOB = 13,    /* the answer: the bytes or absence */
	WIRE_STATUS_ASK = 14,
	WIRE_STATUS = 15,
	WIRE_REFUSED = 16, /* a request refused: code and reason */
	WIRE_SETTLED =
		17, /* peer to client after WIRE_SUBMIT of something already committed: height, index */
	WIRE_SNAPSHOT_ASK = 18,  /* a peer to another: a piece of a snapshot (acl/snapshot.h) */
	WIRE_SNAPSHOT = 19,      /* the piece: proves itself together with the others */
	WIRE_SHARE_ASK = 22,     /* a share of a window's key, by a committed query */
	WIRE_SHARE = 23,         /* the answer, sealed to the query's creator */
	WIRE_DESTROYED_ASK = 26, /* what is left of what a committed erasure took (acl/destruction.h) */
	WIRE_DESTROYED = 27,     /* nothing is; signed inside */
	WIRE_RELAY = 28,         /* a member to the leader: a client's request, as the core relays it */
	WIRE_CA_ASK = 30,        /* tool to an authority (net/ca_wire.h); signed inside */
	WIRE_CA_ANSWER = 31,
};

const char *wire_kind_name(enum wire_kind kind);
/* True when frames of this kind must carry the envelope's signature. */
bool wire_kind_enveloped(enum wire_kind kind);

struct wire_frame {
	enum wire_kind kind;
	uint64_t request;
	struct identity_id sender;
	struct view payload;
	bool is_signed;
	uint8_t sig[SIG_BYTES];
	struct hash digest; /* what the signature is over */
};

/* key may be NULL for kinds without an envelope signature. */
int wire_frame_encode(enum wire_kind kind, uint64_t request, const struct identity_id *sender,
		      struct view payload, const struct hash *network, const struct crypto_key *key,
		      struct buf *out) must_check;
/* Decodes without verifying; CF_EDECODE also for an enveloped kind without signature. */
int wire_frame_decode(struct view frame, const struct hash *network, struct wire_frame *ret_frame) must_check;

#define WIRE_BATCH_MAX 256

/* WIRE_SUBMIT: u16 count {bytes tx, bytes annex}. WIRE_ENDORSE: u64 min_height, u16 count {bytes proposal,
 * sigpath, bytes annex}. */
struct wire_submit {
	uint16_t count;
	struct view tx[WIRE_BATCH_MAX];
	struct view annex[WIRE_BATCH_MAX];
};

struct wire_endorse {
	uint64_t min_height; /* the endorser waits (bounded) until it is there */
	uint16_t count;
	struct view proposal[WIRE_BATCH_MAX];
	struct sigpath *signature; /* count; owned, free with wire_endorse_release */
	struct view annex[WIRE_BATCH_MAX];
};

/* WIRE_ENDORSED: by[16], u64 height, u16 count {tx id, i16 error as u16, short detail, bytes rwset, sigpath
 * (absent on error)}. */
struct wire_endorsed_item {
	struct hash id;
	int error; /* 0 or a cf_err */
	struct view detail;
	struct view rwset;
	struct sigpath signature;
};

struct wire_endorsed {
	struct identity_id by;
	uint64_t height; /* the endorser's when it simulated */
	uint16_t count;
	struct wire_endorsed_item *item; /* owned */
};

struct wire_block {
	uint64_t height;
	struct view body;
	struct view verdicts;
	struct certificate certificate;
};

struct wire_hold {
	uint64_t time_ms; /* of the proposal */
	uint16_t count;
	struct tx_blob blob[TX_BLOBS_MAX];
};

struct wire_receipt {
	struct identity_id by;
	bool held;
	struct sigpath signature; /* held */
	uint16_t missing_count;   /* not held: some of what is missing */
	struct hash missing[64];
};

struct wire_blob {
	struct hash address;
	bool found;
	struct view bytes;
};

struct wire_status {
	struct identity_id by;
	uint64_t height;
	struct hash head;
	struct hash state_root;
	uint64_t view;
	uint8_t leader;
	bool voting;
	uint32_t pool;
	uint64_t time_ms; /* of the newest block */
	uint64_t blobs;
	uint64_t scrubs;    /* passes over all blobs, and the next three, since the start */
	uint64_t scrubbed;  /* blobs read by them */
	uint64_t damaged;   /* blobs found damaged or missing */
	uint64_t repaired;  /* blobs fetched from other members */
	struct view detail; /* short text: "disk full", "" */
};

struct wire_refused {
	struct hash id; /* of the transaction, zeros when none */
	int error;
	struct view detail;
};

struct wire_settled {
	struct hash id;
	uint64_t height;
	uint32_t index;
	uint8_t verdict;
};

#define WIRE_SHARE_BYTES_MAX 1024

struct wire_share_ask {
	struct hash query; /* a committed transaction with a lease */
	uint32_t epoch;
	uint32_t window;
	uint16_t generation; /* of the holders: acl/reshare.h */
};

struct wire_destroyed_ask {
	struct hash tx;
};

struct wire_destroyed {
	struct hash tx;
	uint64_t height; /* of the ledger in which it was looked */
	uint8_t sig[SIG_BYTES];
};

struct wire_share {
	struct wire_share_ask of;
	struct view sealed; /* acl/trace.h */
};

#define WIRE_DECLARE(name)                                                                 \
	int wire_##name##_encode(const struct wire_##name *m, struct buf *out) must_check; \
	int wire_##name##_decode(struct view payload, struct wire_##name *ret_m) must_check;

WIRE_DECLARE(submit)
WIRE_DECLARE(endorse)
WIRE_DECLARE(endorsed)
WIRE_DECLARE(block)
WIRE_DECLARE(hold)
WIRE_DECLARE(receipt)
WIRE_DECLARE(blob)
WIRE_DECLARE(status)
WIRE_DECLARE(refused)
WIRE_DECLARE(settled)
WIRE_DECLARE(share_ask)
WIRE_DECLARE(share)
WIRE_DECLARE(destroyed_ask)
WIRE_DECLARE(destroyed)
void wire_endorse_release(struct wire_endorse *m);
void wire_endorsed_release(struct wire_endorsed *m);

/* WIRE_SUBSCRIBE and WIRE_FETCH: u64 height. WIRE_GET: address[32]. WIRE_PUT: bytes (address is their hash);
 * WIRE_PUT_OK: address[32]. */

#endif
