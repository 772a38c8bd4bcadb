/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ca_wire.h"

#include "ledger/codec.h"

#include <string.h>

static const struct hash no_network;
static const struct identity_id nobody;

static int frame(enum wire_kind kind, uint64_t request, const struct buf *payload, struct buf *out)
{
	return wire_frame_encode(kind, request, &nobody, buf_view(payload), &no_network, NULL, out);
}

int ca_ask_frame(const struct ca_ask *m, uint64_t request, struct buf *out)
{
	struct buf payload;
	struct enc e;
	int err;

	buf_init(&payload, 0);
	enc_init(&e, &payload);
	enc_u8(&e, (uint8_t)m->kind);
	enc_bytes(&e, m->bytes);
	err = enc_done(&e);
	if (!err)
		err = frame(WIRE_CA_ASK, request, &payload, out);
	buf_release(&payload);
	return err;
}

int ca_answer_frame(const struct ca_answer *m, uint64_t request, struct buf *out)
{
	struct buf payload;
	struct enc e;
	int err;

	buf_init(&payload, 0);
	enc_init(&e, &payload);
	enc_u16(&e, (uint16_t)-m->error);
	enc_short(&e, VIEW(m->detail.data, m->detail.len < 255 ? m->detail.len : 255));
	enc_bytes(&e, m->error ? VIEW_NONE : m->bytes);
	err = enc_done(&e);
	if (!err)
		err = frame(WIRE_CA_ANSWER, request, &payload, out);
	buf_release(&payload);
	return err;
}

static int open_frame(struct view bytes, enum wire_kind kind, struct wire_frame *f)
{
	int err = wire_frame_decode(bytes, &no_network, f);

	if (!err && (f->kind != kind || memcmp(f->sender.b, nobody.b, IDENTITY_BYTES) != 0))
		return CF_EDECODE;
	return err;
}

int ca_ask_decode(struct view bytes, struct ca_ask *ret_m, uint64_t *ret_request)
{
	struct wire_frame f;
	struct ca_ask m;
	uint8_t kind;
	struct dec d;
	int err = open_frame(bytes, WIRE_CA_ASK, &f);

	if (err)
		return err;
	dec_init(&d, f.payload);
	kind = dec_u8(&d);
	m.bytes = dec_bytes(&d, CA_REQUEST_BYTES_MAX);
	if (kind < CA_ABOUT || kind > CA_IDENTITIES)
		dec_fail(&d, CF_EDECODE);
	m.kind = (enum ca_kind)kind;
	err = dec_done(&d);
	if (err)
		return err;
	*ret_m = m;
	*ret_request = f.request;
	return 0;
}

int ca_answer_decode(struct view bytes, struct ca_answer *ret_m, uint64_t *ret_request)
{
	struct wire_frame f;
	struct ca_answer m;
	uint16_t error;
	struct dec d;
	int err = open_frame(bytes, WIRE_CA_ANSWER, &f);

	if (err)
		return err;
	dec_init(&d, f.payload);
	error = dec_u16(&d);
	m.detail = dec_short(&d);
	m.bytes = dec_bytes(&d, CA_ANSWER_BYTES_MAX);
	m.error = -(int)error;
	if (error > CF_ERR_COUNT || (error && m.bytes.len))
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (err)
		return err;
	*ret_m = m;
	*ret_request = f.request;
	return 0;
}
