/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/json.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A struct json is jansson's value under another name: nothing is wrapped, nothing copied. */
static json_t *to_jansson(const struct json *j)
{
	return (json_t *)(uintptr_t)j;
}

static struct json *from_jansson(json_t *j)
{
	return (struct json *)j;
}

static int parse(struct view text, size_t flags, json_t **ret_value, char *ret_reason, size_t reason_bytes)
{
	json_error_t error;
	char *near;
	json_t *value;

	value = json_loadb(text.len ? (const char *)text.data : "", text.len, JSON_DECODE_ANY | flags,
			   &error);
	if (value) {
		*ret_value = value;
		return 0;
	}
	/* jansson quotes what it stumbled over; content belongs in no message */
	near = strstr(error.text, " near ");
	if (near)
		*near = '\0';
	snprintf(ret_reason, reason_bytes, "line %d, column %d: %s", error.line, error.column, error.text);
	return CF_EINVAL;
}

/* Numbers of any length are valid JSON; as reals they need no integer that holds them. */
int json_check(struct view text, char *ret_reason, size_t reason_bytes)
{
	json_t *value;
	int err;

	assert(ret_reason && reason_bytes > 0);
	err = parse(text, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &value, ret_reason, reason_bytes);
	if (!err)
		json_decref(value);
	return err;
}

int json_parse(struct view text, struct json **ret_value)
{
	char reason[JSON_ERROR_TEXT_LENGTH + 64];
	json_t *value;
	int err;

	assert(ret_value);
	err = parse(text, 0, &value, reason, sizeof(reason));
	if (err)
		return err_set(err, "not JSON: %s", reason);
	*ret_value = from_jansson(value);
	return 0;
}

void json_free(struct json *j)
{
	json_decref(to_jansson(j));
}

static int append(const char *data, size_t bytes, void *ctx)
{
	return buf_append(ctx, data, bytes) ? -1 : 0;
}

static int dump(const struct json *j, size_t flags, struct buf *out)
{
	size_t start = out->len;

	if (!j)
		return CF_ENOMEM;
	if (json_dump_callback(to_jansson(j), append, out, JSON_ENCODE_ANY | flags) == 0)
		return 0;
	out->len = start;
	return CF_ENOMEM;
}

int json_format(const struct json *j, struct buf *out)
{
	return dump(j, JSON_COMPACT, out);
}

int json_pretty(const struct json *j, struct buf *out)
{
	int err = dump(j, JSON_INDENT(2), out);

	return err ? err : buf_append(out, "\n", 1);
}

struct json *json_new_object(void)
{
	return from_jansson(json_object());
}

struct json *json_new_array(void)
{
	return from_jansson(json_array());
}

struct json *json_bool(bool b)
{
	return from_jansson(b ? json_true() : json_false());
}

struct json *json_uint(uint64_t n)
{
	char text[24];

	if (n <= INT64_MAX)
		return from_jansson(json_integer((json_int_t)n));
	snprintf(text, sizeof(text), "%" PRIu64, n);
	return json_text(text);
}

struct json *json_text(const char *text)
{
	json_t *value = json_string(text);

	return from_jansson(value ? value : json_string("?"));
}

struct json *json_hex(const void *data, size_t bytes)
{
	struct json *value = NULL;
	struct buf text;

	buf_init(&text, 0);
	if (buf_reserve(&text, 2 * bytes + 1) == 0) {
		hex_encode(data, bytes, (char *)text.data);
		value = json_text((const char *)text.data);
	}
	buf_release(&text);
	return value;
}

struct json *json_time(uint64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	char day[32], text[48];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03uZ", day, (unsigned)(time_ms % 1000));
	return json_text(text);
}

/* Jansson frees the value when it cannot keep it, as promised. */
void json_set(struct json *object, const char *key, struct json *value)
{
	(void)json_object_set_new(to_jansson(object), key, to_jansson(value));
}

void json_add(struct json *array, struct json *value)
{
	(void)json_array_append_new(to_jansson(array), to_jansson(value));
}

const struct json *json_get(const struct json *object, const char *key)
{
	return from_jansson(json_object_get(to_jansson(object), key));
}

const char *json_as_text(const struct json *j)
{
	return json_string_value(to_jansson(j));
}

const char *json_get_text(const struct json *object, const char *key)
{
	return json_as_text(json_get(object, key));
}

bool json_get_uint(const struct json *object, const char *key, uint64_t *ret_n)
{
	json_t *value = json_object_get(to_jansson(object), key);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret_n = (uint64_t)json_integer_value(value);
	return true;
}

bool json_get_bool(const struct json *object, const char *key, bool def)
{
	json_t *value = json_object_get(to_jansson(object), key);

	return json_is_boolean(value) ? json_is_true(value) : def;
}

size_t json_count(const struct json *array)
{
	return json_array_size(to_jansson(array));
}

const struct json *json_at(const struct json *array, size_t i)
{
	return from_jansson(json_array_get(to_jansson(array), i));
}
