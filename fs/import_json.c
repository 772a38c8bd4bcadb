/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/import_json.h"

#include <assert.h>
#include <string.h>

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_space(struct view text, size_t pos)
{
	while (pos < text.len && is_space(text.data[pos]))
		pos++;
	return pos;
}

/* Behind the closing quote of the string that opens at pos. */
static size_t skip_string(struct view text, size_t pos)
{
	for (pos++; pos < text.len; pos++) {
		if (text.data[pos] == '\\')
			pos++;
		else if (text.data[pos] == '"')
			return pos + 1;
	}
	return text.len;
}

/* Behind the value that begins at pos. Brackets are counted, not matched: a valid text needs no more. */
static size_t skip_value(struct view text, size_t pos)
{
	size_t depth = 0;

	while (pos < text.len) {
		uint8_t c = text.data[pos];

		if (c == '"') {
			pos = skip_string(text, pos);
		} else if (c == '{' || c == '[') {
			depth++;
			pos++;
		} else if (c == '}' || c == ']') {
			if (depth == 0)
				return pos;
			depth--;
			pos++;
		} else if (depth == 0 && (c == ',' || is_space(c))) {
			return pos;
		} else {
			pos++;
			continue; /* inside a number or a word, or between values */
		}
		if (depth == 0)
			return pos;
	}
	return pos;
}

struct view import_json_trim(struct view text)
{
	size_t start = 0, end = text.len;

	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		start = 3;
	start = skip_space(text, start);
	while (end > start && is_space(text.data[end - 1]))
		end--;
	return VIEW(text.data + start, end - start);
}

bool import_json_enter(struct view value, struct import_cursor *ret_cursor)
{
	if (value.len == 0 || (value.data[0] != '{' && value.data[0] != '['))
		return false;
	*ret_cursor = (struct import_cursor){value, 1, value.data[0] == '{' ? '}' : ']'};
	return true;
}

bool import_json_next(struct import_cursor *c, struct view *ret_key, struct view *ret_value)
{
	struct view text = c->text, key = VIEW_NONE;
	size_t pos = skip_space(text, c->pos), start;

	if (pos < text.len && text.data[pos] == ',')
		pos = skip_space(text, pos + 1);
	if (pos >= text.len || text.data[pos] == c->close)
		return false;
	if (c->close == '}') {
		start = pos;
		if (text.data[pos] != '"')
			return false;
		pos = skip_string(text, pos);
		if (pos < start + 2)
			return false;
		key = VIEW(text.data + start + 1, pos - start - 2);
		pos = skip_space(text, pos);
		if (pos >= text.len || text.data[pos] != ':')
			return false;
		pos = skip_space(text, pos + 1);
	}
	start = pos;
	pos = skip_value(text, pos);
	if (pos == start)
		return false;
	assert(pos <= text.len);
	c->pos = pos;
	*ret_key = key;
	*ret_value = VIEW(text.data + start, pos - start);
	return true;
}

bool import_json_find(struct view object, const char *key, struct view *ret_value)
{
	struct view wanted = view_str(key), name, value;
	struct import_cursor c;
	bool found = false;

	if (!import_json_enter(object, &c) || c.close != '}')
		return false;
	while (import_json_next(&c, &name, &value)) {
		if (view_equal(name, wanted)) {
			*ret_value = value;
			found = true;
		}
	}
	return found;
}

void import_json_string(struct view value, char *ret_text, size_t bytes)
{
	size_t n;

	assert(bytes > 0);
	ret_text[0] = '\0';
	if (value.len < 2 || value.data[0] != '"' || memchr(value.data, '\\', value.len) ||
	    memchr(value.data, '\0', value.len))
		return;
	n = value.len - 2 < bytes - 1 ? value.len - 2 : bytes - 1;
	memcpy(ret_text, value.data + 1, n);
	ret_text[n] = '\0';
}

void import_json_member(struct view object, const char *key, char *ret_text, size_t bytes)
{
	struct view value = VIEW_NONE;

	ret_text[0] = '\0';
	if (import_json_find(object, key, &value))
		import_json_string(value, ret_text, bytes);
}
