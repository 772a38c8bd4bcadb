/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - what a path of the mount denotes: a kind, a height, and ids. fs/LAYOUT.md draws the tree.
 *
 * A place is a plain value of fixed size without padding surprises (zeroed before filled), so that it can be
 * hashed and compared as bytes. Height 0 is the live tree; any other is the tree as of that block, read-only.
 */
#ifndef FS_PLACE_H
#define FS_PLACE_H

#include "acl/op.h"

enum place_kind {
	PLACE_ROOT = 1,     /* the mount point, or the root of a past tree */
	PLACE_PATIENTS,     /* patients/ */
	PLACE_NODE,         /* a patient directory, section, directory, record, attachment, symlink */
	PLACE_LOCAL,        /* a scratch file, directory or symlink of this mount only: local is its number */
	PLACE_PEOPLE,       /* people/ */
	PLACE_PERSON,       /* people/<identity>.json: node holds the identity id */
	PLACE_AT,           /* at/ */
	PLACE_HISTORY,      /* <dir>/.history/: node and patient are the directory's */
	PLACE_VERSIONS,     /* <dir>/.history/<file>/: node is the directory's, token the file's */
	PLACE_CONTROL,      /* .chartfs/ */
	PLACE_CONTROL_FILE, /* .chartfs/<file>: local is the index of fs/control.h's table */
	PLACE_PROOF,        /* <file>.proof: node and height are the file's */
	PLACE_SNAPSHOTS,    /* <dir>/.snapshots/: ids are the directory's, local is its kind */
	PLACE_PENDING,      /* patients/<patient>/pending/ */
	PLACE_WAITING,      /* pending/<change>: node is the file's, local begins the change's hash */
	PLACE_GRANTS,       /* patients/<patient>/GRANTS/ */
	PLACE_GRANT,        /* GRANTS/<name>@<organization>: node holds the identity id */
	PLACE_ACCESS,       /* patients/<p>/ACCESS/ */
	PLACE_ACCESS_FILE,  /* a month of it: local says which (tree_trail.c) */
};

struct place {
	uint8_t kind;
	uint8_t type; /* enum node_type of PLACE_NODE and PLACE_LOCAL */
	uint8_t section;
	uint8_t pad[5];
	uint64_t height;
	struct patient_id patient;
	struct node_id node;
	struct name_token token; /* PLACE_VERSIONS */
	uint64_t local;
	struct node_id via; /* of the past: whose .snapshots led here; zeros: at/ or .history/ */
};

bool place_equal(const struct place *a, const struct place *b);
bool place_is_dir(const struct place *p);
/* Nothing is ever written there: CF_EROFS. */
bool place_is_past(const struct place *p);
/* 63-bit inode number: of a live node from its node id alone (stable over remounts), else from the whole
 * place. Never 0 or 1, except the live root: 1. */
uint64_t place_ino(const struct place *p);

struct place place_root(uint64_t height);
struct place place_simple(enum place_kind kind, uint64_t height);
struct place place_node(const struct patient_id *p, const struct node_id *n, enum node_type type,
			unsigned section, uint64_t height);

/* Names. All pure. */

#define NAME_BYTES_MAX 255

/* Scratch names of editors and tools: stay local until renamed to another name (FUSE.md section 3; LAYOUT.md
 * lists the patterns). */
bool name_is_scratch(const char *name);
/* Ends in .json (a record when not below a directory named attachments). */
bool name_is_record(const char *name);
/* Reserved in every directory: .history, .snapshots, .chartfs, and at the top at. */
bool name_is_reserved(const char *name);
/* CF_ENAMETOOLONG, CF_EINVAL (empty, '/', NUL, "." and ".."). */
int name_check(const char *name) must_check;

/* "0007-2026-11-22T15.03.11Z-1a2b3c4d.json" for version 7 of a name ending .json; no colon, sortable,
 * extension kept. */
void name_of_version(unsigned number, uint64_t time_ms, const struct hash *tx_id, bool deleted,
		     const char *file_name, char ret_name[NAME_BYTES_MAX + 1]);
/* "2026-06-01", "2026-06-01T15.03.11Z", "2026-06-01T15:03:11Z", "@123", "latest". CF_EINVAL. Exactly one of
 * the two results is set (height from @ and latest: 0 height with latest true). */
int name_parse_at(const char *name, bool *ret_latest, uint64_t *ret_height, uint64_t *ret_time_ms) must_check;

#endif
