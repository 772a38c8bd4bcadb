/* SPDX-License-Identifier: Apache-2.0 */
/* Portable proofs, also verified as far as they go, certificates of destruction, and proofs of the tree. */
#include "acl/destruction.h"
#include "ledger/mem.h"
#include "ledger/state.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[] = {0x10, 0x20, 0x30};
	static const struct hash root = {{1}};
	struct view in = VIEW(data, size);
	struct proof *p = mem_alloc(sizeof(*p));
	struct proof_facts facts;
	struct destruction d;
	struct version version;
	struct hash value;
	struct buf out;
	bool present;

	FUZZ_CHECK(p);
	buf_init(&out, 0);
	if (proof_decode(in, p) == 0) {
		FUZZ_CHECK(proof_encode(p, &out) == 0 && view_equal(buf_view(&out), in));
		FUZZ_CHECK(proof_verify(p, in, &facts) != 0); /* a proof is no genesis file */
	}
	buf_reset(&out);
	if (destruction_decode(in, &d) == 0)
		FUZZ_CHECK(destruction_encode(&d, &out) == 0 && view_equal(buf_view(&out), in));
	FUZZ_CHECK(state_proof_verify(in, &root, VIEW(key, sizeof(key)), &present, &version, &value) != 0);
	buf_release(&out);
	mem_free(p);
	return 0;
}
