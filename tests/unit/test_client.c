/* SPDX-License-Identifier: Apache-2.0 */
/* The client against four real peers in this process (inproc): register, admit, save, conflict, blobs,
 * outage. */
#include "tests/lib/t.h"
#include "ledger/mem.h"
#include "net/client.h"
#include "net/peer.h"
#include "net/ticks.h"
#include "tests/lib/netfix.h"
#include "tests/lib/tmpdir.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define N NETFIX_ORGS
#define PATIENCE_MS 10000

struct net {
	struct netfix *fix;
	struct conf_peer conf[N];
	struct peer *peer[N];
};

static void start_peer(struct net *net, unsigned i)
{
	const struct peer_config config = {.conf = &net->conf[i],
					   .identity = &net->fix->peer[i],
					   .genesis = buf_view(&net->fix->genesis)};

	t_zero(peer_start(&config, &net->peer[i]));
}

static void stop_peer(struct net *net, unsigned i)
{
	peer_stop(net->peer[i]);
	net->peer[i] = NULL;
}

static struct net *net_new(void)
{
	struct net *net = mem_zalloc(sizeof(*net));

	t_zero(netfix_new(0, false, &net->fix));
	for (unsigned i = 0; i < N; i++) {
		struct conf_peer *conf = &net->conf[i];

		snprintf(conf->name, sizeof(conf->name), "peer%u", i + 1);
		snprintf(conf->data_dir, sizeof(conf->data_dir), "%s", tmpdir_new());
		conf->endorse = conf->order = true;
		conf->block_txs_max = 500;
		conf->block_bytes_max = 4 << 20;
		conf->timers = PBFT_TIMERS_DEFAULT;
		start_peer(net, i);
	}
	return net;
}

static void net_free(struct net *net)
{
	for (unsigned i = 0; i < N; i++) {
		if (net->peer[i])
			stop_peer(net, i);
	}
	netfix_free(net->fix);
	mem_free(net);
}

/* A client of somebody of organization org, registered. */
struct user {
	struct identity identity;
	struct client *client;
	_Atomic unsigned valid, invalid; /* transactions seen by its observer */
	_Atomic uint64_t seen;           /* height of the last block its observer saw */
};

static void on_tx(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset)
{
	struct user *u = ctx;

	(void)height;
	(void)index;
	(void)tx;
	(void)rwset;
	atomic_fetch_add(verdict == VERDICT_VALID ? &u->valid : &u->invalid, 1);
}

static void on_block(void *ctx, const struct block *block)
{
	atomic_store(&((struct user *)ctx)->seen, block->header.height);
}

static void user_open(struct net *net, struct user *u, const char *dir)
{
	const struct client_observer observer = {.ctx = u, .on_tx = on_tx, .on_block = on_block};
	const struct client_config config = {.data_dir = dir,
					     .genesis = buf_view(&net->fix->genesis),
					     .identity = &u->identity,
					     .observer = &observer};

	t_zero(client_open(&config, &u->client));
}

static void user_new(struct net *net, struct user *u, const char *name, unsigned org)
{
	memset(u, 0, sizeof(*u));
	t_zero(netfix_identity(net->fix, name, ROLE_DOCTOR, org, &u->identity));
	user_open(net, u, tmpdir_new());
	t_zero(client_register(u->client, PATIENCE_MS));
}

static void user_free(struct user *u)
{
	client_close(u->client);
	identity_release(&u->identity);
}

/* The fixture's helpers seal with the state of its first ledger: lend it this client's. */
static void lend(struct net *net, struct user *u)
{
	net->fix->chain[0] = client_chain(u->client);
	net->fix->now_ms = ticks_wall_ms();
}

static void commit_op(struct user *u, const struct patient_id *p, enum op_code code, const struct buf *body,
		      const struct buf *annex, int want, struct client_result *ret_result)
{
	const struct tx_op op = {(uint8_t)code, buf_view(body)};
	const struct client_tx tx = {
		.patient = *p, .ops = &op, .op_count = 1, .annex = annex ? buf_view(annex) : VIEW_NONE};

	t_err(client_commit(u->client, &tx, PATIENCE_MS, ret_result), want);
}

static void admit(struct net *net, struct user *u, unsigned org, struct patient_id *ret_patient)
{
	struct op_admit op = {.mode = 0750, .window = contract_window(ticks_wall_ms())};
	struct identity_id to[2] = {u->identity.id, net->fix->custodian[org].id};
	struct node_id root = {{0}};
	struct section_keys keys;
	struct client_result r;
	struct buf body, annex, name;
	struct db_txn *txn;

	random_bytes(ret_patient->b, PATIENT_BYTES);
	op.custodian = to[1];
	buf_init(&body, 0);
	buf_init(&annex, 0);
	buf_init(&name, 0);
	t_zero(chain_read_begin(client_chain(u->client), &txn));
	t_zero(keyring_wrap_admit(client_keyring(u->client), txn, ret_patient, to, 2, &annex));
	t_zero(keyring_names_current(client_keyring(u->client), txn, ret_patient, 0, ticks_wall_ms(), &keys));
	db_abort(txn);
	t_zero(content_seal_name(&keys, &root, view_str("pseudonym"), &name));
	op.sealed_name = buf_view(&name);
	t_zero(op_admit_encode(&op, &body));
	commit_op(u, ret_patient, OP_ADMIT, &body, &annex, 0, &r);
	buf_release(&body);
	buf_release(&annex);
	buf_release(&name);
}

static struct node_id create(struct net *net, struct user *u, const struct patient_id *p, const char *name)
{
	const struct node_id section = op_section_node(p, 2);
	struct netfix_file f;
	struct client_result r;

	lend(net, u);
	t_zero(netfix_create(net->fix, client_keyring(u->client), p, 2, &section, name, NODE_RECORD, "{}",
			     &f));
	commit_op(u, p, OP_CREATE, &f.body, &f.annex, 0, &r);
	t_ok(r.height > 0 && client_height(u->client) >= r.height);
	netfix_file_release(&f);
	return op_new_node(&r.id, 0);
}

static struct version version_of(struct user *u, const struct patient_id *p, const struct node_id *n)
{
	struct content_row row;
	struct version version;
	struct db_txn *txn;

	t_zero(chain_read_begin(client_chain(u->client), &txn));
	t_zero(state_content(txn, p, n, &row, &version));
	db_abort(txn);
	return version;
}

static void save(struct net *net, struct user *u, const struct patient_id *p, const struct node_id *n,
		 struct version base, const char *text, int want)
{
	struct netfix_file f;
	struct client_result r;

	lend(net, u);
	t_zero(netfix_save(net->fix, client_keyring(u->client), p, 2, n, base, text, &f));
	commit_op(u, p, OP_SAVE, &f.body, &f.annex, want, &r);
	netfix_file_release(&f);
}

/* --- tests --- */

T_TEST(client_saves)
{
	struct net *net = net_new();
	struct user a;
	struct patient_id patient;
	struct node_id node;
	struct version before, after;
	struct wire_status status[MEMBERS_MAX];
	uint64_t start, heard, heard_ms;
	uint32_t mask;

	user_new(net, &a, "alice", 0);
	t_zero(client_register(a.client, PATIENCE_MS)); /* again: nothing to do */
	admit(net, &a, 0, &patient);
	node = create(net, &a, &patient, "first.json");
	before = version_of(&a, &patient, &node);
	save(net, &a, &patient, &node, before, "{\"a\":1}", 0);
	after = version_of(&a, &patient, &node);
	t_ok(after.height > before.height);
	/* Made from a version that is no longer the newest. */
	save(net, &a, &patient, &node, before, "{\"a\":2}", CF_ECONFLICT);
	t_ok(version_equal(version_of(&a, &patient, &node), after));
	start = ticks_ms();
	for (unsigned i = 0; i < 20; i++)
		save(net, &a, &patient, &node, version_of(&a, &patient, &node), "{\"b\":2}", 0);
	t_note("a save takes %.2f ms", (double)(ticks_ms() - start) / 20);
	t_zero(client_peer_status(a.client, 1000, status, &mask));
	t_eq(mask, (1u << N) - 1);
	t_ok(memcmp(status[2].by.b, net->fix->peer[2].id.b, IDENTITY_BYTES) == 0);
	client_heard(a.client, &heard, &heard_ms);
	t_ok(heard >= client_height(a.client) && heard_ms > 0);
	t_eq(atomic_load(&a.seen), client_height(a.client));
	t_eq(atomic_load(&a.invalid), 0);
	user_free(&a);
	net_free(net);
}

struct writer {
	pthread_t thread;
	struct user *user;
	struct client_tx tx;
	struct tx_op op;
	struct client_result result;
	int err;
};

static void *run_writer(void *arg)
{
	struct writer *w = arg;

	w->tx.ops = &w->op;
	w->err = client_commit(w->user->client, &w->tx, PATIENCE_MS, &w->result);
	return NULL;
}

/* Two clients save from the same version at the same time: one wins, the other is told. */
T_TEST(client_conflicts_are_told)
{
	struct net *net = net_new();
	struct netfix_file f[2];
	struct writer w[2];
	struct user a, b, twin, *user[2] = {&a, &twin};
	struct patient_id patient;
	struct node_id node;
	struct version base;

	user_new(net, &a, "alice", 0);
	user_new(net, &b, "bob", 0);
	admit(net, &a, 0, &patient);
	node = create(net, &a, &patient, "shared.json");
	twin = (struct user){.identity = a.identity}; /* the same person on another machine */
	user_open(net, &twin, tmpdir_new());
	t_zero(client_wait(twin.client, client_height(a.client), PATIENCE_MS));
	base = version_of(&a, &patient, &node);
	lend(net, &a);
	for (unsigned i = 0; i < 2; i++)
		t_zero(netfix_save(net->fix, client_keyring(a.client), &patient, 2, &node, base,
				   i ? "{\"b\":1}" : "{}", &f[i]));
	for (unsigned i = 0; i < 2; i++) {
		w[i] = (struct writer){.user = user[i], .op = {OP_SAVE, buf_view(&f[i].body)}};
		w[i].tx =
			(struct client_tx){.patient = patient, .op_count = 1, .annex = buf_view(&f[i].annex)};
		t_eq(pthread_create(&w[i].thread, NULL, run_writer, &w[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(w[i].thread, NULL);
	t_ok((w[0].err == 0) != (w[1].err == 0));
	t_err(w[0].err ? w[0].err : w[1].err, CF_ECONFLICT);

	client_close(twin.client);

	/* The other one has no grant at all. */
	w[0].user = &b;
	run_writer(&w[0]);
	t_err(w[0].err, CF_EDENIED);
	t_ok(w[0].result.detail[0]);
	for (unsigned i = 0; i < 2; i++)
		netfix_file_release(&f[i]);
	user_free(&a);
	user_free(&b);
	net_free(net);
}

/* Two of four peers gone: no quorum in time; the job goes on and is committed once when they are back. */
T_TEST(client_outlives_an_outage)
{
	struct net *net = net_new();
	const char *dir = tmpdir_new();
	struct user a;
	struct patient_id patient;
	struct node_id node;
	struct netfix_file f;
	struct client_result r;
	struct client_job *job;
	struct tx_op op;
	struct client_tx tx;
	unsigned valid;

	memset(&a, 0, sizeof(a));
	t_zero(netfix_identity(net->fix, "alice", ROLE_DOCTOR, 0, &a.identity));
	user_open(net, &a, dir);
	t_zero(client_register(a.client, PATIENCE_MS));
	admit(net, &a, 0, &patient);
	node = create(net, &a, &patient, "outage.json");
	lend(net, &a);
	t_zero(netfix_save(net->fix, client_keyring(a.client), &patient, 2, &node,
			   version_of(&a, &patient, &node), "{\"late\":1}", &f));
	valid = atomic_load(&a.valid);
	stop_peer(net, 2);
	stop_peer(net, 3);
	op = (struct tx_op){OP_SAVE, buf_view(&f.body)};
	tx = (struct client_tx){.patient = patient, .ops = &op, .op_count = 1, .annex = buf_view(&f.annex)};
	t_zero(client_submit(a.client, &tx, &job));
	t_err(client_job_wait(job, 1500, &r), CF_ENOQUORUM);
	t_str(client_job_stage(job), "ordered");
	start_peer(net, 2);
	start_peer(net, 3);
	t_zero(client_job_wait(job, 3 * PATIENCE_MS, &r));
	t_zero(r.error);
	t_eq(r.verdict, VERDICT_VALID);
	client_job_release(job);
	save(net, &a, &patient, &node, version_of(&a, &patient, &node), "{\"later\":1}", 0);
	t_eq(atomic_load(&a.valid), valid + 2);
	t_eq(atomic_load(&a.invalid), 0);
	netfix_file_release(&f);

	/* Closed and opened again, it knows what it knew, and another who begins anew comes to the same. */
	client_close(a.client);
	user_open(net, &a, dir);
	t_ok(client_height(a.client) > r.height);
	client_close(a.client);
	user_open(net, &a, tmpdir_new());
	t_zero(client_wait(a.client, r.height + 1, PATIENCE_MS));
	t_ok(version_of(&a, &patient, &node).height > r.height);
	user_free(&a);
	net_free(net);
}

T_TEST(client_turns_to_another_peer)
{
	struct net *net = net_new();
	struct user a;
	struct patient_id patient;

	user_new(net, &a, "alice", 0);
	admit(net, &a, 0, &patient);
	stop_peer(net, 0); /* the one of its organization, and the leader */
	(void)create(net, &a, &patient, "a.json");
	(void)create(net, &a, &patient, "b.json");
	user_free(&a);
	net_free(net);
}

static void commit_attachment(struct net *net, struct user *u, const struct patient_id *p, const char *name,
			      const struct hash *root, uint64_t bytes, struct client_result *ret_result)
{
	const uint8_t secret[CONTENT_SECRET_BYTES] = {7};
	const struct node_id section = op_section_node(p, 2);
	struct op_create op = {
		.dir = section, .section = 2, .type = NODE_ATTACHMENT, .attrs = {.mode = 0640}};
	const struct tx_blob blob = {.root = *root, .bytes = bytes};
	struct content_row row = {.form = CONTENT_BLOB, .root = *root};
	struct section_keys keys;
	struct buf body, content, sealed, ref, item, annex;
	struct buf *all[] = {&body, &content, &sealed, &ref, &item, &annex};
	struct db_txn *txn;

	(void)net;
	for (unsigned i = 0; i < 6; i++)
		buf_init(all[i], 0);
	t_zero(chain_read_begin(client_chain(u->client), &txn));
	t_zero(keyring_current(client_keyring(u->client), txn, p, 2, ticks_wall_ms(), &keys));
	db_abort(txn);
	t_zero(content_seal(&keys, secret, view_str("reference"), &ref));
	row.epoch = op.epoch = keys.epoch;
	row.window = op.window = keys.window;
	row.sealed = buf_view(&ref);
	t_zero(content_row_encode(&row, &content));
	t_zero(content_secret_item(0, secret, &item));
	t_zero(annex_encode(&(struct annex_item){ANNEX_SECRET, buf_view(&item)}, 1, &annex));
	t_zero(content_seal_name(&keys, &section, view_str(name), &sealed));
	op.token = content_token(&keys, &section, view_str(name));
	op.sealed_name = buf_view(&sealed);
	op.size = bytes;
	op.content = buf_view(&content);
	t_zero(op_create_encode(&op, &body));
	{
		const struct tx_op ops[] = {{OP_CREATE, buf_view(&body)}};
		const struct client_tx tx = {.patient = *p,
					     .ops = ops,
					     .op_count = 1,
					     .annex = buf_view(&annex),
					     .blobs = &blob,
					     .blob_count = 1};

		t_zero(client_commit(u->client, &tx, PATIENCE_MS, ret_result));
	}
	for (unsigned i = 0; i < 6; i++)
		buf_release(all[i]);
}

T_TEST(client_moves_blobs)
{
	struct net *net = net_new();
	struct user a, b;
	struct patient_id patient;
	struct client_result r;
	struct buf chunk[2], out;
	struct hash address[2];
	uint8_t *plain = mem_zalloc(BLOB_CHUNK_BYTES);

	user_new(net, &a, "alice", 0);
	user_new(net, &b, "bob", 1);
	admit(net, &a, 0, &patient);
	buf_init(&out, 0);
	for (unsigned i = 0; i < 2; i++) {
		buf_init(&chunk[i], 0);
		plain[0] = (uint8_t)i;
		t_zero(blob_chunk_encode(VIEW(plain, BLOB_CHUNK_BYTES), &chunk[i]));
		address[i] = blob_address(buf_view(&chunk[i]));
	}
	t_zero(client_put(a.client, &address[0], buf_view(&chunk[0]), PATIENCE_MS));
	commit_attachment(net, &a, &patient, "ct.dcm", &address[0], chunk[0].len, &r);
	t_zero(client_get(b.client, &address[0], &out, PATIENCE_MS));
	t_bytes(out.data, out.len, chunk[0].data, chunk[0].len);

	/* Uploaded while one peer was away: it gets what it misses when it is asked for its receipt, or does
	 * without. */
	stop_peer(net, 3);
	t_zero(client_put(a.client, &address[1], buf_view(&chunk[1]), PATIENCE_MS));
	start_peer(net, 3);
	stop_peer(net, 2);
	commit_attachment(net, &a, &patient, "mr.dcm", &address[1], chunk[1].len, &r);
	buf_reset(&out);
	t_err(client_get(b.client, &(struct hash){{9}}, &out, PATIENCE_MS), CF_ENOTFOUND);
	t_zero(client_get(b.client, &address[1], &out, PATIENCE_MS));
	for (unsigned i = 0; i < 2; i++)
		buf_release(&chunk[i]);
	buf_release(&out);
	mem_free(plain);
	user_free(&a);
	user_free(&b);
	net_free(net);
}

#define STORM_THREADS 8
#define STORM_SAVES 25

struct storm {
	pthread_t thread;
	struct user *user;
	struct patient_id patient;
	struct netfix_file file[STORM_SAVES];
	unsigned failed;
};

static void *run_storm(void *arg)
{
	struct storm *s = arg;
	struct client_result r;

	for (unsigned i = 0; i < STORM_SAVES; i++) {
		const struct tx_op op = {OP_CREATE, buf_view(&s->file[i].body)};
		const struct client_tx tx = {.patient = s->patient,
					     .ops = &op,
					     .op_count = 1,
					     .annex = buf_view(&s->file[i].annex)};

		s->failed += client_commit(s->user->client, &tx, PATIENCE_MS, &r) != 0;
	}
	return NULL;
}

T_TEST(client_saves_in_parallel)
{
	struct net *net = net_new();
	struct storm *s = mem_zalloc(STORM_THREADS * sizeof(*s));
	struct user a;
	struct patient_id patient;
	struct node_id section;
	uint64_t start, height;
	char name[64];

	user_new(net, &a, "alice", 0);
	admit(net, &a, 0, &patient);
	section = op_section_node(&patient, 2);
	lend(net, &a);
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		s[i].user = &a;
		s[i].patient = patient;
		for (unsigned k = 0; k < STORM_SAVES; k++) {
			snprintf(name, sizeof(name), "%u-%u.json", i, k);
			t_zero(netfix_create(net->fix, client_keyring(a.client), &patient, 2, &section, name,
					     NODE_RECORD, "{}", &s[i].file[k]));
		}
	}
	start = ticks_ms();
	height = client_height(a.client);
	for (unsigned i = 0; i < STORM_THREADS; i++)
		t_eq(pthread_create(&s[i].thread, NULL, run_storm, &s[i]), 0);
	for (unsigned i = 0; i < STORM_THREADS; i++)
		pthread_join(s[i].thread, NULL);
	t_note("%u saves by %u threads in %llu ms, %llu blocks", STORM_THREADS * STORM_SAVES, STORM_THREADS,
	       (unsigned long long)(ticks_ms() - start),
	       (unsigned long long)(client_height(a.client) - height));
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		t_eq(s[i].failed, 0);
		for (unsigned k = 0; k < STORM_SAVES; k++)
			netfix_file_release(&s[i].file[k]);
	}
	t_eq(atomic_load(&a.invalid), 0);
	mem_free(s);
	user_free(&a);
	net_free(net);
}

T_MAIN
