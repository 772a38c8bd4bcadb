/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.c - walks through the transactions of a body.
 */
#include "net/body.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

static bool annex_fits(const struct hash *network, const struct tx *tx, struct view annex)
{
	struct hash hash;

	if (annex.len == 0)
		return hash_is_zero(&tx->proposal.annex_hash);
	return tx_annex_hash(network, annex, &hash) == 0 && hash_equal(&hash, &tx->proposal.annex_hash);
}

int body_digest(const struct hash *network, struct view body, struct hash *ret_digest)
{
	struct block_body b;
	struct tx *tx = NULL;
	int err = block_body_decode(body, &b);

	if (err)
		return err == CF_ENOMEM ? err : CF_EDECODE;
	tx = mem_alloc(sizeof(*tx));
	err = tx ? 0 : CF_ENOMEM;
	for (uint32_t i = 0; !err && i < b.block.tx_count; i++) {
		err = tx_decode(b.block.tx[i], tx);
		if (!err && !annex_fits(network, tx, b.annex[i]))
			err = CF_EDECODE;
		if (err && err != CF_ENOMEM)
			err = CF_EDECODE;
	}
	if (!err)
		*ret_digest = b.block.hash;
	mem_free(tx);
	block_body_release(&b);
	return err;
}

int body_verdicts_if_valid(struct view body, struct buf *out)
{
	struct block_body b;
	struct hash *ids = NULL, root;
	struct tx *tx = NULL;
	uint8_t *verdicts;
	size_t before = out->len;
	int err = block_body_decode(body, &b);

	if (err)
		return err;
	ids = mem_array(NULL, b.block.tx_count, sizeof(*ids));
	tx = mem_alloc(sizeof(*tx));
	err = ids && tx ? buf_extend(out, b.block.tx_count, &verdicts) : CF_ENOMEM;
	for (uint32_t i = 0; !err && i < b.block.tx_count; i++) {
		err = tx_decode(b.block.tx[i], tx);
		if (!err)
			ids[i] = tx->id;
	}
	/* buf_extend gives zeros, and VALID is zero. */
	_Static_assert(VERDICT_VALID == 0, "a fresh list of verdicts is one of VALID");
	if (!err)
		err = block_verdict_root(ids, out->data + before, b.block.tx_count, &root);
	if (!err && !hash_equal(&root, &b.block.header.verdict_root))
		err = CF_ENOTFOUND;
	if (err)
		out->len = before;
	mem_free(ids);
	mem_free(tx);
	block_body_release(&b);
	return err;
}

int body_request_encode(struct view tx, struct view annex, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_bytes(&e, tx);
	enc_bytes(&e, annex);
	return enc_done(&e);
}

int body_request_decode(struct view request, struct view *ret_tx, struct view *ret_annex)
{
	struct view tx, annex;
	struct dec d;
	int err;

	dec_init(&d, request);
	tx = dec_bytes(&d, TX_BYTES_MAX);
	annex = dec_bytes(&d, TX_ANNEX_BYTES_MAX);
	err = dec_done(&d);
	if (err)
		return err;
	*ret_tx = tx;
	*ret_annex = annex;
	return 0;
}
