/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chart_private.h - one chart, shared by chart*.c.
 *
 * Locks, in this order: a stage's `save`, a stage's `lock`, the chart's `lock`; the overlay and the tree lock
 * inside themselves. Only a stage's `save` is ever held while waiting for a commit.
 */
#ifndef FS_CHART_PRIVATE_H
#define FS_CHART_PRIVATE_H

#include "fs/chart.h"
#include "fs/overlay.h"
#include "fs/stage.h"

#define CHART_STAGE_BUCKETS 1024
#define CHART_ERRORS 32
#define CHART_ERROR_BYTES 512
#define CHART_OWED 256
#define CHART_HIDDEN_MS 30000 /* a record renamed away comes back within this, or is deleted */
#define CHART_TIMES_MS 500    /* changes of times alone wait so long for company */
#define CHART_AGAIN_MS 3000   /* before what nobody waits for is tried again */

/* Refers to the chart from callbacks that may come after its end. */
struct chart_link {
	pthread_mutex_t lock;
	unsigned refs;
	struct chart *chart; /* NULL: gone */
};

/* A change of times that waits. */
struct times {
	struct times *next;
	struct place place;
	uint8_t mask; /* OP_SET_ATIME, OP_SET_MTIME */
	uint64_t atime_ns;
	uint64_t mtime_ns;
	uint64_t since_ms;
};

/* An earlier save's failure, to be told at the next save and the next open for writing. */
struct owed {
	struct node_id node;
	uint64_t local;
	int err;
	bool at_save, at_open;
};

struct own_key {
	uint8_t b[NODE_BYTES];
};

/* Work for the worker: a stage whose save settled or shall be tried. */
struct task {
	struct task *next;
	struct stage *stage;
	uint64_t not_before_ms;
};

struct chart {
	struct client *client;
	struct tree *tree;
	struct spool *spool;
	struct overlay *overlay;
	unsigned timeout_ms;
	enum chart_when when;
	struct chart_link *link;
	_Atomic uint64_t rights;  /* counts changes of what this identity may read */
	_Atomic uint64_t settled; /* counts saves that were committed, under their stage's lock */

	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;
	struct stage *stages[CHART_STAGE_BUCKETS]; /* by node; each with the table's reference while a handle
						      or save has it */
	struct times *times;
	struct owed owed[CHART_OWED];
	size_t owed_count;
	char error[CHART_ERRORS][CHART_ERROR_BYTES];
	uint64_t error_count;
	uint64_t session;    /* tells this process's guards from those of a dead one; set once */
	struct own_key *own; /* nodes and tokens that this mount's transactions in flight write */
	size_t own_count, own_cap;
	struct task *tasks;
	size_t kept_count;
	struct chart_observer observer;
	bool has_observer;
	bool ending;
	bool is_locked; /* the worker waits, and keys are not there */
	bool at_work;   /* the worker is */
	pthread_t worker;
	bool has_worker;
};

/* --- transactions (chart_commit.c) --- */

#define COMMIT_OPS 64
#define COMMIT_SECRETS 2 /* a file's content and its extended attributes */
#define COMMIT_OWN (2 * COMMIT_OPS)
#define COMMIT_TRIES 8

struct commit {
	struct patient_id patient;
	uint16_t count;
	struct tx_op op[COMMIT_OPS];
	struct buf body[COMMIT_OPS];
	size_t secret_count;
	uint8_t secret[COMMIT_SECRETS][sizeof(uint16_t) + CONTENT_SECRET_BYTES]; /* items of the annex */
	struct buf annex;
	struct buf owed; /* an ANNEX_TRACE body that goes with the secret; empty: none */
	uint16_t blob_count;
	struct tx_blob blob[2];
	size_t own_count;
	struct own_key own[COMMIT_OWN];
};

void commit_init(struct commit *m, const struct patient_id *p);
void commit_release(struct commit *m);
/* Takes over the body's bytes. */
int commit_add(struct commit *m, enum op_code code, struct buf *body) must_check;
/* The secret of the operation that is about to be added goes into the annex. */
int commit_add_secret(struct commit *m, uint16_t op_index,
		      const uint8_t secret[CONTENT_SECRET_BYTES]) must_check;
void commit_writes_node(struct commit *m, const struct node_id *n);
void commit_writes_entry(struct commit *m, const struct name_token *t);
/* then (may be NULL) is queued for the worker when the job settles and commit_want was called. */
struct flight;
int commit_start(struct chart *c, struct commit *m, struct stage *then, struct client_job **ret_job,
		 struct flight **ret_flight) must_check;
/* Nobody waits any more: the worker sees to it. */
void commit_want(struct flight *f, struct client_job *job);
/* The starter is done with the flight. */
void commit_forget(struct flight *f);
bool commit_lost_race(const struct client_result *r);
/* Start and wait, again when it lost a race: result's error, CF_ENOQUORUM. */
int commit_run(struct chart *c, struct commit *m, struct client_result *ret_result) must_check;
bool chart_is_own(struct chart *c, const uint8_t id[NODE_BYTES]);

/* --- stages in use (chart.c) --- */

/* The stage of a node, made when there is none; a reference and the table's. It stays in the table until
 * chart_stage_got, once whoever asked has a handle on it. */
int chart_stage_get(struct chart *c, const struct place *node, struct stage **ret_s) must_check;
void chart_stage_got(struct chart *c, struct stage *s);
struct stage *chart_stage_find(struct chart *c, const struct place *node); /* NULL: none; a reference */
/* With the stage's lock: enters a stage that became a node; another that is there stays. */
void chart_stage_enter(struct chart *c, struct stage *s);
/* Out of the table: its name is gone. */
void chart_stage_leave(struct chart *c, struct stage *s);
/* Out of the table, if nobody has it open, or is about to, and nothing is staged. */
void chart_stage_idle(struct chart *c, struct stage *s);
/* Does it help to try again later? */
bool chart_can_come_right(int err);
void chart_task(struct chart *c, struct stage *s, uint64_t delay_ms);
void chart_owe(struct chart *c, const struct place *p, int err);
int chart_owed(struct chart *c, const struct place *p, bool opening);

/* --- saves (chart_save.c, chart_content.c) --- */

#define SAVE_FORCE 1u  /* also a new or emptied file that nothing was written to */
#define SAVE_NOWAIT 2u /* submit and leave the rest to the worker */
#define SAVE_ITEM 4u   /* the target is the item's own name: void once it is a node */

/* Where the bytes go when it is not the stage's own node: a scratch file's rename. */
struct save_target {
	struct place dir;
	char name[NAME_BYTES_MAX + 1];
	enum node_type type;
	struct tree_file *over; /* the file that is there: its next version; NULL: a new one */
	bool removes;           /* an entry goes in the same transaction */
	struct op_remove remove;
};

int chart_save_stage(struct chart *c, struct stage *s, struct overlay_item *item,
		     const struct save_target *to, unsigned flags) must_check;
/* A new file under the name it was made with. */
int chart_save_item(struct chart *c, struct stage *s, struct overlay_item *item, unsigned flags) must_check;
/* Waits for a save that is on its way; nothing when there is none. 0 also for a lost race: the worker saves
 * the same again. */
int chart_save_wait(struct chart *c, struct stage *s, unsigned timeout_ms) must_check;
/*
 * What is staged is put aside on this machine's disk, durably if asked to, and the worker commits it. What
 * could never be committed is told now: CF_EINVAL, CF_ETOOBIG; CF_EFULL. CF_EAGAIN: too large, it has to be
 * waited for.
 */
int chart_save_later(struct chart *c, struct stage *s, struct overlay_item *item, bool durable) must_check;
/* What can never be committed as it is goes to the conflicts; item may be NULL. */
void chart_give_up(struct chart *c, struct stage *s, struct overlay_item *item, int err);
/* What was written after the file's creation was refused goes there, too: CF_ECONFLICT. 0: nothing was. */
int chart_keep_refused(struct chart *c, struct stage *s, const char *name) must_check;
/* At the end: what is not settled is kept; the job is left to the client. */
void chart_save_abandon(struct chart *c, struct stage *s, const char *name);
/* A settled save's result is taken over; nothing when there is none. 0 also for a lost race: the same again
 * may be saved at once. */
int chart_save_settle(struct chart *c, struct stage *s);

int chart_record_limit(struct chart *c, uint32_t *ret_max) must_check;
int chart_check_record(struct view plain) must_check; /* CF_EINVAL: no JSON */

struct pending_save {
	struct client_job *job;
	struct flight *flight;
	uint64_t seq, bytes_seq;
	bool creates;
	bool waits;                /* it becomes a change that waits for the patient */
	struct place dir;          /* creates */
	enum node_type type;       /* creates */
	struct place node;         /* else */
	struct overlay_item *item; /* local item that the save makes a node of; a reference */
	struct spool_file *guard;  /* the bytes on disk, should this process end before they are settled */
	char name[NAME_BYTES_MAX + 1];
};

void pending_save_free(struct chart *c, struct pending_save *p);

/* --- what a killed mount leaves (chart_guard.c) --- */

struct snapshot;

/*
 * Bytes on disk, sealed, for as long as their save is under way: the next mount offers them under
 * .chartfs/conflicts, unless their transaction was committed. Where they cannot be written nothing is saved:
 * CF_EFULL, CF_EIO. NULL for a file without a byte or over 64 MiB. Those of the stage as they are now, with
 * the bytes_seq they are of; name may be NULL: node's.
 */
int chart_guard(struct chart *c, struct stage *s, const struct place *node, const char *name, bool durable,
		struct spool_file **ret_guard, uint64_t *ret_seq) must_check;
/* Those of a snapshot; what chart_save_later put aside when that is the same, else in the place of what it
 * put aside before. */
int chart_guard_begin(struct chart *c, struct stage *s, const struct snapshot *snap, const struct place *node,
		      const char *name, struct spool_file **ret_guard) must_check;
bool chart_guards(const struct stage *s); /* is it of a size to be guarded? */
/* What is staged is put aside as it is, for the case that the mount ends while its keys are locked away. */
int chart_put_aside(struct chart *c, struct stage *s, struct overlay_item *item) must_check;
/* Of a save that did not begin, or failed: what is still staged stays put aside, where that is promised.
 * guard may be NULL. */
void chart_guard_give_back(struct chart *c, struct stage *s, struct spool_file *guard, uint64_t seq);
/* Which transaction it is; on the disk, too, with -o commit=async. */
void chart_guard_tx(struct chart *c, struct stage *s, struct spool_file *guard, const struct place *node,
		    const char *name, const struct hash *id);
/* Is this label a guard's that a dead mount left and that was not committed? Under which name it is shown. */
bool chart_guard_name(struct chart *c, const char *file, struct view label,
		      char ret_name[NAME_BYTES_MAX + 64]);
/* Of mounts that are dead: removes those that were committed. */
void chart_guard_clean(struct chart *c);
/* With s->save: 0 or the error the result stands for. Told later, too: a conflict, and what nobody waited
 * for. */
int pending_take_over(struct chart *c, struct stage *s, const struct client_result *r,
		      bool waited) must_check;

/* A stage as it was when its save began. */
struct snapshot {
	uint64_t seq;
	uint64_t bytes_seq;
	uint64_t size;
	struct op_attrs attrs;
	unsigned attr_set;
	bool has_xattrs;
	struct buf xattrs;
	struct version base_version;
	struct tree_file *base;          /* a reference */
	struct buf plain;                /* records */
	struct attachment_source source; /* attachments, until the thaw */
	struct stage *frozen;            /* the stage, until then; borrowed */
	struct sha256_ctx *hash;         /* attachments that are hashed as a whole */
	uint64_t hashed;
};

/* With s->lock and s->save. Errors: CF_ETOOBIG (a record). */
int snapshot_take(struct stage *s, bool is_record, uint32_t record_max, struct snapshot *ret_snap) must_check;
/* Its bytes are sealed, and put aside: what is written from now on need not be kept apart from them. */
void snapshot_thaw(struct snapshot *snap);
void snapshot_release(struct snapshot *snap);

struct content {
	struct buf row; /* content_row bytes */
	struct hash commitment;
	bool unchanged;
};

/* Seals what was snapshot for op `index` of m. over: what it would replace, for comparison. */
int content_make(struct chart *c, struct snapshot *snap, bool is_record, const struct section_keys *keys,
		 const struct tree_file *over, struct commit *m, struct content *ret_content) must_check;

/* A create operation with what content_make made. */
int chart_create_op(struct tree_look *l, const struct save_target *to, const struct section_keys *keys,
		    const struct snapshot *snap, const struct content *content, struct commit *m) must_check;
/* A committed directory, or a symbolic link when target is given. */
int chart_make(struct chart *c, const struct place *dir, const char *name, const struct op_attrs *attrs,
	       const char *target, struct chart_attr *ret_attr) must_check;

/* --- extended attributes (chart_xattr.c) --- */

/*
 * An operation that makes list the attributes of a node, of what the operation before creates (node NULL), or
 * none at all when it has just these. base as in op_xattr; zeros with NULL.
 */
int chart_xattr_op(const struct section_keys *keys, const struct place *node, struct version base,
		   struct view list, struct commit *m) must_check;
/* The same for a node as it is now. */
int chart_xattr_add(struct chart *c, const struct section_keys *keys, const struct place *node,
		    struct view list, struct commit *m) must_check;
/* Makes list the attributes of a node, if they are others. */
int chart_xattr_replace(struct chart *c, const struct place *node, struct view list) must_check;
/* A stage that goes on as what the node is has its attributes. With the stage's lock, after stage_begin. */
int chart_xattr_carry(struct chart *c, const struct place *node, struct stage *s) must_check;

/* --- open files (chart_file.c, chart_read.c, chart_create.c) --- */

struct chart_file {
	struct chart *c;
	unsigned flags;
	bool closing;              /* counted in s->closing */
	struct stage *s;           /* NULL: the past, people, an alias opened to be read */
	struct overlay_item *item; /* of a file of this mount only; a reference */
	struct tree_file *seen;    /* the version it shows, under the lock of s; NULL: only what is staged */
	_Atomic uint64_t rights;   /* c->rights when it was last found that it may be read */
	struct place place;
};

struct chart_file *chart_file_new(struct chart *c, const struct place *p, unsigned flags);
/* Adds the handle to its stage; takes over the reference. */
void chart_file_attach(struct chart_file *f, struct stage *s);
int chart_file_attach_node(struct chart_file *f, const struct place *node) must_check;

/* chart_read.c. With the stage's lock: what is staged, or was committed by this mount, began as what the
 * handle shows. Somebody else's version between the two: the handle goes on with its own. */
bool chart_file_shares(const struct chart_file *f);
/* With the stage's lock: a handle of this mount committed a later version than this one has seen. */
bool chart_file_is_stale(const struct chart_file *f);
/* The version to show or to write on: what was seen, unless a handle of this mount committed a later one. */
int chart_file_refresh(struct chart_file *f) must_check;

int chart_alias_to_file(struct chart *c, struct overlay_item *item) must_check;
/* Locks the stage, with something staged in it: over what is committed now, empty when truncate and nothing
 * was. Unlocked on failure. */
int chart_file_stage(struct chart_file *f, bool truncate) must_check;

/* --- new files (chart_unsaved.c) --- */

/*
 * A new file that nobody has open any more is saved before anything else is done with its name, so that it
 * has its own number from then on; a close(2) that is about to come through is waited for. Answers item, or
 * puts it and answers NULL when it is a node now (ret_was: what it was) or lost its name. NULL for NULL.
 */
struct overlay_item *chart_settle_found(struct chart *c, struct overlay_item *item, struct place *ret_was);
/* A file of this mount that is closed after its first save is about to have its own number. */
void chart_wait_for_close(struct stage *s);

/* --- a record becomes an attachment, or the other way (chart_convert.c) --- */

struct chart_name {
	const struct place *dir;
	const char *name;
};

/* What is staged of it is saved first. over: what has the name, or NULL. CF_EBUSY: it is open for writing. */
int chart_convert(struct chart *c, const struct chart_name *from, const struct place *node,
		  const struct chart_name *to, const struct place *over) must_check;
/* With the stage's lock, but for moments: until it is none of the two. */
void chart_wait_converted(struct stage *s);

/* --- the rest --- */

/* What this identity may read has changed: open files are checked again, kernel caches dropped. */
void chart_rights_changed(struct chart *c);

/* Is this name one to commit, and as what? */
int chart_type_of(struct tree_look *l, const struct place *dir, const char *name,
		  enum node_type *ret_type) must_check;
int chart_add_remove(struct commit *m, const struct place *dir, const struct name_token *t,
		     const struct place *node) must_check;
/* Deletes a committed entry. */
int chart_remove(struct chart *c, const struct place *dir, const char *name,
		 const struct place *node) must_check;
/* The same of what a stage has become, with its `save`. */
int chart_remove_of(struct chart *c, struct stage *s, const struct place *dir, const char *name) must_check;
/* Commits the deletion that a hidden name stands for. */
int chart_remove_hidden(struct chart *c, struct overlay_item *hidden) must_check;
/* CF_ENOTEMPTY when something of this mount alone is in it; deletions that wait in it are committed. */
int chart_empty_local(struct chart *c, const struct place *dir) must_check;
/* CF_ENOTEMPTY when a committed entry is in it. */
int chart_is_empty(struct chart *c, const struct place *dir) must_check;
/* Would a file of this kind be another one under this name? */
bool chart_changes_type(struct chart *c, const struct place *node, const struct place *dir, const char *name);
void chart_node_is_gone(struct chart *c, const struct place *node);
/*
 * While a node's name is removed or taken by another, no save of it begins, is tried again, or is found to
 * have failed: once the name is gone that is nobody's conflict. NULL: nothing is staged of it.
 */
struct stage *chart_hold_saves(struct chart *c, const struct place *node);
void chart_let_saves(struct stage *held); /* accepts NULL */

int chart_lookup_committed(struct chart *c, const struct place *dir, const char *name,
			   struct chart_attr *ret_attr) must_check;
int chart_attr_of_item(struct chart *c, struct overlay_item *item, struct chart_attr *ret_attr) must_check;
void chart_attr_of_stage(struct stage *s, struct chart_attr *attr);

/* Waiting times of a node: merges them into attr; takes them out for a save that carries them. */
void chart_times_show(struct chart *c, struct chart_attr *attr);
bool chart_times_take(struct chart *c, const struct place *node, struct times *ret_times);
void chart_times_flush(struct chart *c, uint64_t before_ms);
/* Attributes of a committed node: times wait, the rest is committed at once; what is so already is no change.
 */
int chart_set_committed(struct chart *c, const struct place *p, unsigned mask,
			const struct op_attrs *attrs) must_check;

/* The stage's bytes as they are now into f, with the bytes_seq they are of. */
int chart_copy_out(struct stage *s, struct spool_file *f, uint64_t *ret_seq) must_check;
/* Keeps a stage's bytes under .chartfs/conflicts. */
int chart_keep_conflict(struct chart *c, struct stage *s, const char *name) must_check;
/* The last name a node has, from its directory. */
int chart_name_of(struct chart *c, const struct place *node, char ret_name[NAME_BYTES_MAX + 1]) must_check;

#endif
