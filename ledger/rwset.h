/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rwset.h - the read-write set of a transaction: keys read with versions, prefixes seen empty, keys written.
 *
 * Sorted strictly ascending by key in each list, so that two endorsers that did the same work produce the
 * same bytes. FORMAT.md section 3.
 */
#ifndef LEDGER_RWSET_H
#define LEDGER_RWSET_H

#include "ledger/codec.h"

#define STATE_KEY_BYTES_MAX 96
#define STATE_VALUE_BYTES_MAX ((size_t)128 << 10)
#define RWSET_ITEMS_MAX 4096
#define RWSET_READS_MAX 8192 /* with those of a key that was read before: what one proposal may cost */
#define RWSET_BYTES_MAX ((size_t)4 << 20)

/* Where a value was written: the block and the transaction's place in it. Height 0 and index 0: genesis or
 * absent. */
struct version {
	uint64_t height;
	uint32_t index;
};

bool version_equal(struct version a, struct version b);

struct rw_read {
	struct view key;
	bool present;
	struct version version; /* of the value read; zero when absent */
};

struct rw_write {
	struct view key;
	bool deleted;
	struct view value; /* empty when deleted */
};

/* Decoded: views into the bytes; the arrays belong to the rwset. */
struct rwset {
	struct rw_read *reads;
	size_t read_count;
	struct view *empties; /* prefixes under which no key may exist */
	size_t empty_count;
	struct rw_write *writes;
	size_t write_count;
};

/* Errors: CF_EDECODE (also for unsorted, doubled or oversized items), CF_ENOMEM. Views point into bytes. */
int rwset_decode(struct view bytes, struct rwset *ret_set) must_check;
void rwset_release(struct rwset *set);

/*
 * Collects while a contract runs. Keys and values are copied. A key read twice is kept once (the first
 * version counts) and counted each time: CF_ETOOBIG beyond RWSET_READS_MAX, for everybody who reads the same.
 * A key written twice keeps the last value.
 */
struct rwset_builder;

int rwset_builder_new(struct rwset_builder **ret_builder) must_check;
void rwset_builder_free(struct rwset_builder *b); /* accepts NULL */
int rwset_add_read(struct rwset_builder *b, struct view key, bool present, struct version version) must_check;
int rwset_add_empty(struct rwset_builder *b, struct view prefix) must_check;
int rwset_add_write(struct rwset_builder *b, struct view key, struct view value) must_check;
int rwset_add_delete(struct rwset_builder *b, struct view key) must_check;
/* The own earlier write of a key, for read-your-writes inside one transaction. True when there is one. */
bool rwset_written(const struct rwset_builder *b, struct view key, struct rw_write *ret_write);
/* The i-th write so far in no order; false past the end. For looking at own creations under a prefix. */
bool rwset_write_at(const struct rwset_builder *b, size_t i, struct rw_write *ret_write);
/* Sorted canonical bytes. Errors: CF_ENOMEM, CF_ETOOBIG. */
int rwset_encode(const struct rwset_builder *b, struct buf *out) must_check;

#endif
