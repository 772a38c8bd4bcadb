/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/block.h"
#include "tests/fuzz/fuzz.h"

/* No fuzzer finds a header's hash: the input's own bytes get the body root, size and count they need. */
static void fuzz_transactions(struct view in)
{
	struct view txs[3] = {VIEW(in.data, in.len / 3), VIEW(in.data + in.len / 3, in.len / 3),
			      VIEW(in.data + 2 * (in.len / 3), in.len - 2 * (in.len / 3))};
	struct block_header h = {.height = 1, .tx_count = 3, .size_bytes = in.len};
	struct buf header, out;
	struct block b;

	buf_init(&header, 0);
	buf_init(&out, 0);
	FUZZ_CHECK(block_body_root(txs, 3, &h.body_root) == 0 && block_header_encode(&h, &header) == 0);
	FUZZ_CHECK(block_encode(buf_view(&header), txs, 3, &out) == 0);
	FUZZ_CHECK(block_decode(buf_view(&out), &b) == 0);
	for (int i = 0; i < 3; i++)
		FUZZ_CHECK(view_equal(b.tx[i], txs[i]));
	block_release(&b);
	buf_release(&out);
	buf_release(&header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = VIEW(data, size);
	struct block_header h;
	struct block_body body;
	struct block b;
	struct buf out;

	buf_init(&out, 0);
	if (block_header_decode(in, &h) == 0)
		FUZZ_CHECK(block_header_encode(&h, &out) == 0 && view_equal(buf_view(&out), in));
	buf_reset(&out);
	if (block_decode(in, &b) == 0) {
		FUZZ_CHECK(block_encode(b.header_bytes, b.tx, b.tx_count, &out) == 0);
		FUZZ_CHECK(view_equal(buf_view(&out), in));
		block_release(&b);
	}
	buf_reset(&out);
	if (block_body_decode(in, &body) == 0) {
		FUZZ_CHECK(block_body_encode(body.block.bytes, body.annex, body.block.tx_count, &out) == 0);
		FUZZ_CHECK(view_equal(buf_view(&out), in));
		block_body_release(&body);
	}
	buf_release(&out);
	if (size <= BLOCK_BYTES_MAX / 2)
		fuzz_transactions(in);
	return 0;
}
