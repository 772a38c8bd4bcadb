/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the core by their own kind, and records of the vote log. */
#include "net/pbft.h"
#include "net/pbft_msg.h"
#include "tests/fuzz/fuzz.h"

#define ROUND_TRIP(name)                                                                                   \
	do {                                                                                               \
		struct msg_##name m_;                                                                      \
		buf_reset(&out);                                                                           \
		if (msg_##name##_decode(in, &m_) == 0)                                                     \
			FUZZ_CHECK(msg_##name##_encode(&m_, &out) == 0 && view_equal(buf_view(&out), in)); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hash network = {{1}};
	struct pbft_slot slots[PBFT_RECORD_SLOTS_MAX];
	struct hash digests[PBFT_RECORD_SLOTS_MAX];
	struct view in = VIEW(data, size), request;
	struct certificate c;
	struct buf out;
	size_t count;

	buf_init(&out, 0);
	ROUND_TRIP(pre_prepare);
	ROUND_TRIP(vote);
	ROUND_TRIP(view_change);
	ROUND_TRIP(new_view);
	ROUND_TRIP(status);
	ROUND_TRIP(fetch);
	ROUND_TRIP(body);
	buf_reset(&out);
	if (msg_certificate_decode(in, &c) == 0)
		FUZZ_CHECK(msg_certificate_encode(&c, &out) == 0 && view_equal(buf_view(&out), in));
	buf_reset(&out);
	if (msg_request_decode(in, &request) == 0)
		FUZZ_CHECK(msg_request_encode(request, &out) == 0 && view_equal(buf_view(&out), in));
	if (pbft_record_slots(in, &network, slots, digests, &count) == 0)
		FUZZ_CHECK(count <= PBFT_RECORD_SLOTS_MAX);
	(void)pbft_is_message(in);
	(void)pbft_is_relay(in, &request);
	buf_release(&out);
	return 0;
}
