/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - links to a set of one, for one question. */
#include "net/probe.h"

#include "ledger/mem.h"
#include "net/heard.h"
#include "net/ticks.h"

#include <assert.h>
#include <time.h>

#define CONNECT_POLL_MS 20

static void on_frame(void *ctx, const struct roster *r, unsigned member, const struct wire_frame *f)
{
	struct wire_status m;

	(void)r;
	if (f->kind == WIRE_STATUS && wire_status_decode(f->payload, &m) == 0)
		heard_status(ctx, member, f->request, &m);
}

static void on_up(void *ctx, unsigned member)
{
	(void)ctx;
	(void)member;
}

static void wait_for_link(struct links *l, uint64_t until_ms)
{
	const struct timespec poll = {0, CONNECT_POLL_MS * 1000000L};

	while (!links_up(l) && ticks_ms() < until_ms)
		nanosleep(&poll, NULL);
}

int probe_peer(const struct probe_config *config, const struct member *m, unsigned timeout_ms,
	       struct wire_status *ret_status)
{
	const uint64_t until_ms = ticks_ms() + timeout_ms;
	struct members *alone = mem_zalloc(sizeof(*alone));
	struct links_config lc = {.tls = config->tls,
				  .network = config->network,
				  .identity = config->identity,
				  .on_frame = on_frame,
				  .on_up = on_up};
	struct wire_status status[MEMBERS_MAX];
	struct heard *heard = NULL;
	struct links *links = NULL;
	int err = alone ? heard_new(&heard) : CF_ENOMEM;

	lc.ctx = heard;
	if (!err)
		err = links_new(&lc, &links);
	if (err)
		goto out;
	alone->count = 1;
	alone->member[0] = *m;
	err = links_set_members(links, alone);
	if (err)
		goto out;
	wait_for_link(links, until_ms);
	if (heard_ask(heard, links, 1, until_ms, status) == 0) {
		err = err_set(CF_ENETWORK, "no such peer answers at %s", m->client_address);
		goto out;
	}
	*ret_status = status[0];
	ret_status->detail = VIEW_NONE;
out:
	links_free(links);
	heard_free(heard);
	mem_free(alone);
	return err;
}
