/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate_peers.c - makes the golden vectors of what peers sign about the key they share (operations deal,
 * take, accuse) and of a certificate of destruction, with the members of members.hex and the query of
 * tx-query.hex. Run by hand, in the directory of those, as generate.c is; prints the lines for expected.txt.
 */
#include "acl/destruction.h"
#include "acl/reshare.h"
#include "ledger/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEALER 1
#define ACCUSER 2
#define SHARE 70 /* the dealer's, as a number */
#define HEIGHT 21

static void need(int err)
{
	if (err) {
		fprintf(stderr, "%s: %s\n", err_name(err), err_detail());
		exit(1);
	}
}

static void vector(const char *name, const struct buf *b)
{
	char file[64];
	FILE *f;

	snprintf(file, sizeof(file), "%s.hex", name);
	f = fopen(file, "w");
	assert(f);
	for (size_t i = 0; i < b->len; i++)
		fprintf(f, "%02x%s", b->data[i], i % 32 == 31 && i + 1 < b->len ? "\n" : "");
	fprintf(f, "\n");
	need(fclose(f) ? CF_EIO : 0);
}

static void expect(const char *name, struct view v)
{
	printf("%s ", name);
	for (size_t i = 0; i < v.len; i++)
		printf("%02x", v.data[i]);
	printf("\n");
}

static void load(const char *name, struct buf *out)
{
	FILE *f = fopen(name, "r");
	unsigned byte;

	assert(f);
	buf_init(out, 0);
	while (fscanf(f, "%2x", &byte) == 1) {
		uint8_t b = (uint8_t)byte;

		need(buf_append(out, &b, 1));
	}
	fclose(f);
}

static struct crypto_key *key(unsigned number)
{
	uint8_t scalar[SCALAR_BYTES] = {0};
	struct crypto_key *k;

	scalar[SCALAR_BYTES - 1] = (uint8_t)number;
	need(crypto_key_from_scalar(scalar, &k));
	return k;
}

static void sign(unsigned number, const struct hash *digest, uint8_t ret_sig[SIG_BYTES])
{
	struct crypto_key *k = key(number);

	need(crypto_sign(k, digest, ret_sig));
	crypto_key_free(k);
}

static void make_sharing(const struct hash *network, const struct members *m)
{
	const struct contribution_dealer by = {network, &m->member[DEALER].id, m->epoch, 3};
	uint8_t secret[SCALAR_BYTES] = {0}, public[POINT_BYTES];
	struct op_deal deal = {.generation = 3, .epoch = m->epoch, .proof_count = m->count};
	struct op_take take = {.generation = 3, .epoch = m->epoch};
	struct op_accuse accuse = {.generation = 3, .epoch = m->epoch, .dealer = DEALER};
	struct deals deals = {.count = 1, .dealer = {DEALER}};
	struct crypto_key *share = key(SHARE), *kem = key(50 + ACCUSER);
	struct buf dealt, b;

	secret[SCALAR_BYTES - 1] = SHARE;
	crypto_key_point(share, public);
	buf_init(&dealt, 0);
	buf_init(&b, 0);
	need(contribution_deal(&by, m, secret, deal.proof, &dealt));
	deal.deal = deals.deal[0] = buf_view(&dealt);
	need(contribution_check_deal(&by, deal.deal, m, deal.proof, public));
	need(op_deal_encode(&deal, &b));
	vector("deal", &b);
	buf_reset(&b);
	take.deals = deals_digest(&deals);
	need(op_take_encode(&take, &b));
	vector("take", &b);
	buf_reset(&b);
	accuse.deal = sha256(deal.deal);
	need(contribution_accuse(deal.deal, ACCUSER, kem, &accuse.opening));
	need(op_accuse_encode(&accuse, &b));
	vector("accuse", &b);
	expect("deal.public", VIEW(public, POINT_BYTES));
	expect("take.deals", VIEW(take.deals.b, HASH_BYTES));
	crypto_key_free(share);
	crypto_key_free(kem);
	buf_release(&dealt);
	buf_release(&b);
}

/* An erasure by the creator of the other vectors. */
static struct hash make_erasure(const struct hash *network, const struct members *m, struct buf *ret_tx)
{
	const struct op_erase op = {.node = {"a node"}};
	struct tx_proposal p = {
		.network = *network,
		.type = TX_DELETION,
		.time_ms = 1779796900000,
		.valid_until = HEIGHT + 100,
		.contract = view_str("emr"),
		.contract_version = 1,
		.creator = {"a patient"},
		.patient = {"a patient"},
		.op_count = 1,
	};
	struct tx *t = mem_zalloc(sizeof(*t));
	struct rwset_builder *builder;
	uint8_t point[POINT_BYTES];
	struct crypto_key *creator = key(1);
	struct buf body, proposal, rwset;
	struct hash id, endorsed;

	assert(t);
	buf_init(&body, 0);
	buf_init(&proposal, 0);
	buf_init(&rwset, 0);
	need(op_erase_encode(&op, &body));
	crypto_key_point(creator, point);
	p.creator_key = p.patient_key = crypto_key_fingerprint(point);
	p.op[0] = (struct tx_op){OP_ERASE, buf_view(&body)};
	need(tx_proposal_encode(&p, &proposal));
	id = tx_id(buf_view(&proposal));
	need(rwset_builder_new(&builder));
	need(rwset_encode(builder, &rwset));
	rwset_builder_free(builder);
	t->proposal_bytes = buf_view(&proposal);
	t->rwset_bytes = buf_view(&rwset);
	need(sigpath_sign(SIG_PROPOSAL, network, &id, 1, creator, &t->signature));
	endorsed = tx_endorsement_digest(network, &id, t->rwset_bytes);
	t->endorsement_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		struct crypto_key *k = key(30 + i);

		t->endorsement[i].by = m->member[i].id;
		need(sigpath_sign(SIG_ENDORSEMENT, network, &endorsed, 1, k, &t->endorsement[i].sig));
		crypto_key_free(k);
	}
	need(tx_encode(t, ret_tx));
	crypto_key_free(creator);
	buf_release(&body);
	buf_release(&proposal);
	buf_release(&rwset);
	mem_free(t);
	return id;
}

static void path(const struct hash leaves[2], struct proof_path *ret_path)
{
	ret_path->len = (uint8_t)merkle_path(leaves, 2, 1, ret_path->hash);
}

/* The erasure is the second of two transactions. */
static void make_proof(const struct hash *network, const struct members *m, struct view other, struct view tx,
		       struct hash id, struct buf *header, struct buf *out)
{
	static const struct view none = {(const uint8_t *)"", 1}; /* a succession of no change */
	const uint8_t verdicts[2] = {VERDICT_MVCC_CONFLICT, VERDICT_VALID};
	const struct view txs[2] = {other, tx};
	struct block_header h = {.network = *network,
				 .height = HEIGHT,
				 .prev = sha256(view_str("the block before")),
				 .size_bytes = block_size_bytes(txs, 2),
				 .tx_count = 2,
				 .time_ms = 1779796900500,
				 .state_root = sha256(view_str("the state after")),
				 .epoch = m->epoch};
	struct proof *p = mem_zalloc(sizeof(*p));
	struct tx *t = mem_zalloc(sizeof(*t));
	struct hash ids[2], leaves[2], digest;

	assert(p && t);
	need(tx_decode(other, t));
	ids[0] = t->id;
	ids[1] = id;
	need(block_tx_root(ids, 2, &h.tx_root));
	need(block_body_root(txs, 2, &h.body_root));
	need(block_verdict_root(ids, verdicts, 2, &h.verdict_root));
	need(members_hash(m, &h.members));
	h.next_members = h.members;
	need(block_header_encode(&h, header));
	p->header_bytes = buf_view(header);
	p->certificate = (struct certificate){
		m->epoch, HEIGHT, 0, block_hash(buf_view(header)), .count = 3, .index = {0, 2, 3}};
	digest =
		vote_digest(network, &(struct vote){VOTE_COMMIT, m->epoch, HEIGHT, 0, p->certificate.digest});
	for (unsigned i = 0; i < 3; i++)
		sign(10u + p->certificate.index[i], &digest, p->certificate.sig[i]);
	p->succession = none;
	p->tx = tx;
	p->index = 1;
	p->verdict = VERDICT_VALID;
	for (unsigned i = 0; i < 2; i++)
		leaves[i] = merkle_leaf(VIEW(ids[i].b, HASH_BYTES));
	path(leaves, &p->tx_path);
	for (unsigned i = 0; i < 2; i++)
		leaves[i] = merkle_leaf(txs[i]);
	path(leaves, &p->body_path);
	for (unsigned i = 0; i < 2; i++)
		leaves[i] = block_verdict_leaf(&ids[i], verdicts[i]);
	path(leaves, &p->verdict_path);
	p->chain_count = 2;
	p->chain[0] = view_str("the author's certificate, whose form is RFC 5280's");
	p->chain[1] = view_str("its authority's");
	need(proof_encode(p, out));
	mem_free(p);
	mem_free(t);
}

static void make_destruction(const struct hash *network, const struct members *m)
{
	struct destruction d = {.count = 3, .succession = VIEW("", 1)};
	struct buf query, tx, header, proof, b;
	struct hash id;

	load("tx-query.hex", &query);
	buf_init(&tx, 0);
	buf_init(&header, 0);
	buf_init(&proof, 0);
	buf_init(&b, 0);
	id = make_erasure(network, m, &tx);
	make_proof(network, m, buf_view(&query), buf_view(&tx), id, &header, &proof);
	d.proof = buf_view(&proof);
	for (unsigned i = 0; i < 3; i++) {
		struct hash digest;

		d.said[i] = (struct destroyed){.member = (uint8_t)(i + 1), .height = HEIGHT + i};
		digest = destroyed_digest(network, &id, d.said[i].height, &m->member[i + 1].id);
		sign(31 + i, &digest, d.said[i].sig);
	}
	need(destruction_encode(&d, &b));
	vector("destruction", &b);
	expect("destruction.tx", VIEW(id.b, HASH_BYTES));
	buf_release(&query);
	buf_release(&tx);
	buf_release(&header);
	buf_release(&proof);
	buf_release(&b);
}

int main(void)
{
	struct hash network = sha256(VIEW("chartfs genesis v1\0golden vectors", 33));
	struct members m;
	struct buf b;
	struct dec d;

	load("members.hex", &b);
	dec_init(&d, buf_view(&b));
	members_decode(&d, &m);
	need(dec_done(&d));
	make_sharing(&network, &m);
	make_destruction(&network, &m);
	buf_release(&b);
	return 0;
}
