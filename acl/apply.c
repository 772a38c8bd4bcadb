/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.c - checking a block that somebody else made, and committing a certified one.
 */
#include "acl/apply_private.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

/* The set in force after the last commit, with its keys parsed. */
static int load_members(struct apply *a)
{
	struct member_keys keys;
	struct members members;
	uint32_t revoked = 0;
	struct hash hash;
	struct db_txn *group = chain_group_txn(a->chain), *txn = NULL;
	int err = group ? 0 : chain_read_begin(a->chain, &txn);

	if (err)
		return err;
	err = state_members(group ? group : txn, &members);
	if (err == 0)
		err = state_members_revoked(group ? group : txn, &members, &revoked);
	db_abort(txn);
	if (err == 0)
		err = members_hash(&members, &hash);
	if (err == 0)
		err = member_keys_init(&keys, &members);
	if (err)
		return err;
	member_keys_release(&a->keys);
	a->keys = keys;
	a->members = members;
	a->revoked = revoked;
	a->members_hash = hash;
	return 0;
}

int apply_new(struct chain *c, bool trusted, const struct apply_observer *observer, struct apply **ret_a)
{
	struct apply *a = mem_zalloc(sizeof(*a));
	int err;

	assert(c && ret_a);
	if (!a)
		return CF_ENOMEM;
	a->chain = c;
	a->trusted = trusted;
	if (observer)
		a->observer = *observer;
	a->tx = mem_zalloc(sizeof(*a->tx));
	err = a->tx ? validate_new(chain_network(c), &a->validator) : CF_ENOMEM;
	if (err == 0)
		err = load_members(a);
	if (err)
		apply_free(a);
	else
		*ret_a = a;
	return err;
}

void apply_free(struct apply *a)
{
	if (!a)
		return;
	batch_discard(a);
	member_keys_release(&a->keys);
	validate_free(a->validator);
	mem_free(a->tx);
	mem_free(a);
}

void apply_discard(struct apply *a)
{
	batch_discard(a);
}

const struct members *apply_members(const struct apply *a)
{
	return &a->members;
}

uint32_t apply_members_revoked(const struct apply *a)
{
	return a->revoked;
}

const struct member_keys *apply_member_keys(const struct apply *a)
{
	return &a->keys;
}

static uint64_t next_height(const struct apply *a)
{
	struct chain_head head;

	chain_head(a->chain, &head);
	return head.height + 1;
}

int apply_check_proposal(struct apply *a, struct db_txn *txn, struct view proposal_bytes,
			 const struct sigpath *signature, struct view annex, struct tx_proposal *ret_p,
			 struct hash *ret_id)
{
	return validate_proposal(a->validator, txn, proposal_bytes, signature, annex, next_height(a), ret_p,
				 ret_id);
}

void apply_endorsed(struct apply *a, const struct hash *digest, const struct sigpath *s,
		    const uint8_t point[POINT_BYTES])
{
	validate_endorsed(a->validator, digest, s, point);
}

static int check_active(struct db_txn *txn, const struct tx_proposal *p, uint64_t now_ms)
{
	struct identity_row row;
	int err = state_identity(txn, &p->creator, &row);

	if (err == CF_ENOTFOUND || p->op[0].code == OP_REGISTER)
		return 0; /* somebody new, or renewing: static checks have seen to it */
	if (err)
		return err;
	if (row.status != IDENTITY_ACTIVE)
		return err_set(CF_EREVOKED, "identity %s is not active", row.name);
	if (now_ms < row.not_before_ms || now_ms > row.not_after_ms)
		return err_set(CF_EEXPIRED, "the certificate of %s is not valid now", row.name);
	return 0;
}

int apply_precheck(struct apply *a, struct db_txn *txn, struct view tx_bytes, struct view annex,
		   uint64_t now_ms, struct tx *ret_tx)
{
	struct rwset rwset;
	int err = validate_static(a->validator, txn, tx_bytes, annex, true, next_height(a), ret_tx, &rwset);

	if (err == 0) {
		rwset_release(&rwset);
		err = check_active(txn, &ret_tx->proposal, now_ms);
	}
	return err ? err : validate_signers(a->validator, txn, ret_tx);
}

/* What a header says before anything is executed. */
static int check_header(struct apply *a, const struct block_header *h)
{
	struct chain_head head;

	chain_tip(a->chain, &head);
	if (!hash_equal(&h->network, chain_network(a->chain)))
		return err_set(CF_EINVAL, "block of another network");
	if (h->height != head.height + 1)
		return err_set(CF_EINVAL, "block %llu does not follow block %llu",
			       (unsigned long long)h->height, (unsigned long long)head.height);
	if (!hash_equal(&h->prev, &head.hash))
		return err_set(CF_EINVAL, "block %llu has another parent", (unsigned long long)h->height);
	if (h->time_ms <= head.time_ms)
		return err_set(CF_EINVAL, "block %llu is not later than its parent",
			       (unsigned long long)h->height);
	if (h->epoch != a->members.epoch || !hash_equal(&h->members, &a->members_hash))
		return err_set(CF_EINVAL, "block %llu is of another set of members",
			       (unsigned long long)h->height);
	if (h->proposer != h->proposer_view % a->members.count)
		return err_set(CF_EINVAL, "block %llu: member %u does not lead view %llu",
			       (unsigned long long)h->height, h->proposer,
			       (unsigned long long)h->proposer_view);
	return 0;
}

/* A fresh proposal's clock against ours, as far as a transaction's may be off the block's. */
static int check_fresh(struct apply *a, const struct block_header *h, uint64_t now_ms)
{
	uint64_t off = h->time_ms > now_ms ? h->time_ms - now_ms : now_ms - h->time_ms;
	struct policy_row policy;
	struct db_txn *txn;
	int err = chain_read_begin(a->chain, &txn);

	if (err)
		return err;
	err = state_policy(txn, &policy);
	db_abort(txn);
	if (err)
		return err == CF_ENOTFOUND ? CF_ECORRUPT : err;
	if (off > policy.time_window_ms)
		return err_set(CF_EINVAL, "block %llu: its time is off by %llu ms",
			       (unsigned long long)h->height, (unsigned long long)off);
	return 0;
}

/* The first root that is not ours, for the detail. */
static const char *difference(const struct block_header *a, const struct block_header *b)
{
	if (!hash_equal(&a->tx_root, &b->tx_root))
		return "transaction root";
	if (!hash_equal(&a->verdict_root, &b->verdict_root))
		return "verdict root";
	if (!hash_equal(&a->state_root, &b->state_root))
		return "state root";
	if (!hash_equal(&a->next_members, &b->next_members))
		return "next members";
	/* size, count and body root were checked when the block was decoded */
	assert(a->tx_count == b->tx_count && hash_equal(&a->body_root, &b->body_root));
	return NULL;
}

/*
 * Executes a block's transactions into a fresh stage and compares what they come to with its header. Q
 * members have executed a certified one: that it comes out otherwise here is our own trouble.
 */
static int execute(struct apply *a, const struct block_body *body, enum batch_mode mode, struct view verdicts)
{
	const struct block *block = &body->block;
	struct block_header mine;
	const char *what;
	int err;

	batch_discard(a);
	err = batch_begin(a, block->header.height, block->header.time_ms);
	for (uint32_t i = 0; i < block->tx_count && err == 0; i++)
		err = batch_add(a, block->tx[i], body->annex[i], mode,
				mode == BATCH_TRUSTED ? verdicts.data[i] : 0);
	if (err == 0)
		err = batch_header(a, &mine);
	if (err == 0) {
		what = difference(&mine, &block->header);
		if (what)
			err = err_set(mode == BATCH_FRESH ? CF_EINVAL : CF_ECORRUPT,
				      "block %llu: another %s than ours",
				      (unsigned long long)block->header.height, what);
	}
	if (err)
		batch_discard(a);
	else
		a->staged.block = block->hash;
	return err;
}

static bool is_staged(const struct apply *a, const struct hash *block)
{
	return a->staged.stage && hash_equal(&a->staged.block, block);
}

int apply_staged_verdicts(const struct apply *a, const struct hash *block, struct buf *out)
{
	if (!is_staged(a, block))
		return CF_ENOTFOUND;
	return buf_append(out, a->staged.verdict, a->staged.count);
}

/* A root that does not fit its transactions is the proposer's fault, as long as nobody certified the block.
 */
static int decode(struct view bytes, struct block_body *ret_body)
{
	int err = block_body_decode(bytes, ret_body);

	return err == CF_ECORRUPT ? err_set(CF_EDECODE, "block whose size or body root does not fit") : err;
}

int apply_check(struct apply *a, struct view body, bool fresh, uint64_t now_ms, struct hash *ret_hash)
{
	struct block_body b;
	int err = decode(body, &b);

	if (err)
		return err;
	err = check_header(a, &b.block.header);
	if (err == 0 && fresh)
		err = check_fresh(a, &b.block.header, now_ms);
	if (err == 0 && !is_staged(a, &b.block.hash))
		err = execute(a, &b, BATCH_FRESH, VIEW_NONE);
	if (err == 0)
		*ret_hash = b.block.hash;
	else if (validate_is_refusal(err) && err != CF_EDECODE)
		err = CF_EINVAL;
	block_body_release(&b);
	return err;
}

/* A certificate of this block, by the set in force. */
static int check_certificate(struct apply *a, const struct block *block, const struct certificate *c,
			     bool verify)
{
	if (c->height != block->header.height || c->epoch != block->header.epoch ||
	    !hash_equal(&c->digest, &block->hash))
		return err_set(CF_ESIG, "the certificate is another block's");
	return verify ? certificate_verify(c, chain_network(a->chain), &a->members, &a->keys) : 0;
}

/*
 * What is not under a block's hash may have been tampered with on the way: annexes, and the verdicts that are
 * sent beside it, which the verdict root binds.
 */
static int check_beside(struct apply *a, const struct block_body *b, struct view verdicts)
{
	const bool believes = a->trusted || a->grouped;
	const struct block *block = &b->block;
	struct hash *ids = mem_array(NULL, block->tx_count, sizeof(*ids)), root;
	struct rwset rwset;
	int err = ids ? 0 : CF_ENOMEM;

	if (err == 0 && believes && verdicts.len != block->tx_count)
		err = err_set(CF_EINVAL, "block %llu came without its verdicts",
			      (unsigned long long)block->header.height);
	for (uint32_t i = 0; i < block->tx_count && err == 0; i++) {
		err = validate_decode(a->validator, block->tx[i], b->annex[i], a->tx, &rwset);
		if (err == 0)
			rwset_release(&rwset);
		ids[i] = a->tx->id;
	}
	if (err == 0 && believes) {
		err = block_verdict_root(ids, verdicts.data, block->tx_count, &root);
		if (err == 0 && !hash_equal(&root, &block->header.verdict_root))
			err = err_set(CF_EINVAL, "block %llu came with other verdicts",
				      (unsigned long long)block->header.height);
	}
	mem_free(ids);
	return err;
}

static int execute_certified(struct apply *a, const struct block_body *b, struct view verdicts)
{
	int err = check_beside(a, b, verdicts);

	if (err)
		return err;
	return execute(a, b, a->trusted || a->grouped ? BATCH_TRUSTED : BATCH_CERTIFIED, verdicts);
}

/* The committed transactions, decoded once more for whoever follows: what was staged is gone into the stores.
 */
static void tell_tx(struct apply *a, uint64_t height, uint32_t index, struct view bytes, uint8_t verdict)
{
	struct rwset rwset;
	bool valid = verdict == VERDICT_VALID;

	/* both decoded when they were staged: only memory can be short */
	if (tx_decode(bytes, a->tx) || (valid && rwset_decode(a->tx->rwset_bytes, &rwset))) {
		log_error("apply", "out of memory -> followers miss transaction %u of block %llu", index,
			  (unsigned long long)height);
		return;
	}
	a->observer.on_tx(a->observer.ctx, height, index, a->tx, verdict, valid ? &rwset : NULL);
	if (valid)
		rwset_release(&rwset);
}

static void tell(struct apply *a, const struct block *block, const uint8_t *verdicts)
{
	for (uint32_t i = 0; a->observer.on_tx && i < block->tx_count; i++)
		tell_tx(a, block->header.height, i, block->tx[i], verdicts[i]);
	if (a->observer.on_block)
		a->observer.on_block(a->observer.ctx, block);
}

/* The stage becomes the ledger. Frees the stage in any case. */
static int commit(struct apply *a, const struct block *block, const struct certificate *c)
{
	struct batch *b = &a->staged;
	struct chain_stage *stage = b->stage;
	bool revokes = b->revokes;
	int err;

	b->stage = NULL;
	err = chain_stage_commit(stage, block, b->verdict, c);
	if (err == 0 && (revokes || !hash_equal(&block->header.next_members, &a->members_hash)))
		err = load_members(a);
	if (err == 0)
		tell(a, block, b->verdict);
	return err;
}

void apply_group_begin(struct apply *a)
{
	batch_discard(a);
	chain_group_begin(a->chain);
	a->grouped = true;
}

int apply_group_end(struct apply *a, bool keep)
{
	int err = 0, reloaded;

	batch_discard(a);
	a->grouped = false;
	if (keep)
		err = chain_group_end(a->chain);
	else
		chain_group_discard(a->chain);
	if (keep && !err)
		return 0;
	/* What was taken back may have changed the set. */
	reloaded = load_members(a);
	return reloaded ? reloaded : err;
}

int apply_commit(struct apply *a, struct view body, const struct certificate *certificate, bool verify,
		 struct view verdicts, struct hash **ret_ids, uint32_t *ret_id_count)
{
	struct hash *ids = NULL;
	struct block_body b;
	uint32_t count;
	int err;

	assert(a && certificate && !ret_ids == !ret_id_count);
	err = decode(body, &b);
	if (err)
		return err;
	count = b.block.tx_count;
	err = check_header(a, &b.block.header);
	if (err == 0)
		err = check_certificate(a, &b.block, certificate, verify);
	if (err)
		goto out;
	if (!is_staged(a, &b.block.hash))
		err = execute_certified(a, &b, verdicts);
	if (err)
		goto out;
	if (ret_ids) {
		ids = mem_dup(a->staged.id, count * sizeof(*ids));
		err = ids ? 0 : CF_ENOMEM;
	}
	if (err == 0)
		err = commit(a, &b.block, certificate);
	batch_discard(a);
	if (err) {
		mem_free(ids);
	} else if (ret_ids) {
		*ret_ids = ids;
		*ret_id_count = count;
	}
out:
	block_body_release(&b);
	return err;
}
