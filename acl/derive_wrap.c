/* SPDX-License-Identifier: Apache-2.0 */
/* derive_wrap.c - which transactions' annexes wrap keys, and for whom. */
#include "acl/derive_private.h"
#include "acl/rowread.h"
#include "acl/trace.h"
#include "acl/wrap.h"

#include <endian.h>
#include <string.h>

static struct derive_key wrap_key(const struct identity_id *who, const struct patient_id *p, uint8_t section,
				  uint32_t epoch)
{
	const uint8_t rest[] = {section, (uint8_t)(epoch >> 24), (uint8_t)(epoch >> 16),
				(uint8_t)(epoch >> 8), (uint8_t)epoch};
	struct derive_key k = derive_key(KEY_WRAP);

	derive_key_add(&k, who->b, IDENTITY_BYTES);
	derive_key_add(&k, p->b, PATIENT_BYTES);
	derive_key_add(&k, rest, sizeof(rest));
	return k;
}

struct wraps_walk {
	int (*on_tx)(void *ctx, const struct hash *id);
	void *ctx;
};

static int on_wrap(void *ctx, struct view rest)
{
	const struct wraps_walk *w = ctx;
	struct hash id;

	if (rest.len != HASH_BYTES)
		return err_set(CF_ECORRUPT, "a derived row does not decode");
	memcpy(id.b, rest.data, HASH_BYTES);
	return w->on_tx(w->ctx, &id);
}

int derived_wraps(struct db_txn *txn, const struct identity_id *who, const struct patient_id *p,
		  uint8_t section, uint32_t epoch, int (*on_tx)(void *ctx, const struct hash *id), void *ctx)
{
	struct derive_key prefix = wrap_key(who, p, section, epoch);

	return derive_walk(txn, &prefix, on_wrap, &(struct wraps_walk){on_tx, ctx});
}

static struct derive_key trace_row_key(const struct identity_id *who, const struct patient_id *p,
				       uint8_t section, uint32_t epoch, uint32_t window)
{
	struct derive_key k = wrap_key(who, p, section, epoch);
	uint32_t be = htobe32(window);

	k.b[0] = KEY_TRACE;
	derive_key_add(&k, &be, sizeof(be));
	return k;
}

int derived_traces(struct db_txn *txn, const struct identity_id *who, const struct patient_id *p,
		   uint8_t section, uint32_t epoch, uint32_t window,
		   int (*on_tx)(void *ctx, const struct hash *id), void *ctx)
{
	struct derive_key prefix = trace_row_key(who, p, section, epoch, window);

	return derive_walk(txn, &prefix, on_wrap, &(struct wraps_walk){on_tx, ctx});
}

/* The row of a transaction below a prefix: there, or gone. */
static int set_row(struct db_txn *txn, struct derive_key k, const struct hash *id, bool there)
{
	uint8_t here = 1;
	int err;

	derive_key_add(&k, id->b, HASH_BYTES);
	if (there)
		return db_put(txn, DB_DERIVED, derive_key_view(&k), VIEW(&here, 1));
	err = db_del(txn, DB_DERIVED, derive_key_view(&k));
	return err == CF_ENOTFOUND ? 0 : err;
}

/* For each section and epoch that a wrap holds the key of: is its transaction's row there? */
static int set_wraps(struct db_txn *txn, const struct patient_id *p, const struct hash *id,
		     const struct annex_item *item, bool there)
{
	struct wrap w;
	int err = 0;

	if (item->kind != ANNEX_WRAP || wrap_decode(item->body, &w))
		return 0;
	for (unsigned i = 0; i < w.count && err == 0; i++) {
		uint8_t section;
		uint32_t epoch;

		wrap_pair(&w, i, &section, &epoch);
		err = set_row(txn, wrap_key(&w.recipient, p, section, epoch), id, there);
	}
	return err;
}

/* Whose annex is walked. */
struct item {
	struct db_txn *txn;
	const struct tx *tx;
	const struct patient_id *patient;
};

/* Only what is for the chart's owner: nobody else is spared asking the peers. */
static int derive_trace(const struct item *d, const struct annex_item *item)
{
	struct patient_row row;
	struct trace_wrap w;
	int err = trace_wrap_decode(item->body, &w) ? CF_ENOTFOUND : state_patient(d->txn, d->patient, &row);

	if (err)
		return err == CF_ENOTFOUND ? 0 : err;
	if (row.status != PATIENT_OWNED || !identity_equal(&w.recipient, &row.owner))
		return 0;
	return set_row(d->txn, trace_row_key(&w.recipient, d->patient, w.section, w.epoch, w.window),
		       &d->tx->id, true);
}

static int derive_wrap(void *ctx, const struct annex_item *item)
{
	const struct item *d = ctx;

	if (item->kind == ANNEX_TRACE)
		return derive_trace(d, item);
	return set_wraps(d->txn, d->patient, &d->tx->id, item, true);
}

int derive_item_erased(struct db_txn *txn, const struct patient_id *p, const struct hash *id,
		       const struct annex_item *item)
{
	struct trace_wrap w;

	if (item->kind != ANNEX_TRACE || trace_wrap_decode(item->body, &w))
		return set_wraps(txn, p, id, item, false);
	return set_row(txn, trace_row_key(&w.recipient, p, w.section, w.epoch, w.window), id, false);
}

int derive_annex(struct db_txn *txn, const struct tx *tx, struct view annex)
{
	struct item d = {txn, tx, &tx->proposal.patient};

	return annex.len ? annex_walk(annex, derive_wrap, &d) : 0;
}
