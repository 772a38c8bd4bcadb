/* SPDX-License-Identifier: Apache-2.0 */
/* From the chain to the kernel's caches: what transactions of others changed, in places and names. */
#include "fs/chart_private.h"
#include "fs/standing.h"

#include "acl/rowread.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <string.h>

struct chart_feed {
	pthread_mutex_t lock;
	struct chart *chart; /* NULL: not attached */
};

/* One transaction being looked at. */
struct fed {
	struct chart *c;
	struct chart_observer observer;
	struct tree_look look;
	struct version version;
	bool mine;
	bool erased;
	bool patients; /* a patient, a grant or this identity is in it */
};

static bool is_own(const struct fed *f, const uint8_t id[NODE_BYTES])
{
	return f->mine && chart_is_own(f->c, id);
}

/* The node's section is in its row; of a node that is gone, in the row before. */
static struct place place_of(struct fed *f, const struct patient_id *p, const struct node_id *n)
{
	struct place place = place_node(p, n, NODE_RECORD, 0, 0);
	struct node_row row;
	struct version version;
	int err = tree_node(&f->look, p, n, &row, &version);

	if (err == CF_ENOTFOUND && f->version.height > 1) {
		struct tree_look past = f->look;

		past.height = f->version.height - 1;
		err = tree_node(&past, p, n, &row, &version);
	}
	if (!err) {
		place.type = (uint8_t)row.type;
		place.section = row.section;
	}
	return place;
}

static void on_node_write(struct fed *f, const struct statekey_parts *k, bool content)
{
	struct place place;

	if (is_own(f, k->node.b))
		return;
	place = place_of(f, &k->patient, &k->node);
	f->observer.on_node(f->observer.ctx, &place, content);
}

static void on_entry_write(struct fed *f, const struct statekey_parts *k, const struct rw_write *w)
{
	struct place dir = place_of(f, &k->patient, &k->node), child;
	char name[NAME_BYTES_MAX + 1];
	struct entry_row row;
	int err;

	dir.type = NODE_DIR;
	/* the kernel knows what this mount did, but not when it was committed: the directory's times */
	if (is_own(f, k->token.b)) {
		f->observer.on_node(f->observer.ctx, &dir, false);
		return;
	}
	memset(&child, 0, sizeof child);
	if (w->deleted) {
		err = tree_name_before(&f->look, &dir, &k->token, f->version.height, name, &child);
	} else {
		err = entry_row_decode(w->value, &row);
		if (!err)
			err = tree_name(&f->look, &dir, &k->token, &row, f->version, name);
		if (!err)
			child = place_node(&k->patient, &row.node, row.type, dir.section, 0);
	}
	/* a section this identity has no keys of: nothing of it is in any cache */
	if (!err)
		f->observer.on_entry(f->observer.ctx, &dir, name, &child, w->deleted);
	f->observer.on_node(f->observer.ctx, &dir, true);
}

static void on_write(struct fed *f, const struct rw_write *w)
{
	struct statekey_parts k;

	if (statekey_parse(w->key, &k))
		return;
	if (k.kind == SK_IDENTITY && identity_equal(&k.identity, tree_me(f->c->tree)))
		f->patients = true;
	if (k.kind != SK_PATIENT)
		return;
	switch (k.sub) {
	case SKP_PATIENT:
	case SKP_GRANT:
	case SKP_SECTION:
		f->patients = true;
		break;
	case SKP_NODE:
		if (f->observer.on_node)
			on_node_write(f, &k, false);
		break;
	case SKP_CONTENT:
		if (f->observer.on_node)
			on_node_write(f, &k, true);
		break;
	case SKP_WAITING:
		if (f->observer.on_node) {
			/* also this mount's own: the kernel has what was written, the file has not */
			struct place place = place_of(f, &k.patient, &k.node);

			f->observer.on_node(f->observer.ctx, &place, true);
		}
		break;
	case SKP_ERASURE:
		f->erased = true;
		break;
	case SKP_ENTRY:
		if (f->observer.on_entry)
			on_entry_write(f, &k, w);
		break;
	default:
		break;
	}
}

void chart_rights_changed(struct chart *c)
{
	struct chart_observer observer = {0};

	pthread_mutex_lock(&c->lock);
	if (c->has_observer)
		observer = c->observer;
	pthread_mutex_unlock(&c->lock);
	c->rights++;
	if (observer.on_patients)
		observer.on_patients(observer.ctx);
}

static void look_at(struct chart *c, struct version version, const struct tx *tx, const struct rwset *set)
{
	struct fed f = {.c = c, .version = version};

	pthread_mutex_lock(&c->lock);
	if (c->has_observer)
		f.observer = c->observer;
	pthread_mutex_unlock(&c->lock);
	f.mine = memcmp(tx->proposal.creator.b, tree_me(c->tree)->b, IDENTITY_BYTES) == 0;
	if (tree_look_begin(c->tree, 0, &f.look)) {
		log_error("chart", "no read transaction at height %llu -> caches may be stale",
			  (unsigned long long)version.height);
		return;
	}
	for (size_t i = 0; i < set->write_count; i++)
		on_write(&f, &set->writes[i]);
	tree_look_end(&f.look);
	if (!f.patients && !f.erased)
		return;
	keyring_forget(client_keyring(c->client), &tx->proposal.patient);
	tree_forget_patients(c->tree);
	chart_rights_changed(c);
}

static void on_tx(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset)
{
	struct chart_feed *feed = ctx;

	if (verdict != VERDICT_VALID || rwset == NULL)
		return;
	pthread_mutex_lock(&feed->lock);
	if (feed->chart)
		look_at(feed->chart, (struct version){height, index}, tx, rwset);
	pthread_mutex_unlock(&feed->lock);
}

static void on_block(void *ctx, const struct block *block)
{
	struct chart_feed *feed = ctx;

	(void)block;
	pthread_mutex_lock(&feed->lock);
	if (feed->chart)
		standing_log(feed->chart->client);
	pthread_mutex_unlock(&feed->lock);
}

int chart_feed_new(struct chart_feed **ret_feed, struct client_observer *ret_observer)
{
	struct chart_feed *feed = mem_zalloc(sizeof *feed);

	if (feed == NULL)
		return CF_ENOMEM;
	pthread_mutex_init(&feed->lock, NULL);
	*ret_feed = feed;
	*ret_observer = (struct client_observer){feed, on_tx, on_block};
	return 0;
}

/* What came before was seen by nobody: lists and keys are read anew. */
void chart_feed_attach(struct chart_feed *feed, struct chart *c)
{
	pthread_mutex_lock(&feed->lock);
	feed->chart = c;
	if (c)
		tree_forget_patients(c->tree);
	pthread_mutex_unlock(&feed->lock);
}

void chart_feed_free(struct chart_feed *feed)
{
	if (feed == NULL)
		return;
	pthread_mutex_destroy(&feed->lock);
	mem_free(feed);
}
