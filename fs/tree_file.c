/* SPDX-License-Identifier: Apache-2.0 */
/* Contents: a version opened once, then read. */
#include "fs/tree_private.h"

#include "acl/rowread.h"
#include "acl/waiting.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

struct tree_file *tree_file_ref(struct tree_file *f)
{
	f->refs++;
	return f;
}

void tree_file_release(struct tree_file *f)
{
	if (f == NULL || --f->refs > 0)
		return;
	pthread_mutex_lock(&f->tree->file_lock);
	*f->at = f->next;
	if (f->next)
		f->next->at = f->at;
	pthread_mutex_unlock(&f->tree->file_lock);
	buf_release_secret(&f->plain);
	mem_free(f);
}

static struct tree_file *file_new(struct tree *t, const struct place *p)
{
	struct tree_file *f = mem_zalloc(sizeof *f);

	if (f == NULL)
		return NULL;
	f->tree = t;
	f->refs = 1;
	f->place = *p;
	buf_init(&f->plain, 0);
	pthread_mutex_lock(&t->file_lock);
	f->next = t->files;
	f->at = &t->files;
	if (f->next)
		f->next->at = &f->next;
	t->files = f;
	pthread_mutex_unlock(&t->file_lock);
	return f;
}

void tree_files_dry(struct tree *t)
{
	pthread_mutex_lock(&t->file_lock);
	for (struct tree_file *f = t->files; f; f = f->next) {
		buf_release_secret(&f->plain);
		mem_wipe(&f->attachment, sizeof f->attachment);
		f->is_dry = true;
	}
	pthread_mutex_unlock(&t->file_lock);
}

/* The secret is in the annex of the transaction that wrote the version; an erasure takes it out of there. */
static int secret_of(struct tree_look *l, const struct content_row *row, uint64_t height,
		     uint8_t ret_secret[CONTENT_SECRET_BYTES])
{
	struct view annex;
	struct buf hold;
	int err;

	buf_init(&hold, 0);
	err = tree_annex(l, &row->secret_tx, height, &hold, &annex);
	if (err == CF_ENOTFOUND)
		err = err_set(CF_ECORRUPT, "the annex with a version's secret is missing");
	if (err == 0)
		err = content_secret_find(annex, row->secret_index, ret_secret);
	buf_release(&hold);
	return err == CF_ENOKEY ? err_set(CF_ENOKEY, "the record was erased") : err;
}

static int open_root(struct tree_file *f, const struct content_row *row, struct view reference)
{
	struct attachment *a = &f->attachment;
	int err = content_ref_decode(reference, &a->root, &a->size);

	if (err)
		return CF_ECORRUPT;
	a->patient = f->place.patient;
	a->section = f->node.section;
	a->level = row->level;
	if (a->size != f->node.size || row->level != attachment_level(a->size) ||
	    !hash_equal(&a->root.address, &row->root))
		return err_set(CF_ECORRUPT, "an attachment's sealed root differs from its row");
	f->is_blob = true;
	return 0;
}

static int check_plain(const struct section_keys *keys, const struct tree_file *f)
{
	struct hash plain = sha256(buf_view(&f->plain)), commitment = content_commitment(keys, &plain);

	if (f->plain.len != f->node.size || !crypto_equal(commitment.b, f->node.commitment.b, HASH_BYTES))
		return err_set(CF_ECORRUPT, "a record differs from what was committed to");
	return 0;
}

/* What this identity wrote itself it reads again without a further lease. */
static bool is_own(const struct tree_look *l, const struct tree_file *f)
{
	return identity_equal(&f->node.author, &l->tree->me);
}

static int open_sealed(struct tree_look *l, const struct content_row *row, struct tree_file *f)
{
	uint8_t secret[CONTENT_SECRET_BYTES];
	const struct section_keys *keys;
	struct buf reference;
	int err = secret_of(l, row, f->version.height, secret);

	buf_init(&reference, 0);
	if (!err)
		err = tree_keys(l, &f->place.patient, f->node.section, row->epoch, row->window, is_own(l, f),
				&keys);
	if (!err)
		err = content_open(keys, secret, row->sealed,
				   row->form == CONTENT_INLINE ? &f->plain : &reference);
	if (!err && row->form == CONTENT_INLINE)
		err = check_plain(keys, f);
	else if (!err)
		err = open_root(f, row, buf_view(&reference));
	buf_release_secret(&reference);
	mem_wipe(secret, sizeof secret);
	return err;
}

/* The content's row is the one that the node's row names by hash. */
static int open_content(struct tree_look *l, struct tree_file *f)
{
	struct statekey key = statekey_node(&f->place.patient, SKP_CONTENT, &f->place.node);
	struct content_row row;
	struct version version;
	struct view value;
	struct buf hold;
	struct hash h;
	int err;

	if (hash_is_zero(&f->node.content_hash))
		return f->node.size ? err_set(CF_ECORRUPT, "a file's content is missing") : 0;
	buf_init(&hold, 0);
	err = tree_row(l, &key, &hold, &value, &version);
	if (err == CF_ENOTFOUND)
		err = err_set(CF_ECORRUPT, "a file's content row is missing");
	if (!err) {
		h = sha256(value);
		if (!hash_equal(&h, &f->node.content_hash))
			err = err_set(CF_ECORRUPT, "a file's content row is not the one its node names");
	}
	if (!err && content_row_decode(value, &row))
		err = err_set(CF_ECORRUPT, "a file's content row does not decode");
	if (!err) {
		f->version = version;
		f->epoch = row.epoch;
		f->window = row.window;
		f->is_sealed = row.sealed.len > 0;
		if (row.sealed.len)
			err = open_sealed(l, &row, f);
		else if (f->node.size)
			err = err_set(CF_ECORRUPT, "a file's content is missing");
	}
	buf_release(&hold);
	return err;
}

/* What a change that waits would make of the file. */
static int open_waiting(struct tree_look *l, struct tree_file *f)
{
	const struct place *p = &f->place;
	struct content_row content;
	struct waiting_row row;
	struct version version;
	struct op_save save;
	struct hash change;
	int err = tree_may(l, &p->patient, p->section, VERB_READ);

	if (!err)
		err = tree_waiting_row(l, p, &row, &change, &f->version);
	if (!err)
		err = tree_node(l, &p->patient, &p->node, &f->node, &version);
	if (!err)
		err = waiting_content(&row, &save, &content);
	if (err)
		return err;
	if (f->node.section != p->section)
		return CF_ENOTFOUND;
	f->size = f->node.size = save.size;
	f->node.commitment = save.commitment;
	f->epoch = content.epoch;
	f->window = content.window;
	if (content.sealed.len)
		err = open_sealed(l, &content, f);
	return err;
}

static int open_node(struct tree_look *l, struct tree_file *f)
{
	const struct place *p = &f->place;
	struct version version;
	int err = tree_may(l, &p->patient, p->section, VERB_READ);

	if (err || p->local == TREE_DELETED_VIEW)
		return err;
	err = tree_node(l, &p->patient, &p->node, &f->node, &version);
	if (err)
		return err;
	if (f->node.type == NODE_DIR)
		return CF_EISDIR;
	if (f->node.section != p->section)
		return CF_ENOTFOUND;
	f->size = f->node.size;
	return open_content(l, f);
}

int tree_file_open(struct tree *t, const struct place *p, struct tree_file **ret_f)
{
	struct tree_file *f;
	struct tree_look l;
	int err;

	if (place_is_dir(p))
		return CF_EISDIR;
	if (p->kind != PLACE_NODE && p->kind != PLACE_PERSON && p->kind != PLACE_WAITING &&
	    p->kind != PLACE_ACCESS_FILE)
		return CF_ENOTFOUND;
	f = file_new(t, p);
	if (f == NULL)
		return CF_ENOMEM;
	err = tree_look_begin(t, p->height, &l);
	if (err)
		goto out;
	if (p->kind == PLACE_NODE)
		err = open_node(&l, f);
	else if (p->kind == PLACE_WAITING)
		err = open_waiting(&l, f);
	else if (p->kind == PLACE_PERSON)
		err = tree_person_text(&l, p, &f->plain);
	else
		err = tree_trail_text(&l, p, &f->plain);
	if (!err && (p->kind == PLACE_PERSON || p->kind == PLACE_ACCESS_FILE))
		f->size = f->plain.len;
	tree_look_end(&l);
out:
	if (err)
		tree_file_release(f);
	else
		*ret_f = f;
	return err;
}

/* The very version that was open, which may be one of the past by now. */
int tree_file_fill(struct tree_file *f)
{
	struct place p = f->place;
	struct tree_file *now;
	struct buf plain;
	int err;

	if (!f->is_dry)
		return 0;
	if (p.kind == PLACE_NODE && p.height == 0)
		p.height = f->version.height;
	err = tree_file_open(f->tree, &p, &now);
	if (err)
		return err;
	if (!version_equal(now->version, f->version) || now->size != f->size || now->is_blob != f->is_blob)
		err = err_set(CF_EIO, "the version that was open before the keys were locked away cannot be "
				      "opened again");
	pthread_mutex_lock(&f->tree->file_lock);
	if (!err && f->is_dry) {
		plain = f->plain;
		f->plain = now->plain;
		now->plain = plain;
		f->attachment = now->attachment;
		f->is_dry = false;
	}
	pthread_mutex_unlock(&f->tree->file_lock);
	tree_file_release(now);
	return err;
}

int tree_file_read(struct tree *t, struct tree_file *f, uint64_t offset, size_t bytes, uint8_t *ret_data)
{
	int err;

	if (offset > f->size || bytes > f->size - offset)
		return err_set(CF_EINVAL, "read past the end");
	if (bytes == 0)
		return 0;
	err = tree_file_fill(f);
	if (err)
		return err;
	if (f->is_blob)
		return attachment_read(t->attachments, &f->attachment, offset, bytes, ret_data);
	assert(f->plain.len == f->size);
	memcpy(ret_data, f->plain.data + offset, bytes);
	return 0;
}

/* A version from before an erasure is erased, whoever has it open. */
static int check_erasure(struct tree_look *l, const struct tree_file *f)
{
	struct statekey key = statekey_node(&f->place.patient, SKP_ERASURE, &f->place.node);
	struct version erased;
	struct view value;
	int err = state_get(l->txn, statekey_view(&key), &value, &erased);

	if (err)
		return err == CF_ENOTFOUND ? 0 : err;
	if (f->version.height > erased.height ||
	    (f->version.height == erased.height && f->version.index > erased.index))
		return 0;
	return err_set(CF_ENOKEY, "the record was erased");
}

int tree_file_may(struct tree *t, const struct tree_file *f)
{
	const struct section_keys *keys;
	struct tree_look l;
	int err;

	if (f->place.kind != PLACE_NODE && f->place.kind != PLACE_WAITING)
		return 0;
	err = tree_look_begin(t, 0, &l);
	if (err)
		return err;
	err = tree_may(&l, &f->place.patient, f->place.section, VERB_READ);
	if (!err)
		err = check_erasure(&l, f);
	if (!err && f->is_sealed)
		err = tree_keys(&l, &f->place.patient, f->node.section, f->epoch, f->window, is_own(&l, f),
				&keys);
	tree_look_end(&l);
	return err;
}

bool tree_file_commits_to(struct tree *t, const struct tree_file *f, const struct hash *plain_hash)
{
	const struct section_keys *keys;
	struct hash commitment = {{0}};
	struct tree_look l;

	if (tree_look_begin(t, 0, &l))
		return false;
	if (tree_keys(&l, &f->place.patient, f->node.section, f->epoch, f->window, is_own(&l, f), &keys) == 0)
		commitment = content_commitment(keys, plain_hash);
	tree_look_end(&l);
	return hash_equal(&commitment, &f->node.commitment);
}
