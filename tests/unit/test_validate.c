/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_validate.c - static failures, and each verdict.
 */
#include "acl/sigcache.h"
#include "acl/validate.h"
#include "ledger/mem.h"
#include "tests/lib/netstage.h"
#include "tests/lib/t.h"

static const struct patient_id patient = {{2, 2}};

/* A transaction that makes a record, decoded so that tests can bend it, and a validator over the state. */
struct bench {
	struct netfix *n;
	struct identity owner;
	struct keyring *keys;
	struct validator *v;
	struct netstage stage;
	struct node_id dir;
	struct buf annex, bytes, rwset;
	struct tx *tx;
	uint64_t height;
};

static void open_bench(struct bench *b)
{
	struct netfix_request r = {.patient = &patient, .op_count = 1};
	struct netfix_file f;
	struct chain_head head;

	*b = (struct bench){0};
	buf_init(&b->annex, 0);
	buf_init(&b->bytes, 0);
	buf_init(&b->rwset, 0);
	t_zero(netfix_new(1, false, &b->n));
	t_zero(netfix_person(b->n, "owner", ROLE_PATIENT, 0, &b->owner));
	t_zero(netfix_keyring(b->n, &b->owner, &b->keys));
	t_zero(netfix_admit(b->n, &b->owner, b->keys, &patient));
	b->dir = op_section_node(&patient, 5);
	t_zero(netfix_create(b->n, b->keys, &patient, 5, &b->dir, "a.json", NODE_RECORD, "{}", &f));
	r.by = &b->owner;
	r.op[0] = (struct tx_op){OP_CREATE, buf_view(&f.body)};
	r.annex = buf_view(&f.annex);
	t_zero(buf_append_view(&b->annex, r.annex));
	t_zero(netfix_tx(b->n, &r, &b->bytes, NULL));
	netfix_file_release(&f);
	b->tx = mem_zalloc(sizeof(*b->tx));
	t_zero(tx_decode(buf_view(&b->bytes), b->tx));
	t_zero(validate_new(&b->n->network, &b->v));
	chain_head(b->n->chain[0], &head);
	b->height = head.height + 1;
	t_zero(netstage_begin(b->n, &b->stage));
}

static void close_bench(struct bench *b)
{
	netstage_end(&b->stage);
	validate_free(b->v);
	mem_free(b->tx);
	buf_release(&b->annex);
	buf_release(&b->bytes);
	buf_release(&b->rwset);
	keyring_free(b->keys);
	identity_release(&b->owner);
	netfix_free(b->n);
}

static int check_bytes(struct bench *b, struct view bytes, struct view annex, uint64_t height)
{
	struct tx *tx = mem_zalloc(sizeof(*tx));
	struct rwset rwset;
	int err = validate_static(b->v, b->stage.txn, bytes, annex, true, height, tx, &rwset);

	if (err == 0)
		rwset_release(&rwset);
	mem_free(tx);
	return err;
}

/* Static check of what b->tx encodes to. */
static int check_tx(struct bench *b)
{
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	t_zero(tx_encode(b->tx, &bytes));
	err = check_bytes(b, buf_view(&bytes), buf_view(&b->annex), b->height);
	buf_release(&bytes);
	return err;
}

static enum verdict verdict_at(struct bench *b, uint64_t time_ms)
{
	enum verdict verdict;
	struct rwset rwset;

	t_zero(rwset_decode(b->tx->rwset_bytes, &rwset));
	t_zero(validate_verdict(b->v, b->stage.txn, b->tx, &rwset, time_ms, &verdict));
	rwset_release(&rwset);
	return verdict;
}

#define t_verdict(b, want) t_str(verdict_name(verdict_at((b), (b)->n->now_ms)), verdict_name(want))

/* The creator signs a bent proposal anew, so that only what was bent is wrong. */
static void resign(struct bench *b, struct tx_proposal *p, struct buf *out)
{
	buf_reset(out);
	t_zero(tx_proposal_encode(p, out));
	b->tx->proposal_bytes = buf_view(out);
	b->tx->proposal = *p;
	b->tx->id = tx_id(buf_view(out));
	t_zero(sigpath_sign(SIG_PROPOSAL, &b->n->network, &b->tx->id, 1, b->owner.sign, &b->tx->signature));
}

/* Two endorsements over the transaction as it is now. */
static void endorse(struct bench *b)
{
	struct hash digest = tx_endorsement_digest(&b->n->network, &b->tx->id, b->tx->rwset_bytes);

	b->tx->endorsement_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		b->tx->endorsement[i].by = b->n->peer[i].id;
		t_zero(sigpath_sign(SIG_ENDORSEMENT, &b->n->network, &digest, 1, b->n->peer[i].endorse,
				    &b->tx->endorsement[i].sig));
	}
}

/* Another write set: the endorsed one with these writes instead. */
static void rewrite(struct bench *b, const struct rw_write *writes, size_t count)
{
	struct rwset_builder *builder;

	t_zero(rwset_builder_new(&builder));
	for (size_t i = 0; i < count; i++) {
		if (writes[i].deleted)
			t_zero(rwset_add_delete(builder, writes[i].key));
		else
			t_zero(rwset_add_write(builder, writes[i].key, writes[i].value));
	}
	buf_reset(&b->rwset);
	t_zero(rwset_encode(builder, &b->rwset));
	rwset_builder_free(builder);
	b->tx->rwset_bytes = buf_view(&b->rwset);
	endorse(b);
}

T_TEST(a_good_transaction_is_valid)
{
	struct bench b;

	open_bench(&b);
	t_zero(check_tx(&b));
	t_zero(check_tx(&b)); /* from the cache of signatures */
	t_verdict(&b, VERDICT_VALID);
	close_bench(&b);
}

T_TEST(static_failures)
{
	struct bench b;
	struct tx_proposal p;
	struct buf proposal;

	open_bench(&b);
	buf_init(&proposal, 0);
	b.tx->signature.sig[3] ^= 1;
	t_err(check_tx(&b), CF_ESIG);
	b.tx->signature.sig[3] ^= 1;
	p = b.tx->proposal;
#define BENT(change, want)                    \
	do {                                  \
		struct tx_proposal bent = p;  \
		change;                       \
		resign(&b, &bent, &proposal); \
		t_err(check_tx(&b), want);    \
	} while (0)
	BENT(bent.network.b[0] ^= 1, CF_EINVAL);
	BENT(bent.type = TX_MEDICAL, CF_EINVAL);
	BENT(bent.type = TX_MODIFICATION, CF_EINVAL);
	BENT(bent.valid_until = b.height - 1, CF_EEXPIRED);
	BENT(bent.valid_until = b.height + 1001, CF_EINVAL);
	BENT(bent.creator.b[0] ^= 1, CF_EFOREIGN);
	BENT(bent.creator_key.b[0] ^= 1, CF_ESIG);
	BENT(bent.patient_key = (struct hash){{0}}, CF_EINVAL);
	BENT(bent.patient = (struct patient_id){{0}}, CF_EINVAL);
	BENT(bent.policy = 7, CF_EINVAL);
	BENT(bent.annex_hash.b[0] ^= 1, CF_EINVAL);
	BENT(bent.op[0].code = 77, CF_EDECODE);
	BENT(bent.op[0].body.len--, CF_EDECODE);
	BENT((void)bent, 0);
#undef BENT
	buf_release(&proposal);
	close_bench(&b);
}

T_TEST(annexes_are_bound)
{
	struct bench b;

	open_bench(&b);
	t_err(check_bytes(&b, buf_view(&b.bytes), VIEW_NONE, b.height), CF_EINVAL);
	b.annex.data[b.annex.len - 1] ^= 1;
	t_err(check_bytes(&b, buf_view(&b.bytes), buf_view(&b.annex), b.height), CF_EINVAL);
	close_bench(&b);
}

T_TEST(no_bit_can_be_changed)
{
	struct bench b;
	unsigned accepted = 0;

	open_bench(&b);
	for (size_t i = 0; i < b.bytes.len; i += 3) {
		b.bytes.data[i] ^= 0x10;
		if (check_bytes(&b, buf_view(&b.bytes), buf_view(&b.annex), b.height) == 0) {
			/* what static checks do not bind (read-write set, endorsements) the policy does */
			t_zero(tx_decode(buf_view(&b.bytes), b.tx));
			t_ok(verdict_at(&b, b.n->now_ms) != VERDICT_VALID);
			accepted++;
		}
		b.bytes.data[i] ^= 0x10;
	}
	t_ok(accepted > 0 && accepted < b.bytes.len / 3);
	close_bench(&b);
}

T_TEST(organizations_are_counted_not_keys)
{
	struct bench b;
	struct members members;
	struct buf value;
	struct enc e;
	struct endorsement first;

	open_bench(&b);
	endorse(&b);
	t_verdict(&b, VERDICT_VALID);
	b.tx->endorsement_count = 1;
	t_verdict(&b, VERDICT_ENDORSEMENT_POLICY);
	b.tx->endorsement_count = 2;
	first = b.tx->endorsement[0];
	b.tx->endorsement[0].sig.sig[7] ^= 1;
	t_verdict(&b, VERDICT_ENDORSEMENT_POLICY);
	b.tx->endorsement[0] = b.tx->endorsement[1]; /* one twice */
	t_verdict(&b, VERDICT_ENDORSEMENT_POLICY);
	b.tx->endorsement[0] = first;
	b.tx->endorsement[0].by = b.owner.id; /* no member */
	t_verdict(&b, VERDICT_ENDORSEMENT_POLICY);
	b.tx->endorsement[0] = first;
	/* two peers of one organization are one */
	t_zero(state_members(b.stage.txn, &members));
	members.member[1].org = members.member[0].org;
	buf_init(&value, 0);
	enc_init(&e, &value);
	members_encode(&members, &e);
	t_zero(netstage_put(&b.stage, statekey_network("members"), enc_done(&e), &value));
	t_verdict(&b, VERDICT_ENDORSEMENT_POLICY);
	buf_release(&value);
	close_bench(&b);
}

/* From its place in the ledger on; who is suspended signs as before, or one manager could stop a hospital's
 * peer. */
T_TEST(who_is_revoked_signs_for_nothing)
{
	struct bench b;
	struct tx_proposal p;
	struct buf proposal;
	struct hash digest;

	open_bench(&b);
	buf_init(&proposal, 0);
	p = b.tx->proposal;
	p.blob_count = 1;
	p.blob[0] = (struct tx_blob){{{1}}, 100};
	resign(&b, &p, &proposal);
	endorse(&b);
	digest = tx_receipt_digest(&b.n->network, p.time_ms, p.blob, 1);
	for (unsigned i = 0; i < 3; i++) {
		b.tx->receipt[i].by = b.n->peer[i].id;
		t_zero(sigpath_sign(SIG_RECEIPT, &b.n->network, &digest, 1, b.n->peer[i].endorse,
				    &b.tx->receipt[i].sig));
	}
	b.tx->receipt_count = 3;
	t_verdict(&b, VERDICT_VALID);
	t_zero(netstage_status(&b.stage, &b.n->peer[1], IDENTITY_SUSPENDED));
	t_verdict(&b, VERDICT_VALID);
	t_zero(netstage_status(&b.stage, &b.n->peer[2], IDENTITY_REVOKED)); /* it signed a receipt */
	t_verdict(&b, VERDICT_RECEIPTS);
	t_zero(netstage_status(&b.stage, &b.n->peer[1], IDENTITY_REVOKED)); /* it endorsed */
	t_verdict(&b, VERDICT_ENDORSEMENT_POLICY);
	t_err(validate_signers(b.v, b.stage.txn, b.tx), CF_EDENIED);
	buf_release(&proposal);
	close_bench(&b);
}

T_TEST(an_endorsement_is_of_this_read_write_set)
{
	struct bench b;
	struct rwset_builder *builder;
	struct statekey key;

	open_bench(&b);
	key = statekey_patient(&patient);
	t_zero(rwset_builder_new(&builder));
	t_zero(rwset_add_read(builder, statekey_view(&key), false, (struct version){0, 0}));
	t_zero(rwset_add_delete(builder, (struct view){(const uint8_t *)"\x01", 1}));
	t_zero(rwset_encode(builder, &b.rwset));
	rwset_builder_free(builder);
	b.tx->rwset_bytes = buf_view(&b.rwset);
	t_ok(verdict_at(&b, b.n->now_ms) != VERDICT_VALID);
	close_bench(&b);
}

T_TEST(named_blobs_want_receipts)
{
	struct bench b;
	struct tx_proposal p;
	struct buf proposal;
	struct hash digest;

	open_bench(&b);
	buf_init(&proposal, 0);
	p = b.tx->proposal;
	p.blob_count = 1;
	p.blob[0] = (struct tx_blob){{{1}}, 100};
	resign(&b, &p, &proposal);
	endorse(&b);
	t_verdict(&b, VERDICT_RECEIPTS);
	digest = tx_receipt_digest(&b.n->network, p.time_ms, p.blob, 1);
	for (unsigned i = 0; i < 3; i++) {
		b.tx->receipt[i].by = b.n->peer[i].id;
		t_zero(sigpath_sign(SIG_RECEIPT, &b.n->network, &digest, 1, b.n->peer[i].endorse,
				    &b.tx->receipt[i].sig));
	}
	b.tx->receipt_count = 2;
	t_verdict(&b, VERDICT_RECEIPTS);
	b.tx->receipt_count = 3;
	t_verdict(&b, VERDICT_VALID);
	b.tx->receipt[1].sig.sig[0] ^= 1;
	t_verdict(&b, VERDICT_RECEIPTS);
	/* One for the same blobs in a proposal of another time: whoever signed it may have dropped them
	 * since. */
	digest = tx_receipt_digest(&b.n->network, p.time_ms - 1, p.blob, 1);
	t_zero(sigpath_sign(SIG_RECEIPT, &b.n->network, &digest, 1, b.n->peer[1].endorse,
			    &b.tx->receipt[1].sig));
	t_verdict(&b, VERDICT_RECEIPTS);
	buf_release(&proposal);
	close_bench(&b);
}

T_TEST(writes_stay_in_their_namespace)
{
	struct bench b;
	const struct patient_id other = {{3}};
	struct section_row section = {.epoch = 1};
	struct statekey theirs = statekey_section(&other, 1), mine = statekey_section(&patient, 1);
	struct statekey policy = statekey_network("policy"), hold;
	struct buf row;

	open_bench(&b);
	hold = statekey_node(&patient, SKP_HOLD, &b.dir);
	buf_init(&row, 0);
	t_zero(section_row_encode(&section, &row));
	rewrite(&b, &(struct rw_write){.key = statekey_view(&mine), .value = buf_view(&row)}, 1);
	t_verdict(&b, VERDICT_VALID);
	rewrite(&b, &(struct rw_write){.key = statekey_view(&theirs), .value = buf_view(&row)}, 1);
	t_verdict(&b, VERDICT_BAD_RWSET);
	rewrite(&b, &(struct rw_write){.key = statekey_view(&policy), .value = buf_view(&row)}, 1);
	t_verdict(&b, VERDICT_BAD_RWSET);
	rewrite(&b, &(struct rw_write){.key = statekey_view(&hold), .value = buf_view(&row)}, 1);
	t_verdict(&b, VERDICT_BAD_RWSET);
	rewrite(&b, &(struct rw_write){.key = statekey_view(&mine), .value = VIEW("junk", 4)}, 1);
	t_verdict(&b, VERDICT_BAD_RWSET);
	rewrite(&b, &(struct rw_write){.key = statekey_view(&mine), .deleted = true}, 1);
	t_verdict(&b, VERDICT_BAD_RWSET);
	rewrite(&b, NULL, 0);
	t_verdict(&b, VERDICT_BAD_RWSET);
	buf_release(&row);
	close_bench(&b);
}

T_TEST(the_creator_and_the_time_are_judged_again)
{
	struct bench b;
	const uint64_t window = 60000;
	uint64_t at;

	open_bench(&b);
	at = b.tx->proposal.time_ms;
	t_eq(verdict_at(&b, at + window), VERDICT_VALID);
	t_eq(verdict_at(&b, at + window + 1), VERDICT_TIME);
	t_eq(verdict_at(&b, at - window - 1), VERDICT_TIME);
	t_eq(verdict_at(&b, b.owner.info.not_after_ms + 1), VERDICT_IDENTITY);
	t_zero(netstage_status(&b.stage, &b.owner, IDENTITY_SUSPENDED));
	t_verdict(&b, VERDICT_IDENTITY);
	close_bench(&b);
}

T_TEST(a_contract_must_run)
{
	struct bench b;
	struct contract_row row = {.version = CONTRACT_VERSION, .state = CONTRACT_STOPPING};
	struct buf value;

	open_bench(&b);
	buf_init(&value, 0);
	t_zero(netstage_put(&b.stage, statekey_contract(view_str(CONTRACT_NAME)),
			    contract_row_encode(&row, &value), &value));
	t_verdict(&b, VERDICT_CONTRACT);
	row = (struct contract_row){.version = CONTRACT_VERSION + 1, .state = CONTRACT_RUNNING};
	t_zero(netstage_put(&b.stage, statekey_contract(view_str(CONTRACT_NAME)),
			    contract_row_encode(&row, &value), &value));
	t_verdict(&b, VERDICT_CONTRACT);
	buf_release(&value);
	close_bench(&b);
}

/* Every row that was read is in the read set: when any of them changes meanwhile, the transaction conflicts.
 */
T_TEST(whatever_was_read_may_not_change)
{
	struct bench b;
	struct rwset set;
	struct buf value;

	open_bench(&b);
	buf_init(&value, 0);
	t_zero(rwset_decode(b.tx->rwset_bytes, &set));
	t_ok(set.read_count >= 6); /* policy, creator, patient, section, directory, entry */
	for (size_t i = 0; i < set.read_count; i++) {
		struct statekey key = {.len = set.reads[i].key.len};
		struct version version;
		struct view old = VIEW("new", 3);

		netstage_end(&b.stage);
		t_zero(netstage_begin(b.n, &b.stage));
		memcpy(key.b, set.reads[i].key.data, key.len);
		if (set.reads[i].present)
			t_zero(state_get(b.stage.txn, set.reads[i].key, &old, &version));
		/* the same value: a version is what counts */
		t_zero(netstage_put(&b.stage, key, buf_append_view(&value, old), &value));
		t_verdict(&b, VERDICT_MVCC_CONFLICT);
	}
	rwset_release(&set);
	buf_release(&value);
	close_bench(&b);
}

T_TEST(an_empty_prefix_stays_empty)
{
	struct bench b;
	struct statekey prefix, entry, section = statekey_section(&patient, 1);
	struct name_token token = {{1}};
	struct entry_row row = {.node = {{1}}, .type = NODE_RECORD, .sealed_name = VIEW("n", 1)};
	struct buf bytes;
	struct rwset set = {.empties = (struct view[1]){VIEW_NONE}, .empty_count = 1};
	struct rw_write w;
	enum verdict verdict;

	open_bench(&b);
	buf_init(&bytes, 0);
	prefix = statekey_entries(&patient, &b.dir);
	entry = statekey_entry(&patient, &b.dir, &token);
	set.empties[0] = statekey_view(&prefix);
	t_zero(validate_reads(b.stage.txn, &set, &verdict));
	t_eq(verdict, VERDICT_VALID);
	/* nothing may be written below by the transaction itself */
	w = (struct rw_write){.key = statekey_view(&entry), .value = VIEW("x", 1)};
	set.writes = &w;
	set.write_count = 1;
	t_zero(validate_reads(b.stage.txn, &set, &verdict));
	t_eq(verdict, VERDICT_PHANTOM);
	set.write_count = 0;
	t_zero(netstage_put(&b.stage, entry, entry_row_encode(&row, &bytes), &bytes));
	t_zero(validate_reads(b.stage.txn, &set, &verdict));
	t_eq(verdict, VERDICT_PHANTOM);
	/* unless it goes with the same transaction */
	w = (struct rw_write){.key = statekey_view(&entry), .deleted = true};
	set.write_count = 1;
	t_zero(validate_reads(b.stage.txn, &set, &verdict));
	t_eq(verdict, VERDICT_VALID);
	w.key = statekey_view(&section);
	t_zero(validate_reads(b.stage.txn, &set, &verdict));
	t_eq(verdict, VERDICT_PHANTOM);
	buf_release(&bytes);
	close_bench(&b);
}

T_TEST(what_is_in_the_ledger_is_refused)
{
	struct bench b;
	struct apply_request request;

	open_bench(&b);
	netstage_end(&b.stage);
	request = (struct apply_request){buf_view(&b.bytes), buf_view(&b.annex)};
	t_zero(netfix_block(b.n, &request, 1, NULL));
	t_zero(netstage_begin(b.n, &b.stage));
	t_err(check_bytes(&b, buf_view(&b.bytes), buf_view(&b.annex), b.height + 1), CF_EEXIST);
	close_bench(&b);
}

T_TEST(a_proposal_is_checked_before_it_is_endorsed)
{
	static struct tx tx;
	struct bench b;
	struct tx_proposal p;
	struct hash id;
	struct sigpath bad;

	open_bench(&b);
	bad = b.tx->signature;
	bad.sig[0] ^= 1;
	t_zero(apply_check_proposal(b.n->apply[0], b.stage.txn, b.tx->proposal_bytes, &b.tx->signature,
				    buf_view(&b.annex), &p, &id));
	t_bytes(id.b, HASH_BYTES, b.tx->id.b, HASH_BYTES);
	t_err(apply_check_proposal(b.n->apply[0], b.stage.txn, b.tx->proposal_bytes, &bad, buf_view(&b.annex),
				   &p, &id),
	      CF_ESIG);
	t_err(apply_check_proposal(b.n->apply[0], b.stage.txn, b.tx->proposal_bytes, &b.tx->signature,
				   VIEW_NONE, &p, &id),
	      CF_EINVAL);
	t_zero(apply_precheck(b.n->apply[0], b.stage.txn, buf_view(&b.bytes), buf_view(&b.annex), b.n->now_ms,
			      &tx));
	t_err(apply_precheck(b.n->apply[0], b.stage.txn, buf_view(&b.bytes), buf_view(&b.annex),
			     b.owner.info.not_after_ms + 1, &tx),
	      CF_EEXPIRED);
	t_zero(netstage_status(&b.stage, &b.owner, IDENTITY_REVOKED));
	t_err(apply_precheck(b.n->apply[0], b.stage.txn, buf_view(&b.bytes), buf_view(&b.annex), b.n->now_ms,
			     &tx),
	      CF_EREVOKED);
	t_bytes(tx.id.b, HASH_BYTES, b.tx->id.b, HASH_BYTES);
	close_bench(&b);
}

T_TEST(only_good_signatures_are_remembered)
{
	struct sigcache *c;
	struct crypto_key *key, *other;
	uint8_t point[POINT_BYTES], other_point[POINT_BYTES], junk[POINT_BYTES] = {4};
	struct hash network = {{1}}, digest = {{2}};
	struct sigpath s;

	t_zero(sigcache_new(&c));
	t_zero(crypto_key_generate(&key));
	t_zero(crypto_key_generate(&other));
	crypto_key_point(key, point);
	crypto_key_point(other, other_point);
	t_zero(sigpath_sign(SIG_PROPOSAL, &network, &digest, 1, key, &s));
	for (int i = 0; i < 3; i++) {
		t_zero(sigcache_verify(c, &s, SIG_PROPOSAL, &network, &digest, point));
		t_err(sigcache_verify(c, &s, SIG_RECEIPT, &network, &digest, point), CF_ESIG);
		t_err(sigcache_verify(c, &s, SIG_PROPOSAL, &digest, &digest, point), CF_ESIG);
		t_err(sigcache_verify(c, &s, SIG_PROPOSAL, &network, &network, point), CF_ESIG);
		t_err(sigcache_verify(c, &s, SIG_PROPOSAL, &network, &digest, other_point), CF_ESIG);
		t_err(sigcache_verify(c, &s, SIG_PROPOSAL, &network, &digest, junk), CF_ESIG);
	}
	s.sig[60] ^= 1;
	t_err(sigcache_verify(c, &s, SIG_PROPOSAL, &network, &digest, point), CF_ESIG);
	crypto_key_free(key);
	crypto_key_free(other);
	sigcache_free(c);
}

T_MAIN
