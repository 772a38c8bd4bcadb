/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/latch.h"
#include "tests/lib/t.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

T_TEST(a_closed_latch_turns_callers_away)
{
	struct latch *l;

	t_zero(latch_new(&l));
	t_zero(latch_enter(l, LATCH_CALLER));
	t_ok(latch_used(l));
	latch_close(l, "because");
	t_err(latch_enter(l, LATCH_CALLER), CF_ELOCKED);
	t_str(err_detail(), "because");
	t_err(latch_enter(l, LATCH_OWN), CF_ELOCKED);
	t_zero(latch_enter(l, LATCH_END));
	t_ok(!latch_empty(l));
	latch_leave(l, LATCH_END);
	t_ok(!latch_empty(l)); /* who was inside is not turned out */
	latch_leave(l, LATCH_CALLER);
	t_ok(!latch_used(l));
	t_ok(latch_empty(l));
	latch_settle(l);
	err_clear();
	t_eq(latch_reason(l, CF_ELOCKED), CF_ELOCKED);
	t_str(err_detail(), "because");
	latch_open(l);
	t_zero(latch_enter(l, LATCH_CALLER));
	latch_leave(l, LATCH_CALLER);
	latch_free(l);
}

T_TEST(only_callers_are_a_use)
{
	struct latch *l;
	uint64_t idle;

	t_zero(latch_new(&l));
	usleep(30000);
	idle = latch_idle_ms(l);
	t_ok(idle >= 30);
	t_zero(latch_enter(l, LATCH_OWN));
	latch_leave(l, LATCH_OWN);
	t_zero(latch_enter(l, LATCH_END));
	latch_leave(l, LATCH_END);
	t_ok(latch_idle_ms(l) >= idle);
	t_zero(latch_enter(l, LATCH_CALLER));
	usleep(30000);
	t_eq(latch_idle_ms(l), 0);
	latch_leave(l, LATCH_CALLER);
	usleep(20000);
	t_ok(latch_idle_ms(l) >= 20);
	latch_free(l);
}

struct crowd {
	struct latch *l;
	atomic_bool alone, stop;
	atomic_ulong in, turned_away, met;
};

static void *come_and_go(void *ctx)
{
	struct crowd *c = ctx;

	for (unsigned i = 0; !c->stop; i++) {
		enum latch_who who = i % 3 ? LATCH_CALLER : LATCH_END;

		if (latch_enter(c->l, who)) {
			c->turned_away++;
			continue;
		}
		c->in++;
		c->met += c->alone;
		latch_leave(c->l, who);
	}
	return NULL;
}

T_TEST(nobody_is_inside_with_who_is_alone)
{
	struct crowd c = {.stop = false};
	pthread_t thread[4];

	t_zero(latch_new(&c.l));
	for (int i = 0; i < 4; i++)
		t_zero(pthread_create(&thread[i], NULL, come_and_go, &c));
	for (int round = 0; round < 100; round++) {
		unsigned long before = c.turned_away;

		latch_close(c.l, "closed");
		while (!latch_empty(c.l))
			usleep(10);
		c.alone = true;
		usleep(100);
		c.alone = false;
		latch_settle(c.l);
		while (c.turned_away == before)
			usleep(10);
		before = c.in;
		latch_open(c.l);
		while (c.in == before)
			usleep(10);
	}
	c.stop = true;
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	t_eq(c.met, 0);
	latch_free(c.l);
}

T_MAIN
