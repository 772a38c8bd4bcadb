/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - JSON values: parsed, built, printed, checked. json.c is the only file that includes jansson.
 */
#ifndef FS_JSON_H
#define FS_JSON_H

#include "ledger/buf.h"

struct json; /* a value; counted references inside, one owner outside */

/*
 * Exactly one valid UTF-8 JSON value of any type, nothing but white space around it, at most 2048 levels
 * deep. Members may stand twice. ret_reason ("line 3, column 14: ...") never quotes the text. Errors:
 * CF_EINVAL.
 */
int json_check(struct view text, char *ret_reason, size_t reason_bytes) must_check;

/* CF_EINVAL with the reason in err_detail. */
int json_parse(struct view text, struct json **ret_value) must_check;
void json_free(struct json *j); /* accepts NULL */

/* One line, keys in the order they were set, no line feed behind it. */
int json_format(const struct json *j, struct buf *out) must_check;
/* The same over several lines, for people; ends with a line feed. */
int json_pretty(const struct json *j, struct buf *out) must_check;

/*
 * Building. NULL when out of memory; set and add accept NULL for both, a member that found no memory is left
 * out, and printing NULL is CF_ENOMEM. set and add take ownership of the value in any case. Text that is not
 * UTF-8 is set as "?".
 */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_bool(bool b);
struct json *json_uint(uint64_t n); /* over 2^63-1: as a string */
struct json *json_text(const char *text);
struct json *json_hex(const void *data, size_t bytes);
void json_set(struct json *object, const char *key, struct json *value);
void json_add(struct json *array, struct json *value);
/* "2026-11-22T18:20:01.123Z" */
struct json *json_time(uint64_t time_ms);

/* Reading. Absent or of another type: NULL, false, def. Strings live as long as the value. */
const char *json_get_text(const struct json *object, const char *key);
bool json_get_uint(const struct json *object, const char *key, uint64_t *ret_n);
bool json_get_bool(const struct json *object, const char *key, bool def);
/* Borrowed. */
const struct json *json_get(const struct json *object, const char *key);
size_t json_count(const struct json *array);
const struct json *json_at(const struct json *array, size_t i);
const char *json_as_text(const struct json *j);

#endif
