/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_row.c - the bytes of the index's rows.
 */
#include "ledger/chain_private.h"

#include <assert.h>
#include <string.h>

static void put_be(uint8_t *at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

struct chain_height_key chain_height_key(uint64_t height)
{
	struct chain_height_key key;

	put_be(key.b, height, 8);
	return key;
}

void chain_log_key(const struct hash *who, struct version version, uint8_t ret_key[CHAIN_LOG_KEY_BYTES])
{
	memcpy(ret_key, who->b, HASH_BYTES);
	put_be(ret_key + HASH_BYTES, version.height, 8);
	put_be(ret_key + HASH_BYTES + 8, version.index, 4);
}

/* What lies behind a good check and still makes no sense was written by something else. */
static int decoded(struct dec *d, const char *what)
{
	return dec_done(d) ? err_set(CF_ECORRUPT, "chain: %s row is malformed", what) : 0;
}

int chain_head_encode(const struct chain_head *head, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u64(&e, head->height);
	enc_fixed(&e, head->hash.b, HASH_BYTES);
	enc_fixed(&e, head->state_root.b, HASH_BYTES);
	enc_u64(&e, head->time_ms);
	return enc_done(&e);
}

int chain_head_decode(struct view row, struct chain_head *ret_head)
{
	struct chain_head head;
	struct dec d;
	int err;

	dec_init(&d, row);
	head.height = dec_u64(&d);
	dec_fixed(&d, head.hash.b, HASH_BYTES);
	dec_fixed(&d, head.state_root.b, HASH_BYTES);
	head.time_ms = dec_u64(&d);
	err = decoded(&d, "head");
	if (!err)
		*ret_head = head;
	return err;
}

int chain_block_row_encode(const struct chain_block_info *info, struct buf *out)
{
	struct enc e;
	size_t cert;

	assert(info->verdicts.len == info->tx_count);
	enc_init(&e, out);
	enc_fixed(&e, info->hash.b, HASH_BYTES);
	enc_u32(&e, info->place.file);
	enc_u64(&e, info->place.offset);
	enc_u32(&e, info->place.len);
	enc_u64(&e, info->time_ms);
	cert = enc_len_open(&e);
	if (info->place.len > 0) /* the genesis has no block and nobody voted on it */
		certificate_encode(&info->certificate, &e);
	enc_len_close(&e, cert);
	enc_bytes(&e, info->verdicts);
	return enc_done(&e);
}

int chain_block_row_decode(struct view row, uint64_t height, struct chain_block_info *ret_info)
{
	struct chain_block_info info;
	struct view cert;
	struct dec d, c;
	int err;

	memset(&info, 0, sizeof(info));
	dec_init(&d, row);
	dec_fixed(&d, info.hash.b, HASH_BYTES);
	info.place.file = dec_u32(&d);
	info.place.offset = dec_u64(&d);
	info.place.len = dec_u32(&d);
	info.time_ms = dec_u64(&d);
	cert = dec_bytes(&d, CERTIFICATE_BYTES_MAX);
	info.verdicts = dec_bytes(&d, BLOCK_TXS_MAX);
	info.tx_count = (uint32_t)info.verdicts.len;
	err = decoded(&d, "block");
	if (!err && info.place.len > 0) {
		dec_init(&c, cert);
		certificate_decode(&c, &info.certificate);
		err = decoded(&c, "certificate");
		if (!err && info.certificate.height != height)
			err = err_set(CF_ECORRUPT, "chain: the certificate of another height stands at %llu",
				      (unsigned long long)height);
	}
	if (!err)
		*ret_info = info;
	return err;
}

int chain_tx_row_encode(const struct chain_tx_info *info, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u64(&e, info->height);
	enc_u32(&e, info->index);
	enc_u8(&e, info->verdict);
	enc_u32(&e, info->file);
	enc_u64(&e, info->offset);
	enc_u32(&e, info->len);
	enc_fixed(&e, info->bytes_hash.b, HASH_BYTES);
	return enc_done(&e);
}

int chain_tx_row_decode(struct view row, struct chain_tx_info *ret_info)
{
	struct chain_tx_info info;
	struct dec d;
	int err;

	dec_init(&d, row);
	info.height = dec_u64(&d);
	info.index = dec_u32(&d);
	info.verdict = dec_u8(&d);
	info.file = dec_u32(&d);
	info.offset = dec_u64(&d);
	info.len = dec_u32(&d);
	dec_fixed(&d, info.bytes_hash.b, HASH_BYTES);
	err = decoded(&d, "transaction");
	if (!err)
		*ret_info = info;
	return err;
}

int chain_place_encode(struct segment_place place, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u32(&e, place.file);
	enc_u64(&e, place.offset);
	enc_u32(&e, place.len);
	return enc_done(&e);
}

int chain_place_decode(struct view row, struct segment_place *ret_place)
{
	struct segment_place place;
	struct dec d;
	int err;

	dec_init(&d, row);
	place.file = dec_u32(&d);
	place.offset = dec_u64(&d);
	place.len = dec_u32(&d);
	err = decoded(&d, "place");
	if (!err)
		*ret_place = place;
	return err;
}
