/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vectors.c - the golden vectors: decoded, encoded again, hashed, their signatures verified.
 */
#include "acl/destruction.h"
#include "acl/reshare.h"
#include "ledger/block.h"
#include "ledger/evidence.h"
#include "ledger/mem.h"
#include "ledger/rwset.h"
#include "tests/lib/t.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define DIR_VECTORS "tests/vectors/"

static FILE *open_file(const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), DIR_VECTORS "%s", name);
	f = fopen(path, "r");
	if (!f)
		t_fail("%s cannot be read", path);
	return f;
}

static void append_hex(struct buf *out, const char *hex)
{
	uint8_t *start;
	size_t bytes = strlen(hex) / 2;

	t_zero(buf_extend(out, bytes, &start));
	t_zero(hex_decode(hex, start, bytes));
}

/* The bytes of NAME.hex. */
static void load(const char *file, struct buf *out)
{
	FILE *f = open_file(file);
	char line[256];

	buf_init(out, 0);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		append_hex(out, line);
	}
	fclose(f);
}

/* The bytes that expected.txt has for a name. */
static void expected(const char *name, struct buf *out)
{
	FILE *f = open_file("expected.txt");
	char line[256], hex[200], key[50];
	bool found = false;

	buf_init(out, 0);
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%49s %199s", key, hex) == 2 && strcmp(key, name) == 0;
	fclose(f);
	if (!found)
		t_fail("expected.txt has no %s", name);
	append_hex(out, hex);
}

static struct hash expected_hash(const char *name)
{
	struct buf b;
	struct hash h;

	expected(name, &b);
	t_eq(b.len, HASH_BYTES);
	memcpy(h.b, b.data, HASH_BYTES);
	buf_release(&b);
	return h;
}

static void is_expected(struct hash h, const char *name)
{
	struct hash want = expected_hash(name);

	t_bytes(h.b, HASH_BYTES, want.b, HASH_BYTES);
}

/* Each decodes, and appends what the encoder makes of it. */

static int recode_proposal(struct view in, struct buf *out)
{
	struct tx_proposal p;
	int err = tx_proposal_decode(in, &p);

	return err ? err : tx_proposal_encode(&p, out);
}

static int recode_tx(struct view in, struct buf *out)
{
	struct tx *t = mem_zalloc(sizeof(*t));
	int err = t ? tx_decode(in, t) : CF_ENOMEM;

	if (err == 0)
		err = tx_encode(t, out);
	mem_free(t);
	return err;
}

static int recode_rwset(struct view in, struct buf *out)
{
	struct rwset_builder *b;
	struct rwset set;
	int err = rwset_decode(in, &set);

	if (err)
		return err;
	t_zero(rwset_builder_new(&b));
	for (size_t i = 0; i < set.read_count; i++)
		t_zero(rwset_add_read(b, set.reads[i].key, set.reads[i].present, set.reads[i].version));
	for (size_t i = 0; i < set.empty_count; i++)
		t_zero(rwset_add_empty(b, set.empties[i]));
	for (size_t i = 0; i < set.write_count; i++) {
		const struct rw_write *w = &set.writes[i];

		t_zero(w->deleted ? rwset_add_delete(b, w->key) : rwset_add_write(b, w->key, w->value));
	}
	err = rwset_encode(b, out);
	rwset_builder_free(b);
	rwset_release(&set);
	return err;
}

struct items {
	struct annex_item item[8];
	size_t count;
};

static int keep_item(void *ctx, const struct annex_item *item)
{
	struct items *items = ctx;

	if (items->count == 8)
		return CF_ETOOBIG;
	items->item[items->count++] = *item;
	return 0;
}

static int recode_annex(struct view in, struct buf *out)
{
	struct items items = {.count = 0};
	int err = annex_walk(in, keep_item, &items);

	return err ? err : annex_encode(items.item, items.count, out);
}

static int recode_header(struct view in, struct buf *out)
{
	struct block_header h;
	int err = block_header_decode(in, &h);

	return err ? err : block_header_encode(&h, out);
}

static int recode_block(struct view in, struct buf *out)
{
	struct block b;
	int err = block_decode(in, &b);

	if (err)
		return err;
	err = block_encode(b.header_bytes, b.tx, b.tx_count, out);
	block_release(&b);
	return err;
}

static int recode_body(struct view in, struct buf *out)
{
	struct block_body b;
	int err = block_body_decode(in, &b);

	if (err)
		return err;
	err = block_body_encode(b.block.bytes, b.annex, b.block.tx_count, out);
	block_body_release(&b);
	return err;
}

static int recode_members(struct view in, struct buf *out)
{
	struct members m;
	struct dec d;
	struct enc e;
	int err;

	dec_init(&d, in);
	members_decode(&d, &m);
	err = dec_done(&d);
	if (err)
		return err;
	enc_init(&e, out);
	members_encode(&m, &e);
	return enc_done(&e);
}

static int recode_certificate(struct view in, struct buf *out)
{
	struct certificate c;
	struct dec d;
	struct enc e;
	int err;

	dec_init(&d, in);
	certificate_decode(&d, &c);
	err = dec_done(&d);
	if (err)
		return err;
	enc_init(&e, out);
	certificate_encode(&c, &e);
	return enc_done(&e);
}

static int recode_evidence(struct view in, struct buf *out)
{
	struct evidence *e = mem_alloc(sizeof(*e));
	struct hash network = expected_hash("network");
	int err = evidence_decode(in, &network, e);

	if (err == 0)
		err = evidence_encode(e, &network, out);
	mem_free(e);
	return err;
}

static void load_members(struct members *m, struct member_keys *keys);
static int recode_deal(struct view in, struct buf *out)
{
	struct member_keys keys;
	struct op_deal op;
	struct members m;
	int err = op_deal_decode(in, &op);

	if (err)
		return err;
	load_members(&m, &keys);
	member_keys_release(&keys);
	return contribution_check(op.deal, &m) ? CF_EDECODE : op_deal_encode(&op, out);
}

static int recode_take(struct view in, struct buf *out)
{
	struct op_take op;
	int err = op_take_decode(in, &op);

	return err ? err : op_take_encode(&op, out);
}

static int recode_accuse(struct view in, struct buf *out)
{
	struct op_accuse op;
	int err = op_accuse_decode(in, &op);

	return err ? err : op_accuse_encode(&op, out);
}

static int recode_destruction(struct view in, struct buf *out)
{
	struct proof *p = mem_zalloc(sizeof(*p));
	struct destruction d;
	struct buf proof;
	int err = p ? destruction_decode(in, &d) : CF_ENOMEM;

	buf_init(&proof, 0);
	if (err == 0)
		err = proof_decode(d.proof, p);
	if (err == 0)
		err = proof_encode(p, &proof);
	d.proof = buf_view(&proof);
	if (err == 0)
		err = destruction_encode(&d, out);
	buf_release(&proof);
	mem_free(p);
	return err;
}

static const struct kind {
	const char *name;
	int (*recode)(struct view in, struct buf *out);
} kinds[] = {
	{"proposal", recode_proposal},
	{"tx", recode_tx},
	{"rwset", recode_rwset},
	{"annex", recode_annex},
	{"header", recode_header},
	{"block", recode_block},
	{"body", recode_body},
	{"members", recode_members},
	{"certificate", recode_certificate},
	{"evidence", recode_evidence},
	{"destruction", recode_destruction},
	{"deal", recode_deal},
	{"take", recode_take},
	{"accuse", recode_accuse},
};

/* "tx-query.hex" is of kind "tx". */
static const struct kind *kind_of(const char *file)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].name);

		if (strncmp(file, kinds[i].name, len) == 0 && strchr("-.", file[len]))
			return &kinds[i];
	}
	t_fail("%s is of no known kind", file);
}

/* Runs on_file on each vector, refused or good; counts them. */
static size_t each_vector(bool refused, void (*on_file)(const char *file, const struct kind *kind))
{
	static const char prefix[] = "should-fail-";
	DIR *dir = opendir(DIR_VECTORS);
	struct dirent *entry;
	size_t count = 0;

	t_ok(dir != NULL);
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;
		bool is_refused = strncmp(name, prefix, sizeof(prefix) - 1) == 0;
		const char *dot = strrchr(name, '.');

		if (!dot || strcmp(dot, ".hex") != 0 || is_refused != refused)
			continue;
		on_file(name, kind_of(refused ? name + sizeof(prefix) - 1 : name));
		count++;
	}
	closedir(dir);
	return count;
}

static void must_recode(const char *file, const struct kind *kind)
{
	struct buf in, out;

	load(file, &in);
	buf_init(&out, 0);
	if (kind->recode(buf_view(&in), &out))
		t_fail("%s is refused", file);
	t_bytes(out.data, out.len, in.data, in.len);
	buf_release(&out);
	buf_release(&in);
}

static void must_refuse(const char *file, const struct kind *kind)
{
	struct buf in, out;
	int err;

	load(file, &in);
	buf_init(&out, 0);
	err = kind->recode(buf_view(&in), &out);
	if (err != CF_EDECODE && err != CF_ECORRUPT)
		t_fail("%s gives %s", file, err_name(err));
	buf_release(&out);
	buf_release(&in);
}

T_TEST(vectors_recode)
{
	t_eq(each_vector(false, must_recode), 19);
}

T_TEST(vectors_refused)
{
	t_ok(each_vector(true, must_refuse) >= 80);
}

static void load_members(struct members *m, struct member_keys *keys)
{
	struct buf b;
	struct dec d;

	load("members.hex", &b);
	dec_init(&d, buf_view(&b));
	members_decode(&d, m);
	t_zero(dec_done(&d));
	t_zero(member_keys_init(keys, m));
	buf_release(&b);
}

static const struct crypto_key *endorse_key(const struct members *m, const struct member_keys *keys,
					    const struct identity_id *id)
{
	for (unsigned i = 0; i < m->count; i++) {
		if (memcmp(m->member[i].id.b, id->b, IDENTITY_BYTES) == 0)
			return keys->endorse[i];
	}
	t_fail("a signature by nobody");
}

T_TEST(vectors_evidence)
{
	static const char *const names[] = {"evidence", "evidence-message", "evidence-twice",
					    "evidence-wrong"};
	struct evidence *e = mem_alloc(sizeof(*e));
	struct hash network = expected_hash("network");
	struct member_keys keys;
	struct members m;

	load_members(&m, &keys);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char file[64], id[64];
		struct buf b;

		snprintf(file, sizeof(file), "%s.hex", names[i]);
		snprintf(id, sizeof(id), "%s.id", names[i]);
		load(file, &b);
		is_expected(evidence_id(buf_view(&b)), id);
		t_zero(evidence_decode(buf_view(&b), &network, e));
		t_zero(evidence_check(e, &network, &m));
		buf_release(&b);
	}
	member_keys_release(&keys);
	mem_free(e);
}

/* The dealer is member 1 and the accuser member 2, who has no reason to. */
T_TEST(vectors_sharing)
{
	struct hash network = expected_hash("network");
	struct deals deals = {.count = 1, .dealer = {1}};
	struct contribution_dealer by = {.network = &network};
	struct buf b[3], public;
	struct op_accuse accuse;
	struct member_keys keys;
	struct op_deal deal;
	struct members m;

	load_members(&m, &keys);
	load("deal.hex", &b[0]);
	load("take.hex", &b[1]);
	load("accuse.hex", &b[2]);
	expected("deal.public", &public);
	t_zero(op_deal_decode(buf_view(&b[0]), &deal));
	by.dealer = &m.member[1].id;
	by.epoch = deal.epoch;
	by.generation = deal.generation;
	t_zero(contribution_check_deal(&by, deal.deal, &m, deal.proof, public.data));
	by.generation++;
	t_err(contribution_check_deal(&by, deal.deal, &m, deal.proof, public.data), CF_EINVAL);
	deals.deal[0] = deal.deal;
	is_expected(deals_digest(&deals), "take.deals");
	t_bytes(b[1].data + 10, b[1].len - 10, deals_digest(&deals).b, HASH_BYTES);
	t_zero(op_accuse_decode(buf_view(&b[2]), &accuse));
	t_err(contribution_accused(deal.deal, 2, &m.member[2].id, m.member[2].kem_point, &accuse.opening),
	      CF_EINVAL);
	t_str(err_detail(), "the share that was dealt is good");
	for (unsigned i = 0; i < 3; i++)
		buf_release(&b[i]);
	buf_release(&public);
	member_keys_release(&keys);
}

T_TEST(vectors_destruction)
{
	struct hash network = expected_hash("network"), tx = expected_hash("destruction.tx");
	struct destruction d;
	struct member_keys keys;
	struct members m;
	struct buf b;

	load_members(&m, &keys);
	load("destruction.hex", &b);
	t_ok(destruction_decode(buf_view(&b), &d) == 0 && d.count == 3);
	for (unsigned i = 0; i < d.count; i++) {
		t_zero(destroyed_check(&network, &tx, &m.member[d.said[i].member], &d.said[i]));
		d.said[i].height++;
		t_err(destroyed_check(&network, &tx, &m.member[d.said[i].member], &d.said[i]), CF_ESIG);
	}
	buf_release(&b);
	member_keys_release(&keys);
}

T_TEST(vectors_tx)
{
	struct hash network = expected_hash("network"), digest;
	struct buf bytes, annex, left, point, query;
	struct crypto_key *creator;
	struct member_keys keys;
	struct members m;
	struct tx *t = mem_zalloc(sizeof(*t));

	t_ok(t != NULL);
	load_members(&m, &keys);
	load("tx.hex", &bytes);
	load("annex.hex", &annex);
	load("tx-query.hex", &query);
	expected("creator.point", &point);
	t_eq(point.len, POINT_BYTES);
	t_zero(crypto_key_from_point(point.data, &creator));

	t_zero(tx_decode(buf_view(&bytes), t));
	is_expected(t->id, "tx.id");
	is_expected(t->id, "proposal.id");
	is_expected(sha256(t->rwset_bytes), "rwset.hash");
	t_zero(tx_annex_hash(&network, buf_view(&annex), &digest));
	is_expected(digest, "annex.hash");
	load("annex-left.hex", &left);
	t_zero(tx_annex_hash(&network, buf_view(&left), &digest));
	is_expected(digest, "annex.hash");
	t_ok(annex_is_whole(buf_view(&annex)) && !annex_is_whole(buf_view(&left)));
	is_expected(t->proposal.annex_hash, "annex.hash");
	digest = crypto_key_fingerprint(point.data);
	t_ok(hash_equal(&digest, &t->proposal.creator_key));
	t_zero(sigpath_verify(&t->signature, SIG_PROPOSAL, &network, &t->id, creator));
	digest = tx_endorsement_digest(&network, &t->id, t->rwset_bytes);
	is_expected(digest, "tx.endorsement");
	t_eq(t->endorsement_count, 2);
	for (uint8_t i = 0; i < t->endorsement_count; i++)
		t_zero(sigpath_verify(&t->endorsement[i].sig, SIG_ENDORSEMENT, &network, &digest,
				      endorse_key(&m, &keys, &t->endorsement[i].by)));
	digest = tx_receipt_digest(&network, t->proposal.time_ms, t->proposal.blob, t->proposal.blob_count);
	is_expected(digest, "tx.receipt");
	t_eq(t->receipt_count, 3);
	for (uint8_t i = 0; i < t->receipt_count; i++)
		t_zero(sigpath_verify(&t->receipt[i].sig, SIG_RECEIPT, &network, &digest,
				      endorse_key(&m, &keys, &t->receipt[i].by)));

	t_zero(tx_decode(buf_view(&query), t));
	is_expected(t->id, "tx-query.id");
	t_zero(sigpath_verify(&t->signature, SIG_PROPOSAL, &network, &t->id, creator));
	crypto_key_free(creator);
	buf_release(&point);
	buf_release(&query);
	buf_release(&annex);
	buf_release(&left);
	buf_release(&bytes);
	member_keys_release(&keys);
	mem_free(t);
}

T_TEST(vectors_block)
{
	struct tx *t = mem_zalloc(sizeof(*t));
	struct hash ids[2], root;
	struct buf bytes, verdicts;
	struct block b;

	t_ok(t != NULL);
	load("block.hex", &bytes);
	expected("block.verdicts", &verdicts);
	t_zero(block_decode(buf_view(&bytes), &b));
	is_expected(b.hash, "block.hash");
	t_eq(b.tx_count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		t_zero(tx_decode(b.tx[i], t));
		ids[i] = t->id;
	}
	t_zero(block_tx_root(ids, 2, &root));
	is_expected(root, "block.tx_root");
	is_expected(b.header.tx_root, "block.tx_root");
	t_zero(block_body_root(b.tx, 2, &root));
	is_expected(root, "block.body_root");
	t_zero(block_verdict_root(ids, verdicts.data, 2, &root));
	is_expected(root, "block.verdict_root");
	is_expected(b.header.verdict_root, "block.verdict_root");
	is_expected(b.header.members, "members.hash");
	block_release(&b);
	buf_release(&verdicts);
	buf_release(&bytes);
	mem_free(t);
}

T_TEST(vectors_certificate)
{
	struct hash network = expected_hash("network"), hash;
	struct member_keys keys;
	struct certificate c;
	struct members m;
	struct vote vote;
	struct buf bytes;
	struct dec d;

	load_members(&m, &keys);
	load("certificate.hex", &bytes);
	dec_init(&d, buf_view(&bytes));
	certificate_decode(&d, &c);
	t_zero(dec_done(&d));
	t_zero(members_hash(&m, &hash));
	is_expected(hash, "members.hash");
	is_expected(c.digest, "block.hash");
	vote = (struct vote){VOTE_COMMIT, c.epoch, c.height, c.view, c.digest};
	is_expected(vote_digest(&network, &vote), "certificate.vote");
	t_zero(certificate_verify(&c, &network, &m, &keys));
	buf_release(&bytes);
	member_keys_release(&keys);
}

T_MAIN
