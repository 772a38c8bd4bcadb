/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The follower against members that serve real, certified blocks as the test says: all of them, none, with
 * holes, or tampered with. It must come to the same height whatever one member does, and never take in what
 * does not verify.
 */
#include "ledger/mem.h"
#include "net/client.h"
#include "net/follower.h"
#include "net/ticks.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N NETFIX_ORGS
#define BLOCKS 40

enum behaviour {
	SERVE,
	SILENT,        /* tells of its height and sends no block */
	HOLES,         /* pushes every third block only; single ones when asked */
	BACKWARDS,     /* in the wrong order */
	BAD_VERDICTS,  /* flips a verdict */
	BAD_BODY,      /* flips a bit */
	TOO_FEW_VOTES, /* one vote less than a quorum */
	FORGED_VOTE,
	REFUSE,
	BEHAVIOURS
};

struct source {
	struct network *net;
	unsigned number;
	struct transport *transport;
	_Atomic int behaviour;
	_Atomic unsigned subscribed, fetched;
};

struct network {
	struct netfix *fix;
	struct source source[N];
	unsigned height;
	struct buf body[BLOCKS + 1];
	struct buf verdicts[BLOCKS + 1];
	struct certificate certificate[BLOCKS + 1];
};

static void answer(struct source *s, struct transport_from to, enum wire_kind kind, uint64_t request,
		   struct view payload)
{
	const struct identity *me = &s->net->fix->peer[s->number];
	struct buf frame;

	buf_init(&frame, 0);
	if (wire_frame_encode(kind, request, &me->id, payload, &s->net->fix->network, me->endorse, &frame))
		abort();
	(void)!transport_reply(s->transport, to, buf_view(&frame)); /* the client may be gone */
	buf_release(&frame);
}

static void send_block(struct source *s, struct transport_from to, uint64_t request, unsigned height)
{
	struct wire_block b = {height, buf_view(&s->net->body[height]), buf_view(&s->net->verdicts[height]),
			       s->net->certificate[height]};
	struct buf body, verdicts, payload;

	buf_init(&body, 0);
	buf_init(&verdicts, 0);
	buf_init(&payload, 0);
	if (buf_append_view(&body, b.body) || buf_append_view(&verdicts, b.verdicts))
		abort();
	switch (atomic_load(&s->behaviour)) {
	case BAD_VERDICTS:
		if (verdicts.len)
			verdicts.data[0] ^= VERDICT_MVCC_CONFLICT;
		else if (buf_append(&verdicts, "", 1))
			abort();
		break;
	case BAD_BODY:
		body.data[body.len / 2] ^= 1;
		break;
	case TOO_FEW_VOTES:
		b.certificate.count--;
		break;
	case FORGED_VOTE:
		b.certificate.sig[1][7] ^= 1;
		break;
	default:
		break;
	}
	b.body = buf_view(&body);
	b.verdicts = buf_view(&verdicts);
	if (wire_block_encode(&b, &payload))
		abort();
	answer(s, to, WIRE_BLOCK, request, buf_view(&payload));
	buf_release(&body);
	buf_release(&verdicts);
	buf_release(&payload);
}

static void push(struct source *s, struct transport_from to, uint64_t request, unsigned from)
{
	unsigned top = s->net->height;

	for (unsigned i = from; i <= top; i++) {
		if (atomic_load(&s->behaviour) == BACKWARDS)
			send_block(s, to, request, top - (i - from));
		else if (atomic_load(&s->behaviour) != HOLES || i % 3 == 0)
			send_block(s, to, request, i);
	}
}

static void status(struct source *s, struct transport_from to, uint64_t request)
{
	const struct wire_status m = {.by = s->net->fix->peer[s->number].id, .height = s->net->height};
	struct buf payload;

	buf_init(&payload, 0);
	if (wire_status_encode(&m, &payload))
		abort();
	answer(s, to, WIRE_STATUS, request, buf_view(&payload));
	buf_release(&payload);
}

static void refuse(struct source *s, struct transport_from to, uint64_t request)
{
	const struct wire_refused m = {.error = CF_EAGAIN};
	struct buf payload;

	buf_init(&payload, 0);
	if (wire_refused_encode(&m, &payload))
		abort();
	answer(s, to, WIRE_REFUSED, request, buf_view(&payload));
	buf_release(&payload);
}

static void on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view bytes)
{
	struct source *s = ctx;
	struct wire_frame f;
	struct dec d;
	uint64_t height;

	(void)link;
	if (wire_frame_decode(bytes, &s->net->fix->network, &f))
		abort();
	dec_init(&d, f.payload);
	if (f.kind == WIRE_STATUS_ASK) {
		status(s, from, f.request);
		return;
	}
	if (f.kind != WIRE_SUBSCRIBE && f.kind != WIRE_FETCH)
		return;
	height = dec_u64(&d);
	atomic_fetch_add(f.kind == WIRE_FETCH ? &s->fetched : &s->subscribed, 1);
	if (atomic_load(&s->behaviour) == SILENT)
		return;
	if (atomic_load(&s->behaviour) == REFUSE)
		refuse(s, from, f.request);
	else if (f.kind == WIRE_SUBSCRIBE)
		push(s, from, f.request, (unsigned)height);
	else if (height > 0 && height <= s->net->height)
		send_block(s, from, f.request, (unsigned)height);
}

/* Every second block registers somebody, the others are empty. */
static void make_block(struct network *net, unsigned height)
{
	uint8_t verdict = 0;
	struct identity who;
	char name[32];

	if (height % 2) {
		snprintf(name, sizeof(name), "person%u", height);
		t_zero(netfix_person(net->fix, name, ROLE_DOCTOR, height % N, &who));
		identity_release(&who);
	} else {
		t_zero(netfix_block(net->fix, NULL, 0, NULL));
	}
	buf_init(&net->body[height], 0);
	buf_init(&net->verdicts[height], 0);
	t_zero(buf_append_view(&net->body[height], buf_view(&net->fix->body)));
	if (height % 2)
		t_zero(buf_append(&net->verdicts[height], &verdict, 1));
	net->certificate[height] = net->fix->certificate;
	net->height = height;
}

static struct network *network_new(void)
{
	struct network *net = mem_zalloc(sizeof(*net));
	char url[64];

	t_zero(netfix_new(1, false, &net->fix));
	for (unsigned i = 1; i <= BLOCKS; i++)
		make_block(net, i);
	for (unsigned i = 0; i < N; i++) {
		struct source *s = &net->source[i];
		const struct transport_config tc = {.ctx = s, .on_recv = on_recv};

		s->net = net;
		s->number = i;
		t_zero(transport_new(&tc, &s->transport));
		snprintf(url, sizeof(url), "inproc://client%u", i + 1);
		t_zero(transport_listen(s->transport, TRANSPORT_GATEWAY, url));
	}
	return net;
}

static void network_free(struct network *net)
{
	for (unsigned i = 0; i < N; i++)
		transport_free(net->source[i].transport);
	for (unsigned i = 1; i <= BLOCKS; i++) {
		buf_release(&net->body[i]);
		buf_release(&net->verdicts[i]);
	}
	netfix_free(net->fix);
	mem_free(net);
}

static struct client *follow(struct network *net)
{
	const struct client_config config = {.data_dir = tmpdir_new(),
					     .genesis = buf_view(&net->fix->genesis),
					     .identity = &net->fix->custodian[1]};
	struct client *c;

	t_zero(client_open(&config, &c));
	return c;
}

static void check_same(struct network *net, struct client *c)
{
	struct chain_head mine, theirs;

	chain_head(client_chain(c), &mine);
	chain_head(net->fix->chain[0], &theirs);
	t_eq(mine.height, theirs.height);
	t_ok(hash_equal(&mine.hash, &theirs.hash));
	t_ok(hash_equal(&mine.state_root, &theirs.state_root));
}

/* Unless its link comes up late, as it may on a busy machine. */
T_TEST(follower_asks_its_own_organization)
{
	struct network *net = network_new();

	for (unsigned i = 0; i < 10 && atomic_load(&net->source[1].subscribed) == 0; i++) {
		struct client *c = follow(net);

		t_zero(client_wait(c, BLOCKS, 5000));
		check_same(net, c);
		client_close(c);
	}
	t_ok(atomic_load(&net->source[1].subscribed) > 0);
	network_free(net);
}

/* Whatever the member of the own organization does, the others help within the time of silence. */
T_TEST(follower_arrives_whatever_one_member_does)
{
	struct network *net = network_new();

	for (int behaviour = SILENT; behaviour < BEHAVIOURS; behaviour++) {
		struct client *c;
		uint64_t start = ticks_ms();

		atomic_store(&net->source[1].behaviour, behaviour);
		c = follow(net);
		t_zero(client_wait(c, BLOCKS, 10000));
		check_same(net, c);
		t_note("behaviour %d: %llu ms", behaviour, (unsigned long long)(ticks_ms() - start));
		t_ok(ticks_ms() - start < 2 * FOLLOWER_SILENT_MS + 500);
		client_close(c);
	}
	network_free(net);
}

/* Nobody has good blocks: nothing is taken in, and the stores are not thought to be damaged by what only one
 * sends. */
T_TEST(follower_takes_in_nothing_bad)
{
	struct network *net = network_new();
	struct client *c;

	atomic_store(&net->source[0].behaviour, FORGED_VOTE);
	atomic_store(&net->source[1].behaviour, BAD_VERDICTS);
	atomic_store(&net->source[2].behaviour, BAD_BODY);
	atomic_store(&net->source[3].behaviour, TOO_FEW_VOTES);
	c = follow(net);
	t_err(client_wait(c, 1, 1000), CF_ENOQUORUM);
	t_eq(client_height(c), 0);
	for (unsigned i = 0; i < N; i++)
		atomic_store(&net->source[i].behaviour, SERVE);
	t_zero(client_wait(c, BLOCKS, 10000));
	check_same(net, c);
	client_close(c);
	network_free(net);
}

/* A clean end keeps the stores; a mark of another boot throws the chain away. */
T_TEST(follower_begins_anew_after_an_unclean_end)
{
	struct network *net = network_new();
	const char *dir = tmpdir_new();
	const struct client_config config = {.data_dir = dir,
					     .genesis = buf_view(&net->fix->genesis),
					     .identity = &net->fix->custodian[0]};
	struct client *c, *other;
	FILE *f;

	t_zero(client_open(&config, &c));
	t_err(client_open(&config, &other), CF_EBUSY);
	t_zero(client_wait(c, 0, 5000));
	t_eq(client_height(c), BLOCKS);
	client_close(c);
	for (unsigned i = 0; i < N; i++)
		atomic_store(&net->source[i].behaviour, SILENT);
	t_zero(client_open(&config, &c));
	t_eq(client_height(c), BLOCKS);
	client_close(c);
	f = fopen(tmpdir_path(dir, "running"), "w");
	t_ok(f && fputs("an earlier boot\n", f) >= 0 && fclose(f) == 0);
	t_zero(client_open(&config, &c));
	t_eq(client_height(c), 0);
	for (unsigned i = 0; i < N; i++)
		atomic_store(&net->source[i].behaviour, SERVE);
	t_zero(client_wait(c, BLOCKS, 10000));
	client_close(c);
	network_free(net);
}

T_MAIN
