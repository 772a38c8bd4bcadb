/* SPDX-License-Identifier: Apache-2.0 */
/* From staged bytes to the content of an operation: comparison, sealing, commitment. */
#include "fs/chart_private.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

static int put_row(const struct section_keys *keys, enum content_form form, const struct attachment *blob,
		   uint16_t index, struct view sealed, struct buf *out)
{
	struct content_row row = {
		.form = form,
		.epoch = keys->epoch,
		.window = keys->window,
		.secret_index = index,
		.sealed = sealed,
	};

	if (blob) {
		row.root = blob->root.address;
		row.level = blob->level;
	}
	return content_row_encode(&row, out);
}

/* Sealed under a secret of this version alone, which goes into the annex: what can be erased there is erased
 * for good. */
static int seal(const struct section_keys *keys, enum content_form form, const struct attachment *blob,
		struct view plain, struct commit *m, struct content *ret_content)
{
	uint8_t secret[CONTENT_SECRET_BYTES];
	struct buf sealed;
	int err;

	random_bytes(secret, sizeof secret);
	buf_init(&sealed, 0);
	err = content_seal(keys, secret, plain, &sealed);
	if (!err)
		err = put_row(keys, form, blob, m->count, buf_view(&sealed), &ret_content->row);
	if (!err)
		err = commit_add_secret(m, m->count, secret);
	buf_release(&sealed);
	mem_wipe(secret, sizeof secret);
	return err;
}

static int make_empty(const struct section_keys *keys, const struct tree_file *over, struct commit *m,
		      struct content *ret_content)
{
	struct hash h = sha256(VIEW_NONE);

	ret_content->unchanged = over && over->size == 0;
	ret_content->commitment = content_commitment(keys, &h);
	return put_row(keys, CONTENT_INLINE, NULL, m->count, VIEW_NONE, &ret_content->row);
}

static int make_record(struct snapshot *snap, const struct section_keys *keys, const struct tree_file *over,
		       struct commit *m, struct content *ret_content)
{
	struct hash h;

	if (over && !over->is_blob && view_equal(buf_view(&over->plain), buf_view(&snap->plain))) {
		ret_content->unchanged = true;
		return 0;
	}
	h = sha256(buf_view(&snap->plain));
	ret_content->commitment = content_commitment(keys, &h);
	return seal(keys, CONTENT_INLINE, NULL, buf_view(&snap->plain), m, ret_content);
}

static bool same_root(const struct attachment *a, const struct tree_file *over)
{
	return over && over->is_blob && a->size == over->size &&
	       hash_equal(&a->root.address, &over->attachment.root.address) &&
	       hash_equal(&a->root.id, &over->attachment.root.id);
}

static int seal_root(const struct section_keys *keys, const struct attachment *a, struct commit *m,
		     struct content *ret_content)
{
	struct buf reference;
	int err;

	buf_init(&reference, 0);
	err = content_ref_encode(&a->root, a->size, &reference);
	if (!err)
		err = seal(keys, CONTENT_BLOB, a, buf_view(&reference), m, ret_content);
	if (!err)
		m->blob[m->blob_count++] = (struct tx_blob){a->root.address, a->size};
	buf_release_secret(&reference);
	return err;
}

static bool all_changed(void *ctx, uint64_t from, uint64_t to)
{
	(void)ctx;
	return from < to;
}

/*
 * An attachment whose bytes all pass by commits to its SHA-256. Where a part of a large one was rewritten
 * that would mean to read all of it again: it commits to its tree instead (LAYOUT.md).
 */
static int make_attachment(struct chart *c, struct snapshot *snap, const struct section_keys *keys,
			   const struct tree_file *over, struct commit *m, struct content *ret_content)
{
	const struct attachment *base = snap->base && snap->base->is_blob ? &snap->base->attachment : NULL;
	struct sha256_ctx *ctx = snap->hash;
	struct attachment a;
	struct hash h;
	int err;

	/* over a record (a rename to an attachment's name) every byte is new to the tree */
	if (base == NULL && snap->source.base_limit)
		snap->source.changed = all_changed;
	if (base == NULL)
		snap->source.base_limit = 0;
	err = attachment_build(tree_attachments(c->tree), keys, base, &snap->source, ctx, snap->hashed, &a);
	if (err)
		return err;
	if (ctx) {
		h = sha256_finish(ctx);
		snap->hash = NULL;
	} else {
		h = attachment_tree_hash(&a);
	}
	if (same_root(&a, over) ||
	    (ctx && over && over->size == a.size && tree_file_commits_to(c->tree, over, &h))) {
		ret_content->unchanged = true;
		return 0;
	}
	ret_content->commitment = content_commitment(keys, &h);
	return seal_root(keys, &a, m, ret_content);
}

int content_make(struct chart *c, struct snapshot *snap, bool is_record, const struct section_keys *keys,
		 const struct tree_file *over, struct commit *m, struct content *ret_content)
{
	assert(m->count < COMMIT_OPS && m->annex.len == 0);
	if (snap->size == 0)
		return make_empty(keys, over, m, ret_content);
	if (is_record)
		return make_record(snap, keys, over, m, ret_content);
	return make_attachment(c, snap, keys, over, m, ret_content);
}
