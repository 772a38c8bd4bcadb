/* SPDX-License-Identifier: Apache-2.0 */
/*
 * erase.c - annexes without what was erased.
 */
#include "acl/erase.h"

#include "acl/content.h"
#include "acl/contract.h"
#include "acl/derive.h"
#include "acl/rowread.h"
#include "acl/waiting.h"

#include <string.h>

struct erasing {
	struct chain *chain;
	struct chain_stage *stage; /* NULL: it is only looked whether anything is left */
	struct version until;      /* then: of what was written up to there */
	struct db_txn *txn;
	const struct patient_id *patient;
	enum statekey_patient_kind kind; /* of the row whose versions are erased */
};

/* One version's secret: SECRET items begin with their operation's number. */
static bool is_secret_of(void *ctx, const struct annex_item *item)
{
	uint16_t index = *(const uint16_t *)ctx;

	return item->kind == ANNEX_SECRET && item->body.len >= 2 && item->body.data[0] == index >> 8 &&
	       item->body.data[1] == (index & 0xff);
}

/* One transaction of a patient that is erased. */
struct forgotten {
	struct db_txn *txn; /* NULL: nothing is changed */
	const struct patient_id *patient;
	const struct hash *id;
	int err;
};

static bool forget_item(void *ctx, const struct annex_item *item)
{
	struct forgotten *f = ctx;

	if (f->err == 0 && f->txn)
		f->err = derive_item_erased(f->txn, f->patient, f->id, item);
	return true;
}

static int erase_in(const struct erasing *e, const struct hash *id,
		    bool (*erases)(void *ctx, const struct annex_item *item), void *ctx)
{
	struct view annex;
	struct buf left;
	size_t erased = 0;
	int err = chain_annex(e->txn, id, &annex);

	if (err)
		return err == CF_ENOTFOUND ? 0 : err;
	buf_init(&left, 0);
	err = annex_erase(annex, erases, ctx, &left, &erased);
	if (err == CF_EDECODE)
		err = err_set(CF_ECORRUPT, "a stored annex does not decode");
	if (err == 0 && erased && !e->stage)
		err = err_set(CF_EEXIST, "something that was to be erased is here");
	else if (err == 0 && erased)
		err = chain_stage_annex(e->stage, id, buf_view(&left));
	buf_release(&left);
	return err;
}

static int erase_secret(const struct erasing *e, const struct content_row *row)
{
	uint16_t index = row->secret_index;
	int err = erase_in(e, &row->secret_tx, is_secret_of, &index);

	return err || !e->stage ? err : derive_blob_erased(e->txn, e->patient, &row->secret_tx, index);
}

static int erase_content(const struct erasing *e, struct view value)
{
	struct content_row row;

	if (content_row_decode(value, &row))
		return err_set(CF_ECORRUPT, "a content row of the past does not decode");
	if (row.sealed.len == 0)
		return 0; /* an empty file has no secret */
	return erase_secret(e, &row);
}

static int erase_xattrs(const struct erasing *e, struct view value)
{
	struct xattr_row row;

	if (xattr_row_decode(value, &row))
		return err_set(CF_ECORRUPT, "a row of extended attributes of the past does not decode");
	return erase_in(e, &row.secret_tx, is_secret_of, &row.secret_index);
}

/* What was only proposed has a secret, too. */
static int erase_waiting(const struct erasing *e, struct view value)
{
	struct content_row content;
	struct waiting_row row;
	struct op_save save;

	if (waiting_row_decode(value, &row) || waiting_content(&row, &save, &content))
		return err_set(CF_ECORRUPT, "a change that waited does not decode");
	if (content.sealed.len == 0)
		return 0;
	return erase_secret(e, &content);
}

static bool is_later(const struct erasing *e, struct version v)
{
	return !e->stage &&
	       (v.height > e->until.height || (v.height == e->until.height && v.index > e->until.index));
}

static int erase_version(const struct erasing *e, struct view value)
{
	switch (e->kind) {
	case SKP_CONTENT:
		return erase_content(e, value);
	case SKP_WAITING:
		return erase_waiting(e, value);
	default:
		return erase_xattrs(e, value);
	}
}

static int on_past(void *ctx, const struct history_row *row)
{
	const struct erasing *e = ctx;
	struct buf value;
	int err;

	if (row->deleted || is_later(e, row->version))
		return 0;
	buf_init(&value, 0);
	err = history_read(chain_blocks(e->chain), row, &value);
	if (err == 0)
		err = erase_version(e, buf_view(&value));
	buf_release(&value);
	return err;
}

/* All versions of the past, and the one that the state has: it may be of this very block. */
static int erase_rows(struct erasing *e, enum statekey_patient_kind kind, const struct node_id *n)
{
	struct statekey key = statekey_node(e->patient, kind, n);
	struct version version;
	struct view value;
	int err;

	e->kind = kind;
	err = history_walk(e->txn, statekey_view(&key), on_past, e);
	if (err && err != CF_ENOTFOUND)
		return err;
	err = state_get(e->txn, statekey_view(&key), &value, &version);
	if (err)
		return err == CF_ENOTFOUND ? 0 : err;
	return is_later(e, version) ? 0 : erase_version(e, value);
}

static int erase_node(struct erasing *e, const struct node_id *n)
{
	int err = erase_rows(e, SKP_CONTENT, n);

	if (err == 0)
		err = erase_rows(e, SKP_WAITING, n);
	return err ? err : erase_rows(e, SKP_XATTR, n);
}

static int on_patient_tx(void *ctx, struct version version, const struct hash *id)
{
	const struct erasing *e = ctx;
	struct forgotten f = {.txn = e->stage ? e->txn : NULL, .patient = e->patient, .id = id};
	int err = erase_in(e, id, forget_item, &f);

	(void)version; /* nothing follows the erasure of a patient */
	return err ? err : f.err;
}

static int erase_patient(struct erasing *e, const struct hash *log_key)
{
	int err = chain_log_walk(e->txn, log_key, on_patient_tx, e);

	return err || !e->stage ? err : derive_blobs_erased(e->txn, e->patient);
}

static int each_erasure(struct erasing *e, const struct tx_proposal *p, unsigned *ret_count)
{
	struct hash patient = {{0}};
	unsigned count = 0;
	int err = 0;

	e->patient = &p->patient;
	memcpy(patient.b, p->patient.b, PATIENT_BYTES);
	for (unsigned i = 0; i < p->op_count && err == 0; i++) {
		struct op_erase op;

		if (p->op[i].code != OP_ERASE)
			continue;
		count++;
		err = op_erase_decode(p->op[i].body, &op);
		if (err == 0 && !node_is_zero(&op.node))
			err = erase_node(e, &op.node);
		else if (err == 0)
			err = erase_patient(e, &patient);
	}
	*ret_count = count;
	return err == CF_EDECODE ? err_set(CF_ECORRUPT, "an erasure that was judged valid does not decode")
				 : err;
}

int erase_apply(struct chain *c, struct chain_stage *s, const struct tx *tx)
{
	struct erasing e = {.chain = c, .stage = s, .txn = chain_stage_txn(s)};
	unsigned count;

	return each_erasure(&e, &tx->proposal, &count);
}

int erase_check(struct chain *c, struct db_txn *txn, const struct tx *tx, struct version at)
{
	struct erasing e = {.chain = c, .until = at, .txn = txn};
	unsigned count;
	int err = each_erasure(&e, &tx->proposal, &count);

	return err || count ? err : err_set(CF_EINVAL, "the transaction erases nothing");
}
