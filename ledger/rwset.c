/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rwset.c - the read-write set: its bytes, and the builder a contract fills.
 */
#include "ledger/rwset.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define RWSET_VERSION 1
/* The fewest bytes an item can have: bounds an array by the bytes that are really there. */
#define READ_BYTES_MIN 3  /* u8 length, 1 byte of key, absent */
#define EMPTY_BYTES_MIN 2 /* u8 length, 1 byte of prefix */
#define WRITE_BYTES_MIN 3 /* u8 length, 1 byte of key, deleted */

bool version_equal(struct version a, struct version b)
{
	return a.height == b.height && a.index == b.index;
}

static bool key_ok(struct view key)
{
	return key.len > 0 && key.len <= STATE_KEY_BYTES_MAX;
}

/* The next key of a list; `last` is the one before it. */
static struct view dec_key(struct dec *d, struct view *last)
{
	struct view key = dec_short(d);

	if (!key_ok(key) || (last->len && view_compare(*last, key) >= 0))
		dec_fail(d, CF_EDECODE);
	*last = key;
	return key;
}

/* A list's count and its array; a count that the remaining bytes cannot hold is refused before allocating. */
static size_t dec_list(struct dec *d, size_t item_bytes_min, size_t item_size, void *ret_array)
{
	size_t left = (d->len - d->at) / item_bytes_min;
	uint32_t count = dec_count32(d, left < RWSET_ITEMS_MAX ? (uint32_t)left : RWSET_ITEMS_MAX);
	void *array = mem_array(NULL, count, item_size);

	if (!array) {
		dec_fail(d, CF_ENOMEM);
		return 0;
	}
	memcpy(ret_array, &array, sizeof(array));
	return count;
}

static void dec_reads(struct dec *d, struct rwset *set)
{
	size_t count = dec_list(d, READ_BYTES_MIN, sizeof(*set->reads), &set->reads);
	struct view last = VIEW_NONE;

	for (size_t i = 0; i < count && d->err == 0; i++) {
		struct rw_read *r = &set->reads[i];

		*r = (struct rw_read){.key = dec_key(d, &last)};
		r->present = dec_bool(d);
		if (r->present) {
			r->version.height = dec_u64(d);
			r->version.index = dec_u32(d);
		}
	}
	set->read_count = count;
}

static void dec_empties(struct dec *d, struct rwset *set)
{
	size_t count = dec_list(d, EMPTY_BYTES_MIN, sizeof(*set->empties), &set->empties);
	struct view last = VIEW_NONE;

	for (size_t i = 0; i < count && d->err == 0; i++)
		set->empties[i] = dec_key(d, &last);
	set->empty_count = count;
}

static void dec_writes(struct dec *d, struct rwset *set)
{
	size_t count = dec_list(d, WRITE_BYTES_MIN, sizeof(*set->writes), &set->writes);
	struct view last = VIEW_NONE;

	for (size_t i = 0; i < count && d->err == 0; i++) {
		struct rw_write *w = &set->writes[i];

		*w = (struct rw_write){.key = dec_key(d, &last)};
		w->deleted = dec_bool(d);
		if (!w->deleted)
			w->value = dec_bytes(d, STATE_VALUE_BYTES_MAX);
	}
	set->write_count = count;
}

int rwset_decode(struct view bytes, struct rwset *ret_set)
{
	struct rwset set = {0};
	struct dec d;
	int err;

	assert(ret_set);
	if (bytes.len > RWSET_BYTES_MAX)
		return CF_EDECODE;
	dec_init(&d, bytes);
	if (dec_u16(&d) != RWSET_VERSION)
		dec_fail(&d, CF_EDECODE);
	dec_reads(&d, &set);
	dec_empties(&d, &set);
	dec_writes(&d, &set);
	err = dec_done(&d);
	if (err)
		rwset_release(&set);
	else
		*ret_set = set;
	return err;
}

void rwset_release(struct rwset *set)
{
	assert(set);
	mem_free(set->reads);
	mem_free(set->empties);
	mem_free(set->writes);
	*set = (struct rwset){0};
}

struct item {
	struct version version;
	bool flag; /* of a read: present; of a write: deleted */
	uint8_t *value;
	size_t value_len;
	size_t key_len;
	uint8_t key[STATE_KEY_BYTES_MAX];
};

/* Pointers sorted by key: found by halving, and encoded as they stand. */
struct list {
	struct item **item;
	size_t count;
	size_t cap;
};

struct rwset_builder {
	struct list reads, empties, writes;
	unsigned read_calls;
};

static void list_release(struct list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		mem_free(l->item[i]->value);
		mem_free(l->item[i]);
	}
	mem_free(l->item);
}

/* The place of the key, or where it would be. */
static bool list_find(const struct list *l, struct view key, size_t *ret_at)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = view_compare(VIEW(l->item[mid]->key, l->item[mid]->key_len), key);

		if (order == 0) {
			*ret_at = mid;
			return true;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_at = low;
	return false;
}

static int list_insert(struct list *l, size_t at, struct view key, struct item **ret_item)
{
	struct item *item;

	assert(at <= l->count);
	if (l->count == RWSET_ITEMS_MAX)
		return CF_ETOOBIG;
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		struct item **array = mem_array(l->item, cap, sizeof(*array));

		if (!array)
			return CF_ENOMEM;
		l->item = array;
		l->cap = cap;
	}
	item = mem_zalloc(sizeof(*item));
	if (!item)
		return CF_ENOMEM;
	memcpy(item->key, key.data, key.len);
	item->key_len = key.len;
	memmove(l->item + at + 1, l->item + at, (l->count - at) * sizeof(*l->item));
	l->item[at] = item;
	l->count++;
	*ret_item = item;
	return 0;
}

int rwset_builder_new(struct rwset_builder **ret_builder)
{
	struct rwset_builder *b = mem_zalloc(sizeof(*b));

	assert(ret_builder);
	if (!b)
		return CF_ENOMEM;
	*ret_builder = b;
	return 0;
}

void rwset_builder_free(struct rwset_builder *b)
{
	if (!b)
		return;
	list_release(&b->reads);
	list_release(&b->empties);
	list_release(&b->writes);
	mem_free(b);
}

int rwset_add_read(struct rwset_builder *b, struct view key, bool present, struct version version)
{
	struct item *item;
	size_t at;
	int err;

	assert(b);
	if (!key_ok(key))
		return CF_EINVAL;
	if (b->read_calls++ >= RWSET_READS_MAX)
		return CF_ETOOBIG;
	if (list_find(&b->reads, key, &at))
		return 0;
	err = list_insert(&b->reads, at, key, &item);
	if (err)
		return err;
	item->flag = present;
	if (present)
		item->version = version;
	return 0;
}

int rwset_add_empty(struct rwset_builder *b, struct view prefix)
{
	struct item *item;
	size_t at;

	assert(b);
	if (!key_ok(prefix))
		return CF_EINVAL;
	if (list_find(&b->empties, prefix, &at))
		return 0;
	return list_insert(&b->empties, at, prefix, &item);
}

static int add_write(struct rwset_builder *b, struct view key, bool deleted, struct view value)
{
	struct item *item;
	uint8_t *copy = NULL;
	size_t at;
	int err;

	assert(b);
	if (!key_ok(key))
		return CF_EINVAL;
	if (value.len > STATE_VALUE_BYTES_MAX)
		return CF_ETOOBIG;
	if (value.len) {
		copy = mem_dup(value.data, value.len);
		if (!copy)
			return CF_ENOMEM;
	}
	if (list_find(&b->writes, key, &at)) {
		item = b->writes.item[at];
		mem_free(item->value);
	} else {
		err = list_insert(&b->writes, at, key, &item);
		if (err) {
			mem_free(copy);
			return err;
		}
	}
	item->flag = deleted;
	item->value = copy;
	item->value_len = value.len;
	return 0;
}

int rwset_add_write(struct rwset_builder *b, struct view key, struct view value)
{
	return add_write(b, key, false, value);
}

int rwset_add_delete(struct rwset_builder *b, struct view key)
{
	return add_write(b, key, true, VIEW_NONE);
}

bool rwset_write_at(const struct rwset_builder *b, size_t i, struct rw_write *ret_write)
{
	const struct item *item;

	assert(b && ret_write);
	if (i >= b->writes.count)
		return false;
	item = b->writes.item[i];
	*ret_write = (struct rw_write){
		.key = VIEW(item->key, item->key_len),
		.deleted = item->flag,
		.value = VIEW(item->value, item->value_len),
	};
	return true;
}

bool rwset_written(const struct rwset_builder *b, struct view key, struct rw_write *ret_write)
{
	size_t at;

	assert(b && ret_write);
	return list_find(&b->writes, key, &at) && rwset_write_at(b, at, ret_write);
}

int rwset_encode(const struct rwset_builder *b, struct buf *out)
{
	size_t start = out->len;
	struct enc e;
	int err;

	assert(b && out);
	enc_init(&e, out);
	enc_u16(&e, RWSET_VERSION);
	enc_u32(&e, (uint32_t)b->reads.count);
	for (size_t i = 0; i < b->reads.count; i++) {
		const struct item *r = b->reads.item[i];

		enc_short(&e, VIEW(r->key, r->key_len));
		enc_bool(&e, r->flag);
		if (r->flag) {
			enc_u64(&e, r->version.height);
			enc_u32(&e, r->version.index);
		}
	}
	enc_u32(&e, (uint32_t)b->empties.count);
	for (size_t i = 0; i < b->empties.count; i++)
		enc_short(&e, VIEW(b->empties.item[i]->key, b->empties.item[i]->key_len));
	enc_u32(&e, (uint32_t)b->writes.count);
	for (size_t i = 0; i < b->writes.count; i++) {
		const struct item *w = b->writes.item[i];

		enc_short(&e, VIEW(w->key, w->key_len));
		enc_bool(&e, w->flag);
		if (!w->flag)
			enc_bytes(&e, VIEW(w->value, w->value_len));
	}
	err = enc_done(&e);
	if (err == 0 && out->len - start > RWSET_BYTES_MAX)
		err = CF_ETOOBIG;
	if (err)
		out->len = start;
	return err;
}
