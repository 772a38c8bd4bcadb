/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peerfix.c - peers with their directories, and the following client.
 */
#include "tests/lib/peerfix.h"
#include "ledger/file.h"
#include "ledger/mem.h"
#include "net/feed.h"
#include "net/ticks.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void keep(struct buf *b, struct view v, unsigned *count)
{
	buf_reset(b);
	if (buf_append_view(b, v))
		abort();
	++*count;
}

/* Called with the lock held. */
static void on_block(struct peerfix *f, struct view payload)
{
	struct wire_block block;
	struct timespec now;

	if (wire_block_decode(payload, &block) || block.height != f->height + 1)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	f->arrived_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (apply_commit(f->n->apply[0], block.body, &block.certificate, true, block.verdicts, NULL, NULL)) {
		fprintf(stderr, "peerfix: block %llu: %s\n", (unsigned long long)block.height, err_detail());
		abort();
	}
	f->height = block.height;
}

static void on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view bytes)
{
	struct peerfix *f = ctx;
	struct wire_frame frame;
	struct wire_refused refused;
	struct wire_endorsed endorsed;

	(void)from;
	(void)link;
	if (wire_frame_decode(bytes, &f->n->network, &frame))
		abort();
	pthread_mutex_lock(&f->lock);
	if (frame.kind == WIRE_BLOCK) {
		on_block(f, frame.payload);
	} else if (frame.kind == WIRE_REFUSED && wire_refused_decode(frame.payload, &refused) == 0) {
		f->refused++;
		f->refused_error = refused.error;
		snprintf(f->refused_detail, sizeof(f->refused_detail), "%.*s", (int)refused.detail.len,
			 (const char *)refused.detail.data);
	} else if (frame.kind == WIRE_SETTLED && wire_settled_decode(frame.payload, &f->last_settled) == 0) {
		f->settled++;
	} else if (frame.kind == WIRE_ENDORSED) {
		keep(&f->endorsed, frame.payload, &f->endorsed_count);
		if (wire_endorsed_decode(frame.payload, &endorsed))
			abort();
		f->endorsed_items += endorsed.count;
		if (endorsed.count == 0)
			f->items_at_empty = f->endorsed_items;
		wire_endorsed_release(&endorsed);
	} else if (frame.kind == WIRE_RECEIPT) {
		keep(&f->receipt, frame.payload, &f->receipt_count);
	} else if (frame.kind == WIRE_BLOB) {
		keep(&f->blob, frame.payload, &f->blob_count);
	} else if (frame.kind == WIRE_STATUS) {
		keep(&f->status, frame.payload, &f->status_count);
	} else if (frame.kind == WIRE_PUT_OK) {
		f->put_ok_count++;
	}
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
}

static void on_state(void *ctx, struct transport_link *link, bool up)
{
	struct peerfix *f = ctx;

	(void)link;
	pthread_mutex_lock(&f->lock);
	f->up += up ? 1 : -1;
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
}

int peerfix_new(struct peerfix **ret_f)
{
	struct peerfix *f = mem_zalloc(sizeof(*f));
	int err;

	if (!f)
		return CF_ENOMEM;
	pthread_mutex_init(&f->lock, NULL);
	buf_init(&f->endorsed, 0);
	buf_init(&f->receipt, 0);
	buf_init(&f->blob, 0);
	buf_init(&f->status, 0);
	err = ticks_cond_init(&f->cond);
	if (!err)
		err = netfix_new(1, false, &f->n);
	f->conf = mem_zalloc(PEERFIX_PEERS * sizeof(*f->conf));
	if (!f->conf)
		err = CF_ENOMEM;
	for (unsigned i = 0; !err && i < PEERFIX_PEERS; i++) {
		struct conf_peer *c = &f->conf[i];

		f->dir[i] = tmpdir_new();
		snprintf(c->name, sizeof(c->name), "peer%u", i + 1);
		snprintf(c->data_dir, sizeof(c->data_dir), "%s/data", f->dir[i]);
		c->endorse = c->order = true;
		c->block_txs_max = 500;
		c->block_bytes_max = 16 << 20;
		c->timers = PBFT_TIMERS_DEFAULT;
	}
	if (err) {
		peerfix_free(f);
		return err;
	}
	/* Blocks of the set-up are a second apart and must lie in the past. */
	f->n->now_ms = ticks_wall_ms() - 120000;
	*ret_f = f;
	return 0;
}

void peerfix_free(struct peerfix *f)
{
	if (!f)
		return;
	transport_free(f->transport);
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		peerfix_stop(f, i);
	netfix_free(f->n);
	mem_free(f->conf);
	buf_release(&f->endorsed);
	buf_release(&f->receipt);
	buf_release(&f->blob);
	buf_release(&f->status);
	mem_free(f);
}

static int seed_blocks(struct peerfix *f, struct apply *apply)
{
	struct chain_head head;
	struct buf payload;
	int err = 0;

	buf_init(&payload, 0);
	chain_head(f->n->chain[0], &head);
	for (uint64_t h = 1; !err && h <= head.height; h++) {
		struct wire_block block;

		buf_reset(&payload);
		err = feed_block(f->n->chain[0], h, &payload);
		if (!err)
			err = wire_block_decode(buf_view(&payload), &block);
		if (!err)
			err = apply_commit(apply, block.body, &block.certificate, true, block.verdicts, NULL,
					   NULL);
	}
	buf_release(&payload);
	return err;
}

/* A peer that has taken part so far: blocks, and an (empty) vote log. */
static int seed(struct peerfix *f, const struct conf_peer *c)
{
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct chain *chain = NULL;
	struct apply *apply = NULL;
	char path[FILE_PATH_MAX];
	int err = g ? genesis_decode(buf_view(&f->n->genesis), g) : CF_ENOMEM;

	if (!err)
		err = file_dir_make(c->data_dir);
	if (!err)
		err = file_path(c->data_dir, "votes", path);
	if (!err)
		err = file_dir_make(path);
	if (!err)
		err = file_path(c->data_dir, "chain", path);
	if (!err)
		err = chain_open(path, buf_view(&f->n->genesis), 0, &chain);
	if (!err)
		err = genesis_apply(chain, g);
	if (!err)
		err = apply_new(chain, false, NULL, &apply);
	if (!err)
		err = seed_blocks(f, apply);
	apply_free(apply);
	chain_close(chain);
	mem_free(g);
	return err;
}

int peerfix_start(struct peerfix *f, unsigned i)
{
	const struct peer_config config = {
		.conf = &f->conf[i],
		.identity = &f->n->peer[i],
		.genesis = buf_view(&f->n->genesis),
	};
	int err = 0;

	if (!file_exists(f->conf[i].data_dir))
		err = seed(f, &f->conf[i]);
	return err ? err : peer_start(&config, &f->peer[i]);
}

void peerfix_stop(struct peerfix *f, unsigned i)
{
	peer_stop(f->peer[i]);
	f->peer[i] = NULL;
}

unsigned peerfix_send(struct peerfix *f, unsigned mask, enum wire_kind kind, struct view payload,
		      const struct identity *as)
{
	struct identity_id nobody = {{0}};
	unsigned count = 0;
	struct buf frame;

	buf_init(&frame, 0);
	if (wire_frame_encode(kind, ++f->request, as ? &as->id : &nobody, payload, &f->n->network,
			      as ? as->sign : NULL, &frame))
		abort();
	for (unsigned i = 0; i < PEERFIX_PEERS; i++) {
		if ((mask >> i) & 1 && transport_send(f->link[i], buf_view(&frame)) == 0)
			count++;
	}
	buf_release(&frame);
	return count;
}

int peerfix_follow(struct peerfix *f, unsigned i)
{
	const struct transport_config config = {.ctx = f, .on_recv = on_recv, .on_state = on_state};
	struct chain_head head;
	struct genesis *g = mem_zalloc(sizeof(*g));
	uint8_t be[8] = {0};
	int err = g ? genesis_decode(buf_view(&f->n->genesis), g) : CF_ENOMEM;

	chain_head(f->n->chain[0], &head);
	f->height = head.height;
	f->follows = i;
	if (!err)
		err = transport_new(&config, &f->transport);
	for (unsigned k = 0; !err && k < PEERFIX_PEERS; k++)
		err = transport_dial(f->transport, TRANSPORT_GATEWAY, g->members.member[k].client_address,
				     NULL, &f->link[k]);
	mem_free(g);
	if (err)
		return err;
	if (!peerfix_wait_count(f, &f->up, PEERFIX_PEERS, 5000))
		return CF_ENETWORK;
	be[6] = (uint8_t)((head.height + 1) >> 8);
	be[7] = (uint8_t)(head.height + 1);
	return peerfix_send(f, 1u << i, WIRE_SUBSCRIBE, VIEW(be, sizeof(be)), NULL) == 1 ? 0 : CF_ENETWORK;
}

unsigned peerfix_submit(struct peerfix *f, unsigned mask, struct view tx, struct view annex)
{
	struct wire_submit *m = mem_zalloc(sizeof(*m));
	unsigned count = 0;
	struct buf payload;

	buf_init(&payload, 0);
	if (m) {
		m->count = 1;
		m->tx[0] = tx;
		m->annex[0] = annex;
		if (wire_submit_encode(m, &payload) == 0)
			count = peerfix_send(f, mask, WIRE_SUBMIT, buf_view(&payload), NULL);
	}
	mem_free(m);
	buf_release(&payload);
	return count;
}

bool peerfix_wait_height(struct peerfix *f, uint64_t height, unsigned ms)
{
	uint64_t until = ticks_ms() + ms;
	bool there;

	pthread_mutex_lock(&f->lock);
	while (f->height < height && ticks_wait(&f->cond, &f->lock, until))
		;
	there = f->height >= height;
	pthread_mutex_unlock(&f->lock);
	return there;
}

bool peerfix_wait_count(struct peerfix *f, const unsigned *counter, unsigned at_least, unsigned ms)
{
	uint64_t until = ticks_ms() + ms;
	bool there;

	pthread_mutex_lock(&f->lock);
	while (*counter < at_least && ticks_wait(&f->cond, &f->lock, until))
		;
	there = *counter >= at_least;
	pthread_mutex_unlock(&f->lock);
	return there;
}

bool peerfix_wait_peer(struct peerfix *f, unsigned i, uint64_t height, unsigned ms)
{
	uint64_t until = ticks_ms() + ms;
	struct wire_status status;

	do {
		peer_status(f->peer[i], &status);
		if (status.height >= height)
			return true;
		usleep(1000);
	} while (ticks_ms() < until);
	return false;
}
