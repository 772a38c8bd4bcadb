/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c - one message after the other, repair in between.
 */
#include "net/keeper_private.h"

#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/gateway.h"
#include "net/room.h"
#include "net/sender.h"
#include "net/ticks.h"

#include <assert.h>
#include <string.h>

#define MODULE "keeper"
#define QUEUE_BYTES_MAX ((size_t)64 << 20)
#define KNOWN_MAX 49152
#define MARK_MS 30000
#define KEEPER_NAMED 1000 /* kinds of the keeper's own */
#define KEEPER_MARK 1001

static uint64_t keeper_handle(void *ctx, struct message *m);

static int count_blob(void *ctx, const struct blob_info *blob)
{
	struct keeper *k = ctx;

	(void)blob;
	atomic_fetch_add(&k->blobs, 1);
	return 0;
}

int keeper_new(const struct keeper_config *config, struct keeper **ret_k)
{
	struct worker_config worker = {config->conf->name, QUEUE_BYTES_MAX, NULL, keeper_handle};
	struct keeper *k = mem_zalloc(sizeof(*k));
	char path[FILE_PATH_MAX];
	int err;

	if (!k)
		return CF_ENOMEM;
	k->config = *config;
	k->dirty = true; /* what was put before a crash may not be synced */
	seek_init(&k->seek, config->mesh);
	worker.ctx = k;
	err = worker_new(&worker, &k->worker);
	if (!err)
		err = hashset_new(&k->known);
	if (!err)
		err = hashset_new(&k->whole);
	if (!err)
		err = hashset_new(&k->lacking);
	if (!err)
		err = file_path(config->conf->data_dir, "blobs", path);
	if (!err)
		err = blob_dir_open(path, &k->store);
	if (!err)
		err = keeper_scrub_new(k);
	if (!err)
		err = keeper_sweep_new(k);
	if (!err)
		err = blob_walk(k->store, count_blob, k);
	if (!err)
		err = file_path(config->conf->data_dir, "wanted", path);
	if (!err)
		err = wanted_open(path, config->blocks, &k->wanted);
	if (err) {
		keeper_free(k);
		return err;
	}
	*ret_k = k;
	return 0;
}

int keeper_start(struct keeper *k)
{
	return worker_start(k->worker);
}

void keeper_stop(struct keeper *k)
{
	worker_stop(k->worker);
}

void keeper_free(struct keeper *k)
{
	if (!k)
		return;
	worker_free(k->worker);
	wanted_close(k->wanted);
	scrub_free(k->scrub);
	sweep_free(k->sweep);
	blob_close(k->store);
	hashset_free(k->known);
	hashset_free(k->whole);
	hashset_free(k->lacking);
	mem_free(k);
}

void keeper_take(struct keeper *k, struct message *m)
{
	bool urgent = m->kind == WIRE_GET || m->kind == WIRE_BLOB;

	(void)!worker_push(k->worker, urgent ? QUEUE_URGENT : QUEUE_BULK, m); /* full: it is asked again */
}

void keeper_committed(struct keeper *k, const struct tx *tx)
{
	const struct tx_proposal *p = &tx->proposal;
	struct message *m = NULL;

	if (p->blob_count == 0)
		return;
	if (message_new(KEEPER_NAMED, VIEW(p->blob, p->blob_count * sizeof(p->blob[0])), &m) ||
	    worker_push(k->worker, QUEUE_BULK, m)) {
		log_warn(MODULE, "blobs of a transaction are not looked at now -> at the next start");
		atomic_store(&k->missed, true);
	}
}

void keeper_height(struct keeper *k, uint64_t height)
{
	atomic_store(&k->height, height);
}

void keeper_counts(const struct keeper *k, struct wire_status *ret_status)
{
	ret_status->blobs = atomic_load(&k->blobs);
	ret_status->scrubs = atomic_load(&k->scrubs);
	ret_status->scrubbed = atomic_load(&k->scrubbed);
	ret_status->damaged = atomic_load(&k->damaged);
	ret_status->repaired = atomic_load(&k->repaired);
}

/* --- storing --- */

int keeper_store(struct keeper *k, const struct hash *address, struct view bytes)
{
	bool had = blob_has(k->store, address);
	int err = blob_put(k->store, address, bytes);

	if (err)
		return err;
	k->dirty = true;
	if (!had)
		atomic_fetch_add(&k->blobs, 1);
	if (!blob_is_node(bytes))
		hashset_remember(k->known, address, KNOWN_MAX);
	return 0;
}

/* Only roles that this gateway serves. */
static int on_role(void *ctx, enum role role)
{
	return gateway_check_role(*(const enum gateway *)ctx, role);
}

static int check_sender(struct keeper *k, enum gateway gateway, const struct wire_frame *f)
{
	return sender_check(k->config.chain, k->config.verifier, f, on_role, &gateway);
}

static int put(struct keeper *k, const struct message *m, const struct wire_frame *f)
{
	struct hash address = blob_address(f->payload);
	int err = room_check(k->config.conf->data_dir, "blobs"); /* blocks and votes come first */

	if (!err)
		err = keeper_store(k, &address, f->payload);
	if (!err)
		mesh_answer(k->config.mesh, m->from, WIRE_PUT_OK, f->request, VIEW(address.b, HASH_BYTES));
	return err;
}

/* --- receipts --- */

struct tree_look {
	struct keeper *keeper;
	struct wire_receipt *receipt; /* of what is missing; NULL: it is sought */
};

static bool look_is_complete(void *ctx, const struct hash *address)
{
	return hashset_has(((struct tree_look *)ctx)->keeper->known, address);
}

static int look_on_complete(void *ctx, const struct hash *address)
{
	hashset_remember(((struct tree_look *)ctx)->keeper->known, address, KNOWN_MAX);
	return 0;
}

static int look_on_missing(void *ctx, const struct hash *address)
{
	struct tree_look *look = ctx;
	struct wire_receipt *r = look->receipt;

	if (!r) {
		if (look->keeper->seek.used < REPAIR_AT_ONCE)
			(void)!seek_start(&look->keeper->seek, address, NULL, ticks_ms());
		return 0;
	}
	if (r->missing_count < sizeof(r->missing) / sizeof(r->missing[0]))
		r->missing[r->missing_count++] = *address;
	return 0;
}

int keeper_look(struct keeper *k, const struct hash *root, struct wire_receipt *receipt)
{
	struct tree_look look = {k, receipt};
	const struct blob_tree_visit visit = {.ctx = &look,
					      .is_complete = look_is_complete,
					      .on_complete = look_on_complete,
					      .on_missing = look_on_missing,
					      .whole = k->whole,
					      .lacking = k->lacking};

	return blob_tree_check(k->store, root, &visit);
}

static int hold(struct keeper *k, const struct message *m, const struct wire_frame *f)
{
	struct wire_receipt receipt = {.by = k->config.identity->id, .held = true};
	struct hash digest;
	struct wire_hold hold;
	struct buf payload;
	int err = wire_hold_decode(f->payload, &hold);

	for (unsigned i = 0; !err && i < hold.count; i++) {
		err = keeper_look(k, &hold.blob[i].root, &receipt);
		if (err == CF_ENOTFOUND) {
			receipt.held = false;
			err = 0;
		}
	}
	if (!err && receipt.held)
		err = keeper_promise(k, &hold);
	if (!err && receipt.held && k->dirty) {
		err = blob_sync(k->store);
		k->dirty = err != 0;
	}
	if (!err && receipt.held) {
		digest = tx_receipt_digest(mesh_network(k->config.mesh), hold.time_ms, hold.blob, hold.count);
		err = sigpath_sign(SIG_RECEIPT, mesh_network(k->config.mesh), &digest, 1,
				   k->config.identity->endorse, &receipt.signature);
	}
	if (err)
		return err;
	buf_init(&payload, 0);
	err = wire_receipt_encode(&receipt, &payload);
	if (!err)
		mesh_answer(k->config.mesh, m->from, WIRE_RECEIPT, f->request, buf_view(&payload));
	buf_release(&payload);
	return err;
}

static void take_signed(struct keeper *k, const struct message *m)
{
	struct wire_frame f;
	int err = wire_frame_decode(message_view(m), mesh_network(k->config.mesh), &f);

	if (err)
		return; /* not even a request id to answer to */
	err_clear();
	err = check_sender(k, (enum gateway)m->gateway, &f);
	if (!err)
		err = f.kind == WIRE_PUT ? put(k, m, &f) : hold(k, m, &f);
	if (err)
		mesh_refuse(k->config.mesh, m->from, f.request, NULL, err, err_detail());
}

/* --- the thread --- */

/* The height is saved once a mark has passed the queue: everything named up to it has been looked at then. */
static void mark(struct keeper *k, uint64_t now_ms)
{
	struct message *m = NULL;

	if (now_ms < k->mark_ms)
		return;
	k->mark_ms = now_ms + MARK_MS;
	if (k->marked || message_new(KEEPER_MARK, VIEW_NONE, &m))
		return;
	/* In this order: a block that is told of after the flag was read is above the height. */
	m->number = atomic_load(&k->height);
	if (atomic_load(&k->missed))
		m->number = 0;
	k->marked = worker_push(k->worker, QUEUE_BULK, m) == 0;
}

static void take(struct keeper *k, const struct message *m)
{
	switch (m->kind) {
	case WIRE_PUT:
	case WIRE_HOLD:
		take_signed(k, m);
		break;
	case WIRE_GET:
		keeper_get(k, m);
		break;
	case WIRE_BLOB:
		keeper_on_blob(k, m);
		break;
	case KEEPER_NAMED:
		keeper_named(k, m);
		break;
	case KEEPER_MARK:
		k->marked = false;
		if (wanted_save(k->wanted, m->number))
			log_warn(MODULE, "repair list cannot be written: %s", err_detail());
		break;
	default:
		assert(!"a message of this kind is not for the keeper");
	}
}

static uint64_t keeper_handle(void *ctx, struct message *m)
{
	struct keeper *k = ctx;
	struct seek_entry *e;
	uint64_t now, next = 0, scrub_ms, sweep_ms;

	hashset_clear(k->whole);
	hashset_clear(k->lacking);
	if (m)
		take(k, m);
	message_free(m);
	now = ticks_ms();
	while ((e = seek_overdue(&k->seek, now, &next)) != NULL) {
		if (!seek_next(&k->seek, e, now))
			keeper_give_up(k, e);
	}
	keeper_repair(k, now);
	mark(k, now);
	scrub_ms = keeper_scrub(k, now);
	sweep_ms = sweep_run(k->sweep, now);
	if (next == 0 || k->mark_ms < next)
		next = k->mark_ms;
	if (wanted_count(k->wanted) > 0 && k->repair_ms < next)
		next = k->repair_ms;
	if (scrub_ms && scrub_ms < next)
		next = scrub_ms;
	if (sweep_ms && sweep_ms < next)
		next = sweep_ms;
	return next;
}
