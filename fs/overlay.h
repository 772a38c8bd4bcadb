/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay.h - what only this mount knows: names that are not, or not yet, or no longer to be seen in the
 * ledger.
 *
 * Scratch files of editors and tools; new files before their first save; aliases (a record renamed to a
 * scratch name keeps showing the version it had) and the hidden names they leave behind, which are deletions
 * that wait for the name to come back. In memory; contents are stages (stage.h). Items are counted: whoever
 * got one puts it. Fields of an item change only through the functions here, which lock. Any thread.
 */
#ifndef FS_OVERLAY_H
#define FS_OVERLAY_H

#include "fs/place.h"

struct stage;
struct tree_file;

enum overlay_kind {
	OVERLAY_FILE = 1,
	OVERLAY_DIR,
	OVERLAY_SYMLINK,
	OVERLAY_ALIAS,  /* shows `pinned` under a scratch name */
	OVERLAY_HIDDEN, /* a committed name that is not shown */
};

struct overlay;

struct overlay_item {
	struct overlay_item *next_name;   /* of the bucket */
	struct overlay_item *next_number; /* of the bucket */
	unsigned refs;
	enum overlay_kind kind;
	bool linked;     /* has a name */
	bool scratch;    /* stays local until it is renamed */
	uint64_t number; /* PLACE_LOCAL's */
	uint64_t cookie;
	struct place dir;
	char name[NAME_BYTES_MAX + 1];
	struct op_attrs attrs;    /* directories and symbolic links */
	uint64_t since_ms;        /* made, or hidden */
	struct stage *stage;      /* files; the item's own reference */
	char *target;             /* symbolic links */
	struct tree_file *pinned; /* aliases; the item's own reference */
	struct place node;        /* hidden: the committed node; aliases: the one they were */
};

/* drop is called for an item that nobody holds any more, to let go of stage and pinned. */
int overlay_new(void (*drop)(struct overlay_item *item), struct overlay **ret_o) must_check;
void overlay_free(struct overlay *o); /* accepts NULL */

/*
 * A new item with a name, like model (kind, scratch, attrs, stage, target, pinned, node); its number is new.
 * What model refers to is the item's on success. One reference for the caller. CF_EEXIST, CF_ENOMEM.
 */
int overlay_add(struct overlay *o, const struct overlay_item *model, const struct place *dir,
		const char *name, uint64_t cookie, struct overlay_item **ret_item) must_check;
struct overlay_item *overlay_find(struct overlay *o, const struct place *dir,
				  const char *name);                          /* NULL: none */
struct overlay_item *overlay_find_number(struct overlay *o, uint64_t number); /* also without a name */
void overlay_put(struct overlay *o, struct overlay_item *item);               /* accepts NULL */
struct place overlay_place(const struct overlay_item *item);

/* Takes the name away; false when another thread did. */
bool overlay_unlink(struct overlay *o, struct overlay_item *item);
/* Gives the item another name; what is there with it loses it. False when the item has no name any more. */
bool overlay_move(struct overlay *o, struct overlay_item *item, const struct place *dir, const char *name,
		  uint64_t cookie, bool scratch);
/* An alias is written to: it becomes a file with this stage (takes over the reference). False: it is none any
 * more. */
bool overlay_to_file(struct overlay *o, struct overlay_item *item, struct stage *s);

/* The item's node: it was committed. Later overlay_became answers for its number (for the last 65536). */
void overlay_commit(struct overlay *o, struct overlay_item *item, const struct place *node);
bool overlay_became(struct overlay *o, uint64_t number, struct place *ret_node);

/* Items of a directory, sorted by cookie, hidden ones included, each with a reference. Caller puts them and
 * frees the array. */
int overlay_list(struct overlay *o, const struct place *dir, struct overlay_item ***ret_items,
		 size_t *ret_count) must_check;
void overlay_list_free(struct overlay_item **items);
/* When the youngest new file of a directory was made; 0: there is none. */
uint64_t overlay_newest_ms(struct overlay *o, const struct place *dir);
bool overlay_has_children(struct overlay *o, const struct place *dir); /* that are to be seen */
/* A hidden item that is older than age_ms; NULL: none. The hidden item of a node. */
struct overlay_item *overlay_hidden_since(struct overlay *o, uint64_t before_ms);
/* Files that have a name; called without the lock. */
void overlay_each_file(struct overlay *o, void (*fn)(void *ctx, struct overlay_item *item), void *ctx);
/* Any file that has a name; NULL: none. */
struct overlay_item *overlay_next_file(struct overlay *o);
struct overlay_item *overlay_hidden_node(struct overlay *o, const struct node_id *n);

#endif
