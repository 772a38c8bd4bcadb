/* SPDX-License-Identifier: Apache-2.0 */
/* No read without a trace: leases, and what real peers answer to whom. */
#include "acl/rowread.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "net/trace_ask.h"
#include "tests/lib/chartfix.h"
#include "tests/lib/t.h"

#include <unistd.h>

static struct chartfix *net;
static struct chartfix_user patient, doctor, other;
static struct patient_id who;

static void setup(void)
{
	if (net)
		return;
	net = chartfix_new();
	chartfix_user(net, &patient, "patient1", ROLE_PATIENT, 0);
	chartfix_user(net, &doctor, "doctor2", ROLE_DOCTOR, 1);
	chartfix_user(net, &other, "doctor3", ROLE_DOCTOR, 2);
	t_zero(chartfix_mkdir(&patient, "patients/p1"));
	who = chartfix_place(&patient, "patients/p1").patient;
	t_zero(chart_grant(patient.chart, &who, 1u << 2 | 1u << 4, "doctor2@Birch", VERB_READ, 0, 0));
	t_zero(chart_grant(patient.chart, &who, 1u << 4, "doctor3@Cedar", VERB_READ | VERB_ADD, 0, 0));
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/a.json", "{\"a\":1}"));
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/b.json", "{\"b\":1}"));
	t_zero(chartfix_write(&patient, "patients/p1/EMR04/c.json", "{\"c\":1}"));
	chartfix_catch_up(&doctor, &patient);
	chartfix_catch_up(&other, &patient);
}

struct queries {
	struct chartfix_user *in;
	struct db_txn *txn;
	const struct identity_id *by;
	unsigned count;
	struct hash last;
	struct op_lease lease;
};

static int count_one(void *ctx, struct version version, const struct hash *id)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct queries *q = ctx;
	struct buf bytes;

	(void)version;
	buf_init(&bytes, 0);
	t_zero(chain_tx_read(client_chain(q->in->client), q->txn, id, &bytes));
	t_zero(tx_decode(buf_view(&bytes), tx));
	if (tx->proposal.type == TX_QUERY && identity_equal(&tx->proposal.creator, q->by)) {
		t_zero(op_lease_decode(tx->proposal.op[0].body, &q->lease));
		t_ok(view_equal(q->lease.purpose, view_str("TREAT")));
		q->lease.purpose = VIEW_NONE;
		q->count++;
		q->last = *id;
	}
	buf_release(&bytes);
	mem_free(tx);
	return 0;
}

/* The queries of somebody about the patient, in the ledger. */
static struct queries queries_of(struct chartfix_user *u)
{
	struct queries q = {.in = u, .by = &u->identity.id};
	struct hash about = {{0}};

	memcpy(about.b, who.b, PATIENT_BYTES);
	t_zero(chain_read_begin(client_chain(u->client), &q.txn));
	t_zero(chain_log_walk(q.txn, &about, count_one, &q));
	db_abort(q.txn);
	return q;
}

T_TEST(a_section_costs_one_query_and_a_listing_none)
{
	struct queries q;

	setup();
	t_str(chartfix_ls(&doctor, "patients/p1/EMR02"), "a.json b.json");
	t_eq(queries_of(&doctor).count, 0);
	chartfix_holds(&doctor, "patients/p1/EMR02/a.json", "{\"a\":1}");
	q = queries_of(&doctor);
	t_eq(q.count, 1);
	t_eq(q.lease.section, 2);
	t_eq(q.lease.use, LEASE_READ);
	t_ok(q.lease.until_ms > ticks_wall_ms() && q.lease.until_ms <= ticks_wall_ms() + TRACE_LEASE_MS);
	chartfix_holds(&doctor, "patients/p1/EMR02/b.json", "{\"b\":1}");
	t_eq(queries_of(&doctor).count, 1);
	chartfix_holds(&doctor, "patients/p1/EMR04/c.json", "{\"c\":1}");
	t_eq(queries_of(&doctor).count, 2);
}

T_TEST(the_owner_asks_once_a_window_and_then_nobody)
{
	unsigned before;

	setup();
	before = queries_of(&patient).count;
	t_eq(before, 2); /* it was the first to write in two sections */
	chartfix_umount(&patient);
	chartfix_mount(net, &patient);
	chartfix_holds(&patient, "patients/p1/EMR02/a.json", "{\"a\":1}");
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/d.json", "{}"));
	t_eq(queries_of(&patient).count, before);
}

/* A client that skips every check of its own: what it says it has committed, it makes up. */
struct rogue {
	struct chartfix_user *as;
	struct links *links;
	struct trace_ask *ask;
	struct hash query;
};

static int pretend(struct client *ctx, const struct client_tx *tx, unsigned timeout_ms,
		   struct client_result *ret_result)
{
	const struct rogue *r = (const void *)ctx;

	(void)tx;
	(void)timeout_ms;
	*ret_result = (struct client_result){.id = r->query};
	return 0;
}

static void on_frame(void *ctx, const struct roster *roster, unsigned member, const struct wire_frame *f)
{
	const struct identity_id *by = &roster->members.member[member].id;
	struct wire_refused refused;
	struct rogue *r = ctx;

	if (f->kind == WIRE_SHARE)
		trace_ask_on_share(r->ask, by, f->request, f->payload);
	else if (f->kind == WIRE_REFUSED && wire_refused_decode(f->payload, &refused) == 0)
		trace_ask_on_refused(r->ask, by, f->request, &refused);
}

static void on_up(void *ctx, unsigned member)
{
	(void)ctx;
	(void)member;
}

/* Asks for the key of a section as of a query that it claims. */
static int ask_as(struct chartfix_user *u, const struct hash *query, unsigned section, uint32_t window)
{
	struct rogue r = {.as = u, .query = *query};
	const struct links_config lc = {.network = net->fix->network,
					.identity = &u->identity,
					.ctx = &r,
					.on_frame = on_frame,
					.on_up = on_up};
	struct trace_ask_config tc = {
		.identity = &u->identity, .network = net->fix->network, .ctx = (void *)&r, .commit = pretend};
	struct section_keys of = {.patient = who, .section = (uint8_t)section, .window = window};
	struct members *m = mem_alloc(sizeof(*m));
	struct trace_answers answers;
	struct db_txn *txn;
	uint64_t until;
	int err;

	t_zero(links_new(&lc, &r.links));
	tc.links = r.links;
	t_zero(trace_ask_new(&tc, &r.ask));
	trace_ask_set(r.ask, "TREAT", 0, 1500);
	t_zero(chain_read_begin(client_chain(u->client), &txn));
	t_zero(state_members(txn, m));
	t_zero(links_set_members(r.links, m));
	err = trace_ask_get(r.ask, txn, &of, KEYS_READ, &answers, &until);
	db_abort(txn);
	links_free(r.links);
	trace_ask_free(r.ask);
	mem_free(m);
	return err;
}

T_TEST(peers_answer_only_by_a_committed_query_that_covers_and_holds)
{
	uint32_t now = contract_window(ticks_wall_ms());
	struct hash none = {{1}};
	struct queries q;

	setup();
	chartfix_holds(&doctor, "patients/p1/EMR02/a.json", "{\"a\":1}");
	q = queries_of(&doctor);
	t_ok(q.count > 0);
	t_zero(ask_as(&doctor, &q.last, q.lease.section, now));
	t_err(ask_as(&doctor, &none, q.lease.section, now), CF_ENOQUORUM); /* not in the ledger */
	t_err(ask_as(&doctor, &q.last, q.lease.section == 2 ? 4 : 2, now), CF_EDENIED);
	t_err(ask_as(&doctor, &q.last, q.lease.section, now + 1), CF_EDENIED);
	t_err(ask_as(&other, &q.last, q.lease.section, now), CF_EDENIED); /* another one's query */
}

/* Blocks are pushed when they are certain, a moment before the peers' own stores have them. */
static void peers_have(uint64_t height)
{
	for (unsigned i = 0; i < NETFIX_ORGS; i++) {
		struct wire_status status = {.height = 0};

		for (int n = 0; n < 2000 && status.height < height; n++) {
			peer_status(net->peer[i], &status);
			usleep(5000);
		}
		t_ok(status.height >= height);
	}
}

T_TEST(who_was_revoked_is_refused_by_the_peers)
{
	uint32_t now = contract_window(ticks_wall_ms());
	struct queries q;

	setup();
	chartfix_holds(&other, "patients/p1/EMR04/c.json", "{\"c\":1}");
	q = queries_of(&other);
	t_eq(q.count, 1);
	t_zero(ask_as(&other, &q.last, 4, now));
	t_zero(chart_revoke(patient.chart, &who, 1u << 4, "doctor3@Cedar"));
	peers_have(client_height(patient.client));
	t_err(ask_as(&other, &q.last, 4, now), CF_EDENIED);
}

T_TEST(without_peers_only_the_owner_reads_what_was_not_leased)
{
	struct chart_attr attr;
	struct chart_file *f;

	setup();
	t_zero(chart_grant(patient.chart, &who, 1u << 2, "doctor3@Cedar", VERB_READ, 0, 0));
	chartfix_catch_up(&other, &patient);
	t_zero(chartfix_path(&other, "patients/p1/EMR02/a.json", &attr));
	client_set_leases(other.client, "TREAT", 0, 1000);
	for (unsigned i = 1; i < NETFIX_ORGS; i++)
		chartfix_stop(net, i);
	t_err(chart_open(other.chart, &attr.place, CHART_READ, &f), CF_ENOQUORUM);
	chartfix_holds(&patient, "patients/p1/EMR02/a.json", "{\"a\":1}");
	for (unsigned i = 1; i < NETFIX_ORGS; i++)
		chartfix_start(net, i);
}

T_TEST(teardown)
{
	chartfix_user_free(&patient);
	chartfix_user_free(&doctor);
	chartfix_user_free(&other);
	chartfix_free(net);
}

T_MAIN
