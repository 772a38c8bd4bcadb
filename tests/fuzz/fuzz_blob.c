/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks and manifest nodes, and what is in a node once it is opened. */
#include "acl/content.h"
#include "ledger/blob.h"
#include "ledger/mem.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = VIEW(data, size), sealed;
	struct blob_node node;
	struct content_ref ref;
	struct hash *children;
	struct buf out;
	uint64_t bytes;

	buf_init(&out, 0);
	if (blob_chunk_decode(in, &sealed) == 0)
		FUZZ_CHECK(blob_chunk_encode(sealed, &out) == 0 && view_equal(buf_view(&out), in));
	buf_reset(&out);
	if (blob_node_decode(in, &node) == 0) {
		children = mem_dup(node.child, node.count * HASH_BYTES);
		FUZZ_CHECK(children && blob_is_node(in));
		FUZZ_CHECK(blob_node_encode(node.level, children, node.count, node.sealed, &out) == 0);
		FUZZ_CHECK(view_equal(buf_view(&out), in));
		mem_free(children);
	}
	(void)!content_ref_decode(in, &ref, &bytes);
	buf_release(&out);
	return 0;
}
