/* SPDX-License-Identifier: Apache-2.0 */
/* Names of entries: opened once, then found by token and the version of the entry's row. */
#include "fs/tree_private.h"

#include "ledger/log.h"
#include "ledger/mem.h"

#include <string.h>

struct slot {
	struct name_token token;
	struct version version;
	char *name; /* NULL: free */
};

struct tree_names {
	pthread_mutex_t lock;
	unsigned turn;
	struct slot slot[TREE_NAME_SETS][TREE_NAME_WAYS];
};

int tree_names_new(struct tree_names **ret_n)
{
	struct tree_names *n = mem_zalloc(sizeof *n);

	if (n == NULL)
		return CF_ENOMEM;
	pthread_mutex_init(&n->lock, NULL);
	*ret_n = n;
	return 0;
}

static void slot_drop(struct slot *s)
{
	if (s->name)
		mem_wipe(s->name, strlen(s->name));
	mem_free(s->name);
	s->name = NULL;
}

void tree_names_forget(struct tree_names *n)
{
	pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < TREE_NAME_SETS; i++) {
		for (size_t j = 0; j < TREE_NAME_WAYS; j++)
			slot_drop(&n->slot[i][j]);
	}
	pthread_mutex_unlock(&n->lock);
}

void tree_names_free(struct tree_names *n)
{
	if (n == NULL)
		return;
	tree_names_forget(n);
	pthread_mutex_destroy(&n->lock);
	mem_free(n);
}

/* Tokens are outputs of a MAC: any bits of them are as good as a hash. */
static struct slot *set_of(struct tree_names *n, const struct name_token *t)
{
	return n->slot[((size_t)t->b[8] << 8 | t->b[9]) % TREE_NAME_SETS];
}

bool tree_names_get(struct tree_names *n, const struct name_token *t, struct version v,
		    char ret_name[NAME_BYTES_MAX + 1])
{
	struct slot *s = set_of(n, t);
	bool found = false;

	pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < TREE_NAME_WAYS && !found; i++) {
		if (s[i].name && memcmp(s[i].token.b, t->b, TOKEN_BYTES) == 0 &&
		    version_equal(s[i].version, v)) {
			strcpy(ret_name, s[i].name);
			found = true;
		}
	}
	pthread_mutex_unlock(&n->lock);
	return found;
}

void tree_names_put(struct tree_names *n, const struct name_token *t, struct version v, const char *name)
{
	struct slot *s = set_of(n, t), *victim;
	char *copy = mem_strdup(name);

	if (copy == NULL)
		return;
	pthread_mutex_lock(&n->lock);
	victim = &s[n->turn++ % TREE_NAME_WAYS];
	for (size_t i = 0; i < TREE_NAME_WAYS; i++) {
		if (s[i].name == NULL || memcmp(s[i].token.b, t->b, TOKEN_BYTES) == 0)
			victim = &s[i];
	}
	slot_drop(victim);
	*victim = (struct slot){*t, v, copy};
	pthread_mutex_unlock(&n->lock);
}

/* A name must be one a file can have, and the one its token stands for: a writer's mount is not to be trusted
 * with it. */
static int check_name(const struct section_keys *keys, const struct place *dir, const struct name_token *t,
		      struct view name, char ret_name[NAME_BYTES_MAX + 1])
{
	struct name_token real = content_token(keys, &dir->node, name);
	char text[NAME_BYTES_MAX + 1];

	if (name.len > NAME_BYTES_MAX || memcmp(real.b, t->b, TOKEN_BYTES) != 0)
		return err_set(CF_ECORRUPT, "an entry's name is not the one its token stands for");
	memcpy(text, name.data, name.len);
	text[name.len] = 0;
	if (name_check(text) || name_is_reserved(text))
		return err_set(CF_ECORRUPT, "an entry has a name that no file can have");
	strcpy(ret_name, text);
	return 0;
}

int tree_name(struct tree_look *l, const struct place *dir, const struct name_token *t,
	      const struct entry_row *row, struct version version, char ret_name[NAME_BYTES_MAX + 1])
{
	const struct section_keys *keys;
	struct buf name;
	int err;

	if (tree_names_get(l->tree->names, t, version, ret_name))
		return 0;
	buf_init(&name, 0);
	err = tree_name_keys(l, &dir->patient, dir->section, row->epoch, row->window, &keys);
	if (!err)
		err = content_open_name(keys, &dir->node, row->sealed_name, &name);
	if (!err)
		err = check_name(keys, dir, t, buf_view(&name), ret_name);
	if (!err)
		tree_names_put(l->tree->names, t, version, ret_name);
	buf_release_secret(&name);
	return err;
}

int tree_name_before(struct tree_look *l, const struct place *dir, const struct name_token *t,
		     uint64_t height, char ret_name[NAME_BYTES_MAX + 1], struct place *ret_child)
{
	struct statekey key = statekey_entry(&dir->patient, &dir->node, t);
	struct history_row row;
	struct entry_row entry;
	struct buf hold;
	int err = height ? history_at(l->txn, statekey_view(&key), height - 1, &row) : CF_ENOTFOUND;

	if (!err && row.deleted)
		err = CF_ENOTFOUND;
	if (err)
		return err;
	if (!ret_child && tree_names_get(l->tree->names, t, row.version, ret_name))
		return 0;
	buf_init(&hold, 0);
	err = history_read(chain_blocks(l->tree->chain), &row, &hold);
	if (!err)
		err = entry_row_decode(buf_view(&hold), &entry);
	if (!err)
		err = tree_name(l, dir, t, &entry, row.version, ret_name);
	if (!err && ret_child)
		*ret_child = place_node(&dir->patient, &entry.node, entry.type, dir->section, 0);
	buf_release(&hold);
	return err;
}

bool tree_entry_shown(int err, const char *what)
{
	if (err)
		log_warn("tree", "%s: %s (%s) -> left out of the listing", what, err_text(err), err_detail());
	return err == 0;
}
