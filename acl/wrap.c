/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrap.c - the bytes of wrapped keys.
 */
#include "acl/wrap.h"

#include <assert.h>
#include <string.h>

#define WRAP_TAG "chartfs wrap v1"
#define PAIR_BYTES 5
#define KEYS_BYTES (2 * SECTION_KEY_BYTES)

void wrap_pair(const struct wrap *w, unsigned i, uint8_t *ret_section, uint32_t *ret_epoch)
{
	struct dec d;

	assert(i < w->count);
	dec_init(&d, VIEW(w->pair + (size_t)i * PAIR_BYTES, PAIR_BYTES));
	*ret_section = dec_u8(&d);
	*ret_epoch = dec_u32(&d);
}

bool wrap_has(const struct wrap *w, uint8_t section, uint32_t epoch)
{
	for (unsigned i = 0; i < w->count; i++) {
		uint8_t s;
		uint32_t e;

		wrap_pair(w, i, &s, &e);
		if (s == section && e == epoch)
			return true;
	}
	return false;
}

int wrap_decode(struct view body, struct wrap *ret_w)
{
	struct view pairs;
	struct wrap w;
	struct dec d;

	dec_init(&d, body);
	dec_fixed(&d, w.recipient.b, IDENTITY_BYTES);
	w.count = (uint16_t)dec_count16(&d, WRAP_KEYS_MAX);
	pairs = dec_take(&d, (size_t)w.count * PAIR_BYTES);
	w.pair = pairs.data;
	w.clear = VIEW(body.data, d.at);
	w.sealed = dec_rest(&d);
	if (d.err || w.count == 0 || w.sealed.len != HPKE_OVERHEAD_BYTES + (size_t)w.count * KEYS_BYTES)
		return CF_EDECODE;
	for (unsigned i = 0; i < w.count; i++) {
		/* big-endian, so that bytes sort as the pairs do */
		if (w.pair[i * PAIR_BYTES] > SECTION_COUNT)
			return CF_EDECODE;
		if (i && memcmp(w.pair + (i - 1) * PAIR_BYTES, w.pair + i * PAIR_BYTES, PAIR_BYTES) >= 0)
			return CF_EDECODE;
	}
	*ret_w = w;
	return 0;
}

#define WRAP_FOUND 1

struct find {
	const struct identity_id *recipient;
	uint8_t section;
	uint32_t epoch;
	uint32_t lowest;
};

static int match(void *ctx, const struct annex_item *item)
{
	struct find *f = ctx;
	struct wrap w;
	int err;

	if (item->kind != ANNEX_WRAP)
		return 0;
	err = wrap_decode(item->body, &w);
	if (err || memcmp(w.recipient.b, f->recipient->b, IDENTITY_BYTES) != 0 ||
	    !wrap_has(&w, f->section, f->epoch))
		return err;
	f->lowest = f->epoch;
	while (f->lowest > 0 && wrap_has(&w, f->section, f->lowest - 1))
		f->lowest--;
	return WRAP_FOUND;
}

int wrap_find(struct view annex, const struct identity_id *recipient, uint8_t section, uint32_t epoch,
	      uint32_t *ret_lowest)
{
	struct find f = {.recipient = recipient, .section = section, .epoch = epoch};
	int err = annex.len ? annex_walk(annex, match, &f) : 0;

	if (err != WRAP_FOUND)
		return err ? err : CF_ENOTFOUND;
	*ret_lowest = f.lowest;
	return 0;
}

static int make_info(const struct hash *network, const struct patient_id *p,
		     const struct identity_id *recipient, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_tag(&e, WRAP_TAG);
	enc_fixed(&e, network->b, HASH_BYTES);
	enc_fixed(&e, p->b, PATIENT_BYTES);
	enc_fixed(&e, recipient->b, IDENTITY_BYTES);
	return enc_done(&e);
}

int wrap_seal(const struct hash *network, const struct patient_id *p, const struct identity_id *recipient,
	      const uint8_t kem_point[POINT_BYTES], const struct wrap_key *keys, size_t count,
	      struct buf *out)
{
	size_t start = out->len;
	struct buf info, clear, plain;
	struct enc c, k;
	int err;

	assert(count >= 1 && count <= WRAP_KEYS_MAX);
	buf_init(&info, 0);
	buf_init(&clear, 0);
	buf_init(&plain, 0);
	enc_init(&c, &clear);
	enc_init(&k, &plain);
	k.err = buf_reserve(&plain,
			    count * KEYS_BYTES); /* grown while filled, it would leave copies behind */
	enc_fixed(&c, recipient->b, IDENTITY_BYTES);
	enc_u16(&c, (uint16_t)count);
	for (size_t i = 0; i < count; i++) {
		enc_u8(&c, keys[i].section);
		enc_u32(&c, keys[i].epoch);
		enc_fixed(&k, keys[i].grant, SECTION_KEY_BYTES);
		enc_fixed(&k, keys[i].name, SECTION_KEY_BYTES);
	}
	err = enc_done(&c);
	if (err == 0)
		err = enc_done(&k);
	if (err == 0)
		err = make_info(network, p, recipient, &info);
	if (err == 0)
		err = buf_append_view(out, buf_view(&clear));
	if (err == 0)
		err = hpke_seal(kem_point, buf_view(&info), buf_view(&clear), buf_view(&plain), out);
	if (err)
		out->len = start;
	buf_release(&info);
	buf_release(&clear);
	buf_release_secret(&plain);
	return err;
}

int wrap_open(const struct wrap *w, const struct crypto_key *kem, const struct hash *network,
	      const struct patient_id *p, struct wrap_key *ret_keys)
{
	struct buf info, plain;
	struct dec d;
	int err;

	buf_init(&info, 0);
	buf_init(&plain, 0);
	err = make_info(network, p, &w->recipient, &info);
	if (err == 0)
		err = hpke_open(kem, buf_view(&info), w->clear, w->sealed, &plain);
	if (err)
		goto out;
	assert(plain.len == (size_t)w->count * KEYS_BYTES);
	dec_init(&d, buf_view(&plain));
	for (unsigned i = 0; i < w->count; i++) {
		wrap_pair(w, i, &ret_keys[i].section, &ret_keys[i].epoch);
		dec_fixed(&d, ret_keys[i].grant, SECTION_KEY_BYTES);
		dec_fixed(&d, ret_keys[i].name, SECTION_KEY_BYTES);
	}
	err = dec_done(&d);
out:
	buf_release(&info);
	buf_release_secret(&plain);
	return err;
}
