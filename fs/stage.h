/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage.h - what was written to a file of this mount and is not committed yet, shared by all its handles.
 *
 * Copy on open, lazily: bytes come from the staged ranges, below base_limit from the base version, else they
 * are zeros. Whole chunks of a large attachment are sealed and put while it is written. Says nothing of when
 * and how to commit: that is chart_save.c. Two locks: `save` is held by whoever commits, `lock` guards the
 * rest and is never held while waiting for a commit.
 */
#ifndef FS_STAGE_H
#define FS_STAGE_H

#include "fs/extent.h"
#include "fs/spool.h"
#include "fs/tree.h"

#include <pthread.h>

#define STAGE_PUSH_BYTES ((uint64_t)1 << 20) /* files below it are sealed at the save only */
#define STAGE_PUSH_CHUNKS 65536              /* at most so many sealed chunks are remembered */
#define STAGE_HASH_BYTES \
	((uint64_t)4 << 20) /* rewritten in part: up to this size read and hashed as a whole */

struct stage {
	_Atomic unsigned refs;
	struct tree *tree;   /* borrowed */
	struct spool *spool; /* borrowed */
	pthread_mutex_t save;

	pthread_mutex_t lock;
	struct place place; /* PLACE_NODE, or PLACE_LOCAL while it is no node yet */
	bool is_record;
	uint64_t shown_ino; /* of the local file it was; programs compare numbers while they have it open */
	bool gone;          /* its name was removed: nothing is committed any more */
	bool refused;       /* its name never came to be: what is written yet is kept, not committed */
	bool converting;    /* it is about to go on as another node: nobody opens it for writing */
	unsigned writers;   /* handles open for writing */
	unsigned closing;   /* of those: closed by somebody and not written to since */
	unsigned handles;
	bool staged;          /* differs, perhaps, from what is committed */
	_Atomic bool is_late; /* its save was waited for in vain */
	bool flushed; /* closed by somebody since it was last written to: the last close may be near */
	bool touched; /* something was written, or the file truncated by itself: the next flush is a save */
	uint64_t seq; /* counts changes of bytes and attributes */
	uint64_t bytes_seq;    /* the last one of bytes */
	struct op_attrs attrs; /* as they are to be, when staged */
	unsigned attr_set;     /* CHART_SET_* that somebody asked for by name */
	uint64_t ctime_ns;
	/* as it was last seen with nothing staged: of an open file whose name is gone nobody else knows */
	struct op_attrs known;
	uint64_t known_size, known_ctime_ns;
	bool has_xattrs;   /* a save writes these extended attributes in place of those there are */
	struct buf xattrs; /* acl/xattr.h */
	struct spool_file *sealed_xattrs; /* they are here while the keys are locked away */
	uint64_t size;
	struct tree_file *base; /* NULL: none */
	struct version base_version;
	uint64_t base_limit;
	struct spool_file *bytes; /* NULL: nothing written yet */
	struct extents changed;
	struct version latest;     /* what was last committed through this stage */
	struct version first_base; /* what the first of its commits in a row was made of */

	/* chunks sealed ahead */
	struct content_ref *sealed;
	uint64_t sealed_count;
	size_t sealed_cap;
	struct sha256_ctx *hash; /* over the first `hashed` bytes */
	uint64_t hashed;
	bool pushing, push_broken, push_failed;

	struct stage_frozen *frozen; /* what a save reads; NULL: none does */

	/* a save on its way: chart_save.c's, under `save` */
	struct pending_save *pending;

	/* bytes put aside by a close that did not wait, until their save begins: as they were at this
	 * bytes_seq */
	struct spool_file *guard;
	uint64_t guard_seq;
	bool guard_durable;  /* it is on the disk */
	uint64_t saving_seq; /* bytes_seq of the save that is under way; 0: none */
	bool saving_durable; /* so are the bytes it has put aside */

	struct stage *next; /* of the chart's table, and under its lock as the following */
	bool in_table;
	unsigned opening; /* by whom it was found in the table and no handle is there yet */
};

int stage_new(struct tree *t, struct spool *spool, const struct place *place, bool is_record,
	      struct stage **ret_s) must_check;
struct stage *stage_ref(struct stage *s);
void stage_unref(struct stage *s); /* accepts NULL */

/*
 * All below want s->lock held. Begins staging over a version (NULL: a new file), empty when truncate, else as
 * it is; attrs are those of the version unless given.
 */
void stage_begin(struct stage *s, struct tree_file *base, bool truncate, const struct op_attrs *attrs);
void stage_know(struct stage *s, const struct op_attrs *attrs, uint64_t size, uint64_t ctime_ns);
/* Drops what is staged. */
void stage_clear(struct stage *s);
/* The save that took its snapshot at seq was committed as version. What was written since stays. */
void stage_committed(struct stage *s, uint64_t seq, struct version version);
int stage_write(struct stage *s, uint64_t offset, struct view data) must_check;
int stage_truncate(struct stage *s, uint64_t size) must_check;
/* The range must lie within size. */
int stage_read(struct stage *s, uint64_t offset, size_t bytes, uint8_t *ret_data) must_check;
void stage_touch(struct stage *s);

/* The attributes go to the spool before it is locked, and come back. */
int stage_seal(struct stage *s) must_check;
int stage_unseal(struct stage *s) must_check;

/* Without the lock: seals and puts whole chunks written in order. Failing is no failure: they go at the save.
 */
void stage_push(struct stage *s, const struct section_keys *keys);
bool stage_wants_push(struct stage *s); /* with the lock */
/*
 * A source over the stage as it is now, for attachment_build: it stays so until stage_thaw, whatever is
 * written meanwhile. Both with `save`, too; the source is used with that alone. What is staged must not be
 * cleared in between.
 */
int stage_freeze(struct stage *s, struct attachment_source *ret_source) must_check;
void stage_thaw(struct stage *s); /* nothing when it is not frozen */
/* Before bytes of the range are written or cut off. Errors: CF_EFULL, CF_EIO, CF_ENOMEM. */
int stage_before_change(struct stage *s, uint64_t from, uint64_t to) must_check;
/* With the lock: the hash so far, for the save to go on with; the stage's own is gone then. *ret_hashed bytes
 * are in it. */
int stage_take_hash(struct stage *s, struct sha256_ctx **ret_hash, uint64_t *ret_hashed) must_check;
/* With the lock: does no byte come from the base? */
bool stage_is_whole(const struct stage *s);

#endif
