/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/import_names.h"

#include "ledger/crypto.h"
#include "ledger/mem.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct entry {
	struct entry *next;
	enum import_name_kind kind;
	char *text;
	char key[]; /* scope, line feed, id */
};

#define KINDS (IMPORT_MADE + 1)
#define BUCKETS 4096 /* chains stay short up to some 100,000 names */

struct import_names {
	struct entry *bucket[BUCKETS];
	size_t count[KINDS];
};

int import_names_new(struct import_names **ret_names)
{
	struct import_names *n = mem_zalloc(sizeof(*n));

	if (!n)
		return CF_ENOMEM;
	*ret_names = n;
	return 0;
}

void import_names_free(struct import_names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (n->bucket[i]) {
			struct entry *e = n->bucket[i];

			n->bucket[i] = e->next;
			mem_free(e->text);
			mem_free(e);
		}
	}
	mem_free(n);
}

/* FNV-1a */
static size_t bucket_of(enum import_name_kind kind, const char *scope, const char *id)
{
	uint32_t h = 2166136261u ^ (uint32_t)kind;

	for (; *scope; scope++)
		h = (h ^ (uint8_t)*scope) * 16777619u;
	h = (h ^ '\n') * 16777619u;
	for (; *id; id++)
		h = (h ^ (uint8_t)*id) * 16777619u;
	return h % BUCKETS;
}

static struct entry *find(const struct import_names *n, size_t bucket, enum import_name_kind kind,
			  const char *scope, const char *id)
{
	size_t scope_len = strlen(scope);

	for (struct entry *e = n->bucket[bucket]; e; e = e->next) {
		if (e->kind == kind && strncmp(e->key, scope, scope_len) == 0 && e->key[scope_len] == '\n' &&
		    strcmp(e->key + scope_len + 1, id) == 0)
			return e;
	}
	return NULL;
}

int import_names_put(struct import_names *n, enum import_name_kind kind, const char *scope, const char *id,
		     const char *text)
{
	size_t bucket = bucket_of(kind, scope, id), bytes = strlen(scope) + strlen(id) + 2;
	struct entry *e;

	assert(kind < KINDS);
	if (find(n, bucket, kind, scope, id))
		return 0;
	e = mem_alloc(sizeof(*e) + bytes);
	if (!e)
		return CF_ENOMEM;
	e->text = mem_strdup(text);
	if (!e->text) {
		mem_free(e);
		return CF_ENOMEM;
	}
	snprintf(e->key, bytes, "%s\n%s", scope, id);
	e->kind = kind;
	e->next = n->bucket[bucket];
	n->bucket[bucket] = e;
	n->count[kind]++;
	return 0;
}

const char *import_names_get(const struct import_names *n, enum import_name_kind kind, const char *scope,
			     const char *id)
{
	const struct entry *e = find(n, bucket_of(kind, scope, id), kind, scope, id);

	return e ? e->text : NULL;
}

size_t import_names_count(const struct import_names *n, enum import_name_kind kind)
{
	assert(kind < KINDS);
	return n->count[kind];
}

static bool is_safe(unsigned char c, bool strict)
{
	if (isalnum(c) || c == '-' || c == '_' || c == '.')
		return true;
	return !strict && c != '/' && c >= 0x20 && c != 0x7f;
}

/* Not inside a UTF-8 sequence. */
static size_t cut_at(const char *text, size_t max)
{
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

void import_safe_name(const char *text, bool strict, size_t max, char ret_name[NAME_BYTES_MAX + 1])
{
	size_t len = strlen(text), keep = len;
	bool changed = len > max || len == 0;
	struct hash h;
	char id[9];

	assert(max >= 16 && max <= NAME_BYTES_MAX);
	for (size_t i = 0; i < len; i++)
		changed = changed || !is_safe((unsigned char)text[i], strict);
	changed = changed || text[0] == '.' || text[0] == ' ' || (len && text[len - 1] == ' ') ||
		  name_is_scratch(text) || name_is_reserved(text);
	if (keep > max - (changed ? 10 : 0))
		keep = cut_at(text, max - 10);
	for (size_t i = 0; i < keep; i++)
		ret_name[i] = is_safe((unsigned char)text[i], strict) ? text[i] : '_';
	ret_name[keep] = '\0';
	if (!changed)
		return;
	/* an underscore in front keeps the whole from being a dot file or a scratch name */
	memmove(ret_name + 1, ret_name, keep + 1);
	ret_name[0] = '_';
	h = sha256(view_str(text));
	hex_encode(h.b, 4, id);
	memcpy(ret_name + keep + 1, "-", 1);
	memcpy(ret_name + keep + 2, id, sizeof(id));
	if (name_is_scratch(ret_name)) /* patterns that look into the middle of a name */
		memmove(ret_name + 1, ret_name + keep + 2, sizeof(id));
}

void import_reference_id(const char *reference, char *ret_id, size_t bytes)
{
	const char *history = strstr(reference, "/_history/"), *start = reference;
	size_t len = history ? (size_t)(history - reference) : strlen(reference);

	assert(bytes > 0);
	ret_id[0] = '\0';
	if (reference[0] == '#')
		return;
	for (size_t i = 0; i < len; i++) {
		if (strchr("/:|", reference[i]))
			start = reference + i + 1;
	}
	len -= (size_t)(start - reference);
	if (len > bytes - 1)
		len = bytes - 1;
	memcpy(ret_id, start, len);
	ret_id[len] = '\0';
}

static bool is_uuid(const char *name, size_t len)
{
	if (len != 36)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? name[i] != '-' : !isxdigit((unsigned char)name[i]))
			return false;
	}
	return true;
}

static unsigned two(const char *digits)
{
	return (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');
}

bool import_name_is_id(const char *name, size_t len)
{
	unsigned century, month;

	if (is_uuid(name, len))
		return true;
	if (len < 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)name[i]))
			return false;
	}
	/* 202611 and 20261122 are a month and a day */
	century = two(name);
	month = len >= 6 ? two(name + 4) : 0;
	if ((len == 6 || len == 8) && (century == 19 || century == 20) && month >= 1 && month <= 12)
		return false;
	return true;
}
