/* SPDX-License-Identifier: Apache-2.0 */
#include "acl/proof.h"
#include "acl/succession.h"

#include <assert.h>
#include <string.h>

#define TAG "chartfs proof v1"

static void encode_path(const struct proof_path *path, struct enc *e)
{
	enc_u8(e, path->len);
	for (unsigned i = 0; i < path->len; i++)
		enc_fixed(e, path->hash[i].b, HASH_BYTES);
}

static void decode_path(struct dec *d, struct proof_path *ret_path)
{
	uint8_t len = dec_u8(d);

	if (len > MERKLE_PATH_MAX) {
		dec_fail(d, CF_EDECODE);
		return;
	}
	ret_path->len = len;
	for (unsigned i = 0; i < len; i++)
		dec_fixed(d, ret_path->hash[i].b, HASH_BYTES);
}

int proof_encode(const struct proof *p, struct buf *out)
{
	size_t start = out->len;
	struct enc e;
	int err;

	assert(p && p->header_bytes.len == BLOCK_HEADER_BYTES && p->chain_count <= CERT_CHAIN_MAX);
	enc_init(&e, out);
	enc_tag(&e, TAG);
	enc_fixed(&e, p->header_bytes.data, p->header_bytes.len);
	certificate_encode(&p->certificate, &e);
	enc_fixed(&e, p->succession.data, p->succession.len);
	enc_bytes(&e, p->tx);
	enc_u32(&e, p->index);
	enc_u8(&e, p->verdict);
	encode_path(&p->tx_path, &e);
	encode_path(&p->body_path, &e);
	encode_path(&p->verdict_path, &e);
	enc_u8(&e, p->chain_count);
	for (unsigned i = 0; i < p->chain_count; i++)
		enc_bytes(&e, p->chain[i]);
	enc_u16(&e, p->op_index);
	enc_bool(&e, p->has_key);
	if (p->has_key)
		enc_fixed(&e, p->key, PROOF_KEY_BYTES);
	err = enc_done(&e);
	if (err)
		out->len = start;
	return err;
}

int proof_decode(struct view bytes, struct proof *ret_p)
{
	struct proof *p = ret_p;
	struct dec d;
	int err;

	assert(p);
	memset(p, 0, sizeof(*p));
	dec_init(&d, bytes);
	dec_tag(&d, TAG);
	p->header_bytes = dec_take(&d, BLOCK_HEADER_BYTES);
	certificate_decode(&d, &p->certificate);
	p->succession = succession_take(&d);
	p->tx = dec_bytes(&d, TX_BYTES_MAX);
	p->index = dec_u32(&d);
	p->verdict = dec_u8(&d);
	decode_path(&d, &p->tx_path);
	decode_path(&d, &p->body_path);
	decode_path(&d, &p->verdict_path);
	p->chain_count = dec_u8(&d);
	if (p->chain_count == 0 || p->chain_count > CERT_CHAIN_MAX) {
		dec_fail(&d, CF_EDECODE);
		p->chain_count = 0;
	}
	for (unsigned i = 0; i < p->chain_count; i++)
		p->chain[i] = dec_bytes(&d, CERT_DER_BYTES_MAX);
	p->op_index = dec_u16(&d);
	p->has_key = dec_bool(&d);
	if (p->has_key)
		dec_fixed(&d, p->key, PROOF_KEY_BYTES);
	err = dec_done(&d);
	return err ? err : block_header_decode(p->header_bytes, &p->header);
}

int proof_check_plain(const struct proof *p, const struct proof_facts *facts, const struct hash *plain_hash)
{
	struct hash commitment;

	if (!p->has_key)
		return err_set(CF_ENOKEY,
			       "the proof has no commitment key: it says nothing of any plaintext");
	/* as content_commitment() makes it */
	commitment = hmac_sha256(VIEW(p->key, PROOF_KEY_BYTES), VIEW(plain_hash->b, HASH_BYTES));
	if (!hash_equal(&commitment, &facts->commitment))
		return err_set(CF_ECORRUPT, "this is not the content that was committed");
	return 0;
}
