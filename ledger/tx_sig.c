/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx_sig.c - signatures over a leaf of a Merkle tree, and what endorsers and storing peers sign.
 */
#include "ledger/mem.h"
#include "ledger/tx.h"

#include <assert.h>

#define SIG_TAG "chartfs sig v1"
#define ENDORSEMENT_TAG "chartfs endorsement v1"
#define RECEIPT_TAG "chartfs receipt v2"
/* A tag goes into a hash with its NUL, as everywhere. */
#define TAG_VIEW(tag) VIEW(tag, sizeof(tag))

/*
 * How long the path of a leaf is: a sibling on each level, but for the last node of a level that has none
 * and rises as it is (RFC 6962 2.1.1).
 */
static unsigned path_len_of(uint32_t index, uint32_t count)
{
	unsigned len = 0;

	for (uint32_t last = count - 1; last > 0; last >>= 1, index >>= 1) {
		if ((index & 1) || index < last)
			len++;
	}
	return len;
}

static bool sigpath_well_formed(const struct sigpath *s)
{
	return s->index < s->count && s->path_len == path_len_of(s->index, s->count);
}

void sigpath_encode(const struct sigpath *s, struct enc *e)
{
	assert(s && e);
	assert(sigpath_well_formed(s));
	enc_u32(e, s->index);
	enc_u32(e, s->count);
	enc_u8(e, s->path_len);
	for (uint8_t i = 0; i < s->path_len; i++)
		enc_fixed(e, s->path[i].b, HASH_BYTES);
	enc_fixed(e, s->sig, SIG_BYTES);
}

void sigpath_decode(struct dec *d, struct sigpath *ret_s)
{
	assert(d && ret_s);
	ret_s->index = dec_u32(d);
	ret_s->count = dec_u32(d);
	ret_s->path_len = dec_u8(d);
	if (!sigpath_well_formed(ret_s)) {
		dec_fail(d, CF_EDECODE);
		ret_s->path_len = 0;
	}
	for (uint8_t i = 0; i < ret_s->path_len; i++)
		dec_fixed(d, ret_s->path[i].b, HASH_BYTES);
	dec_fixed(d, ret_s->sig, SIG_BYTES);
}

/* The count is signed with the root: a root alone does not tell how many leaves are below it. */
static struct hash root_digest(enum sig_kind kind, const struct hash *network, uint32_t count,
			       const struct hash *root)
{
	uint8_t kind_byte = (uint8_t)kind;
	uint8_t be[4] = {(uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8),
			 (uint8_t)count};
	const struct view parts[] = {
		TAG_VIEW(SIG_TAG),    VIEW(network->b, HASH_BYTES), VIEW(&kind_byte, 1),
		VIEW(be, sizeof(be)), VIEW(root->b, HASH_BYTES),
	};

	assert(kind >= SIG_PROPOSAL && kind <= SIG_MESSAGE);
	return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
}

int sigpath_signed_digest(const struct sigpath *s, enum sig_kind kind, const struct hash *network,
			  const struct hash *digest, struct hash *ret_signed)
{
	struct hash leaf, root;
	int err;

	assert(s && network && digest && ret_signed);
	leaf = merkle_leaf(VIEW(digest->b, HASH_BYTES));
	err = merkle_path_root(&leaf, s->index, s->count, s->path, s->path_len, &root);
	if (err)
		return err;
	*ret_signed = root_digest(kind, network, s->count, &root);
	return 0;
}

int sigpath_verify(const struct sigpath *s, enum sig_kind kind, const struct hash *network,
		   const struct hash *digest, const struct crypto_key *key)
{
	struct hash digest_signed;

	assert(key);
	if (sigpath_signed_digest(s, kind, network, digest, &digest_signed))
		return CF_ESIG;
	return crypto_verify(key, &digest_signed, s->sig);
}

int sigpath_sign(enum sig_kind kind, const struct hash *network, const struct hash *digests, size_t count,
		 const struct crypto_key *key, struct sigpath *ret_s)
{
	struct hash *level, digest_signed;
	uint8_t sig[SIG_BYTES];
	int err;

	assert(network && digests && key && ret_s);
	assert(count > 0 && count <= UINT32_MAX);
	level = mem_array(NULL, count, sizeof(*level));
	if (!level)
		return CF_ENOMEM;
	for (size_t i = 0; i < count; i++)
		level[i] = merkle_leaf(VIEW(digests[i].b, HASH_BYTES));
	digest_signed = merkle_root(level, count);
	digest_signed = root_digest(kind, network, (uint32_t)count, &digest_signed);
	err = crypto_sign(key, &digest_signed, sig);
	if (err)
		goto out;

	/* All paths in one walk up the levels, where merkle_path() would hash the tree anew for each leaf. */
	for (size_t i = 0; i < count; i++) {
		ret_s[i].index = (uint32_t)i;
		ret_s[i].count = (uint32_t)count;
		ret_s[i].path_len = 0;
		for (size_t k = 0; k < SIG_BYTES; k++)
			ret_s[i].sig[k] = sig[k];
	}
	for (size_t n = count, depth = 0; n > 1; n = (n + 1) / 2, depth++) {
		for (size_t i = 0; i < count; i++) {
			size_t sibling = (i >> depth) ^ 1;

			if (sibling < n)
				ret_s[i].path[ret_s[i].path_len++] = level[sibling];
		}
		for (size_t i = 0; i < (n + 1) / 2; i++)
			level[i] =
				2 * i + 1 < n ? merkle_node(&level[2 * i], &level[2 * i + 1]) : level[2 * i];
	}
out:
	mem_free(level);
	return err;
}

struct hash tx_endorsement_digest(const struct hash *network, const struct hash *id, struct view rwset)
{
	struct hash rwset_hash = sha256(rwset);
	const struct view parts[] = {
		TAG_VIEW(ENDORSEMENT_TAG),
		VIEW(network->b, HASH_BYTES),
		VIEW(id->b, HASH_BYTES),
		VIEW(rwset_hash.b, HASH_BYTES),
	};

	return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
}

static uint8_t *put_u64(uint8_t *at, uint64_t n)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		*at++ = (uint8_t)(n >> shift);
	return at;
}

struct hash tx_receipt_digest(const struct hash *network, uint64_t time_ms, const struct tx_blob *blobs,
			      size_t count)
{
	/* the time, u16 count, then root and u64 bytes of each: the list as it stands in a proposal */
	uint8_t list[8 + 2 + TX_BLOBS_MAX * (HASH_BYTES + 8)];
	struct view parts[] = {TAG_VIEW(RECEIPT_TAG), VIEW(network->b, HASH_BYTES), VIEW(list, 2)};
	uint8_t *at = put_u64(list, time_ms);

	assert(count <= TX_BLOBS_MAX && (blobs || count == 0));
	*at++ = (uint8_t)(count >> 8);
	*at++ = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < HASH_BYTES; k++)
			*at++ = blobs[i].root.b[k];
		at = put_u64(at, blobs[i].bytes);
	}
	parts[2].len = (size_t)(at - list);
	return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
}
