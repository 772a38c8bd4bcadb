/* SPDX-License-Identifier: Apache-2.0 */
/* Genesis files, members, certificates of blocks, certificates of people. */
#include "acl/genesis.h"
#include "acl/x509.h"
#include "ledger/mem.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = VIEW(data, size);
	struct genesis *g = mem_alloc(sizeof(*g));
	struct cert_info *info = mem_alloc(sizeof(*info));
	struct members members;
	struct certificate c;
	struct buf out;
	struct dec d;
	struct enc e;

	FUZZ_CHECK(g && info);
	buf_init(&out, 0);
	if (genesis_decode(in, g) == 0)
		FUZZ_CHECK(genesis_encode(g, &out) == 0 && view_equal(buf_view(&out), in));
	(void)!cert_parse(in, info);
	buf_reset(&out);
	dec_init(&d, in);
	members_decode(&d, &members);
	if (dec_done(&d) == 0) {
		enc_init(&e, &out);
		members_encode(&members, &e);
		FUZZ_CHECK(enc_done(&e) == 0 && view_equal(buf_view(&out), in));
	}
	buf_reset(&out);
	dec_init(&d, in);
	certificate_decode(&d, &c);
	if (dec_done(&d) == 0) {
		enc_init(&e, &out);
		certificate_encode(&c, &e);
		FUZZ_CHECK(enc_done(&e) == 0 && view_equal(buf_view(&out), in));
	}
	buf_release(&out);
	mem_free(info);
	mem_free(g);
	return 0;
}
