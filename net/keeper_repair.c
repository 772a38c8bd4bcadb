/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_repair.c - handing blobs out, and fetching from other members what is missing or damaged here.
 */
#include "net/keeper_private.h"

#include "ledger/log.h"
#include "net/ticks.h"

#include <string.h>

#define MODULE "keeper"
#define REPAIR_MS 500

static void answer_blob(struct keeper *k, const struct seek_client *to, const struct hash *address,
			bool found, struct view bytes)
{
	const struct wire_blob blob = {*address, found, bytes};
	struct buf payload;

	buf_init(&payload, 0);
	if (wire_blob_encode(&blob, &payload) == 0)
		mesh_answer(k->config.mesh, to->from, WIRE_BLOB, to->request, buf_view(&payload));
	buf_release(&payload);
}

void keeper_get(struct keeper *k, const struct message *m)
{
	const struct seek_client client = {m->from, m->request};
	struct hash address;
	struct buf bytes;
	struct dec d;
	int err;

	dec_init(&d, message_view(m));
	dec_fixed(&d, address.b, HASH_BYTES);
	if (dec_done(&d)) {
		mesh_refuse(k->config.mesh, m->from, m->request, NULL, CF_EDECODE, "");
		return;
	}
	buf_init(&bytes, BLOB_BYTES_MAX);
	err = blob_get(k->store, &address, &bytes);
	if (err == CF_ECORRUPT) {
		hashset_clear(k->known); /* what else is damaged is to be found out anew */
		if (!seek_find(&k->seek, &address))
			atomic_fetch_add(&k->damaged, 1);
	}
	if (!err) {
		answer_blob(k, &client, &address, true, buf_view(&bytes));
	} else if (m->relayed) {
		/* A member that repairs: passing it on could go round in circles. */
		answer_blob(k, &client, &address, false, VIEW_NONE);
		if (err == CF_ECORRUPT)
			(void)!seek_start(&k->seek, &address, NULL, ticks_ms());
	} else {
		err = seek_start(&k->seek, &address, &client, ticks_ms());
		if (err)
			mesh_refuse(k->config.mesh, m->from, m->request, NULL, err, "");
	}
	buf_release(&bytes);
}

void keeper_give_up(struct keeper *k, struct seek_entry *e)
{
	for (unsigned i = 0; i < e->clients; i++)
		answer_blob(k, &e->client[i], &e->address, false, VIEW_NONE);
	seek_end(&k->seek, e);
}

void keeper_on_blob(struct keeper *k, const struct message *m)
{
	struct seek_entry *e;
	struct wire_blob blob;
	int err;

	if (wire_blob_decode(message_view(m), &blob))
		return;
	e = seek_find(&k->seek, &blob.address);
	if (!e)
		return;
	err = blob.found ? keeper_store(k, &blob.address, blob.bytes) : CF_ENOTFOUND;
	if (err && blob.found)
		log_warn(MODULE, "a blob from member %u is not kept: %s", e->member, err_name(err));
	if (err) {
		if (!seek_next(&k->seek, e, ticks_ms()))
			keeper_give_up(k, e);
		return;
	}
	atomic_fetch_add(&k->repaired, 1);
	for (unsigned i = 0; i < e->clients; i++)
		answer_blob(k, &e->client[i], &e->address, true, blob.bytes);
	seek_end(&k->seek, e);
	k->repair_ms = 0; /* what hangs below it may be wanted */
}

void keeper_named(struct keeper *k, const struct message *m)
{
	struct tx_blob blob;

	for (size_t at = 0; at + sizeof(blob) <= m->len; at += sizeof(blob)) {
		memcpy(&blob, m->bytes + at, sizeof(blob));
		sweep_keep_tree(k->sweep, &blob.root);
		if (hashset_has(k->known, &blob.root) || keeper_look(k, &blob.root, NULL) == 0)
			continue;
		if (wanted_add(k->wanted, &blob.root))
			log_warn(MODULE, "repair list is full -> a blob is repaired when it is asked for");
	}
}

/* Looks at wanted roots until enough is being sought. */
void keeper_repair(struct keeper *k, uint64_t now_ms)
{
	size_t count = wanted_count(k->wanted);

	if (count == 0 || now_ms < k->repair_ms)
		return;
	k->repair_ms = now_ms + REPAIR_MS;
	for (size_t i = 0; i < count && wanted_count(k->wanted) > 0 && k->seek.used < REPAIR_AT_ONCE; i++) {
		struct hash root;

		k->repair_at = (k->repair_at + 1) % wanted_count(k->wanted);
		root = *wanted_at(k->wanted, k->repair_at);
		if (keeper_look(k, &root, NULL) == 0)
			wanted_remove(k->wanted, &root);
	}
}

/* One already sought is not counted again. */
bool keeper_on_bad(void *ctx, const struct hash *address)
{
	struct keeper *k = ctx;
	char hex[2 * HASH_BYTES + 1];

	if (seek_find(&k->seek, address))
		return true;
	if (k->seek.used >= REPAIR_AT_ONCE || seek_start(&k->seek, address, NULL, ticks_ms()))
		return false;
	hex_encode(address->b, HASH_BYTES, hex);
	log_warn(MODULE, "blob %s is damaged or missing -> the other members are asked", hex);
	atomic_fetch_add(&k->damaged, 1);
	hashset_clear(k->known);
	return true;
}

int keeper_scrub_new(struct keeper *k)
{
	const struct scrub_config config = {
		.store = k->store,
		.period_ms = (uint64_t)k->config.conf->scrub_period_s * 1000,
		.bytes_per_s = (uint64_t)k->config.conf->scrub_rate_kib << 10,
		.ctx = k,
		.on_bad = keeper_on_bad,
	};

	return scrub_new(&config, &k->scrub);
}

uint64_t keeper_scrub(struct keeper *k, uint64_t now_ms)
{
	uint64_t next = scrub_run(k->scrub, now_ms);

	atomic_store(&k->scrubs, scrub_passes(k->scrub));
	atomic_store(&k->scrubbed, scrub_blobs(k->scrub));
	return next;
}
