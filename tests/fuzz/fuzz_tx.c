/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/mem.h"
#include "ledger/tx.h"
#include "tests/fuzz/fuzz.h"

static int count_item(void *ctx, const struct annex_item *item)
{
	size_t *bytes = ctx;

	*bytes += 1 + 4 + item->body.len;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = VIEW(data, size);
	struct tx *t = mem_alloc(sizeof(*t));
	struct tx_proposal p;
	size_t annex_bytes = 4; /* version, count */
	struct buf out;

	FUZZ_CHECK(t);
	buf_init(&out, 0);
	if (tx_decode(in, t) == 0) {
		FUZZ_CHECK(tx_encode(t, &out) == 0 && view_equal(buf_view(&out), in));
		buf_reset(&out);
		FUZZ_CHECK(tx_proposal_encode(&t->proposal, &out) == 0);
		FUZZ_CHECK(view_equal(buf_view(&out), t->proposal_bytes));
	}
	buf_reset(&out);
	if (tx_proposal_decode(in, &p) == 0)
		FUZZ_CHECK(tx_proposal_encode(&p, &out) == 0 && view_equal(buf_view(&out), in));
	if (annex_walk(in, count_item, &annex_bytes) == 0)
		FUZZ_CHECK(annex_bytes == size);
	buf_release(&out);
	mem_free(t);
	return 0;
}
