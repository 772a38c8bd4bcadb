/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chainfix.c - the small network.
 */
#include "tests/lib/chainfix.h"
#include "ledger/mem.h"

#include <stdio.h>
#include <string.h>

static int key_make(const char *role, unsigned number, struct crypto_key **ret_key)
{
	char text[64];
	struct hash h;

	snprintf(text, sizeof(text), "chainfix %s %u", role, number);
	h = sha256(view_str(text));
	h.b[0] = 0; /* below the group's order */
	return crypto_key_from_scalar(h.b, ret_key);
}

static int member_make(struct chainfix *f, unsigned i)
{
	struct member *m = &f->members.member[i];
	struct crypto_key *kem = NULL;
	int err;

	err = key_make("sign", i, &f->sign[i]);
	if (!err)
		err = key_make("endorse", i, &f->endorse[i]);
	if (!err)
		err = key_make("kem", i, &kem);
	if (err)
		return err;
	memset(m->id.b, (int)i + 1, IDENTITY_BYTES);
	m->org = (uint16_t)(i + 1);
	crypto_key_point(f->sign[i], m->sign_point);
	crypto_key_point(f->endorse[i], m->endorse_point);
	crypto_key_point(kem, m->kem_point);
	snprintf(m->peer_address, sizeof(m->peer_address), "inproc://peer%u", i);
	snprintf(m->client_address, sizeof(m->client_address), "inproc://client%u", i);
	crypto_key_free(kem);
	return 0;
}

int chainfix_init(struct chainfix *f, unsigned member_count)
{
	uint8_t point[POINT_BYTES];
	int err = 0;

	memset(f, 0, sizeof(*f));
	f->network = chain_genesis_hash(view_str(CHAINFIX_GENESIS));
	f->members.count = (uint8_t)member_count;
	for (unsigned i = 0; !err && i < member_count; i++)
		err = member_make(f, i);
	if (!err)
		err = key_make("creator", 0, &f->creator);
	if (err) {
		chainfix_release(f);
		return err;
	}
	crypto_key_point(f->creator, point);
	f->creator_key = crypto_key_fingerprint(point);
	f->patient_key = sha256(view_str("chainfix patient key"));
	f->doctor_key = sha256(view_str("chainfix doctor key"));
	memset(f->patient.b, 0x77, PATIENT_BYTES);
	return 0;
}

void chainfix_release(struct chainfix *f)
{
	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		crypto_key_free(f->sign[i]);
		crypto_key_free(f->endorse[i]);
	}
	crypto_key_free(f->creator);
	memset(f, 0, sizeof(*f));
}

static int genesis_commit(struct chain *chain)
{
	struct chain_stage *stage;
	int err = chain_stage_begin(chain, 0, &stage);

	if (err)
		return err;
	err = chain_stage_genesis_row(stage, view_str("\x01genesis"), view_str("first"));
	if (err) {
		chain_stage_discard(stage);
		return err;
	}
	return chain_stage_commit(stage, NULL, NULL, NULL);
}

int chainfix_open(const struct chainfix *f, const char *dir, unsigned flags, struct chain **ret_chain)
{
	struct chain *chain;
	int err;

	(void)f;
	err = chain_open(dir, view_str(CHAINFIX_GENESIS), flags, &chain);
	if (!err && chain_is_new(chain)) {
		err = genesis_commit(chain);
		if (err)
			chain_close(chain);
	}
	if (!err)
		*ret_chain = chain;
	return err;
}

/* ---- transactions ---- */

static int proposal_make(struct chainfix *f, struct view annex, struct buf *out)
{
	static const uint8_t op_body[] = {1, 2, 3};
	struct tx_proposal *p = mem_zalloc(sizeof(*p));
	int err;

	if (!p)
		return CF_ENOMEM;
	p->network = f->network;
	p->type = TX_MEDICAL;
	p->time_ms = 1000 + ++f->nonce;
	for (unsigned i = 0; i < 8; i++)
		p->nonce[i] = (uint8_t)(f->nonce >> (8 * i));
	p->valid_until = UINT64_MAX;
	p->contract = view_str("test");
	p->contract_version = 1;
	memset(p->creator.b, 0x99, IDENTITY_BYTES);
	p->creator_key = f->creator_key;
	p->patient = f->patient;
	p->patient_key = f->patient_key;
	p->doctor_key = f->doctor_key;
	if (annex.len)
		p->annex_hash = sha256(annex); /* the ledger keeps it and never looks */
	p->op_count = 1;
	p->op[0].code = 1;
	p->op[0].body = VIEW(op_body, sizeof(op_body));
	err = tx_proposal_encode(p, out);
	mem_free(p);
	return err;
}

static int rwset_make(const struct rw_write *writes, size_t count, struct buf *out)
{
	struct rwset_builder *b;
	int err = rwset_builder_new(&b);

	if (err)
		return err;
	for (size_t i = 0; !err && i < count; i++)
		err = writes[i].deleted ? rwset_add_delete(b, writes[i].key)
					: rwset_add_write(b, writes[i].key, writes[i].value);
	if (!err)
		err = rwset_encode(b, out);
	rwset_builder_free(b);
	return err;
}

static int endorse(const struct chainfix *f, struct tx *tx)
{
	struct hash digest = tx_endorsement_digest(&f->network, &tx->id, tx->rwset_bytes);
	int err = 0;

	for (unsigned i = 0; !err && i < members_quorum(f->members.count); i++) {
		struct endorsement *e = &tx->endorsement[tx->endorsement_count++];

		e->by = f->members.member[i].id;
		err = sigpath_sign(SIG_ENDORSEMENT, &f->network, &digest, 1, f->endorse[i], &e->sig);
	}
	return err;
}

int chainfix_tx(struct chainfix *f, const struct rw_write *writes, size_t count, struct view annex,
		struct buf *out)
{
	struct tx *tx = mem_zalloc(sizeof(*tx));
	struct buf proposal, rwset;
	int err;

	if (!tx)
		return CF_ENOMEM;
	buf_init(&proposal, 0);
	buf_init(&rwset, 0);
	err = proposal_make(f, annex, &proposal);
	if (!err)
		err = rwset_make(writes, count, &rwset);
	if (err)
		goto out;
	tx->proposal_bytes = buf_view(&proposal);
	tx->rwset_bytes = buf_view(&rwset);
	tx->id = tx_id(tx->proposal_bytes);
	err = sigpath_sign(SIG_PROPOSAL, &f->network, &tx->id, 1, f->creator, &tx->signature);
	if (!err)
		err = endorse(f, tx);
	if (!err)
		err = tx_encode(tx, out);
out:
	buf_release(&proposal);
	buf_release(&rwset);
	mem_free(tx);
	return err;
}

/* ---- blocks ---- */

int chainfix_certify(const struct chainfix *f, const struct block *block, struct certificate *ret_cert)
{
	struct vote vote = {VOTE_COMMIT, f->members.epoch, block->header.height, 0, block->hash};
	struct hash digest = vote_digest(&f->network, &vote);
	struct certificate cert;
	int err = 0;

	memset(&cert, 0, sizeof(cert));
	cert.epoch = vote.epoch;
	cert.height = vote.height;
	cert.digest = vote.digest;
	cert.count = (uint8_t)members_quorum(f->members.count);
	for (unsigned i = 0; !err && i < cert.count; i++) {
		cert.index[i] = (uint8_t)i;
		err = crypto_sign(f->sign[i], &digest, cert.sig[i]);
	}
	if (!err)
		*ret_cert = cert;
	return err;
}

static int stage_tx(struct chain_stage *stage, struct view bytes, uint8_t verdict, struct view annex,
		    struct hash *ret_id)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct rwset set;
	int err = CF_ENOMEM;

	if (tx)
		err = tx_decode(bytes, tx);
	if (!err)
		err = rwset_decode(tx->rwset_bytes, &set);
	if (!err) {
		err = chain_stage_tx(stage, tx, verdict, &set, annex);
		*ret_id = tx->id;
		rwset_release(&set);
	}
	mem_free(tx);
	return err;
}

/* Header and bytes of the staged block. */
static int block_make(const struct chainfix *f, struct chain *chain, struct chain_stage *stage,
		      const struct view *txs, const struct hash *ids, const uint8_t *verdicts, uint32_t count,
		      struct buf *out)
{
	struct block_header h;
	struct chain_head head;
	struct buf header;
	int err;

	chain_tip(chain, &head);
	memset(&h, 0, sizeof(h));
	h.network = f->network;
	h.height = head.height + 1;
	h.prev = head.hash;
	h.tx_count = count;
	h.time_ms = 1700000000000u + h.height;
	for (uint32_t i = 0; i < count; i++)
		h.size_bytes += txs[i].len;
	buf_init(&header, 0);
	err = block_tx_root(ids, count, &h.tx_root);
	if (!err)
		err = block_body_root(txs, count, &h.body_root);
	if (!err)
		err = block_verdict_root(ids, verdicts, count, &h.verdict_root);
	if (!err)
		err = chain_stage_root(stage, &h.state_root);
	if (!err)
		err = members_hash(&f->members, &h.members);
	h.next_members = h.members;
	if (!err)
		err = block_header_encode(&h, &header);
	if (!err)
		err = block_encode(buf_view(&header), txs, count, out);
	buf_release(&header);
	return err;
}

int chainfix_commit(const struct chainfix *f, struct chain *chain, const struct view *txs,
		    const uint8_t *verdicts, const struct view *annexes, uint32_t count,
		    struct buf *ret_block)
{
	struct hash *ids = mem_array(NULL, count, sizeof(*ids));
	uint8_t *given = mem_zalloc(count);
	struct chain_stage *stage = NULL;
	struct certificate cert;
	struct block block = {.tx = NULL};
	struct chain_head head;
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	chain_tip(chain, &head);
	err = ids && given ? chain_stage_begin(chain, head.height + 1, &stage) : CF_ENOMEM;
	if (!err && verdicts)
		memcpy(given, verdicts, count);
	for (uint32_t i = 0; !err && i < count; i++)
		err = stage_tx(stage, txs[i], given[i], annexes ? annexes[i] : VIEW_NONE, &ids[i]);
	if (!err)
		err = block_make(f, chain, stage, txs, ids, given, count, &bytes);
	if (!err)
		err = block_decode(buf_view(&bytes), &block);
	if (!err)
		err = chainfix_certify(f, &block, &cert);
	if (!err) {
		err = chain_stage_commit(stage, &block, given, &cert);
		stage = NULL;
	}
	if (!err && ret_block)
		err = buf_append_view(ret_block, buf_view(&bytes));
	chain_stage_discard(stage);
	block_release(&block);
	buf_release(&bytes);
	mem_free(given);
	mem_free(ids);
	return err;
}

int chainfix_commit_row(struct chainfix *f, struct chain *chain, struct view key, struct view value)
{
	struct rw_write w = {.key = key, .value = value};
	struct view tx_bytes;
	struct buf tx;
	int err;

	buf_init(&tx, 0);
	err = chainfix_tx(f, &w, 1, VIEW_NONE, &tx);
	tx_bytes = buf_view(&tx);
	if (!err)
		err = chainfix_commit(f, chain, &tx_bytes, NULL, NULL, 1, NULL);
	buf_release(&tx);
	return err;
}
