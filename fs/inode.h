/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inode.h - what the kernel knows: node ids and the places behind them, with lookup counts.
 *
 * A node id is given out once in the life of a mount and never again; 1 is the root. It is not the inode
 * number that programs see (place_ino): a scratch file renamed to a record's name keeps its node id while
 * the place behind it changes. Several node ids may have one place (a file saved over by a rename): the
 * newest is the one that lookups find. Any thread.
 */
#ifndef FS_INODE_H
#define FS_INODE_H

#include "fs/chart.h"

struct inodes;

#define INODE_ROOT ((uint64_t)1)

int inodes_new(struct inodes **ret_t) must_check;
void inodes_free(struct inodes *t); /* accepts NULL */

/* The same for all node ids of a mount and different from an earlier mount's: with it they are unique. */
uint64_t inodes_generation(const struct inodes *t);
uint64_t inodes_count(struct inodes *t);

/*
 * The node id of a place, made when there is none, with one lookup more. parent and name are where it was
 * last seen (copied). version is the newest of its content: a node id that is open as another version stays
 * what it is for those, and the place gets a new one. CF_ENOMEM.
 */
int inode_ref(struct inodes *t, const struct place *p, struct version version, uint64_t parent,
	      const char *name, uint64_t *ret_id) must_check;
/* Attributes are told of a node id that is open as an older version than they are of: makes them that one's,
 * and answers true. */
bool inode_pin(struct inodes *t, uint64_t id, struct chart_attr *attr);
/* What a node id that is open shows, if a place's version is another one; else false. */
bool inode_shows(struct inodes *t, uint64_t id, struct version version, struct version *ret_shown);
/* Remembers that the kernel knows the attributes of this version; false: of another one until now. */
bool inode_told(struct inodes *t, uint64_t id, struct version version);
/* n lookups less; at none it is gone. The root stays. Node ids nobody knows are ignored. */
void inode_forget(struct inodes *t, uint64_t id, uint64_t n);

/* False when there is no such node id. */
bool inode_place(struct inodes *t, uint64_t id, struct place *ret_place);
/* Where it was last looked up. CF_ENOTFOUND: nowhere (the root). */
int inode_name(struct inodes *t, uint64_t id, uint64_t *ret_parent,
	       char ret_name[NAME_BYTES_MAX + 1]) must_check;
/* The place behind a node id became another one. Nothing to do when it is that already, or gone. */
void inode_rebind(struct inodes *t, uint64_t id, const struct place *p);
/* All node ids of a place, newest first, at most max; their number. */
size_t inode_find(struct inodes *t, const struct place *p, uint64_t *ret_ids, size_t max);
/* Of all kinds of place that fit: for "everything of this patient is different now". */
void inode_each(struct inodes *t, void (*on_inode)(void *ctx, uint64_t id, const struct place *p), void *ctx);

/*
 * Which version's pages the kernel keeps. A handle shows one version for as long as it is open, while the
 * kernel has one cache a node id; so that pages of two versions never mix, an open answers one of:
 */
enum inode_cache {
	INODE_KEEP,   /* the cache holds this version */
	INODE_DROP,   /* it holds nothing of use: drop it; from now on this version is in it */
	INODE_BYPASS, /* another version's handle is open: read around the cache */
};
/* shown NULL: bytes that are staged, which all handles share. Each open is ended by inode_closed. */
enum inode_cache inode_opened(struct inodes *t, uint64_t id, const struct chart_shown *shown);
void inode_closed(struct inodes *t, uint64_t id);
/* What was staged is this version now: the handles share it, and so do the pages. NULL: the handle reads
 * around the cache, which holds something else. */
void inode_saved(struct inodes *t, uint64_t id, const struct chart_shown *shown);

#endif
