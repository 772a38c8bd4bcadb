/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare.c - a client that checks nothing: it signs whatever it is told with a real identity's key and hands it
 * to the peers. For tests/net/test_rights.sh; never installed.
 *
 *   bare CONF <orders >answers
 *
 * An order is a line "TAG OP PATIENT SECTION WORD..."; words are inode numbers of the mount (DIR, NODE, OVER)
 * or a person. The answer is "TAG NAME DETAIL": what endorsers and peers made of it, CF_OK when it was
 * committed. Of what is refused a second thing is tried: a transaction whose read-write set and endorsements
 * this client makes itself goes to every peer. "TAG! N of M: NAME DETAIL" tells how many refused it, and with
 * what.
 *
 * policy_check is a stub here (the linker's --wrap), so that the contract, run by this client, allows all.
 * Contents and names are random bytes: nobody but a reader could see that.
 */
#include "tests/net/bare.h"
#include "acl/contract.h"
#include "ledger/mem.h"
#include "net/proposal.h"
#include "net/ticks.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_MS 20000
#define REFUSE_MS 5000

int __wrap_policy_check(struct db_txn *txn, const struct patient_id *patient, unsigned section,
			const struct identity_id *who, unsigned verb, uint64_t now_ms,
			struct rwset_builder *out);

int __wrap_policy_check(struct db_txn *txn, const struct patient_id *patient, unsigned section,
			const struct identity_id *who, unsigned verb, uint64_t now_ms,
			struct rwset_builder *out)
{
	(void)txn, (void)patient, (void)section, (void)who, (void)verb, (void)now_ms, (void)out;
	return 0;
}

/* --- the second try: everything but others' signatures --- */

static void pause_ms(unsigned ms)
{
	const struct timespec t = {0, (long)ms * 1000000};

	nanosleep(&t, NULL);
}

static void on_frame(void *ctx, const struct roster *r, unsigned member, const struct wire_frame *f)
{
	struct bare *b = ctx;
	struct wire_refused m;

	(void)r;
	if (f->kind != WIRE_REFUSED || wire_refused_decode(f->payload, &m))
		return;
	pthread_mutex_lock(&b->lock);
	if (hash_equal(&m.id, &b->sent)) {
		b->refused |= 1u << member;
		b->error = m.error;
		snprintf(b->detail, sizeof(b->detail), "%.*s", (int)m.detail.len,
			 (const char *)m.detail.data);
	}
	pthread_mutex_unlock(&b->lock);
}

static void on_up(void *ctx, unsigned member)
{
	(void)ctx, (void)member;
}

/* The contract's own set, as if all were allowed; where it refuses all the same, one that writes nothing. */
static int own_rwset(struct db_txn *txn, struct view proposal, const struct hash *id, struct view annex,
		     struct buf *out)
{
	struct tx_proposal *p = mem_zalloc(sizeof(*p));
	struct rwset_builder *builder = NULL;
	int err = p ? rwset_builder_new(&builder) : CF_ENOMEM;

	if (!err)
		err = tx_proposal_decode(proposal, p);
	if (!err && contract_run(txn, p, id, annex, ticks_wall_ms(), builder)) {
		rwset_builder_free(builder);
		err = rwset_builder_new(&builder);
	}
	if (!err)
		err = rwset_encode(builder, out);
	rwset_builder_free(builder);
	mem_free(p);
	return err;
}

/* Two members' endorsements, signed with this client's key. */
static int forge(struct bare *b, const struct roster *r, const struct hash *id, struct tx *tx)
{
	const struct hash *network = client_network(b->s.client);
	struct hash digest = tx_endorsement_digest(network, id, tx->rwset_bytes);
	unsigned first =
		memcmp(r->members.member[0].id.b, r->members.member[1].id.b, IDENTITY_BYTES) < 0 ? 0 : 1;
	int err = sigpath_sign(SIG_PROPOSAL, network, id, 1, b->s.identity.sign, &tx->signature);

	for (unsigned i = 0; i < 2 && !err; i++) {
		tx->endorsement[i].by = r->members.member[i ? 1 - first : first].id;
		err = sigpath_sign(SIG_ENDORSEMENT, network, &digest, 1, b->s.identity.sign,
				   &tx->endorsement[i].sig);
	}
	tx->endorsement_count = 2;
	return err;
}

static int send_forged(struct bare *b, struct view proposal, struct view rwset, struct view annex,
		       const struct roster *r)
{
	struct wire_submit *m = mem_zalloc(sizeof(*m));
	struct tx *tx = mem_zalloc(sizeof(*tx));
	struct buf bytes, payload;
	uint32_t all = (1u << r->members.count) - 1;
	uint64_t end = ticks_ms() + REFUSE_MS;
	int err = m && tx ? 0 : CF_ENOMEM;

	buf_init(&bytes, 0);
	buf_init(&payload, 0);
	if (!err) {
		tx->proposal_bytes = proposal;
		tx->rwset_bytes = rwset;
		err = forge(b, r, &b->sent, tx);
	}
	if (!err)
		err = tx_encode(tx, &bytes);
	if (!err) {
		*m = (struct wire_submit){.count = 1, .tx = {buf_view(&bytes)}, .annex = {annex}};
		err = wire_submit_encode(m, &payload);
	}
	while (!err && (links_up(b->links) & all) != all && ticks_ms() < end)
		pause_ms(10);
	if (!err)
		links_send(b->links, all, WIRE_SUBMIT, links_next_request(b->links), buf_view(&payload));
	buf_release(&bytes);
	buf_release(&payload);
	mem_free(tx);
	mem_free(m);
	return err;
}

static void wait_refusals(struct bare *b, unsigned count)
{
	uint64_t end = ticks_ms() + REFUSE_MS;
	bool all = false;

	while (!all && ticks_ms() < end) {
		pthread_mutex_lock(&b->lock);
		all = (unsigned)__builtin_popcount(b->refused) == count;
		pthread_mutex_unlock(&b->lock);
		if (!all)
			pause_ms(2);
	}
}

static void second_try(struct bare *b, struct db_txn *txn, const struct client_tx *tx, const char *tag)
{
	struct roster *r = links_roster(b->links);
	struct policy_row policy;
	struct proposal_context ctx = {.network = client_network(b->s.client),
				       .creator = &b->s.identity,
				       .height = client_height(b->s.client),
				       .now_ms = ticks_wall_ms(),
				       .policy = &policy};
	struct buf proposal, rwset;
	int err = state_policy(txn, &policy);

	buf_init(&proposal, 0);
	buf_init(&rwset, 0);
	if (!err)
		err = proposal_build(txn, &ctx, tx, &proposal);
	pthread_mutex_lock(&b->lock);
	b->sent = tx_id(buf_view(&proposal));
	b->refused = 0;
	pthread_mutex_unlock(&b->lock);
	if (!err)
		err = own_rwset(txn, buf_view(&proposal), &b->sent, tx->annex, &rwset);
	if (!err)
		err = send_forged(b, buf_view(&proposal), buf_view(&rwset), tx->annex, r);
	if (!err)
		wait_refusals(b, r->members.count);
	if (err)
		printf("%s! 0 of %u: %s %s\n", tag, r->members.count, err_name(err), err_detail());
	else
		printf("%s! %d of %u: %s %s\n", tag, __builtin_popcount(b->refused), r->members.count,
		       err_name(b->error), b->detail);
	buf_release(&proposal);
	buf_release(&rwset);
	roster_release(r);
}

/* --- orders --- */

/* Whether this identity comes by keys that open what is written in the section now: its own half, and the
 * peers' for reading. */
static int try_keys(struct bare *b, struct db_txn *txn, const struct order *o)
{
	struct section_keys keys = {.window = contract_window(ticks_wall_ms())};
	struct section_row row;
	int err = state_section(txn, &o->patient, o->section, &row);

	if (!err)
		err = keyring_get(client_keyring(b->s.client), txn, &o->patient, o->section, row.epoch,
				  keys.window, &keys);

	mem_wipe(&keys, sizeof(keys));
	return err;
}

static void carry_out(struct bare *b, const char *tag, const char *name, struct order *o)
{
	struct tx_op op;
	struct client_tx tx = {.ops = &op, .op_count = 1};
	struct client_result result = {.error = 0};
	struct db_txn *txn = NULL;
	int err = chain_read_begin(client_chain(b->s.client), &txn);

	err_clear();
	if (!err && strcmp(name, "keys") == 0)
		err = try_keys(b, txn, o);
	else if (!err)
		err = bare_make(b, txn, name, o);
	op = (struct tx_op){o->code, buf_view(&o->body)};
	tx.patient = o->patient;
	tx.annex = buf_view(&o->annex);
	if (!err && o->code) {
		db_abort(txn); /* the follower writes meanwhile */
		err = client_commit(b->s.client, &tx, TIMEOUT_MS, &result);
		txn = NULL;
	}
	printf("%s %s %s\n", tag, err_name(err), err ? err_detail() : "");
	if (err == CF_EDENIED && o->code && chain_read_begin(client_chain(b->s.client), &txn) == 0)
		second_try(b, txn, &tx, tag);
	db_abort(txn);
}

static int take(struct bare *b, char *line)
{
	struct order o = {.section = 0};
	char tag[64], name[16], patient[2 * PATIENT_BYTES + 1];
	int words = sscanf(line, "%63s %15s %32s %u %159s %159s %159s", tag, name, patient, &o.section,
			   o.word[0], o.word[1], o.word[2]);

	if (words < 4 || o.section > SECTION_COUNT || hex_decode(patient, o.patient.b, PATIENT_BYTES))
		return err_set(CF_EUSAGE, "no order: %s", line);
	buf_init(&o.body, 0);
	buf_init(&o.annex, TX_ANNEX_BYTES_MAX);
	carry_out(b, tag, name, &o);
	buf_release(&o.body);
	buf_release(&o.annex);
	fflush(stdout);
	return 0;
}

static int open_links(struct bare *b)
{
	struct links_config config = {.tls = &b->s.tls,
				      .network = *client_network(b->s.client),
				      .identity = &b->s.identity,
				      .ctx = b,
				      .on_frame = on_frame,
				      .on_up = on_up};
	struct members *m = mem_alloc(sizeof(*m));
	struct db_txn *txn = NULL;
	int err = m ? chain_read_begin(client_chain(b->s.client), &txn) : CF_ENOMEM;

	if (!err)
		err = state_members(txn, m);
	db_abort(txn);
	if (!err)
		err = links_new(&config, &b->links);
	if (!err)
		err = links_set_members(b->links, m);
	mem_free(m);
	return err;
}

int main(int argc, char **argv)
{
	static struct bare b = {.lock = PTHREAD_MUTEX_INITIALIZER};
	char line[1024];
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: bare CONF <orders\n");
		return 1;
	}
	err = cmd_session_open(argv[1], true, NULL, &b.s);
	if (!err)
		err = client_wait(b.s.client, 0, TIMEOUT_MS);
	if (!err)
		err = open_links(&b);
	while (!err && fgets(line, sizeof(line), stdin))
		err = take(&b, line);
	if (err)
		err = cmd_fail("bare", err);
	links_free(b.links);
	cmd_session_close(&b.s);
	return err;
}
