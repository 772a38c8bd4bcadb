/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate.c - makes the golden vectors of ledger/FORMAT.md section 10 from fixed inputs.
 *
 * Run by hand, in an empty directory, when a format gets a new version; then spoil.py makes the vectors that
 * must be refused. Signatures are randomised: each run gives other bytes of the same meaning. Tests read the
 * files and never run this.
 */
#include "ledger/block.h"
#include "ledger/mem.h"
#include "ledger/statekey.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS 4
#define HEIGHT 12
#define VIEW_NUMBER 1

static FILE *expected;

/* A vector cannot be made halfway. */
static void need(int err)
{
	if (err) {
		fprintf(stderr, "%s: %s\n", err_name(err), err_detail());
		exit(1);
	}
}

static void write_hex(FILE *f, struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		fprintf(f, "%02x%s", v.data[i], i % 32 == 31 && i + 1 < v.len ? "\n" : "");
	fprintf(f, "\n");
}

static void vector(const char *name, struct view v)
{
	char file[128];
	FILE *f;

	snprintf(file, sizeof(file), "%s.hex", name);
	f = fopen(file, "w");
	assert(f);
	write_hex(f, v);
	need(fclose(f) ? CF_EIO : 0);
}

static void expect(const char *name, struct view v)
{
	fprintf(expected, "%s ", name);
	for (size_t i = 0; i < v.len; i++)
		fprintf(expected, "%02x", v.data[i]);
	fprintf(expected, "\n");
}

static void expect_hash(const char *name, struct hash h)
{
	expect(name, VIEW(h.b, HASH_BYTES));
}

#define BYTES(text) VIEW(text, sizeof(text) - 1)

static struct crypto_key *key(unsigned number)
{
	uint8_t scalar[SCALAR_BYTES] = {0};
	struct crypto_key *k;

	scalar[SCALAR_BYTES - 1] = (uint8_t)number;
	need(crypto_key_from_scalar(scalar, &k));
	return k;
}

static void point_of(unsigned number, uint8_t ret_point[POINT_BYTES])
{
	struct crypto_key *k = key(number);

	crypto_key_point(k, ret_point);
	crypto_key_free(k);
}

static struct hash fingerprint_of(unsigned number)
{
	uint8_t point[POINT_BYTES];

	point_of(number, point);
	return crypto_key_fingerprint(point);
}

/* Signs the digest as leaf `index` of `count`; the others are digests of their number. */
static struct sigpath sign(enum sig_kind kind, const struct hash *network, struct hash digest, size_t index,
			   size_t count, unsigned key_number)
{
	struct crypto_key *k = key(key_number);
	struct hash digests[8];
	struct sigpath s[8];

	assert(index < count && count <= 8);
	for (size_t i = 0; i < count; i++) {
		uint8_t byte = (uint8_t)i;

		digests[i] = i == index ? digest : sha256(VIEW(&byte, 1));
	}
	need(sigpath_sign(kind, network, digests, count, k, s));
	crypto_key_free(k);
	return s[index];
}

static void make_members(struct members *m)
{
	*m = (struct members){.count = MEMBERS};
	for (unsigned i = 0; i < MEMBERS; i++) {
		struct member *one = &m->member[i];

		memset(one->id.b, (int)(0xa0 + i), IDENTITY_BYTES);
		one->org = (uint16_t)(i + 1);
		point_of(10 + i, one->sign_point);
		point_of(30 + i, one->endorse_point);
		point_of(50 + i, one->kem_point);
		snprintf(one->peer_address, sizeof(one->peer_address), "tls+tcp://peer%u.example:7001", i);
		snprintf(one->client_address, sizeof(one->client_address), "tls+tcp://peer%u.example:7002",
			 i);
	}
}

static void make_annex(struct buf *out)
{
	const struct annex_item items[] = {
		{ANNEX_SECRET, BYTES("\0\0"
				     "0123456789abcdef0123456789abcdef")},
		{ANNEX_WRAP, BYTES("a section's keys, wrapped")},
	};

	need(annex_encode(items, 2, out));
}

static bool is_secret(void *ctx, const struct annex_item *item)
{
	(void)ctx;
	return item->kind == ANNEX_SECRET;
}

static void make_rwset(const struct patient_id *p, struct buf *out)
{
	const struct node_id dir = {"a directory"}, node = {"a node"};
	const struct name_token token = {"a token"};
	struct statekey entry = statekey_entry(p, &dir, &token), at = statekey_node(p, SKP_NODE, &node);
	struct statekey rights = statekey_node(p, SKP_RIGHTS, &dir), old = statekey_node(p, SKP_XATTR, &node);
	struct statekey empty = statekey_entries(p, &node), section = statekey_section(p, 5);
	struct rwset_builder *b;

	need(rwset_builder_new(&b));
	need(rwset_add_read(b, statekey_view(&entry), false, (struct version){0, 0}));
	need(rwset_add_read(b, statekey_view(&section), true, (struct version){7, 2}));
	need(rwset_add_read(b, statekey_view(&rights), true, (struct version){0, 0}));
	need(rwset_add_empty(b, statekey_view(&empty)));
	need(rwset_add_write(b, statekey_view(&entry), BYTES("an entry")));
	need(rwset_add_write(b, statekey_view(&at), VIEW_NONE));
	need(rwset_add_delete(b, statekey_view(&old)));
	need(rwset_encode(b, out));
	rwset_builder_free(b);
}

/* A save by a doctor: two operations, two blobs, an annex. */
static void make_proposal(const struct hash *network, struct view annex, struct buf *out)
{
	struct tx_proposal p = {
		.network = *network,
		.type = TX_MEDICAL,
		.time_ms = 1779796800000, /* 2026-05-26T12:00:00Z */
		.nonce = "fifteen letters",
		.valid_until = HEIGHT + 100,
		.contract = BYTES("chart"),
		.contract_version = 1,
		.policy = 2,
		.creator = {"a doctor"},
		.creator_key = fingerprint_of(1),
		.patient = {"a patient"},
		.patient_key = fingerprint_of(2),
		.doctor_key = fingerprint_of(1),
		.blob_count = 2,
		.blob = {{{{1, 2, 3}}, 131109}, {{{1, 2, 4}}, (uint64_t)5 << 32}},
		.op_count = 2,
		.op = {{3, BYTES("the first operation's body")}, {5, VIEW_NONE}},
	};

	need(tx_annex_hash(network, annex, &p.annex_hash));
	need(tx_proposal_encode(&p, out));
	expect_hash("proposal.id", tx_id(buf_view(out)));
}

static void make_tx(const struct hash *network, const struct members *m, struct view proposal,
		    struct view rwset, struct buf *out)
{
	struct tx *t = mem_zalloc(sizeof(*t));
	struct tx_proposal p;
	struct hash id = tx_id(proposal), endorsed = tx_endorsement_digest(network, &id, rwset), stored;

	assert(t);
	need(tx_proposal_decode(proposal, &p));
	stored = tx_receipt_digest(network, p.time_ms, p.blob, p.blob_count);
	t->proposal_bytes = proposal;
	t->rwset_bytes = rwset;
	t->signature = sign(SIG_PROPOSAL, network, id, 3, 5, 1);
	t->endorsement_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		t->endorsement[i].by = m->member[2 * i].id;
		t->endorsement[i].sig =
			sign(SIG_ENDORSEMENT, network, endorsed, 4 * i, 1 + 4 * i, 30 + 2 * i);
	}
	t->receipt_count = 3;
	for (unsigned i = 0; i < 3; i++) {
		t->receipt[i].by = m->member[i + 1].id;
		t->receipt[i].sig = sign(SIG_RECEIPT, network, stored, i, 3, 31 + i);
	}
	need(tx_encode(t, out));
	expect_hash("tx.id", id);
	expect_hash("tx.endorsement", endorsed);
	expect_hash("tx.receipt", stored);
	mem_free(t);
}

/* The other extreme: no patient, no annex, no blob, nothing read or written. */
static void make_query(const struct hash *network, struct buf *out)
{
	struct tx_proposal p = {
		.network = *network,
		.type = TX_QUERY,
		.time_ms = 1779796800001,
		.contract = BYTES("q"),
		.creator_key = fingerprint_of(1),
		.op_count = 1,
	};
	struct rwset_builder *b;
	struct tx *t = mem_zalloc(sizeof(*t));
	struct buf proposal, rwset;
	struct hash id;

	assert(t);
	buf_init(&proposal, 0);
	buf_init(&rwset, 0);
	need(tx_proposal_encode(&p, &proposal));
	need(rwset_builder_new(&b));
	need(rwset_encode(b, &rwset));
	id = tx_id(buf_view(&proposal));
	t->proposal_bytes = buf_view(&proposal);
	t->rwset_bytes = buf_view(&rwset);
	t->signature = sign(SIG_PROPOSAL, network, id, 0, 1, 1);
	need(tx_encode(t, out));
	expect_hash("tx-query.id", id);
	rwset_builder_free(b);
	buf_release(&rwset);
	buf_release(&proposal);
	mem_free(t);
}

static void make_block(const struct hash *network, const struct members *m, const struct view txs[2],
		       struct buf *header, struct buf *block)
{
	const uint8_t verdicts[2] = {VERDICT_VALID, VERDICT_MVCC_CONFLICT};
	struct block_header h = {
		.network = *network,
		.height = HEIGHT,
		.prev = sha256(BYTES("the block before")),
		.size_bytes = block_size_bytes(txs, 2),
		.tx_count = 2,
		.time_ms = 1779796800500,
		.state_root = sha256(BYTES("the state after")),
		.epoch = m->epoch,
		.proposer_view = VIEW_NUMBER,
		.proposer = 1,
	};
	struct tx *t = mem_zalloc(sizeof(*t));
	struct hash ids[2];

	assert(t);
	for (size_t i = 0; i < 2; i++) {
		need(tx_decode(txs[i], t));
		ids[i] = t->id;
	}
	need(block_tx_root(ids, 2, &h.tx_root));
	need(block_body_root(txs, 2, &h.body_root));
	need(block_verdict_root(ids, verdicts, 2, &h.verdict_root));
	need(members_hash(m, &h.members));
	h.next_members = h.members;
	need(block_header_encode(&h, header));
	need(block_encode(buf_view(header), txs, 2, block));
	expect_hash("block.hash", block_hash(buf_view(header)));
	expect_hash("block.tx_root", h.tx_root);
	expect_hash("block.body_root", h.body_root);
	expect_hash("block.verdict_root", h.verdict_root);
	expect("block.verdicts", VIEW(verdicts, 2));
	expect_hash("members.hash", h.members);
	mem_free(t);
}

static void make_certificate(const struct hash *network, const struct members *m, struct view header,
			     struct buf *out)
{
	static const uint8_t voters[3] = {0, 1, 3};
	const struct vote vote = {VOTE_COMMIT, m->epoch, HEIGHT, VIEW_NUMBER + 1, block_hash(header)};
	struct hash digest = vote_digest(network, &vote);
	struct certificate c = {vote.epoch, vote.height, vote.view, vote.digest, .count = 3};
	struct member_keys keys;
	struct enc e;

	for (unsigned i = 0; i < 3; i++) {
		struct crypto_key *k = key(10u + voters[i]);

		c.index[i] = voters[i];
		need(crypto_sign(k, &digest, c.sig[i]));
		crypto_key_free(k);
	}
	need(member_keys_init(&keys, m));
	need(certificate_verify(&c, network, m, &keys));
	member_keys_release(&keys);
	enc_init(&e, out);
	certificate_encode(&c, &e);
	need(enc_done(&e));
	expect_hash("certificate.vote", digest);
}

int main(void)
{
	enum {
		ANNEX,
		ANNEX_LEFT,
		RWSET,
		PROPOSAL,
		TX,
		QUERY,
		HEADER,
		BLOCK,
		BODY,
		MEMBERS_SET,
		CERTIFICATE,
		COUNT
	};
	static const char *const names[COUNT] = {"annex", "annex-left", "rwset",      "proposal",
						 "tx",    "tx-query",   "header",     "block",
						 "body",  "members",    "certificate"};
	const struct patient_id patient = {"a patient"};
	struct hash network = sha256(BYTES("chartfs genesis v1\0golden vectors")), annex_hash;
	size_t erased;
	struct members members;
	struct buf out[COUNT];
	struct view txs[2];
	struct enc e;
	uint8_t point[POINT_BYTES];

	expected = fopen("expected.txt", "w");
	assert(expected);
	for (int i = 0; i < COUNT; i++)
		buf_init(&out[i], 0);
	point_of(1, point);
	expect_hash("network", network);
	expect("creator.point", VIEW(point, POINT_BYTES));
	make_members(&members);
	enc_init(&e, &out[MEMBERS_SET]);
	members_encode(&members, &e);
	need(enc_done(&e));
	make_annex(&out[ANNEX]);
	need(tx_annex_hash(&network, buf_view(&out[ANNEX]), &annex_hash));
	expect_hash("annex.hash", annex_hash);
	need(annex_erase(buf_view(&out[ANNEX]), is_secret, NULL, &out[ANNEX_LEFT], &erased));
	make_rwset(&patient, &out[RWSET]);
	expect_hash("rwset.hash", sha256(buf_view(&out[RWSET])));
	make_proposal(&network, buf_view(&out[ANNEX]), &out[PROPOSAL]);
	make_tx(&network, &members, buf_view(&out[PROPOSAL]), buf_view(&out[RWSET]), &out[TX]);
	make_query(&network, &out[QUERY]);
	txs[0] = buf_view(&out[TX]);
	txs[1] = buf_view(&out[QUERY]);
	make_block(&network, &members, txs, &out[HEADER], &out[BLOCK]);
	txs[0] = buf_view(&out[ANNEX]);
	txs[1] = VIEW_NONE;
	need(block_body_encode(buf_view(&out[BLOCK]), txs, 2, &out[BODY]));
	make_certificate(&network, &members, buf_view(&out[HEADER]), &out[CERTIFICATE]);
	for (int i = 0; i < COUNT; i++) {
		vector(names[i], buf_view(&out[i]));
		buf_release(&out[i]);
	}
	need(fclose(expected) ? CF_EIO : 0);
	return 0;
}
