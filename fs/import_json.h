/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_json.h - where the members of a JSON text stand, so that a resource is kept exactly as it was
 * written.
 *
 * A parser gives values and forgets their spelling; the ledger keeps bytes. These functions walk a text that
 * may be any bytes (never past its end) and give views into it. They do not check: json_check does.
 */
#ifndef FS_IMPORT_JSON_H
#define FS_IMPORT_JSON_H

#include "ledger/buf.h"

struct import_cursor {
	struct view text;
	size_t pos;
	char close; /* '}' or ']' */
};

/* The text without a byte order mark and white space around it. */
struct view import_json_trim(struct view text);

/* On the members of an object or the elements of an array; false when the value is neither. */
bool import_json_enter(struct view value, struct import_cursor *ret_cursor) must_check;
/* The next one; key is empty in arrays, else without its quotes, escapes kept. False behind the last or at
 * nonsense. */
bool import_json_next(struct import_cursor *c, struct view *ret_key, struct view *ret_value) must_check;

/* The last member of that name, as parsers take it. False: none. */
bool import_json_find(struct view object, const char *key, struct view *ret_value) must_check;
/* A string value without its quotes, cut to bytes - 1, "" for anything else or when it has escapes. */
void import_json_string(struct view value, char *ret_text, size_t bytes);
/* Both in one: "" when there is none. */
void import_json_member(struct view object, const char *key, char *ret_text, size_t bytes);

#endif
