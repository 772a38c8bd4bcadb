/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers send to an authority, and what comes back: applications, requests, answers, revocation
 * lists. */
#include "net/ca_wire.h"
#include "tests/fuzz/fuzz.h"

#define ROUND_TRIP(name)                                                                             \
	do {                                                                                         \
		struct name v_;                                                                      \
		buf_reset(&out);                                                                     \
		if (name##_decode(in, &v_) == 0)                                                     \
			FUZZ_CHECK(name##_encode(&v_, &out) == 0 && view_equal(buf_view(&out), in)); \
	} while (0)

static int on_revoked(void *ctx, const struct hash *issued)
{
	(void)issued;
	return ++*(unsigned *)ctx > 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = VIEW(data, size);
	struct application a;
	struct ca_request r;
	struct ca_ask ask;
	struct ca_answer answer;
	uint64_t request;
	unsigned count = 0;
	struct buf out;

	buf_init(&out, 0);
	ROUND_TRIP(ca_decide);
	ROUND_TRIP(ca_revoke);
	ROUND_TRIP(ca_collected);
	(void)!application_decode(in, &a);
	(void)!ca_request_decode(in, &r);
	(void)!cert_crl_walk(in, on_revoked, &count);
	buf_reset(&out);
	if (ca_ask_decode(in, &ask, &request) == 0)
		FUZZ_CHECK(ca_ask_frame(&ask, request, &out) == 0 && view_equal(buf_view(&out), in));
	(void)!ca_answer_decode(in, &answer, &request);
	buf_release(&out);
	return 0;
}
