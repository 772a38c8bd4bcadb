/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chart.h - the charts as a tree of places: what FUSE's operations, the tools and the tests share.
 *
 * Includes no FUSE header; answers cf_err. Reads come from the mount's own verified stores at the newest
 * height (or the place's). Changes are transactions: they return when committed, or with the error the
 * caller must see. Thread-safe.
 */
#ifndef FS_CHART_H
#define FS_CHART_H

#include "acl/claim.h"
#include "fs/place.h"
#include "net/client.h"

struct chart;

/*
 * When a save is waited for. CLOSE: close(2) and fsync(2) return when it is committed. FSYNC: close(2) when
 * the bytes are put aside on this machine, fsync(2) when they are committed. ASYNC: neither waits for the
 * network; after fsync(2) what was put aside outlives this machine's crash. What was put aside is committed
 * in the background, or offered under .chartfs/conflicts. Files over 64 MiB are waited for in any case.
 */
enum chart_when { CHART_COMMIT_CLOSE, CHART_COMMIT_FSYNC, CHART_COMMIT_ASYNC };

struct chart_config {
	struct client *client; /* borrowed */
	const char *spool_dir; /* private: staged bytes, encrypted */
	unsigned timeout_ms;   /* of a save */
	enum chart_when when;
};

int chart_new(const struct chart_config *config, struct chart **ret_chart) must_check;
/* Sends pending changes of times first (bounded by the timeout). Accepts NULL. */
void chart_free(struct chart *c);
struct client *chart_client(struct chart *c);
/*
 * Keys are to be locked away. With no call of this chart under way but these, and nobody who gives it blocks
 * (chart_feed_attach): what is staged goes to the spool, sealed, what is committed leaves memory; from then
 * on whatever needs a key answers CF_ELOCKED, and what nobody waits for waits. Ended so, the chart leaves
 * what was staged for the next one's conflicts. CF_EBUSY: something is not settled yet; CF_EFULL, CF_EIO.
 */
bool chart_is_busy(struct chart *c);
int chart_lock(struct chart *c) must_check;
/* After identity_unlock and client_unlock. What is open goes on. */
int chart_unlock(struct chart *c) must_check;
/* The last failures, newest last, one line each, for .chartfs/last-error: "<time> <path or operation>: <errno
 * name>: <detail>". */
void chart_note_error(struct chart *c, const char *what, int err);
int chart_last_errors(struct chart *c, struct buf *out) must_check;

struct chart_attr {
	struct place place;
	uint64_t ino;  /* 0: place_ino(place); else what was told before the file became a node */
	uint32_t mode; /* with S_IFDIR, S_IFREG or S_IFLNK */
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint64_t size;
	uint64_t atime_ns;
	uint64_t mtime_ns;
	uint64_t ctime_ns;
	struct version version; /* of the content, PLACE_NODE: what an open of it shows */
	bool unsettled;         /* a new file whose number is another one as soon as it is closed and saved */
	struct place was; /* a new file that became a node by this very look: what it was; kind 0: none */
};

/*
 * Lookups. Staged and local state of this mount is seen. Errors: CF_ENOTFOUND, CF_EDENIED (no grant: no
 * plaintext name or content can be had), CF_ENOTDIR, CF_ENAMETOOLONG, CF_ECORRUPT.
 */
int chart_lookup(struct chart *c, const struct place *dir, const char *name,
		 struct chart_attr *ret_attr) must_check;
int chart_getattr(struct chart *c, const struct place *p, struct chart_attr *ret_attr) must_check;
int chart_parent(struct chart *c, const struct place *p, struct place *ret_parent) must_check;
/*
 * Entries after cookie (0: from the first), without "." and "..", in a stable order, each with the cookie to
 * go on behind it. on_entry answers true to go on. Cookies stay valid while entries come and go. Hidden names
 * are not listed.
 */
int chart_list(struct chart *c, const struct place *dir, uint64_t cookie,
	       bool (*on_entry)(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie),
	       void *ctx) must_check;
/* W_OK, R_OK and X_OK under the grants; where the kernel does not answer access(2) from the mode bits.
 * CF_EDENIED, CF_EROFS. */
int chart_access(struct chart *c, const struct place *p, int mask) must_check;
/* Entries and bytes, for statfs. */
struct chart_stat {
	uint64_t files;
	uint64_t free_bytes; /* of the spool's file system */
	uint64_t total_bytes;
	uint64_t free_files;
};
int chart_statfs(struct chart *c, struct chart_stat *ret_stat) must_check;

/* Structure. Each is one transaction, done when it returns. uid, gid: the caller's. */
int chart_mkdir(struct chart *c, const struct place *dir, const char *name, uint32_t mode, uint32_t uid,
		uint32_t gid,
		struct chart_attr *ret_attr) must_check; /* in PLACE_PATIENTS: admits a patient */
int chart_symlink(struct chart *c, const struct place *dir, const char *name, const char *target,
		  uint32_t uid, uint32_t gid, struct chart_attr *ret_attr) must_check;
int chart_readlink(struct chart *c, const struct place *p, struct buf *out) must_check;
int chart_unlink(struct chart *c, const struct place *dir, const char *name) must_check;
int chart_rmdir(struct chart *c, const struct place *dir, const char *name) must_check;
/* flags: RENAME_NOREPLACE (1) or 0; RENAME_EXCHANGE is CF_EINVAL. Scratch to real name commits the scratch
 * file's bytes. */
int chart_rename(struct chart *c, const struct place *from_dir, const char *from_name,
		 const struct place *to_dir, const char *to_name, unsigned flags) must_check;

#define CHART_SET_MODE 1u
#define CHART_SET_UID 2u
#define CHART_SET_GID 4u
#define CHART_SET_SIZE 8u
#define CHART_SET_ATIME 16u
#define CHART_SET_MTIME 32u

/* A file open for writing takes the change into its save; times alone are committed within a second. */
int chart_setattr(struct chart *c, const struct place *p, unsigned mask, const struct chart_attr *values,
		  struct chart_attr *ret_attr) must_check;

/*
 * Extended attributes of files and directories, by their full names; who calls says which may be kept. Of a
 * new file they go with its first save, else a change is a transaction. Errors: CF_ENOTFOUND (there is no
 * such one), CF_EEXIST, CF_EFULL (XATTR_BYTES_MAX), CF_EROFS, CF_EUNSUPPORTED (a scratch directory).
 */
#define CHART_XATTR_CREATE 1u  /* CF_EEXIST when it is there */
#define CHART_XATTR_REPLACE 2u /* CF_ENOTFOUND when it is not */
int chart_xattr_set(struct chart *c, const struct place *p, const char *name, struct view value,
		    unsigned flags) must_check;
int chart_xattr_remove(struct chart *c, const struct place *p, const char *name) must_check;
/* Appends the value. */
int chart_xattr_get(struct chart *c, const struct place *p, const char *name, struct buf *out) must_check;
/* Appends the names, each with a NUL behind it. */
int chart_xattr_list(struct chart *c, const struct place *p, struct buf *out) must_check;

/*
 * Open files. All handles of one file on this mount share what is staged: a reader opened after a local write
 * sees it. A handle opened read-only with nothing staged shows the version it was opened at.
 */
struct chart_file;

#define CHART_READ 1u
#define CHART_WRITE 2u
#define CHART_TRUNC 4u
#define CHART_APPEND 8u

int chart_open(struct chart *c, const struct place *p, unsigned flags,
	       struct chart_file **ret_file) must_check;
/* A new file: nothing is committed before its first save. CF_EEXIST when the name is there. */
int chart_create(struct chart *c, const struct place *dir, const char *name, uint32_t mode, uint32_t uid,
		 uint32_t gid, unsigned flags, struct chart_file **ret_file,
		 struct chart_attr *ret_attr) must_check;
/* Only verified bytes are ever returned: CF_ECORRUPT or CF_ENOTFOUND when none can be had (EIO). Short only
 * at the end. */
int chart_read(struct chart_file *f, uint64_t offset, size_t bytes, struct buf *out) must_check;
int chart_write(struct chart_file *f, uint64_t offset, struct view data) must_check;
/* ftruncate(2): a part of the next save. */
int chart_truncate(struct chart_file *f, uint64_t size) must_check;
/*
 * The save: on flush (close). Nothing staged: 0 at once. Unchanged content: no transaction. Waits up
 * to the timeout: CF_ENOQUORUM keeps the bytes and goes on in the background. Also tells of an earlier save's
 * failure once. CF_ECONFLICT: the staged content is kept under .chartfs/conflicts. CF_EINVAL: no JSON on a
 * record name; CF_ETOOBIG.
 */
int chart_save(struct chart_file *f) must_check;
int chart_sync(struct chart_file *f) must_check; /* the same for fsync */
/* The last handle's close drops what could not be saved unless it is kept for the background. */
void chart_close(struct chart_file *f);
const struct place *chart_file_place(const struct chart_file *f);
/* A committed version, and what it looked like. */
struct chart_shown {
	struct version version;
	uint64_t size;
	uint64_t mtime_ns;
	uint64_t ctime_ns;
};
/* True when what the handle shows is committed, so that cached pages may stay. False: it is staged. */
bool chart_file_shows(struct chart_file *f, struct chart_shown *ret_shown);

/* Did this mount itself make version `now` of what a handle shows as version `was`, so that the handle shows
 * that, too? */
bool chart_is_own_save(struct chart *c, const struct place *p, struct version was, struct version now);

/* Files kept because they could not be saved: one line each for .chartfs/staged. */
int chart_staged(struct chart *c, struct buf *out) must_check;
/* Content of a conflict kept, by its name in .chartfs/conflicts; with an on_name walk for listing. */
int chart_conflicts(struct chart *c, bool (*on_name)(void *ctx, const char *name, uint64_t size),
		    void *ctx) must_check;
int chart_conflict_read(struct chart *c, const char *name, struct buf *out) must_check;
/* For good. CF_ENOTFOUND. */
int chart_conflict_remove(struct chart *c, const char *name) must_check;

/* Facts for virtual xattrs and the tools. */
struct chart_facts {
	struct hash tx_id; /* of the transaction that wrote the content shown */
	uint64_t height;
	uint32_t index;
	char author[64];  /* name@organization */
	unsigned version; /* 1, 2, ... along the file's history */
	uint64_t time_ms;
	struct node_row node;
	struct content_row content; /* views are not set */
};
int chart_facts(struct chart *c, const struct place *p, struct chart_facts *ret_facts) must_check;

/* Versions of a file by its directory and token, oldest first, deletions included. */
struct chart_version {
	unsigned number;
	bool deleted;
	uint64_t height;
	uint32_t index;
	uint64_t time_ms;
	struct hash tx_id;
	enum tx_type type;
	struct node_id node;
	uint64_t size;
	char author[64];
};
int chart_versions(struct chart *c, const struct place *dir, const char *name,
		   bool (*on_version)(void *ctx, const struct chart_version *v), void *ctx) must_check;

/* Height in force at a time: the newest block with time <= time_ms; CF_ENOTFOUND before the first. */
int chart_height_at(struct chart *c, uint64_t time_ms, uint64_t *ret_height) must_check;

/*
 * The patient's co-signature: what becomes of a change in pending/ (place: there), and in which sections
 * changes wait. CF_ENOTFOUND: another change waits by now; CF_ECONFLICT: the file was changed since it was
 * proposed.
 */
int chart_decide(struct chart *c, const struct place *waiting, enum approval what,
		 struct client_result *ret_result) must_check;
int chart_rule(struct chart *c, const struct patient_id *p, uint32_t sections, bool amend) must_check;
/* Does a change of this file wait, so that the bytes last written are not the file's? */
bool chart_waits(struct chart *c, const struct place *node);
/* Those of a patient that this identity may read. */
struct tree_waiting;
int chart_waiting(struct chart *c, const struct patient_id *p,
		  bool (*on_change)(void *ctx, const struct tree_waiting *w, const char *author),
		  void *ctx) must_check;

/* Grants, for the tools and GRANTS/. */
int chart_grant(struct chart *c, const struct patient_id *p, uint32_t sections, const char *to,
		unsigned verbs, uint64_t until_ms,
		uint16_t purpose) must_check; /* to: "doctor2" or "doctor2@hospitalB" */
int chart_revoke(struct chart *c, const struct patient_id *p, uint32_t sections, const char *from) must_check;
/*
 * GRANTS/ (fs/grants.h). open: the text that stands there; nothing, of a file that is to be made. write: what
 * is not there any more is revoked, then what is new or different granted, one transaction each kind: when
 * one fails, those before it stand. CF_EINVAL: the text, with the line.
 */
int chart_grants_open(struct chart *c, const struct place *p, bool writes, struct buf *ret_text) must_check;
int chart_grants_create(struct chart *c, const struct place *dir, const char *name,
			struct chart_attr *ret_attr) must_check;
int chart_grants_write(struct chart *c, const struct place *p, struct view text) must_check;
int chart_grants_remove(struct chart *c, const struct place *dir, const char *name) must_check;
/*
 * The custodian hands a chart over; consent is the line that chart_consent() made on the patient's mount.
 * custodian: as in grant.
 */
int chart_claim(struct chart *c, const struct patient_id *p, const char *consent) must_check;
int chart_consent(struct chart *c, const struct patient_id *p, const char *custodian,
		  char ret_text[CLAIM_TEXT_BYTES]) must_check;
/* Another owner for a chart whose owner lost their keys: text is a replacement that governors approved
 * (acl/replacement.h); for whoever may read all of the chart. */
int chart_replace(struct chart *c, const struct patient_id *p, struct view text) must_check;
/*
 * Erases the contents of all versions that name ever had in dir, deleted ones too; or all of a patient. The
 * owner's, in custody the custodian's. CF_ECONFLICT: a version was saved meanwhile. CF_ETOOBIG: more files
 * had the name than a transaction holds.
 */
int chart_erase(struct chart *c, const struct place *dir, const char *name,
		struct client_result *ret_result) must_check;
int chart_erase_patient(struct chart *c, const struct patient_id *p,
			struct client_result *ret_result) must_check;
int chart_find_identity(struct chart *c, const char *who, struct identity_id *ret_id) must_check;

/* What remote commits changed, for kernel caches: called on the follower's thread; must not block. */
struct chart_observer {
	void *ctx;
	void (*on_node)(void *ctx, const struct place *node, bool content);
	/* gone: the name is, and child was behind it */
	void (*on_entry)(void *ctx, const struct place *dir, const char *name, const struct place *child,
			 bool gone);
	void (*on_patients)(void *ctx); /* a patient came, or a grant changed */
};
void chart_observe(struct chart *c, const struct chart_observer *observer);
/* To be given to client_open as its observer's functions; ctx: the chart (set once it exists with
 * chart_attach). */
struct chart_feed;
int chart_feed_new(struct chart_feed **ret_feed, struct client_observer *ret_observer) must_check;
void chart_feed_attach(struct chart_feed *feed, struct chart *c);
void chart_feed_free(struct chart_feed *feed);

/* Place of a path below the mount point ("patients/p1/EMR02/x.json"), for tools that talk through
 * .chartfs/control. */
int chart_path(struct chart *c, const char *path, struct chart_attr *ret_attr) must_check;

#endif
