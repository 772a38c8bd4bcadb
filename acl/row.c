/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row.c - the bytes of the values of the state.
 */
#include "acl/row.h"
#include "ledger/blob.h"

#include <assert.h>
#include <string.h>

#define ROW_VERSION 1
#define CERT_BYTES_MAX 8192
#define VERBS_KNOWN (VERB_ALL | VERB_GRANT)
#define SEALED_OVERHEAD_MAX 1024 /* of a record in its row: fields, nonce, tag */

static void start(struct enc *e, struct buf *out)
{
	enc_init(e, out);
	enc_u8(e, ROW_VERSION);
}

static void open_row(struct dec *d, struct view bytes)
{
	dec_init(d, bytes);
	if (dec_u8(d) != ROW_VERSION)
		dec_fail(d, CF_EDECODE);
}

/* A number that must lie within a table. */
static unsigned dec_within(struct dec *d, unsigned value, unsigned low, unsigned high)
{
	if (value < low || value > high) {
		dec_fail(d, CF_EDECODE);
		return low;
	}
	return value;
}

static void dec_name(struct dec *d, char ret_name[ROW_NAME_MAX + 1])
{
	struct view v = dec_short(d);

	if (v.len == 0 || v.len > ROW_NAME_MAX || memchr(v.data, 0, v.len)) {
		dec_fail(d, CF_EDECODE);
		ret_name[0] = '\0';
		return;
	}
	memcpy(ret_name, v.data, v.len);
	ret_name[v.len] = '\0';
}

static void enc_version(struct enc *e, uint32_t epoch, uint32_t window)
{
	enc_u32(e, epoch);
	enc_u32(e, window);
}

static struct view dec_sealed_name(struct dec *d)
{
	struct view v = dec_bytes(d, SEALED_NAME_BYTES_MAX);

	if (v.len == 0)
		dec_fail(d, CF_EDECODE);
	return v;
}

/* Checks the cursor and hands the row out; the macro keeps ten decoders from differing in their last lines.
 */
#define DECODED(d, row, ret_row)            \
	do {                                \
		int decoded_ = dec_done(d); \
		if (decoded_)               \
			return decoded_;    \
		*(ret_row) = (row);         \
		return 0;                   \
	} while (0)

int policy_row_encode(const struct policy_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_u16(&e, row->endorsing_orgs);
	enc_u32(&e, row->record_bytes_max);
	enc_u64(&e, row->time_window_ms);
	enc_u64(&e, row->valid_blocks_max);
	enc_u8(&e, row->receipts);
	return enc_done(&e);
}

int policy_row_decode(struct view bytes, struct policy_row *ret_row)
{
	struct policy_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.endorsing_orgs = dec_u16(&d);
	row.record_bytes_max = dec_u32(&d);
	row.time_window_ms = dec_u64(&d);
	row.valid_blocks_max = dec_u64(&d);
	row.receipts = dec_u8(&d);
	/* an endorsement by 0 organizations is none; no row holds a larger record */
	if (row.endorsing_orgs == 0 || row.record_bytes_max > STATE_VALUE_BYTES_MAX - SEALED_OVERHEAD_MAX ||
	    row.receipts > MEMBERS_MAX)
		dec_fail(&d, CF_EDECODE);
	DECODED(&d, row, ret_row);
}

int org_row_encode(const struct org_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_u16(&e, row->number);
	enc_short(&e, view_str(row->name));
	enc_fixed(&e, row->ca_fingerprint.b, HASH_BYTES);
	enc_fixed(&e, row->custodian.b, IDENTITY_BYTES);
	return enc_done(&e);
}

int org_row_decode(struct view bytes, struct org_row *ret_row)
{
	struct org_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.number = dec_u16(&d);
	dec_name(&d, row.name);
	dec_fixed(&d, row.ca_fingerprint.b, HASH_BYTES);
	dec_fixed(&d, row.custodian.b, IDENTITY_BYTES);
	DECODED(&d, row, ret_row);
}

int identity_row_encode(const struct identity_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_u8(&e, row->status);
	enc_u8(&e, (uint8_t)row->role);
	enc_u16(&e, row->org);
	enc_short(&e, view_str(row->name));
	enc_fixed(&e, row->sign_point, POINT_BYTES);
	enc_fixed(&e, row->endorse_point, POINT_BYTES);
	enc_fixed(&e, row->kem_point, POINT_BYTES);
	enc_u64(&e, row->not_before_ms);
	enc_u64(&e, row->not_after_ms);
	enc_bytes(&e, row->cert);
	return enc_done(&e);
}

int identity_row_decode(struct view bytes, struct identity_row *ret_row)
{
	struct identity_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.status = (uint8_t)dec_within(&d, dec_u8(&d), IDENTITY_ACTIVE, IDENTITY_REVOKED);
	row.role = (enum role)dec_within(&d, dec_u8(&d), ROLE_PATIENT, ROLE_PEER);
	row.org = dec_u16(&d);
	dec_name(&d, row.name);
	dec_fixed(&d, row.sign_point, POINT_BYTES);
	dec_fixed(&d, row.endorse_point, POINT_BYTES);
	dec_fixed(&d, row.kem_point, POINT_BYTES);
	row.not_before_ms = dec_u64(&d);
	row.not_after_ms = dec_u64(&d);
	row.cert = dec_bytes(&d, CERT_BYTES_MAX);
	DECODED(&d, row, ret_row);
}

int issued_row_encode(const struct issued_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_bool(&e, row->revoked);
	enc_fixed(&e, row->identity.b, IDENTITY_BYTES);
	return enc_done(&e);
}

int issued_row_decode(struct view bytes, struct issued_row *ret_row)
{
	struct issued_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.revoked = dec_bool(&d);
	dec_fixed(&d, row.identity.b, IDENTITY_BYTES);
	DECODED(&d, row, ret_row);
}

int crl_row_encode(const struct crl_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_u64(&e, row->number);
	enc_u64(&e, row->this_update_ms);
	enc_u64(&e, row->next_update_ms);
	enc_u32(&e, row->count);
	enc_fixed(&e, row->hash.b, HASH_BYTES);
	return enc_done(&e);
}

int crl_row_decode(struct view bytes, struct crl_row *ret_row)
{
	struct crl_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.number = dec_u64(&d);
	row.this_update_ms = dec_u64(&d);
	row.next_update_ms = dec_u64(&d);
	row.count = dec_u32(&d);
	dec_fixed(&d, row.hash.b, HASH_BYTES);
	DECODED(&d, row, ret_row);
}

int patient_row_encode(const struct patient_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_u8(&e, row->status);
	enc_fixed(&e, row->owner.b, IDENTITY_BYTES);
	enc_fixed(&e, row->custodian.b, IDENTITY_BYTES);
	enc_fixed(&e, row->admitted_by.b, IDENTITY_BYTES);
	enc_version(&e, row->epoch, row->window);
	enc_bytes(&e, row->sealed_name);
	return enc_done(&e);
}

int patient_row_decode(struct view bytes, struct patient_row *ret_row)
{
	struct patient_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.status = (uint8_t)dec_within(&d, dec_u8(&d), PATIENT_CUSTODY, PATIENT_ERASED);
	dec_fixed(&d, row.owner.b, IDENTITY_BYTES);
	dec_fixed(&d, row.custodian.b, IDENTITY_BYTES);
	dec_fixed(&d, row.admitted_by.b, IDENTITY_BYTES);
	row.epoch = dec_u32(&d);
	row.window = dec_u32(&d);
	row.sealed_name = dec_sealed_name(&d);
	DECODED(&d, row, ret_row);
}

int section_row_encode(const struct section_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_u32(&e, row->epoch);
	enc_u8(&e, row->amend);
	enc_fixed(&e, row->epoch_tx.b, HASH_BYTES);
	return enc_done(&e);
}

int section_row_decode(struct view bytes, struct section_row *ret_row)
{
	struct section_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.epoch = dec_u32(&d);
	row.amend = (uint8_t)dec_within(&d, dec_u8(&d), 0, 1);
	dec_fixed(&d, row.epoch_tx.b, HASH_BYTES);
	DECODED(&d, row, ret_row);
}

int grant_row_encode(const struct grant_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_u8(&e, row->verbs);
	enc_u64(&e, row->until_ms);
	enc_u16(&e, row->purpose);
	enc_u32(&e, row->from_epoch);
	enc_fixed(&e, row->grant_tx.b, HASH_BYTES);
	enc_fixed(&e, row->granted_by.b, IDENTITY_BYTES);
	return enc_done(&e);
}

int grant_row_decode(struct view bytes, struct grant_row *ret_row)
{
	struct grant_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.verbs = dec_u8(&d);
	if (row.verbs & ~VERBS_KNOWN)
		dec_fail(&d, CF_EDECODE);
	row.until_ms = dec_u64(&d);
	row.purpose = dec_u16(&d);
	row.from_epoch = dec_u32(&d);
	dec_fixed(&d, row.grant_tx.b, HASH_BYTES);
	dec_fixed(&d, row.granted_by.b, IDENTITY_BYTES);
	DECODED(&d, row, ret_row);
}

int node_row_encode(const struct node_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_u8(&e, (uint8_t)row->type);
	enc_u8(&e, row->section);
	enc_fixed(&e, row->parent.b, NODE_BYTES);
	enc_u32(&e, row->mode);
	enc_u32(&e, row->uid);
	enc_u32(&e, row->gid);
	enc_u64(&e, row->atime_ns);
	enc_u64(&e, row->mtime_ns);
	enc_u64(&e, row->ctime_ns);
	enc_u64(&e, row->crtime_ns);
	enc_u64(&e, row->size);
	enc_fixed(&e, row->content_hash.b, HASH_BYTES);
	enc_fixed(&e, row->commitment.b, HASH_BYTES);
	enc_fixed(&e, row->author.b, IDENTITY_BYTES);
	return enc_done(&e);
}

int node_row_decode(struct view bytes, struct node_row *ret_row)
{
	struct node_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.type = (enum node_type)dec_within(&d, dec_u8(&d), NODE_DIR, NODE_SYMLINK);
	row.section = (uint8_t)dec_within(&d, dec_u8(&d), 0, SECTION_COUNT);
	dec_fixed(&d, row.parent.b, NODE_BYTES);
	row.mode = dec_within(&d, dec_u32(&d), 0, 07777);
	row.uid = dec_u32(&d);
	row.gid = dec_u32(&d);
	row.atime_ns = dec_u64(&d);
	row.mtime_ns = dec_u64(&d);
	row.ctime_ns = dec_u64(&d);
	row.crtime_ns = dec_u64(&d);
	row.size = dec_u64(&d);
	dec_fixed(&d, row.content_hash.b, HASH_BYTES);
	dec_fixed(&d, row.commitment.b, HASH_BYTES);
	dec_fixed(&d, row.author.b, IDENTITY_BYTES);
	DECODED(&d, row, ret_row);
}

int content_row_encode(const struct content_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_u8(&e, (uint8_t)row->form);
	enc_version(&e, row->epoch, row->window);
	enc_fixed(&e, row->secret_tx.b, HASH_BYTES);
	enc_u16(&e, row->secret_index);
	enc_fixed(&e, row->root.b, HASH_BYTES);
	enc_u8(&e, row->level);
	enc_bytes(&e, row->sealed);
	return enc_done(&e);
}

int content_row_decode(struct view bytes, struct content_row *ret_row)
{
	struct content_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.form = (enum content_form)dec_within(&d, dec_u8(&d), CONTENT_INLINE, CONTENT_BLOB);
	row.epoch = dec_u32(&d);
	row.window = dec_u32(&d);
	dec_fixed(&d, row.secret_tx.b, HASH_BYTES);
	row.secret_index = (uint16_t)dec_within(&d, dec_u16(&d), 0, TX_OPS_MAX - 1);
	dec_fixed(&d, row.root.b, HASH_BYTES);
	row.level = (uint8_t)dec_within(&d, dec_u8(&d), 0, BLOB_LEVELS_MAX);
	row.sealed = dec_bytes(&d, STATE_VALUE_BYTES_MAX);
	/* what is inline has no tree, and an empty tree has no levels */
	if (row.form == CONTENT_INLINE && !hash_is_zero(&row.root))
		dec_fail(&d, CF_EDECODE);
	if (hash_is_zero(&row.root) && row.level != 0)
		dec_fail(&d, CF_EDECODE);
	DECODED(&d, row, ret_row);
}

int erasure_row_encode(const struct erasure_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_u64(&e, row->time_ms);
	enc_fixed(&e, row->by.b, IDENTITY_BYTES);
	return enc_done(&e);
}

int erasure_row_decode(struct view bytes, struct erasure_row *ret_row)
{
	struct erasure_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.time_ms = dec_u64(&d);
	dec_fixed(&d, row.by.b, IDENTITY_BYTES);
	DECODED(&d, row, ret_row);
}

int entry_row_encode(const struct entry_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_fixed(&e, row->node.b, NODE_BYTES);
	enc_u8(&e, (uint8_t)row->type);
	enc_version(&e, row->epoch, row->window);
	enc_bytes(&e, row->sealed_name);
	return enc_done(&e);
}

int entry_row_decode(struct view bytes, struct entry_row *ret_row)
{
	struct entry_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	dec_fixed(&d, row.node.b, NODE_BYTES);
	row.type = (enum node_type)dec_within(&d, dec_u8(&d), NODE_DIR, NODE_SYMLINK);
	row.epoch = dec_u32(&d);
	row.window = dec_u32(&d);
	row.sealed_name = dec_sealed_name(&d);
	DECODED(&d, row, ret_row);
}

int xattr_row_encode(const struct xattr_row *row, struct buf *out)
{
	struct enc e;

	start(&e, out);
	enc_version(&e, row->epoch, row->window);
	enc_fixed(&e, row->secret_tx.b, HASH_BYTES);
	enc_u16(&e, row->secret_index);
	enc_bytes(&e, row->sealed);
	return enc_done(&e);
}

int xattr_row_decode(struct view bytes, struct xattr_row *ret_row)
{
	struct xattr_row row = {0};
	struct dec d;

	open_row(&d, bytes);
	row.epoch = dec_u32(&d);
	row.window = dec_u32(&d);
	dec_fixed(&d, row.secret_tx.b, HASH_BYTES);
	row.secret_index = (uint16_t)dec_within(&d, dec_u16(&d), 0, TX_OPS_MAX - 1);
	row.sealed = dec_bytes(&d, STATE_VALUE_BYTES_MAX);
	if (row.sealed.len == 0)
		dec_fail(&d, CF_EDECODE);
	DECODED(&d, row, ret_row);
}
