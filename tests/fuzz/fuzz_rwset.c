/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/rwset.h"
#include "ledger/statekey.h"
#include "tests/fuzz/fuzz.h"

static void add_all(const struct rwset *set, struct rwset_builder *b)
{
	struct statekey_parts parts;

	for (size_t i = 0; i < set->read_count; i++) {
		const struct rw_read *r = &set->reads[i];

		FUZZ_CHECK(rwset_add_read(b, r->key, r->present, r->version) == 0);
		(void)!statekey_parse(r->key, &parts);
	}
	for (size_t i = 0; i < set->empty_count; i++)
		FUZZ_CHECK(rwset_add_empty(b, set->empties[i]) == 0);
	for (size_t i = set->write_count; i-- > 0;) { /* backwards: the order of adding must not matter */
		const struct rw_write *w = &set->writes[i];
		int err = w->deleted ? rwset_add_delete(b, w->key) : rwset_add_write(b, w->key, w->value);

		FUZZ_CHECK(err == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = VIEW(data, size);
	struct rwset_builder *b;
	struct rwset set;
	struct buf out;

	if (rwset_decode(in, &set))
		return 0;
	buf_init(&out, 0);
	FUZZ_CHECK(rwset_builder_new(&b) == 0);
	add_all(&set, b);
	FUZZ_CHECK(rwset_encode(b, &out) == 0 && view_equal(buf_view(&out), in));
	rwset_builder_free(b);
	rwset_release(&set);
	buf_release(&out);
	return 0;
}
