/* SPDX-License-Identifier: Apache-2.0 */
/*
 * courier.c - dials when there is something to send, and passes on what comes back.
 */
#include "net/courier.h"

#include "ledger/mem.h"

#include <stdatomic.h>

struct courier {
	struct courier_config config;
	pthread_mutex_t lock; /* of who sends */
	struct links *links;
	struct heard *heard;
	struct submitter *_Atomic submitter; /* the replica's thread tells it of blocks */
};

static void on_frame(void *ctx, const struct roster *roster, unsigned member, const struct wire_frame *f)
{
	struct submitter *s = atomic_load(&((struct courier *)ctx)->submitter);
	struct wire_refused refused;

	if (s && f->kind == WIRE_ENDORSED)
		submit_on_endorsed(s, roster, member, f->payload);
	else if (s && f->kind == WIRE_REFUSED && wire_refused_decode(f->payload, &refused) == 0)
		submit_on_refused(s, roster, member, &refused);
}

static void on_up(void *ctx, unsigned member)
{
	(void)ctx;
	(void)member;
}

static uint64_t own_height(void *ctx)
{
	struct chain_head head;

	chain_head(((struct courier *)ctx)->config.chain, &head);
	return head.height;
}

static void on_lie(void *ctx, struct view evidence)
{
	struct courier *c = ctx;

	c->config.on_lie(c->config.ctx, evidence);
}

static int put_again(void *ctx, unsigned member, const struct hash *address)
{
	(void)ctx;
	(void)member;
	(void)address;
	return CF_ENOTFOUND; /* a peer's transactions name no blobs */
}

/* Under the lock. */
static int open_client(struct courier *c)
{
	const struct links_config lc = {.tls = c->config.tls,
					.network = *chain_network(c->config.chain),
					.identity = c->config.identity,
					.ctx = c,
					.on_frame = on_frame,
					.on_up = on_up};
	struct submit_config sc = {.network = lc.network,
				   .identity = c->config.identity,
				   .ctx = c,
				   .height = own_height,
				   .put_again = put_again,
				   .on_lie = on_lie};
	struct submitter *s = NULL;
	int err = c->heard ? 0 : heard_new(&c->heard);

	if (err == 0 && !c->links)
		err = links_new(&lc, &c->links);
	sc.links = c->links;
	sc.heard = c->heard;
	if (err == 0 && !atomic_load(&c->submitter)) {
		err = submit_new(&sc, &s);
		if (err == 0)
			atomic_store(&c->submitter, s);
	}
	return err;
}

/* The members may have changed since they were dialled. Under the lock. */
static int dial(struct courier *c)
{
	struct db_txn *txn;
	int err = chain_read_begin(c->config.chain, &txn);

	if (err)
		return err;
	err = links_set_members_of(c->links, txn);
	db_abort(txn);
	return err;
}

int courier_send(struct courier *c, const struct client_tx *tx, struct client_job **ret_job)
{
	int err;

	pthread_mutex_lock(&c->lock);
	err = open_client(c);
	if (err == 0)
		err = dial(c);
	pthread_mutex_unlock(&c->lock);
	return err ? err : submit_tx(atomic_load(&c->submitter), c->config.chain, tx, ret_job);
}

int courier_new(const struct courier_config *config, struct courier **ret_c)
{
	struct courier *c = mem_zalloc(sizeof(*c));

	if (!c)
		return CF_ENOMEM;
	c->config = *config;
	pthread_mutex_init(&c->lock, NULL);
	*ret_c = c;
	return 0;
}

void courier_stop(struct courier *c)
{
	struct submitter *s = c ? atomic_load(&c->submitter) : NULL;

	if (s)
		submit_stop(s);
}

void courier_free(struct courier *c)
{
	if (!c)
		return;
	links_free(c->links); /* from here on nobody calls in */
	submit_free(atomic_load(&c->submitter));
	heard_free(c->heard);
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
}

void courier_on_tx(struct courier *c, const struct hash *id, uint64_t height, uint32_t index, uint8_t verdict)
{
	struct submitter *s = atomic_load(&c->submitter);

	if (s)
		submit_on_tx(s, id, height, index, verdict);
}

void courier_on_block(struct courier *c)
{
	struct submitter *s = atomic_load(&c->submitter);

	if (s)
		submit_on_block(s);
}
