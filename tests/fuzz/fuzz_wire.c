/* SPDX-License-Identifier: Apache-2.0 */
/* Frames, and the payloads of all kinds: of a frame that decodes its payload, else the input itself. */
#include "ledger/mem.h"
#include "net/wire.h"
#include "tests/fuzz/fuzz.h"

#define ROUND_TRIP(name, release)                                                                          \
	do {                                                                                               \
		struct wire_##name *m_ = mem_zalloc(sizeof(*m_));                                          \
		FUZZ_CHECK(m_);                                                                            \
		buf_reset(&out);                                                                           \
		if (wire_##name##_decode(in, m_) == 0) {                                                   \
			FUZZ_CHECK(wire_##name##_encode(m_, &out) == 0 && view_equal(buf_view(&out), in)); \
			release;                                                                           \
		}                                                                                          \
		mem_free(m_);                                                                              \
	} while (0)

static void payloads(struct view in)
{
	struct buf out;

	buf_init(&out, 0);
	ROUND_TRIP(submit, (void)0);
	ROUND_TRIP(endorse, wire_endorse_release(m_));
	ROUND_TRIP(endorsed, wire_endorsed_release(m_));
	ROUND_TRIP(block, (void)0);
	ROUND_TRIP(hold, (void)0);
	ROUND_TRIP(receipt, (void)0);
	ROUND_TRIP(blob, (void)0);
	ROUND_TRIP(status, (void)0);
	ROUND_TRIP(refused, (void)0);
	ROUND_TRIP(settled, (void)0);
	ROUND_TRIP(share_ask, (void)0);
	ROUND_TRIP(share, (void)0);
	ROUND_TRIP(destroyed_ask, (void)0);
	ROUND_TRIP(destroyed, (void)0);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hash network = {{1}};
	struct view in = VIEW(data, size);
	struct wire_frame f;
	struct buf out;

	buf_init(&out, 0);
	if (wire_frame_decode(in, &network, &f) == 0) {
		if (!f.is_signed)
			FUZZ_CHECK(wire_frame_encode(f.kind, f.request, &f.sender, f.payload, &network, NULL,
						     &out) == 0 &&
				   view_equal(buf_view(&out), in));
		payloads(f.payload);
	}
	payloads(in);
	buf_release(&out);
	return 0;
}
