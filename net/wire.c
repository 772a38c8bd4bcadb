/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c - the envelope around every frame; the payloads are in wire_msg.c.
 */
#include "net/wire.h"

#include <assert.h>
#include <string.h>

#define WIRE_VERSION 1
#define WIRE_TAG "chartfs msg v1"
#define WIRE_PAYLOAD_BYTES_MAX ((size_t)39 << 20) /* leaves room for the envelope in a transport frame */

static const char *const names[] = {
	[WIRE_PBFT] = "pbft",           [WIRE_SUBMIT] = "submit",
	[WIRE_ENDORSE] = "endorse",     [WIRE_ENDORSED] = "endorsed",
	[WIRE_SUBSCRIBE] = "subscribe", [WIRE_BLOCK] = "block",
	[WIRE_FETCH] = "fetch",         [WIRE_PUT] = "put",
	[WIRE_PUT_OK] = "put-ok",       [WIRE_HOLD] = "hold",
	[WIRE_RECEIPT] = "receipt",     [WIRE_GET] = "get",
	[WIRE_BLOB] = "blob",           [WIRE_STATUS_ASK] = "status-ask",
	[WIRE_STATUS] = "status",       [WIRE_REFUSED] = "refused",
	[WIRE_SETTLED] = "settled",     [WIRE_CA_ASK] = "ca-ask",
	[WIRE_CA_ANSWER] = "ca-answer", [WIRE_SHARE_ASK] = "share-ask",
	[WIRE_SHARE] = "share",         [WIRE_DESTROYED_ASK] = "destroyed-ask",
	[WIRE_DESTROYED] = "destroyed", [WIRE_SNAPSHOT_ASK] = "snapshot-ask",
	[WIRE_SNAPSHOT] = "snapshot",   [WIRE_RELAY] = "relay",
};

static bool kind_known(unsigned kind)
{
	return kind < sizeof(names) / sizeof(names[0]) && names[kind];
}

const char *wire_kind_name(enum wire_kind kind)
{
	return kind_known(kind) ? names[kind] : "?";
}

bool wire_kind_enveloped(enum wire_kind kind)
{
	/* What takes space or more on a peer, and what a peer says of itself, or has checked for others. */
	return kind == WIRE_PUT || kind == WIRE_HOLD || kind == WIRE_STATUS || kind == WIRE_SHARE ||
	       kind == WIRE_SNAPSHOT_ASK || kind == WIRE_RELAY;
}

static struct hash frame_digest(const struct hash *network, enum wire_kind kind, uint64_t request,
				const struct identity_id *sender, struct view payload)
{
	uint8_t kind_byte = (uint8_t)kind;
	uint8_t be[8];
	const struct view parts[] = {
		VIEW(WIRE_TAG, sizeof(WIRE_TAG)),
		VIEW(network->b, HASH_BYTES),
		VIEW(&kind_byte, 1),
		VIEW(be, sizeof(be)),
		VIEW(sender->b, IDENTITY_BYTES),
		payload,
	};

	for (unsigned i = 0; i < sizeof(be); i++)
		be[i] = (uint8_t)(request >> (8 * (7 - i)));
	return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
}

int wire_frame_encode(enum wire_kind kind, uint64_t request, const struct identity_id *sender,
		      struct view payload, const struct hash *network, const struct crypto_key *key,
		      struct buf *out)
{
	struct enc e;
	bool sign = wire_kind_enveloped(kind);

	assert(kind_known(kind) && sender && network && out);
	assert(key || !sign);
	if (payload.len > WIRE_PAYLOAD_BYTES_MAX)
		return CF_ETOOBIG;
	enc_init(&e, out);
	enc_u8(&e, WIRE_VERSION);
	enc_u8(&e, (uint8_t)kind);
	enc_u64(&e, request);
	enc_fixed(&e, sender->b, IDENTITY_BYTES);
	enc_bytes(&e, payload);
	enc_bool(&e, sign);
	if (sign) {
		struct hash digest = frame_digest(network, kind, request, sender, payload);
		uint8_t sig[SIG_BYTES];
		int err = crypto_sign(key, &digest, sig);

		if (err)
			return err;
		enc_fixed(&e, sig, SIG_BYTES);
	}
	return enc_done(&e);
}

int wire_frame_decode(struct view frame, const struct hash *network, struct wire_frame *ret_frame)
{
	struct wire_frame f;
	struct dec d;
	unsigned kind;

	assert(network && ret_frame);
	memset(&f, 0, sizeof(f));
	dec_init(&d, frame);
	if (dec_u8(&d) != WIRE_VERSION)
		dec_fail(&d, CF_EDECODE);
	kind = dec_u8(&d);
	if (!kind_known(kind))
		return CF_EDECODE;
	f.kind = (enum wire_kind)kind;
	f.request = dec_u64(&d);
	dec_fixed(&d, f.sender.b, IDENTITY_BYTES);
	f.payload = dec_bytes(&d, WIRE_PAYLOAD_BYTES_MAX);
	f.is_signed = dec_bool(&d);
	if (f.is_signed)
		dec_fixed(&d, f.sig, SIG_BYTES);
	/* One encoding only: signed exactly when the kind says so. */
	if (dec_done(&d) || f.is_signed != wire_kind_enveloped(f.kind))
		return CF_EDECODE;
	if (f.is_signed)
		f.digest = frame_digest(network, f.kind, f.request, &f.sender, f.payload);
	*ret_frame = f;
	return 0;
}
