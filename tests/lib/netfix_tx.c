/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netfix_tx.c - transactions of the fixture: proposals, endorsements, and the operations tests need most.
 */
#include "ledger/mem.h"
#include "tests/lib/netfix.h"

#include <string.h>

int netfix_proposal(struct netfix *n, const struct netfix_request *r, struct buf *out, struct hash *ret_id)
{
	struct tx_proposal p = {
		.network = n->network,
		.time_ms = n->now_ms,
		.contract = view_str(CONTRACT_NAME),
		.contract_version = CONTRACT_VERSION,
		.policy = CONTRACT_POLICY,
		.creator = r->by->id,
		.creator_key = r->by->sign_fingerprint,
		.op_count = (uint16_t)r->op_count,
		.blob_count = (uint16_t)r->blob_count,
	};
	struct chain_head head;
	struct db_txn *txn;
	size_t start = out->len;
	int err = 0;

	chain_head(n->chain[0], &head);
	p.valid_until = head.height + 100;
	n->nonce++;
	memcpy(p.nonce, &n->nonce, sizeof(n->nonce));
	if (r->patient)
		p.patient = *r->patient;
	if (r->annex.len)
		err = tx_annex_hash(&n->network, r->annex, &p.annex_hash);
	if (err)
		return err;
	memcpy(p.op, r->op, r->op_count * sizeof(p.op[0]));
	memcpy(p.blob, r->blob, r->blob_count * sizeof(p.blob[0]));
	err = chain_read_begin(n->chain[0], &txn);
	if (err)
		return err;
	err = contract_fill(txn, &p);
	db_abort(txn);
	if (err == CF_ENOTFOUND)
		p.type = op_tx_type((enum op_code)p.op[0].code,
				    r->by->info.role); /* the contract is to say so */
	else if (err)
		return err;
	err = tx_proposal_encode(&p, out);
	if (err == 0)
		*ret_id = tx_id(VIEW(out->data + start, out->len - start));
	return err;
}

static int run_contract(struct netfix *n, struct view proposal, const struct hash *id, struct view annex,
			struct buf *ret_rwset)
{
	struct rwset_builder *builder = NULL;
	struct tx_proposal p;
	struct db_txn *txn;
	int err = tx_proposal_decode(proposal, &p);

	if (err == 0)
		err = chain_read_begin(n->chain[0], &txn);
	if (err)
		return err;
	err = rwset_builder_new(&builder);
	if (err == 0)
		err = contract_run(txn, &p, id, annex, n->now_ms, builder);
	if (err == 0 && ret_rwset)
		err = rwset_encode(builder, ret_rwset);
	rwset_builder_free(builder);
	db_abort(txn);
	return err;
}

int netfix_run(struct netfix *n, const struct netfix_request *r, struct buf *ret_rwset)
{
	struct buf proposal;
	struct hash id;
	int err;

	buf_init(&proposal, 0);
	err = netfix_proposal(n, r, &proposal, &id);
	if (err == 0)
		err = run_contract(n, buf_view(&proposal), &id, r->annex, ret_rwset);
	buf_release(&proposal);
	return err;
}

/* Endorsements and receipts stand in the order of their peers' ids. */
static int sign_sorted(struct netfix *n, enum sig_kind kind, const struct hash *digest, unsigned count,
		       struct endorsement *ret_e)
{
	int err = 0;

	for (unsigned i = 0; i < count && err == 0; i++) {
		struct endorsement e = {.by = n->peer[i].id};
		unsigned at = i;

		err = sigpath_sign(kind, &n->network, digest, 1, n->peer[i].endorse, &e.sig);
		for (; at > 0 && memcmp(ret_e[at - 1].by.b, e.by.b, IDENTITY_BYTES) > 0; at--)
			ret_e[at] = ret_e[at - 1];
		ret_e[at] = e;
	}
	return err;
}

static int sign_tx(struct netfix *n, const struct netfix_request *r, const struct hash *id, struct tx *tx)
{
	struct hash endorsed = tx_endorsement_digest(&n->network, id, tx->rwset_bytes);
	struct hash receipt = tx_receipt_digest(&n->network, n->now_ms, r->blob, r->blob_count);
	int err = sigpath_sign(SIG_PROPOSAL, &n->network, id, 1, r->by->sign, &tx->signature);

	tx->endorsement_count = (uint8_t)n->endorsers;
	tx->receipt_count = r->blob_count ? (uint8_t)members_quorum(NETFIX_ORGS) : 0;
	if (err == 0)
		err = sign_sorted(n, SIG_ENDORSEMENT, &endorsed, tx->endorsement_count, tx->endorsement);
	if (err == 0)
		err = sign_sorted(n, SIG_RECEIPT, &receipt, tx->receipt_count, tx->receipt);
	return err;
}

int netfix_tx(struct netfix *n, const struct netfix_request *r, struct buf *ret_tx, struct hash *ret_id)
{
	struct tx *tx = mem_zalloc(sizeof(*tx));
	struct buf proposal, rwset;
	struct hash id;
	int err = tx ? 0 : CF_ENOMEM;

	buf_init(&proposal, 0);
	buf_init(&rwset, 0);
	if (err == 0)
		err = netfix_proposal(n, r, &proposal, &id);
	if (err == 0)
		err = run_contract(n, buf_view(&proposal), &id, r->annex, &rwset);
	if (err)
		goto out;
	tx->proposal_bytes = buf_view(&proposal);
	tx->rwset_bytes = buf_view(&rwset);
	err = sign_tx(n, r, &id, tx);
	if (err == 0)
		err = tx_encode(tx, ret_tx);
	if (err == 0 && ret_id)
		*ret_id = id;
out:
	buf_release(&proposal);
	buf_release(&rwset);
	mem_free(tx);
	return err;
}

int netfix_submit(struct netfix *n, const struct netfix_request *r, struct hash *ret_id)
{
	struct apply_request request = {.annex = r->annex};
	struct buf tx;
	int err;

	buf_init(&tx, 0);
	err = netfix_tx(n, r, &tx, ret_id);
	request.tx = buf_view(&tx);
	if (err == 0)
		err = netfix_block(n, &request, 1, NULL);
	if (err == 0 && n->verdict != VERDICT_VALID)
		err = err_set(CF_EINVAL, "verdict %s", verdict_name((enum verdict)n->verdict));
	buf_release(&tx);
	return err;
}

/* Runs one operation whose body stands in body. */
static int submit_one(struct netfix *n, const struct identity *by, const struct patient_id *p,
		      enum op_code code, const struct buf *body, const struct buf *annex, struct hash *ret_id)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	int err;

	if (!r)
		return CF_ENOMEM;
	r->by = by;
	r->patient = p;
	r->op[0] = (struct tx_op){(uint8_t)code, buf_view(body)};
	r->op_count = 1;
	r->annex = annex ? buf_view(annex) : VIEW_NONE;
	err = netfix_submit(n, r, ret_id);
	mem_free(r);
	return err;
}

int netfix_admit(struct netfix *n, const struct identity *by, struct keyring *k, const struct patient_id *p)
{
	unsigned org = 0;
	bool custody = by->info.role != ROLE_PATIENT;
	struct op_admit op = {.mode = 0750, .uid = 1000, .gid = 1000, .window = contract_window(n->now_ms)};
	struct identity_id to[2] = {by->id, by->id};
	struct node_id root = {{0}};
	struct section_keys keys;
	struct buf body, annex, name;
	struct db_txn *txn;
	int err;

	while (custody && strcmp(n->custodian[org].info.org, by->info.org) != 0)
		org++;
	if (custody)
		op.custodian = to[1] = n->custodian[org].id;
	else
		op.owner = by->id;
	buf_init(&body, 0);
	buf_init(&annex, 0);
	buf_init(&name, 0);
	err = chain_read_begin(n->chain[0], &txn);
	if (err)
		return err;
	err = keyring_wrap_admit(k, txn, p, to, custody ? 2 : 1, &annex);
	if (err == 0)
		err = keyring_names_current(k, txn, p, 0, n->now_ms, &keys);
	db_abort(txn);
	if (err == 0)
		err = content_seal_name(&keys, &root, view_str("pseudonym"), &name);
	op.sealed_name = buf_view(&name);
	if (err == 0)
		err = op_admit_encode(&op, &body);
	if (err == 0)
		err = submit_one(n, by, p, OP_ADMIT, &body, &annex, NULL);
	buf_release(&body);
	buf_release(&annex);
	buf_release(&name);
	return err;
}

int netfix_grant(struct netfix *n, const struct identity *by, struct keyring *k, const struct patient_id *p,
		 uint32_t sections, const struct identity *to, unsigned verbs, uint64_t until_ms)
{
	struct op_grant op = {
		.sections = sections, .to = to->id, .verbs = (uint8_t)verbs, .until_ms = until_ms};
	struct buf body, annex;
	struct db_txn *txn;
	int err;

	buf_init(&body, 0);
	buf_init(&annex, 0);
	err = chain_read_begin(n->chain[0], &txn);
	if (err)
		return err;
	err = keyring_wrap_grant(k, txn, p, sections, &to->id, &annex);
	db_abort(txn);
	if (err == 0)
		err = op_grant_encode(&op, &body);
	if (err == 0)
		err = submit_one(n, by, p, OP_GRANT, &body, &annex, NULL);
	buf_release(&body);
	buf_release(&annex);
	return err;
}

int netfix_revoke(struct netfix *n, const struct identity *by, struct keyring *k, const struct patient_id *p,
		  uint32_t sections, const struct identity *from)
{
	struct op_revoke op = {.sections = sections, .from = from->id};
	struct buf body, annex;
	struct db_txn *txn;
	int err;

	buf_init(&body, 0);
	buf_init(&annex, 0);
	err = chain_read_begin(n->chain[0], &txn);
	if (err)
		return err;
	err = keyring_wrap_revoke(k, txn, p, sections, &from->id, n->now_ms, &annex);
	db_abort(txn);
	if (err == 0)
		err = op_revoke_encode(&op, &body);
	if (err == 0)
		err = submit_one(n, by, p, OP_REVOKE, &body, &annex, NULL);
	buf_release(&body);
	buf_release(&annex);
	return err;
}

void netfix_file_release(struct netfix_file *f)
{
	buf_release(&f->body);
	buf_release(&f->annex);
}

static int current_keys(struct netfix *n, struct keyring *k, const struct patient_id *p, unsigned section,
			struct section_keys *ret_keys)
{
	struct db_txn *txn;
	int err = chain_read_begin(n->chain[0], &txn);

	if (err)
		return err;
	err = keyring_current(k, txn, p, section, n->now_ms, ret_keys);
	db_abort(txn);
	return err;
}

int netfix_token(struct netfix *n, struct keyring *k, const struct patient_id *p, unsigned section,
		 const struct node_id *dir, const char *name, struct name_token *ret_token)
{
	struct section_keys keys;
	int err = current_keys(n, k, p, section, &keys);

	if (err == 0)
		*ret_token = content_token(&keys, dir, view_str(name));
	return err;
}

/* Seals plain as an inline row under a fixed secret, which goes into the annex. */
static int seal_inline(const struct netfix *n, const struct section_keys *keys, const char *plain,
		       struct buf *row_bytes, struct buf *annex)
{
	const uint8_t secret[CONTENT_SECRET_BYTES] = NETFIX_SECRET;
	struct content_row row = {.form = CONTENT_INLINE,
				  .epoch = keys->epoch,
				  .window = keys->window,
				  .secret_index = n->content_op};
	struct buf sealed, item;
	int err;

	buf_init(&sealed, 0);
	buf_init(&item, 0);
	err = content_seal(keys, secret, view_str(plain), &sealed);
	row.sealed = buf_view(&sealed);
	if (err == 0)
		err = content_row_encode(&row, row_bytes);
	if (err == 0)
		err = content_secret_item(n->content_op, secret, &item);
	if (err == 0)
		err = annex_encode(&(struct annex_item){ANNEX_SECRET, buf_view(&item)}, 1, annex);
	buf_release(&sealed);
	buf_release(&item);
	return err;
}

static struct hash commitment_of(const struct section_keys *keys, const char *plain)
{
	struct hash hash = sha256(view_str(plain));

	return content_commitment(keys, &hash);
}

int netfix_create(struct netfix *n, struct keyring *k, const struct patient_id *p, unsigned section,
		  const struct node_id *dir, const char *name, enum node_type type, const char *plain,
		  struct netfix_file *ret_f)
{
	struct op_create op = {
		.dir = *dir, .section = (uint8_t)section, .type = type, .attrs = {.mode = 0640}};
	struct section_keys keys;
	struct buf row, sealed;
	int err = current_keys(n, k, p, section, &keys);

	buf_init(&ret_f->body, 0);
	buf_init(&ret_f->annex, 0);
	buf_init(&row, 0);
	buf_init(&sealed, 0);
	if (err == 0)
		err = content_seal_name(&keys, dir, view_str(name), &sealed);
	if (err == 0 && plain)
		err = seal_inline(n, &keys, plain, &row, &ret_f->annex);
	if (err == 0) {
		op.epoch = keys.epoch;
		op.window = keys.window;
		op.token = content_token(&keys, dir, view_str(name));
		op.sealed_name = buf_view(&sealed);
		op.size = plain ? strlen(plain) : 0;
		op.content = buf_view(&row);
		if (plain)
			op.commitment = commitment_of(&keys, plain);
		err = op_create_encode(&op, &ret_f->body);
	}
	buf_release(&row);
	buf_release(&sealed);
	if (err)
		netfix_file_release(ret_f);
	return err;
}

int netfix_save(struct netfix *n, struct keyring *k, const struct patient_id *p, unsigned section,
		const struct node_id *node, struct version base, const char *plain, struct netfix_file *ret_f)
{
	struct op_save op = {.node = *node, .base = base, .attrs = {.mode = 0640}, .size = strlen(plain)};
	struct section_keys keys;
	struct buf row;
	int err = current_keys(n, k, p, section, &keys);

	buf_init(&ret_f->body, 0);
	buf_init(&ret_f->annex, 0);
	buf_init(&row, 0);
	if (err == 0)
		err = seal_inline(n, &keys, plain, &row, &ret_f->annex);
	op.content = buf_view(&row);
	if (err == 0)
		op.commitment = commitment_of(&keys, plain);
	if (err == 0)
		err = op_save_encode(&op, &ret_f->body);
	buf_release(&row);
	if (err)
		netfix_file_release(ret_f);
	return err;
}

int netfix_put(struct netfix *n, const struct identity *by, struct keyring *k, const struct patient_id *p,
	       unsigned section, const struct node_id *dir, const char *name, enum node_type type,
	       const char *plain, struct node_id *ret_node)
{
	struct netfix_file f;
	struct hash id;
	int err = netfix_create(n, k, p, section, dir, name, type, plain, &f);

	if (err)
		return err;
	err = submit_one(n, by, p, OP_CREATE, &f.body, f.annex.len ? &f.annex : NULL, &id);
	netfix_file_release(&f);
	if (err == 0)
		*ret_node = op_new_node(&id, 0);
	return err;
}
