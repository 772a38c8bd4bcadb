/* SPDX-License-Identifier: Apache-2.0 */
/* Looks, rows, keys, rights. */
#include "fs/tree_private.h"

#include "acl/rowread.h"
#include "ledger/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

uint64_t tree_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int blob_from_client(void *ctx, const struct hash *address, struct buf *out)
{
	struct tree *t = ctx;
	int err = client_get(t->client, address, out, t->timeout_ms);

	/* the file is there, its bytes are not: never to be taken for a missing name */
	if (err == CF_ENOTFOUND)
		return err_set(CF_ECORRUPT, "no peer has good bytes of a chunk of this file");
	return err;
}

static int blob_to_client(void *ctx, const struct hash *address, struct view bytes)
{
	struct tree *t = ctx;

	return client_put(t->client, address, bytes, t->timeout_ms);
}

static int keys_of_ring(void *ctx, const struct patient_id *p, unsigned section, uint32_t epoch,
			uint32_t window, struct section_keys *ret_keys)
{
	struct tree *t = ctx;
	struct db_txn *txn = NULL;
	int err = chain_read_begin(t->chain, &txn);

	if (!err)
		err = keyring_get(t->keyring, txn, p, section, epoch, window, ret_keys);
	db_abort(txn);
	return err;
}

int tree_new(struct client *client, unsigned timeout_ms, struct tree **ret_tree)
{
	struct tree *t = mem_zalloc(sizeof *t);
	struct attachment_io io = {t, blob_to_client, blob_from_client, keys_of_ring};
	int err;

	if (t == NULL)
		return CF_ENOMEM;
	t->client = client;
	t->chain = client_chain(client);
	t->keyring = client_keyring(client);
	t->me = client_identity(client)->id;
	t->timeout_ms = timeout_ms;
	t->begun_ms = tree_now_ms();
	t->rights_end_ms = UINT64_MAX;
	pthread_mutex_init(&t->file_lock, NULL);
	pthread_mutex_init(&t->tx_lock, NULL);
	err = attachments_new(&io, &t->attachments);
	if (!err)
		err = tree_names_new(&t->names);
	if (!err)
		err = tree_patients_new(&t->patients);
	if (err) {
		tree_free(t);
		return err;
	}
	*ret_tree = t;
	return 0;
}

void tree_free(struct tree *t)
{
	if (t == NULL)
		return;
	attachments_free(t->attachments);
	tree_names_free(t->names);
	tree_patients_free(t->patients);
	pthread_mutex_destroy(&t->file_lock);
	pthread_mutex_destroy(&t->tx_lock);
	mem_free(t);
}

struct attachments *tree_attachments(struct tree *t)
{
	return t->attachments;
}

const struct identity_id *tree_me(const struct tree *t)
{
	return &t->me;
}

void tree_lock(struct tree *t)
{
	tree_files_dry(t);
	attachments_forget(t->attachments);
	tree_names_forget(t->names);
	tree_patients_forget(t->patients);
}

void tree_forget_patients(struct tree *t)
{
	tree_patients_forget(t->patients);
}

uint64_t tree_block_time(struct tree_look *l, uint64_t height)
{
	struct chain_block_info info;

	return height && chain_block_info(l->txn, height, &info) == 0 ? info.time_ms : 0;
}

int tree_past_check(const struct tree_look *l, uint64_t height)
{
	int err = height >= l->past ? 0 : chain_past_check(l->tree->chain, height);

	if (err || height >= l->past)
		return err;
	return err_set(CF_EAGAIN, "the last blocks of the past came just now");
}

int tree_look_begin(struct tree *t, uint64_t height, struct tree_look *ret_l)
{
	/* before the transaction, which then has at least what this says */
	struct tree_look l = {
		.tree = t, .height = height, .past = chain_past(t->chain), .now_ms = tree_now_ms()};
	int err;

	if (height) {
		struct chain_head head;

		chain_head(t->chain, &head);
		if (height > head.height)
			return err_set(CF_ENOTFOUND, "height %llu is not there yet",
				       (unsigned long long)height);
		err = tree_past_check(&l, height);
		if (err)
			return err;
	}
	err = chain_read_begin(t->chain, &l.txn);
	if (err)
		return err;
	l.time_ms = tree_block_time(&l, height);
	*ret_l = l;
	return 0;
}

void tree_look_end(struct tree_look *l)
{
	db_abort(l->txn);
	mem_wipe(l, sizeof *l);
}

int tree_row(struct tree_look *l, const struct statekey *key, struct buf *hold, struct view *ret_value,
	     struct version *ret_version)
{
	struct history_row row;
	int err;

	if (l->height == 0)
		return state_get(l->txn, statekey_view(key), ret_value, ret_version);
	err = history_at(l->txn, statekey_view(key), l->height, &row);
	if (err)
		return err;
	if (row.deleted)
		return CF_ENOTFOUND;
	buf_reset(hold);
	err = history_read(chain_blocks(l->tree->chain), &row, hold);
	if (err)
		return err;
	*ret_value = buf_view(hold);
	*ret_version = row.version;
	return 0;
}

int tree_annex(struct tree_look *l, const struct hash *id, uint64_t height, struct buf *hold,
	       struct view *ret_annex)
{
	int err = chain_annex(l->txn, id, ret_annex);

	if (err != CF_ENOTFOUND)
		return err;
	buf_reset(hold);
	err = client_annex(l->tree->client, id, height, hold);
	if (!err)
		*ret_annex = buf_view(hold);
	return err;
}

static int decoded(int err, const char *what)
{
	return err == CF_EDECODE ? err_set(CF_ECORRUPT, "the %s row does not decode", what) : err;
}

/* The version of the content is asked of history, which spares reading (and checking) the content itself. */
int tree_node(struct tree_look *l, const struct patient_id *p, const struct node_id *n,
	      struct node_row *ret_row, struct version *ret_version)
{
	struct statekey key = statekey_node(p, SKP_NODE, n);
	struct history_row content;
	struct view value;
	struct buf hold;
	int err;

	buf_init(&hold, 0);
	err = tree_row(l, &key, &hold, &value, ret_version);
	if (!err)
		err = decoded(node_row_decode(value, ret_row), "node");
	buf_release(&hold);
	if (err || hash_is_zero(&ret_row->content_hash))
		return err;
	key = statekey_node(p, SKP_CONTENT, n);
	err = history_at(l->txn, statekey_view(&key), l->height ? l->height : UINT64_MAX, &content);
	if (err)
		return err == CF_ENOTFOUND ? err_set(CF_ECORRUPT, "a node's content has no history") : err;
	ret_row->content = content.version;
	return 0;
}

int tree_entry(struct tree_look *l, const struct patient_id *p, const struct node_id *dir,
	       const struct name_token *t, struct buf *hold, struct entry_row *ret_row,
	       struct version *ret_version)
{
	struct statekey key = statekey_entry(p, dir, t);
	struct view value;
	int err = tree_row(l, &key, hold, &value, ret_version);

	return err ? err : decoded(entry_row_decode(value, ret_row), "entry");
}

int tree_content(struct tree_look *l, const struct patient_id *p, const struct node_id *n, struct buf *hold,
		 struct content_row *ret_row, struct version *ret_version)
{
	struct statekey key = statekey_node(p, SKP_CONTENT, n);
	struct view value;
	int err = tree_row(l, &key, hold, &value, ret_version);

	return err ? err : decoded(content_row_decode(value, ret_row), "content");
}

static void note_end(struct tree *t, uint64_t end_ms)
{
	uint64_t first = t->rights_end_ms;

	while (end_ms && end_ms < first && !atomic_compare_exchange_weak(&t->rights_end_ms, &first, end_ms))
		;
}

/* Grant and certificate may end while the kernel still holds what they opened. */
static void note_ends(struct tree_look *l, const struct patient_id *p, unsigned section)
{
	struct identity_row me;
	struct grant_row grant;

	if (state_grant(l->txn, p, section, &l->tree->me, &grant) == 0)
		note_end(l->tree, grant.until_ms);
	if (state_identity(l->txn, &l->tree->me, &me) == 0)
		note_end(l->tree, me.not_after_ms);
}

bool tree_rights_ended(struct tree *t)
{
	uint64_t end_ms = t->rights_end_ms;

	/* those that go on are noted again when they are next found */
	return tree_now_ms() > end_ms &&
	       atomic_compare_exchange_strong(&t->rights_end_ms, &end_ms, UINT64_MAX);
}

/* Rights are those of now, for the past, too: a past tree opens nothing that the live one does not. */
int tree_may(struct tree_look *l, const struct patient_id *p, unsigned section, unsigned verb)
{
	bool same = l->may_section == section && memcmp(l->may_patient.b, p->b, PATIENT_BYTES) == 0;
	int err;

	if (same && (l->may_verbs & verb) == verb)
		return 0;
	err = policy_check(l->txn, p, section, &l->tree->me, verb, l->now_ms, NULL);
	if (err)
		return err;
	note_ends(l, p, section);
	l->may_verbs = (uint8_t)(same ? l->may_verbs | verb : verb);
	l->may_patient = *p;
	l->may_section = (uint8_t)section;
	return 0;
}

static bool are_keys_of(const struct tree_look *l, const struct patient_id *p, unsigned section)
{
	return l->has_keys && l->keys.section == section &&
	       memcmp(l->keys.patient.b, p->b, PATIENT_BYTES) == 0;
}

typedef int (*get_fn)(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		      uint32_t epoch, uint32_t window, struct section_keys *ret_keys);

static int keys_of(struct tree_look *l, const struct patient_id *p, unsigned section, uint32_t epoch,
		   uint32_t window, get_fn get, const struct section_keys **ret_keys)
{
	bool traced = get != keyring_names;

	if (!are_keys_of(l, p, section) || l->keys.epoch != epoch || l->keys.window != window ||
	    (traced && !l->keys.traced)) {
		int err = get(l->tree->keyring, l->txn, p, section, epoch, window, &l->keys);

		l->has_keys = err == 0;
		if (err)
			return err;
		if (traced)
			note_end(l->tree, l->keys.until_ms);
	}
	*ret_keys = &l->keys;
	return 0;
}

int tree_name_keys(struct tree_look *l, const struct patient_id *p, unsigned section, uint32_t epoch,
		   uint32_t window, const struct section_keys **ret_keys)
{
	return keys_of(l, p, section, epoch, window, keyring_names, ret_keys);
}

int tree_keys(struct tree_look *l, const struct patient_id *p, unsigned section, uint32_t epoch,
	      uint32_t window, bool own, const struct section_keys **ret_keys)
{
	return keys_of(l, p, section, epoch, window, own ? keyring_get_own : keyring_get, ret_keys);
}

int tree_name_keys_current(struct tree_look *l, const struct patient_id *p, unsigned section,
			   struct section_keys *ret_keys)
{
	return keyring_names_current(l->tree->keyring, l->txn, p, section, l->now_ms, ret_keys);
}

int tree_keys_current(struct tree_look *l, const struct patient_id *p, unsigned section,
		      struct section_keys *ret_keys)
{
	return keyring_current(l->tree->keyring, l->txn, p, section, l->now_ms, ret_keys);
}

int tree_token(struct tree_look *l, const struct place *dir, const char *name, struct name_token *ret_token)
{
	int err = 0;

	assert(dir->kind == PLACE_NODE || dir->kind == PLACE_HISTORY || dir->kind == PLACE_VERSIONS);
	if (!are_keys_of(l, &dir->patient, dir->section)) {
		err = tree_name_keys_current(l, &dir->patient, dir->section, &l->keys);
		l->has_keys = err == 0;
	}
	if (!err)
		*ret_token = content_token(&l->keys, &dir->node, view_str(name));
	return err;
}

/* 62 bits of an id, so that they fit a directory offset with room to spare; small numbers are for what has no
 * id. */
uint64_t tree_cookie(const uint8_t id[16])
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | id[i];
	v >>= 2;
	return v < 64 ? 64 : v;
}

struct place tree_dir_place(const struct patient_id *p, unsigned section, uint64_t height)
{
	struct node_id n = op_section_node(p, section);

	return place_node(p, &n, NODE_DIR, section, height);
}

int tree_is_attachments(struct tree_look *l, const struct place *dir, bool *ret_is)
{
	struct node_id at = dir->node;
	struct buf hold;
	int err = 0;

	buf_init(&hold, 0);
	for (;;) {
		struct place parent = *dir;
		struct entry_row entry;
		struct name_token token;
		struct version version;
		struct node_row row;

		err = tree_node(l, &dir->patient, &at, &row, &version);
		if (err || node_is_zero(&row.parent) || row.section == 0)
			break;
		parent.node = row.parent;
		err = tree_token(l, &parent, "attachments", &token);
		if (!err)
			err = tree_entry(l, &dir->patient, &row.parent, &token, &hold, &entry, &version);
		if (!err && node_equal(&entry.node, &at)) {
			*ret_is = true;
			goto out;
		}
		if (err && err != CF_ENOTFOUND)
			goto out;
		err = 0;
		at = row.parent;
	}
	if (!err)
		*ret_is = false;
out:
	buf_release(&hold);
	return err;
}
