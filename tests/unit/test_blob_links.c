/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs between the client and keepers that store, lie, lack, or say nothing, behind real sockets (inproc).
 */
#include "ledger/mem.h"
#include "net/blob_download.h"
#include "net/blob_upload.h"
#include "net/ticks.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N 4
#define BLOB_BYTES ((size_t)256 << 10)

enum behaviour { KEEP, LIE, LACK, SILENT, REFUSE };

struct keeper {
	struct cluster *cluster;
	struct transport *transport;
	struct crypto_key *key;
	struct identity_id id;
	struct blob_store *store;
	_Atomic int behaviour;
	_Atomic unsigned puts, gets;
};

struct cluster {
	struct hash network;
	struct identity identity;
	struct members members;
	struct keeper keeper[N];
	struct links *links;
	struct blobcache *cache;
	struct blob_upload *upload;
	struct blob_download *download;
};

static void answer(struct keeper *k, struct transport_from to, enum wire_kind kind, uint64_t request,
		   struct view payload)
{
	struct buf frame;

	buf_init(&frame, 0);
	if (wire_frame_encode(kind, request, &k->id, payload, &k->cluster->network, k->key, &frame))
		abort();
	(void)!transport_reply(k->transport, to, buf_view(&frame)); /* the client may be gone */
	buf_release(&frame);
}

static void refuse(struct keeper *k, struct transport_from to, uint64_t request)
{
	const struct wire_refused m = {.error = CF_EFULL, .detail = view_str("disk full")};
	struct buf payload;

	buf_init(&payload, 0);
	if (wire_refused_encode(&m, &payload))
		abort();
	answer(k, to, WIRE_REFUSED, request, buf_view(&payload));
	buf_release(&payload);
}

static void take_put(struct keeper *k, struct transport_from from, const struct wire_frame *f)
{
	struct hash address = blob_address(f->payload);

	atomic_fetch_add(&k->puts, 1);
	if (blob_put(k->store, &address, f->payload))
		abort();
	answer(k, from, WIRE_PUT_OK, f->request, VIEW(address.b, HASH_BYTES));
}

static void take_get(struct keeper *k, struct transport_from from, const struct wire_frame *f)
{
	struct wire_blob m = {.found = false};
	struct buf bytes, payload;

	atomic_fetch_add(&k->gets, 1);
	buf_init(&bytes, 0);
	buf_init(&payload, 0);
	memcpy(m.address.b, f->payload.data, HASH_BYTES);
	if (atomic_load(&k->behaviour) != LACK)
		m.found = blob_get(k->store, &m.address, &bytes) == 0;
	if (m.found && atomic_load(&k->behaviour) == LIE)
		bytes.data[0] ^= 1;
	m.bytes = buf_view(&bytes);
	if (wire_blob_encode(&m, &payload))
		abort();
	answer(k, from, WIRE_BLOB, f->request, buf_view(&payload));
	buf_release(&bytes);
	buf_release(&payload);
}

static void on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view bytes)
{
	struct keeper *k = ctx;
	struct wire_frame f;

	(void)link;
	if (wire_frame_decode(bytes, &k->cluster->network, &f))
		abort();
	if (atomic_load(&k->behaviour) == SILENT)
		return;
	if (atomic_load(&k->behaviour) == REFUSE)
		refuse(k, from, f.request);
	else if (f.kind == WIRE_PUT)
		take_put(k, from, &f);
	else if (f.kind == WIRE_GET)
		take_get(k, from, &f);
}

static void on_frame(void *ctx, const struct roster *r, unsigned member, const struct wire_frame *f)
{
	struct cluster *c = ctx;

	(void)r;
	if (f->kind == WIRE_PUT_OK)
		blob_upload_answered(c->upload, member, f->request);
	else if (f->kind == WIRE_BLOB)
		blob_download_on_blob(c->download, member, f->payload);
	if (f->kind == WIRE_REFUSED) {
		blob_upload_answered(c->upload, member, f->request);
		blob_download_on_refused(c->download, member, f->request);
	}
}

static void on_up(void *ctx, unsigned member)
{
	(void)ctx;
	(void)member;
}

static void keeper_start(struct cluster *c, unsigned i, const char *url)
{
	struct keeper *k = &c->keeper[i];
	struct transport_config tc = {.ctx = k, .on_recv = on_recv};
	struct member *m = &c->members.member[i];

	k->cluster = c;
	t_zero(crypto_key_generate(&k->key));
	t_zero(blob_dir_open(tmpdir_new(), &k->store));
	k->id.b[0] = (uint8_t)(i + 1);
	m->id = k->id;
	m->org = (uint16_t)(i + 1);
	crypto_key_point(k->key, m->sign_point);
	crypto_key_point(k->key, m->endorse_point);
	crypto_key_point(k->key, m->kem_point);
	snprintf(m->client_address, sizeof(m->client_address), "%s", url);
	t_zero(transport_new(&tc, &k->transport));
	t_zero(transport_listen(k->transport, TRANSPORT_GATEWAY, url));
}

static struct cluster *cluster_new(void)
{
	static unsigned clusters;
	struct cluster *c = mem_zalloc(sizeof(*c));
	struct links_config lc;
	char url[64];

	c->network = sha256(view_str("network"));
	t_zero(crypto_key_generate(&c->identity.sign));
	c->members.count = N;
	clusters++;
	for (unsigned i = 0; i < N; i++) {
		snprintf(url, sizeof(url), "inproc://blobs-%u-%u", clusters, i);
		keeper_start(c, i, url);
	}
	lc = (struct links_config){.network = c->network,
				   .identity = &c->identity,
				   .ctx = c,
				   .on_frame = on_frame,
				   .on_up = on_up};
	t_zero(links_new(&lc, &c->links));
	t_zero(blobcache_open(tmpdir_new(), (uint64_t)1 << 30, &c->cache));
	t_zero(blob_upload_new(c->links, c->cache, &c->upload));
	t_zero(blob_download_new(c->links, c->cache, 2, &c->download));
	t_zero(links_set_members(c->links, &c->members));
	for (unsigned i = 0; i < 500 && links_up(c->links) != (1u << N) - 1; i++)
		usleep(2000);
	t_eq(links_up(c->links), (1u << N) - 1);
	return c;
}

static void cluster_free(struct cluster *c)
{
	links_free(c->links);
	blob_upload_free(c->upload);
	blob_download_free(c->download);
	blobcache_close(c->cache);
	for (unsigned i = 0; i < N; i++) {
		transport_free(c->keeper[i].transport);
		crypto_key_free(c->keeper[i].key);
		blob_close(c->keeper[i].store);
	}
	crypto_key_free(c->identity.sign);
	mem_free(c);
}

static struct hash make_blob(unsigned n, uint8_t bytes[BLOB_BYTES])
{
	memset(bytes, (int)n, BLOB_BYTES);
	memcpy(bytes, &n, sizeof(n));
	return blob_address(VIEW(bytes, BLOB_BYTES));
}

static int get(struct cluster *c, const struct hash *address, unsigned timeout_ms)
{
	struct buf out;
	int err;

	buf_init(&out, 0);
	err = blob_download_get(c->download, address, &out, timeout_ms);
	if (!err) {
		struct hash real = blob_address(buf_view(&out));

		t_ok(hash_equal(&real, address));
	}
	buf_release(&out);
	return err;
}

/* Far more than a window, with one member that never answers: the others go on. */
T_TEST(put_is_not_held_up_by_a_silent_member)
{
	const unsigned count = 3 * (unsigned)(BLOB_UPLOAD_WINDOW_BYTES / BLOB_BYTES);
	struct cluster *c = cluster_new();
	uint8_t *bytes = mem_alloc(BLOB_BYTES);

	atomic_store(&c->keeper[1].behaviour, SILENT);
	for (unsigned i = 0; i < count; i++) {
		struct hash address = make_blob(i, bytes);

		t_zero(blob_upload_put(c->upload, &address, VIEW(bytes, BLOB_BYTES), 5000));
	}
	for (unsigned i = 0; i < 1000 && atomic_load(&c->keeper[0].puts) < count; i++)
		usleep(5000);
	t_eq(atomic_load(&c->keeper[0].puts), count);
	mem_free(bytes);
	cluster_free(c);
}

T_TEST(put_needs_a_quorum_with_room)
{
	struct cluster *c = cluster_new();
	uint8_t *bytes = mem_alloc(BLOB_BYTES);
	struct hash address;
	int err = 0;

	atomic_store(&c->keeper[1].behaviour, SILENT);
	atomic_store(&c->keeper[2].behaviour, SILENT);
	for (unsigned i = 0; i < 200 && !err; i++) {
		address = make_blob(i, bytes);
		err = blob_upload_put(c->upload, &address, VIEW(bytes, BLOB_BYTES), 200);
	}
	t_err(err, CF_ENOQUORUM);
	/* It is kept here all the same, and a refusal frees the window as an answer does. */
	t_zero(get(c, &address, 0));
	atomic_store(&c->keeper[3].behaviour, REFUSE);
	t_err(blob_upload_put(c->upload, &address, VIEW(bytes, BLOB_BYTES), 200), CF_ENOQUORUM);
	mem_free(bytes);
	cluster_free(c);
}

T_TEST(get_turns_to_the_next_member)
{
	struct cluster *c = cluster_new();
	uint8_t *bytes = mem_alloc(BLOB_BYTES);
	struct hash address[4], never = {{1}};

	for (unsigned i = 0; i < 4; i++) {
		address[i] = make_blob(i, bytes);
		for (unsigned k = 0; k < N; k++)
			t_zero(blob_put(c->keeper[k].store, &address[i], VIEW(bytes, BLOB_BYTES)));
	}
	/* The own organization's first. */
	t_zero(get(c, &address[0], 2000));
	t_eq(atomic_load(&c->keeper[1].gets), 1);
	t_zero(get(c, &address[0], 0)); /* from the cache */
	t_eq(atomic_load(&c->keeper[1].gets), 1);
	for (unsigned i = 1; i < 4; i++) {
		atomic_store(&c->keeper[1].behaviour, i == 1 ? LIE : i == 2 ? LACK : SILENT);
		t_zero(get(c, &address[i], 2000));
		t_eq(atomic_load(&c->keeper[1].gets), i == 3 ? 3 : i + 1);
	}
	atomic_store(&c->keeper[1].behaviour, KEEP);
	t_err(get(c, &never, 2000), CF_ENOTFOUND);
	for (unsigned k = 0; k < N; k++)
		atomic_store(&c->keeper[k].behaviour, SILENT);
	t_err(get(c, &never, 300), CF_ENETWORK);
	atomic_store(&c->keeper[0].behaviour, LACK);
	t_err(get(c, &never, 3000), CF_ENOTFOUND);
	mem_free(bytes);
	cluster_free(c);
}

struct getter {
	pthread_t thread;
	struct cluster *cluster;
	struct hash address;
	int err;
};

static void *run_getter(void *arg)
{
	struct getter *g = arg;
	struct buf out;

	buf_init(&out, 0);
	g->err = blob_download_get(g->cluster->download, &g->address, &out, 5000);
	buf_release(&out);
	return NULL;
}

T_TEST(get_asks_once_however_many_wait)
{
	struct cluster *c = cluster_new();
	uint8_t *bytes = mem_alloc(BLOB_BYTES);
	struct getter g[16];
	struct hash address = make_blob(1, bytes);
	unsigned gets = 0;

	t_zero(blob_put(c->keeper[1].store, &address, VIEW(bytes, BLOB_BYTES)));
	for (unsigned i = 0; i < 16; i++) {
		g[i] = (struct getter){.cluster = c, .address = address};
		t_eq(pthread_create(&g[i].thread, NULL, run_getter, &g[i]), 0);
	}
	for (unsigned i = 0; i < 16; i++) {
		pthread_join(g[i].thread, NULL);
		t_zero(g[i].err);
	}
	for (unsigned k = 0; k < N; k++)
		gets += atomic_load(&c->keeper[k].gets);
	t_note("%u requests", gets);
	t_ok(gets <= 4); /* one, but for a waiter that came after the others were served and before the cache
			    had it */
	mem_free(bytes);
	cluster_free(c);
}

T_MAIN
