/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_private.h - one committed tree, shared by tree*.c.
 */
#ifndef FS_TREE_PRIVATE_H
#define FS_TREE_PRIVATE_H

#include "fs/tree.h"

#include <pthread.h>

#define TREE_NAME_SETS 8192
#define TREE_NAME_WAYS 4
#define TREE_TXS 256

/* PLACE_NODE of the past: what its field local says. */
#define TREE_VERSION_VIEW 1u /* below .history: the times are those of the transaction */
#define TREE_DELETED_VIEW 2u /* the empty file that stands for a deletion */

struct tree_names; /* token and version -> name */
struct tree_patients;

struct tree {
	struct client *client;
	struct chain *chain;
	struct keyring *keyring;
	struct identity_id me;
	unsigned timeout_ms;
	uint64_t begun_ms;              /* the time of an empty ledger's root */
	_Atomic uint64_t rights_end_ms; /* the first end, by the clock, of the rights found so far */
	struct attachments *attachments;
	struct tree_names *names;
	struct tree_patients *patients;
	pthread_mutex_t file_lock;
	struct tree_file *files; /* all that are open */
	pthread_mutex_t tx_lock;
	struct {
		struct version version;
		struct tree_tx tx;
	} tx[TREE_TXS]; /* version -> transaction, by version modulo size */
};

int tree_names_new(struct tree_names **ret_n) must_check;
void tree_names_free(struct tree_names *n);
void tree_names_forget(struct tree_names *n);
bool tree_names_get(struct tree_names *n, const struct name_token *t, struct version v,
		    char ret_name[NAME_BYTES_MAX + 1]);
void tree_names_put(struct tree_names *n, const struct name_token *t, struct version v, const char *name);

void tree_files_dry(struct tree *t); /* wipes the contents of all that are open */

int tree_patients_new(struct tree_patients **ret_p) must_check;
void tree_patients_free(struct tree_patients *p);
void tree_patients_forget(struct tree_patients *p);

struct place tree_dir_place(const struct patient_id *p, unsigned section, uint64_t height);
/* 0 when what the look sees has all history from this height on (0: all); CF_EAGAIN (chain_past_check). */
int tree_past_check(const struct tree_look *l, uint64_t height) must_check;
/* The annex of a transaction, which the block at this height may have (0: unknown); from the members when the
 * own stores lack it. As client_annex. */
int tree_annex(struct tree_look *l, const struct hash *id, uint64_t height, struct buf *hold,
	       struct view *ret_annex) must_check;
uint64_t tree_block_time(struct tree_look *l, uint64_t height);
int tree_look_height_at(struct tree_look *l, uint64_t time_ms, uint64_t *ret_height) must_check;

/* <dir>/.snapshots/ (tree_snapshots.c). CF_ENOTFOUND: dir has none, or there is no such time. */
int tree_snapshots_enter(struct tree_look *l, const struct place *dir, struct place *ret_p) must_check;
int tree_snapshots_lookup(struct tree_look *l, const struct place *p, const char *name,
			  struct chart_attr *ret_attr) must_check;
int tree_snapshots_list(struct tree_look *l, const struct place *p, uint64_t cookie, tree_entry_fn on_entry,
			void *ctx) must_check;
/* <patient>/ACCESS/ (tree_trail.c). may: CF_EDENIED, whom it does not concern. */
#define TRAIL_DIR_NAME "ACCESS"
int tree_trail_may(struct tree_look *l, const struct patient_id *p) must_check;
struct place tree_trail_place(const struct patient_id *p);
int tree_trail_lookup(struct tree_look *l, const struct place *dir, const char *name,
		      struct chart_attr *ret_attr) must_check;
int tree_trail_list(struct tree_look *l, const struct place *dir, uint64_t cookie, tree_entry_fn on_entry,
		    void *ctx) must_check;
int tree_trail_attr(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr) must_check;
int tree_trail_text(struct tree_look *l, const struct place *p, struct buf *out) must_check;
/* What such a directory shows has no height: all history must be there. CF_EAGAIN (chain_past_check). */
int tree_is_past(struct tree_look *l, const struct place *dir) must_check;
/* Is p a snapshot? Then its parent. */
bool tree_snapshots_parent(const struct place *p, struct place *ret_parent);
/* Whether an entry shall be shown; what cannot be opened or has a name that is no file name is logged and
 * left out. */
bool tree_entry_shown(int err, const char *what);

#endif
