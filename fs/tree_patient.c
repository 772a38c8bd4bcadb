/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patients/: whom this identity may know of, under their pseudonyms. Where two have the same, the one
 * admitted later gets '~' and eight digits of its id behind it. The table is rebuilt after a change; names
 * already opened are kept.
 */
#include "fs/tree_private.h"

#include "ledger/log.h"
#include "ledger/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct known {
	struct patient_id id;
	uint64_t crtime_ns;
	char *sealed; /* the pseudonym */
	char *shown;  /* what it is listed under */
};

struct tree_patients {
	pthread_mutex_t lock;
	_Atomic uint64_t wanted; /* counts changes */
	uint64_t built;
	struct known *by_id; /* sorted; owns the names */
	struct known **by_name;
	size_t count;
};

int tree_patients_new(struct tree_patients **ret_p)
{
	struct tree_patients *p = mem_zalloc(sizeof *p);

	if (p == NULL)
		return CF_ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	p->wanted = 1;
	*ret_p = p;
	return 0;
}

static void known_free(struct known *k, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (k[i].sealed)
			mem_wipe(k[i].sealed, strlen(k[i].sealed));
		if (k[i].shown)
			mem_wipe(k[i].shown, strlen(k[i].shown));
		mem_free(k[i].sealed);
		mem_free(k[i].shown);
	}
	mem_free(k);
}

void tree_patients_free(struct tree_patients *p)
{
	if (p == NULL)
		return;
	known_free(p->by_id, p->count);
	mem_free(p->by_name);
	pthread_mutex_destroy(&p->lock);
	mem_free(p);
}

void tree_patients_forget(struct tree_patients *p)
{
	p->wanted++;
}

struct gather {
	struct known *at;
	size_t count, cap;
};

static int gather_one(void *ctx, const struct patient_id *id)
{
	struct gather *g = ctx;

	if (g->count == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 64;
		struct known *at = mem_array(g->at, cap, sizeof *at);

		if (at == NULL)
			return CF_ENOMEM;
		g->at = at;
		g->cap = cap;
	}
	g->at[g->count++] = (struct known){.id = *id};
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct known *)a)->id.b, ((const struct known *)b)->id.b, PATIENT_BYTES);
}

static int by_name(const void *a, const void *b)
{
	const struct known *x = *(struct known *const *)a, *y = *(struct known *const *)b;
	int order = strcmp(x->sealed, y->sealed);

	if (order)
		return order;
	if (x->crtime_ns != y->crtime_ns)
		return x->crtime_ns < y->crtime_ns ? -1 : 1;
	return by_id(x, y);
}

static int by_shown(const void *a, const void *b)
{
	return strcmp((*(struct known *const *)a)->shown, (*(struct known *const *)b)->shown);
}

static int pseudonym_open(struct tree_look *l, struct known *k)
{
	struct place dir = tree_dir_place(&k->id, 0, 0);
	const struct section_keys *keys;
	struct patient_row row;
	struct node_row node;
	struct version version;
	struct buf name;
	char text[NAME_BYTES_MAX + 1] = "";
	int err = state_patient(l->txn, &k->id, &row);

	buf_init(&name, 0);
	if (!err)
		err = tree_node(l, &k->id, &dir.node, &node, &version);
	if (!err)
		err = tree_name_keys(l, &k->id, 0, row.epoch, row.window, &keys);
	if (!err)
		err = content_open_name(keys, &dir.node, row.sealed_name, &name);
	if (!err && name.len <= NAME_BYTES_MAX)
		memcpy(text, name.data, name.len);
	if (!err)
		err = name_check(text);
	if (!err) {
		k->crtime_ns = node.crtime_ns;
		k->sealed = mem_strdup(text);
		err = k->sealed ? 0 : CF_ENOMEM;
	}
	buf_release_secret(&name);
	return err;
}

/* Pseudonyms: those opened before are taken over, the others opened; who cannot be named is left out. */
static int name_all(struct tree_look *l, struct tree_patients *p, struct gather *g)
{
	size_t kept = 0;

	if (g->count)
		qsort(g->at, g->count, sizeof *g->at, by_id);
	for (size_t i = 0; i < g->count; i++) {
		struct known *old =
			p->count ? bsearch(&g->at[i], p->by_id, p->count, sizeof *p->by_id, by_id) : NULL;
		int err = 0;

		if (i && by_id(&g->at[i - 1], &g->at[i]) == 0)
			continue;
		if (old) {
			g->at[i].crtime_ns = old->crtime_ns;
			g->at[i].sealed = mem_strdup(old->sealed);
			err = g->at[i].sealed ? 0 : CF_ENOMEM;
		} else {
			err = pseudonym_open(l, &g->at[i]);
		}
		if (err == CF_ENOMEM)
			return err;
		if (tree_entry_shown(err, "a patient's pseudonym"))
			g->at[kept++] = g->at[i];
	}
	g->count = kept;
	return 0;
}

static int show_names(struct gather *g, struct known **names)
{
	for (size_t i = 0; i < g->count; i++)
		names[i] = &g->at[i];
	if (g->count)
		qsort(names, g->count, sizeof *names, by_name);
	for (size_t i = 0; i < g->count; i++) {
		char text[NAME_BYTES_MAX + 1], hex[9];
		bool again = i && strcmp(names[i - 1]->sealed, names[i]->sealed) == 0;

		hex_encode(names[i]->id.b, 4, hex);
		if (again)
			snprintf(text, sizeof text, "%.246s~%s", names[i]->sealed, hex);
		else
			snprintf(text, sizeof text, "%s", names[i]->sealed);
		names[i]->shown = mem_strdup(text);
		if (names[i]->shown == NULL)
			return CF_ENOMEM;
	}
	if (g->count)
		qsort(names, g->count, sizeof *names, by_shown);
	return 0;
}

/* Under the lock. The table is as of now, whatever height the look has. */
static int build(struct tree_look *look, struct tree_patients *p)
{
	struct tree_look live = *look;
	struct gather g = {NULL, 0, 0};
	struct known **names = NULL;
	uint64_t wanted = p->wanted;
	int err;

	live.height = 0;
	err = derived_patients_of(live.txn, &live.tree->me, gather_one, &g);
	if (!err)
		err = name_all(&live, p, &g);
	names = mem_array(NULL, g.count + 1, sizeof *names);
	if (!err && names == NULL)
		err = CF_ENOMEM;
	if (!err)
		err = show_names(&g, names);
	mem_wipe(&live, sizeof live);
	if (err) {
		known_free(g.at, g.count);
		mem_free(names);
		return err;
	}
	known_free(p->by_id, p->count);
	mem_free(p->by_name);
	p->by_id = g.at;
	p->by_name = names;
	p->count = g.count;
	p->built = wanted;
	return 0;
}

static int lock_fresh(struct tree_look *l)
{
	struct tree_patients *p = l->tree->patients;
	int err = 0;

	pthread_mutex_lock(&p->lock);
	if (p->built != p->wanted)
		err = build(l, p);
	if (err)
		pthread_mutex_unlock(&p->lock);
	return err;
}

static bool was_there(struct tree_look *l, const struct patient_id *id)
{
	struct statekey key = statekey_patient(id);
	struct history_row row;

	return l->height == 0 ||
	       (history_at(l->txn, statekey_view(&key), l->height, &row) == 0 && !row.deleted);
}

int tree_patient_lookup(struct tree_look *l, const char *name, struct patient_id *ret_id)
{
	struct tree_patients *p = l->tree->patients;
	struct known wanted = {.shown = (char *)(uintptr_t)name}, *key = &wanted, **found = NULL;
	int err = lock_fresh(l);

	if (err)
		return err;
	if (p->count)
		found = bsearch(&key, p->by_name, p->count, sizeof *p->by_name, by_shown);
	if (found && was_there(l, &(*found)->id))
		*ret_id = (*found)->id;
	else
		err = CF_ENOTFOUND;
	pthread_mutex_unlock(&p->lock);
	return err;
}

int tree_patient_name(struct tree_look *l, const struct patient_id *id, char ret_name[NAME_BYTES_MAX + 1])
{
	struct tree_patients *p = l->tree->patients;
	struct known key = {.id = *id}, *found = NULL;
	int err = lock_fresh(l);

	if (err)
		return err;
	if (p->count)
		found = bsearch(&key, p->by_id, p->count, sizeof *p->by_id, by_id);
	if (found)
		strcpy(ret_name, found->shown);
	else
		err = CF_ENOTFOUND;
	pthread_mutex_unlock(&p->lock);
	return err;
}

/* The first behind the cookie, copied out so that no lock is held while the caller works on it. */
static bool next_after(struct tree_patients *p, uint64_t cookie, struct patient_id *ret_id,
		       char ret_name[NAME_BYTES_MAX + 1])
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (tree_cookie(p->by_id[mid].id.b) <= cookie)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == p->count)
		return false;
	*ret_id = p->by_id[low].id;
	strcpy(ret_name, p->by_id[low].shown);
	return true;
}

int tree_patient_list(struct tree_look *l, uint64_t cookie, tree_entry_fn on_entry, void *ctx)
{
	struct tree_patients *p = l->tree->patients;
	char name[NAME_BYTES_MAX + 1];
	struct patient_id id;

	for (;;) {
		struct chart_attr attr;
		struct place place;
		bool more;
		int err = lock_fresh(l);

		if (err)
			return err;
		more = next_after(p, cookie, &id, name);
		pthread_mutex_unlock(&p->lock);
		if (!more)
			return 0;
		cookie = tree_cookie(id.b);
		if (!was_there(l, &id))
			continue;
		place = tree_dir_place(&id, 0, l->height);
		err = tree_attr(l, &place, &attr);
		if (tree_entry_shown(err, "a patient") && !on_entry(ctx, name, &attr, cookie))
			return 0;
	}
}
