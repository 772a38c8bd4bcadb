/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence and the file that carries it: what decodes encodes as itself, and strangers prove nothing. */
#include "ledger/evidence.h"
#include "ledger/mem.h"
#include "tests/fuzz/fuzz.h"

/* The network stands in the input: taken from there, the rest is reached. */
static struct hash network_of(struct view in)
{
	const size_t at = sizeof("chartfs evidence v1");
	struct hash network = {{0}};

	for (size_t i = 0; i < HASH_BYTES && at + i < in.len; i++)
		network.b[i] = in.data[at + i];
	return network;
}

static void evidence(struct view in)
{
	struct members *m = mem_zalloc(sizeof(*m));
	struct evidence *e = mem_alloc(sizeof(*e));
	const struct hash network = network_of(in);
	struct buf out;

	FUZZ_CHECK(m && e);
	m->count = MEMBERS_MAX;
	buf_init(&out, 0);
	if (evidence_decode(in, &network, e) == 0) {
		m->epoch = e->epoch;
		FUZZ_CHECK(evidence_encode(e, &network, &out) == 0 && view_equal(buf_view(&out), in));
		FUZZ_CHECK(evidence_check(e, &network, m) != 0);
		(void)evidence_slot(e);
	}
	buf_release(&out);
	mem_free(e);
	mem_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = VIEW(data, size), inside;
	struct hash network;
	struct buf out;

	evidence(in);
	buf_init(&out, 0);
	if (evidence_file_decode(in, &network, &inside) == 0) {
		FUZZ_CHECK(evidence_file_encode(&network, inside, &out) == 0 &&
			   view_equal(buf_view(&out), in));
		evidence(inside);
	}
	buf_release(&out);
	return 0;
}
