/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_endorser.c - frames that wait for a height nobody reaches keep out nobody.
 */
#include "tests/lib/peerfix.h"
#include "tests/lib/t.h"

#define FLOOD 300

T_TEST(far_heights_keep_nobody_out)
{
	/* u64 min height, u16 count: no proposal */
	static const uint8_t far[10] = {255, 255, 255, 255, 255, 255, 255, 255}, near[10] = {0};
	struct identity ann;
	struct peerfix *f;

	t_zero(peerfix_new(&f));
	t_zero(netfix_person(f->n, "ann", ROLE_DOCTOR, 0, &ann));
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_zero(peerfix_start(f, i));
	t_zero(peerfix_follow(f, 1));
	t_eq(peerfix_send(f, 1, WIRE_ENDORSE, VIEW(near, sizeof(near)), &ann), 1);
	t_ok(peerfix_wait_count(f, &f->endorsed_count, 1, 10000));
	for (unsigned turn = 0; turn < 10; turn++) {
		unsigned before = f->endorsed_count;

		for (unsigned i = 0; i < FLOOD / 10; i++)
			(void)peerfix_send(f, 1, WIRE_ENDORSE, VIEW(far, sizeof(far)), &ann);
		t_eq(peerfix_send(f, 1, WIRE_ENDORSE, VIEW(near, sizeof(near)), &ann), 1);
		t_ok(peerfix_wait_count(f, &f->endorsed_count, before + 1, 10000));
	}
	/* All but those that may wait were refused; none is forgotten: the rest follows when its time is
	 * over. */
	t_ok(peerfix_wait_count(f, &f->refused, FLOOD, 10000));
	peerfix_free(f);
}

T_MAIN
