/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simapp.c - the smallest chain worth agreeing on.
 */
#include "tests/sim/sim.h"

#include <assert.h>
#include <string.h>

#define BLOCK_TAG "sim block"

struct hash app_request_id(unsigned number)
{
	struct hash id;

	memset(id.b, 0x5a, sizeof(id.b));
	id.b[0] = (uint8_t)(number * 37);
	id.b[1] = (uint8_t)(number >> 8);
	id.b[2] = (uint8_t)number;
	return id;
}

unsigned app_request_number(const struct hash *id)
{
	unsigned number = (unsigned)id->b[1] << 8 | id->b[2];
	struct hash want = app_request_id(number);

	return number < REQUESTS_MAX && hash_equal(&want, id) ? number : REQUESTS_MAX;
}

bool app_is_config(const struct sim *s, unsigned number)
{
	return s->epochs && number % 13 >= 7 && number % 13 < 7 + (s->changes > 0 ? s->changes : 1);
}

bool app_block_is_config(const struct sim *s, const struct body_view *b)
{
	return b->id_count == 1 && app_is_config(s, app_request_number(&b->ids[0]));
}

bool app_is_censored(unsigned number)
{
	return number % 4 == 1;
}

struct packet *app_body_encode(const struct body_view *b, uint64_t salt)
{
	struct packet *p;
	struct buf bytes;
	struct enc e;
	int err;

	buf_init(&bytes, 0);
	enc_init(&e, &bytes);
	enc_tag(&e, BLOCK_TAG);
	enc_u64(&e, b->height);
	enc_fixed(&e, b->previous.b, HASH_BYTES);
	enc_u64(&e, b->time_ms);
	enc_u64(&e, salt);
	enc_u32(&e, b->id_count);
	for (uint32_t i = 0; i < b->id_count; i++)
		enc_fixed(&e, b->ids[i].b, HASH_BYTES);
	err = enc_done(&e);
	assert(err == 0);
	p = packet_new(buf_view(&bytes), true);
	buf_release(&bytes);
	return p;
}

int app_body_decode(struct view body, struct body_view *ret_b)
{
	struct dec d;

	dec_init(&d, body);
	dec_tag(&d, BLOCK_TAG);
	ret_b->height = dec_u64(&d);
	dec_fixed(&d, ret_b->previous.b, HASH_BYTES);
	ret_b->time_ms = dec_u64(&d);
	(void)dec_u64(&d);
	ret_b->id_count = dec_count32(&d, REQUESTS_MAX);
	for (uint32_t i = 0; i < ret_b->id_count; i++)
		dec_fixed(&d, ret_b->ids[i].b, HASH_BYTES);
	return dec_done(&d);
}

int app_digest(struct view body, struct hash *ret_digest)
{
	if (body.len < sizeof(BLOCK_TAG) || memcmp(body.data, BLOCK_TAG, sizeof(BLOCK_TAG)) != 0)
		return CF_EDECODE;
	*ret_digest = sha256(body);
	return 0;
}
