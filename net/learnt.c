/* SPDX-License-Identifier: Apache-2.0 */
/*
 * learnt.c - a row of fetched blocks, and its commit.
 */
#include "net/learnt.h"

#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

void learnt_forget(struct learnt *l)
{
	for (unsigned i = 0; i < l->count; i++)
		message_free(l->m[i]);
	l->count = 0;
	l->bytes = 0;
}

uint64_t learnt_first(const struct learnt *l)
{
	return l->last + 1 - l->count;
}

void learnt_skip(struct learnt *l, uint64_t height)
{
	uint64_t first = learnt_first(l), gone = height + 1 > first ? height + 1 - first : 0;

	if (gone > l->count)
		gone = l->count;
	for (unsigned i = 0; i < gone; i++)
		message_free(l->m[i]);
	l->count -= (unsigned)gone;
	memmove(l->m, l->m + gone, l->count * sizeof(l->m[0]));
}

void learnt_add(struct learnt *l, struct message *m, uint64_t height)
{
	assert(l->count < LEARNT_BLOCKS_MAX && (l->count == 0 || height == l->last + 1));
	l->m[l->count++] = m;
	l->bytes += m->len;
	l->last = height;
}

int learnt_check(struct apply *a, const struct hash *network, const struct wire_block *block, bool *ret_last)
{
	struct block_body body;
	int err = block_body_decode(block->body, &body);

	if (err)
		return err_set(CF_EDECODE, "a body that is none");
	if (block->certificate.height != block->height || body.block.header.height != block->height ||
	    !hash_equal(&body.block.hash, &block->certificate.digest))
		err = err_set(CF_EINVAL, "block and certificate do not belong together");
	*ret_last = !hash_equal(&body.block.header.members, &body.block.header.next_members);
	block_body_release(&body);
	if (!err)
		err = certificate_verify(&block->certificate, network, apply_members(a),
					 apply_member_keys(a));
	return err;
}

void learnt_blame(const char *module, uint64_t height, uint64_t member, const char *what, int err)
{
	log_warn(module, "block %llu of member %llu %s: %s (%s) -> asks another", (unsigned long long)height,
		 (unsigned long long)member, what, err_name(err), err_detail());
}

/* The ids of one more block, behind those before. */
static int keep_ids(struct hash **all, uint32_t *all_count, const struct hash *ids, uint32_t count)
{
	struct hash *longer = mem_array(*all, (size_t)*all_count + count, sizeof(*longer));

	if (!longer)
		return CF_ENOMEM;
	memcpy(longer + *all_count, ids, count * sizeof(*ids));
	*all = longer;
	*all_count += count;
	return 0;
}

/* One of them into the open group. */
static int commit_one(struct learnt *l, struct apply *a, const struct message *m, struct hash **ids,
		      uint32_t *id_count)
{
	struct wire_block block;
	struct hash *own = NULL;
	uint32_t count = 0;
	int err = wire_block_decode(message_view(m), &block);

	if (!err)
		err = apply_commit(a, block.body, &block.certificate, false, block.verdicts, &own, &count);
	if (!err && ids && count > 0)
		err = keep_ids(ids, id_count, own, count);
	mem_free(own);
	if (!err)
		l->certificate = block.certificate;
	return err;
}

int learnt_commit(struct learnt *l, struct apply *a, unsigned *count, struct hash **ids, uint32_t *id_count)
{
	uint64_t epoch = apply_members(a)->epoch;
	int err = 0, ended;

	apply_group_begin(a);
	for (unsigned i = 0; i < *count; i++) {
		err = commit_one(l, a, l->m[i], ids, id_count);
		if (err)
			*count = i;
		else if (apply_members(a)->epoch != epoch)
			*count = i + 1; /* the next is of another set */
	}
	ended = apply_group_end(a, err == 0);
	return err ? err : ended;
}

bool learnt_own_vote(const struct certificate *c, const struct hash *network, const struct members *m,
		     const struct identity *id, struct verifier *v)
{
	const struct vote vote = {VOTE_COMMIT, c->epoch, c->height, c->view, c->digest};
	const struct hash digest = vote_digest(network, &vote);
	int self = members_find(m, &id->id);

	if (self < 0 || memcmp(m->member[self].sign_point, id->info.sign_point, POINT_BYTES) != 0)
		return false;
	for (unsigned i = 0; i < c->count; i++) {
		/* Beyond a quorum nobody has looked at the signatures yet. */
		if (c->index[i] == self &&
		    verifier_check(v, m->member[self].sign_point, &digest, c->sig[i]) == 0)
			return true;
	}
	return false;
}
