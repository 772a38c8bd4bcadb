/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - the committed tree, read from the mount's own verified stores: the newest state or that of any
 * height.
 *
 * What is only staged or local is not here (overlay.h, stage.h). A look is one short read transaction; rows
 * of the past come from history, each checked against its hash. Names and contents are opened with the keys
 * this identity holds, and only while a grant says so (CF_EDENIED), in the past as now.
 */
#ifndef FS_TREE_H
#define FS_TREE_H

#include "fs/attachment.h"
#include "fs/chart.h"

struct tree;
int tree_new(struct client *client, unsigned timeout_ms, struct tree **ret_tree) must_check;
void tree_free(struct tree *t); /* accepts NULL */
struct attachments *tree_attachments(struct tree *t);
const struct identity_id *tree_me(const struct tree *t);
/* A patient came or a grant changed: lists of patients and keys are read anew. */
void tree_forget_patients(struct tree *t);
/* Before the keys are locked away, with nobody at work on the tree: wipes contents and names that it has. */
void tree_lock(struct tree *t);

uint64_t tree_now_ms(void);

/* One read transaction. height 0: the newest. CF_ENOTFOUND for a height not reached yet. */
struct tree_look {
	struct tree *tree;
	struct db_txn *txn;
	uint64_t height;
	uint64_t past; /* history is complete from this height on; 0: all of it */
	uint64_t now_ms;
	uint64_t time_ms;         /* of the block at height; 0 when live */
	struct section_keys keys; /* the last ones used */
	bool has_keys;
	struct patient_id may_patient; /* the last grant found */
	uint8_t may_section;
	uint8_t may_verbs;
};
int tree_look_begin(struct tree *t, uint64_t height, struct tree_look *ret_l) must_check;
void tree_look_end(struct tree_look *l); /* wipes */

/* Rows as of the look. Bytes of past rows are put into hold (reset first), which must outlive the views.
 * CF_ENOTFOUND. */
int tree_row(struct tree_look *l, const struct statekey *key, struct buf *hold, struct view *ret_value,
	     struct version *ret_version) must_check;
int tree_node(struct tree_look *l, const struct patient_id *p, const struct node_id *n,
	      struct node_row *ret_row, struct version *ret_version) must_check; /* row->content is filled */
int tree_entry(struct tree_look *l, const struct patient_id *p, const struct node_id *dir,
	       const struct name_token *t, struct buf *hold, struct entry_row *ret_row,
	       struct version *ret_version) must_check;
int tree_content(struct tree_look *l, const struct patient_id *p, const struct node_id *n, struct buf *hold,
		 struct content_row *ret_row, struct version *ret_version) must_check;

/* Extended attributes (acl/xattr.h) of a node as of the look, appended: nothing when it has none or they were
 * erased. version: of their row, zeros for none. CF_EDENIED, CF_ECORRUPT. */
int tree_xattrs(struct tree_look *l, const struct place *p, struct buf *out,
		struct version *ret_version) must_check;

/* Does a grant allow it now? CF_EDENIED with the reason. */
int tree_may(struct tree_look *l, const struct patient_id *p, unsigned section, unsigned verb) must_check;
/* Has a right or a lease that was found ended by the clock since the last call? */
bool tree_rights_ended(struct tree *t);
/* Keys of names alone: to open with, and the newest, to seal with (the caller wipes). They ask nobody. */
int tree_name_keys(struct tree_look *l, const struct patient_id *p, unsigned section, uint32_t epoch,
		   uint32_t window, const struct section_keys **ret_keys) must_check;
int tree_name_keys_current(struct tree_look *l, const struct patient_id *p, unsigned section,
			   struct section_keys *ret_keys) must_check;
/* All keys, for which the peers may have to be asked (net/trace_ask.h): to open with (l keeps and wipes
 * them; own: what this identity wrote itself), and the newest, to seal with (the caller wipes). */
int tree_keys(struct tree_look *l, const struct patient_id *p, unsigned section, uint32_t epoch,
	      uint32_t window, bool own, const struct section_keys **ret_keys) must_check;
int tree_keys_current(struct tree_look *l, const struct patient_id *p, unsigned section,
		      struct section_keys *ret_keys) must_check;
/* Token of a name in a directory of a section; needs keys, so CF_EDENIED. Any epoch's keys do. */
int tree_token(struct tree_look *l, const struct place *dir, const char *name,
	       struct name_token *ret_token) must_check;
uint64_t tree_cookie(const uint8_t id[16]);
/* The name of an entry, through a cache. */
int tree_name(struct tree_look *l, const struct place *dir, const struct name_token *t,
	      const struct entry_row *row, struct version version,
	      char ret_name[NAME_BYTES_MAX + 1]) must_check;
/* The name an entry had when it was last alive before height, for one that was deleted at height, and what
 * was behind it (ret_child may be NULL). */
int tree_name_before(struct tree_look *l, const struct place *dir, const struct name_token *t,
		     uint64_t height, char ret_name[NAME_BYTES_MAX + 1], struct place *ret_child) must_check;
/* Is the directory one named attachments, or below one? */
int tree_is_attachments(struct tree_look *l, const struct place *dir, bool *ret_is) must_check;

/* The operations of chart.h on what is committed. */
int tree_attr(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr) must_check;
void tree_attr_of_node(struct tree_look *l, const struct place *p, const struct node_row *row,
		       struct chart_attr *ret_attr);
int tree_lookup(struct tree *t, const struct place *dir, const char *name,
		struct chart_attr *ret_attr) must_check;
int tree_getattr(struct tree *t, const struct place *p, struct chart_attr *ret_attr) must_check;
int tree_parent(struct tree *t, const struct place *p, struct place *ret_parent) must_check;
typedef bool (*tree_entry_fn)(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie);
int tree_list(struct tree *t, const struct place *dir, uint64_t cookie, tree_entry_fn on_entry,
	      void *ctx) must_check;
int tree_access(struct tree *t, const struct place *p, int mask) must_check;

/* Patients this identity may know of, with the names they are listed under (tree_patient.c). */
int tree_patient_lookup(struct tree_look *l, const char *name, struct patient_id *ret_id) must_check;
int tree_patient_list(struct tree_look *l, uint64_t cookie, tree_entry_fn on_entry, void *ctx) must_check;
int tree_patient_name(struct tree_look *l, const struct patient_id *p,
		      char ret_name[NAME_BYTES_MAX + 1]) must_check;
/* A change that waits for the patient's co-signature (tree_waiting.c). Views as long as the look. */
struct tree_waiting {
	struct place place;            /* PLACE_WAITING */
	char name[NAME_BYTES_MAX + 1]; /* in pending/: EMR10-1a2b3c4d-note.json */
	char file[NAME_BYTES_MAX + 1]; /* of the file that it is of */
	struct waiting_row row;
	struct op_save save;
	struct content_row content;
	struct hash change; /* what an approval names */
	struct version version;
	bool is_void; /* the file was changed since */
};
/* Those this identity may read; a false answer ends the walk. */
typedef bool (*tree_waiting_fn)(void *ctx, const struct tree_waiting *w);
int tree_waiting_walk(struct tree_look *l, const struct patient_id *p, tree_waiting_fn on_change,
		      void *ctx) must_check;
struct place tree_pending_place(const struct patient_id *p);
int tree_waiting_lookup(struct tree_look *l, const struct place *dir, const char *name,
			struct chart_attr *ret_attr) must_check;
int tree_waiting_list(struct tree_look *l, const struct place *dir, uint64_t cookie, tree_entry_fn on_entry,
		      void *ctx) must_check;
int tree_waiting_attr(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr) must_check;
/* The row of a PLACE_WAITING, or of whatever waits of a PLACE_NODE. CF_ENOTFOUND. */
int tree_waiting_row(struct tree_look *l, const struct place *p, struct waiting_row *ret_row,
		     struct hash *ret_change, struct version *ret_version) must_check;
/* Is this identity the owner, in custody the custodian? */
int tree_holds(struct tree_look *l, const struct patient_id *p, bool *ret_holds) must_check;
/* Does a change of what is committed there have to wait for the patient? */
int tree_must_propose(struct tree_look *l, const struct patient_id *p, unsigned section,
		      bool *ret_must) must_check;
/* GRANTS/ (tree_grants.c) */
struct place tree_grants_place(const struct patient_id *p);
struct place tree_grant_place(const struct patient_id *p, const struct identity_id *who);
/* The place a name would have. CF_ENOTFOUND: it is no NAME@ORGANIZATION. */
int tree_grant_of_name(const struct place *dir, const char *name, struct place *ret_p) must_check;
int tree_grants_lookup(struct tree_look *l, const struct place *dir, const char *name,
		       struct chart_attr *ret_attr) must_check;
int tree_grants_list(struct tree_look *l, const struct place *dir, uint64_t cookie, tree_entry_fn on_entry,
		     void *ctx) must_check;
int tree_grant_attr(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr) must_check;
int tree_grant_text(struct tree_look *l, const struct place *p, struct buf *out) must_check;
/* people/ (tree_people.c) */
int tree_people_lookup(struct tree_look *l, const char *name, struct chart_attr *ret_attr) must_check;
int tree_people_list(struct tree_look *l, uint64_t cookie, tree_entry_fn on_entry, void *ctx) must_check;
int tree_person_attr(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr) must_check;
int tree_person_text(struct tree_look *l, const struct place *p, struct buf *out) must_check;
/* "name@organization"; "?" when it is not registered. */
void tree_person_name(struct tree_look *l, const struct identity_id *id, char *ret_name, size_t bytes);

/* One version of one file, opened: what a handle holds. Shared; the last tree_file_release wipes. After
 * tree_lock its content is opened anew when it is next needed. */
struct tree_file {
	struct tree *tree;
	struct tree_file *next, **at; /* of the tree's, under its lock */
	_Atomic unsigned refs;
	_Atomic bool is_dry; /* attachment and plain are not there */
	struct place place;
	struct node_row node;
	struct version version; /* of the content */
	uint32_t epoch;
	uint32_t window;
	uint64_t size;
	bool is_sealed; /* under the keys of that epoch and window */
	bool is_blob;
	struct attachment attachment; /* is_blob */
	struct buf plain;             /* else */
};
/* Files, symbolic links, people. Errors: CF_EDENIED, CF_ENOKEY (erased), CF_ECORRUPT, CF_EISDIR,
 * CF_ENOTFOUND. */
int tree_file_open(struct tree *t, const struct place *p, struct tree_file **ret_f) must_check;
struct tree_file *tree_file_ref(struct tree_file *f);
void tree_file_release(struct tree_file *f); /* accepts NULL */
/* Before attachment or plain are looked at: they are there. CF_ELOCKED, CF_EIO, those of tree_file_open. */
int tree_file_fill(struct tree_file *f) must_check;
/* The range must lie within the file. */
int tree_file_read(struct tree *t, struct tree_file *f, uint64_t offset, size_t bytes,
		   uint8_t *ret_data) must_check;
/* May what was opened still be read? As of now: a grant may have gone, the record may be erased, the lease
 * may have ended, so that the next one is asked for. */
int tree_file_may(struct tree *t, const struct tree_file *f) must_check;
/* Is this hash what the version's commitment commits to? */
bool tree_file_commits_to(struct tree *t, const struct tree_file *f, const struct hash *plain_hash);

/* History (tree_history.c). */
int tree_height_at(struct tree *t, uint64_t time_ms, uint64_t *ret_height) must_check;
/* The transaction that a version stands for. */
struct tree_tx {
	struct hash id;
	uint64_t time_ms;
	enum tx_type type;
	struct identity_id creator;
};
int tree_tx(struct tree_look *l, struct version version, struct tree_tx *ret_tx) must_check;
/* Oldest first; a false answer ends the walk. */
typedef bool (*tree_version_fn)(void *ctx, const struct chart_version *v, const struct place *place);
int tree_versions(struct tree_look *l, const struct place *dir, const struct name_token *token,
		  tree_version_fn on_version, void *ctx) must_check;
/* <dir>/.history/<file>/ */
int tree_versions_lookup(struct tree_look *l, const struct place *p, const char *name,
			 struct chart_attr *ret_attr) must_check;
int tree_versions_list(struct tree_look *l, const struct place *p, uint64_t cookie, tree_entry_fn on_entry,
		       void *ctx) must_check;

#endif
