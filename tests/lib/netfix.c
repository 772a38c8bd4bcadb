/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netfix.c - the network: authorities, genesis, ledgers, blocks.
 */
#include "tests/lib/netfix.h"
#include "acl/contribution.h"
#include "acl/trace.h"
#include "ledger/mem.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <string.h>

#define NOT_BEFORE_MS (NETFIX_TIME_MS - UINT64_C(86400000))
#define NOT_AFTER_MS (NETFIX_TIME_MS + UINT64_C(86400000) * 3650)

static const char *const org_names[NETFIX_ORGS] = {"Aster", "Birch", "Cedar", "Dahlia"};

static int issue(struct netfix *n, const struct cert_request *req, const struct buf *issuer,
		 const struct crypto_key *key, struct buf *out)
{
	struct cert_request r = *req;

	(void)n;
	r.not_before_ms = NOT_BEFORE_MS;
	r.not_after_ms = NOT_AFTER_MS;
	return cert_issue(&r, issuer ? buf_view(issuer) : VIEW_NONE, key, out);
}

static int make_authorities(struct netfix *n)
{
	struct cert_request root = {.kind = CERT_ROOT, .name = "Root", .org = "Consortium", .path_len = 2};
	int err = crypto_key_generate(&n->root_key);

	root.subject = n->root_key;
	if (err == 0)
		err = issue(n, &root, NULL, n->root_key, &n->root_cert);
	for (unsigned i = 0; i < NETFIX_ORGS && err == 0; i++) {
		struct cert_request ca = {
			.kind = CERT_INTERMEDIATE, .name = "CA", .org = org_names[i], .path_len = 0};

		err = crypto_key_generate(&n->ca_key[i]);
		ca.subject = n->ca_key[i];
		if (err == 0)
			err = issue(n, &ca, &n->root_cert, n->root_key, &n->ca_cert[i]);
	}
	return err;
}

int netfix_identity(struct netfix *n, const char *name, enum role role, unsigned org, struct identity *ret_id)
{
	struct identity id = {.chain_count = 2};
	uint8_t kem[POINT_BYTES], endorse[POINT_BYTES];
	struct cert_request leaf = {
		.kind = CERT_LEAF, .name = name, .org = org_names[org], .role = role, .kem_point = kem};
	int err = crypto_key_generate(&id.sign);

	buf_init(&id.chain[0], 0);
	buf_init(&id.chain[1], 0);
	if (err == 0)
		err = crypto_key_generate(&id.kem);
	if (err == 0 && role == ROLE_PEER)
		err = crypto_key_generate(&id.endorse);
	if (err)
		goto out;
	crypto_key_point(id.kem, kem);
	if (role == ROLE_PEER) {
		crypto_key_point(id.endorse, endorse);
		leaf.endorse_point = endorse;
	}
	leaf.subject = id.sign;
	err = issue(n, &leaf, &n->ca_cert[org], n->ca_key[org], &id.chain[0]);
	if (err == 0)
		err = buf_append_view(&id.chain[1], buf_view(&n->ca_cert[org]));
	if (err == 0)
		err = cert_parse(buf_view(&id.chain[0]), &id.info);
	id.id = identity_id_of(org_names[org], name);
	if (err == 0)
		id.sign_fingerprint = crypto_key_fingerprint(id.info.sign_point);
out:
	if (err)
		identity_release(&id);
	else
		*ret_id = id;
	return err;
}

static int make_identities(struct netfix *n)
{
	char name[32];
	int err = 0;

	for (unsigned i = 0; i < NETFIX_ORGS && err == 0; i++) {
		snprintf(name, sizeof(name), "peer%u", i + 1);
		err = netfix_identity(n, name, ROLE_PEER, i, &n->peer[i]);
		if (err == 0)
			err = netfix_identity(n, "custodian", ROLE_MANAGER, i, &n->custodian[i]);
	}
	return err;
}

static void fill_genesis(const struct netfix *n, struct genesis *g)
{
	snprintf(g->name, sizeof(g->name), "netfix");
	g->time_ms = NETFIX_TIME_MS;
	g->root_cert = buf_view(&n->root_cert);
	g->org_count = NETFIX_ORGS;
	g->members.count = NETFIX_ORGS;
	g->policy = (struct policy_row){
		.endorsing_orgs = 2,
		.record_bytes_max = 65536,
		.time_window_ms = 60000,
		.valid_blocks_max = 1000,
	};
	for (unsigned i = 0; i < NETFIX_ORGS; i++) {
		struct member *m = &g->members.member[i];

		g->org[i].number = (uint16_t)(i + 1);
		snprintf(g->org[i].name, sizeof(g->org[i].name), "%s", org_names[i]);
		g->org[i].ca_fingerprint = sha256(buf_view(&n->ca_cert[i]));
		g->org[i].custodian = n->custodian[i].id;
		m->id = n->peer[i].id;
		m->org = (uint16_t)(i + 1);
		memcpy(m->sign_point, n->peer[i].info.sign_point, POINT_BYTES);
		memcpy(m->endorse_point, n->peer[i].info.endorse_point, POINT_BYTES);
		memcpy(m->kem_point, n->peer[i].info.kem_point, POINT_BYTES);
		snprintf(m->peer_address, sizeof(m->peer_address), "inproc://peer%u", i + 1);
		snprintf(m->client_address, sizeof(m->client_address), "inproc://client%u", i + 1);
		g->identity_cert[g->identity_count++] = buf_view(&n->peer[i].chain[0]);
		g->identity_cert[g->identity_count++] = buf_view(&n->custodian[i].chain[0]);
	}
	for (unsigned s = 0; s <= SECTION_COUNT; s++)
		snprintf(g->section_title[s], sizeof(g->section_title[s]), "%s", section_title(s));
}

static int open_chain(struct netfix *n, const struct genesis *g, unsigned i, bool trusted)
{
	int err = chain_open(tmpdir_path(tmpdir_new(), "chain"), buf_view(&n->genesis), CHAIN_NOSYNC,
			     &n->chain[i]);

	if (err == 0)
		err = genesis_apply(n->chain[i], g);
	return err ? err : apply_new(n->chain[i], trusted, NULL, &n->apply[i]);
}

int netfix_new(unsigned chain_count, bool trusted, struct netfix **ret_n)
{
	struct netfix *n = mem_zalloc(sizeof(*n));
	struct genesis *g = mem_zalloc(sizeof(*g));
	int err = n && g ? 0 : CF_ENOMEM;

	if (err)
		goto out;
	n->chain_count = chain_count;
	n->now_ms = NETFIX_TIME_MS;
	n->endorsers = 2;
	buf_init(&n->root_cert, 0);
	buf_init(&n->genesis, 0);
	buf_init(&n->contribution, 0);
	buf_init(&n->body, 0);
	for (unsigned i = 0; i < NETFIX_ORGS; i++)
		buf_init(&n->ca_cert[i], 0);
	err = make_authorities(n);
	if (err == 0)
		err = make_identities(n);
	if (err)
		goto out;
	fill_genesis(n, g);
	err = contribution_make(&g->members, &n->contribution);
	g->contribution[0] = buf_view(&n->contribution);
	g->contribution_count = 1;
	if (err)
		goto out;
	err = genesis_encode(g, &n->genesis);
	n->network = genesis_network(buf_view(&n->genesis));
	for (unsigned i = 0; i < chain_count && err == 0; i++)
		err = open_chain(n, g, i, trusted && i + 1 == chain_count);
out:
	mem_free(g);
	if (err)
		netfix_free(n);
	else
		*ret_n = n;
	return err;
}

void netfix_free(struct netfix *n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < n->chain_count; i++) {
		apply_free(n->apply[i]);
		chain_close(n->chain[i]);
	}
	for (unsigned i = 0; i < NETFIX_ORGS; i++) {
		identity_release(&n->peer[i]);
		identity_release(&n->custodian[i]);
		crypto_key_free(n->ca_key[i]);
		buf_release(&n->ca_cert[i]);
	}
	crypto_key_free(n->root_key);
	buf_release(&n->root_cert);
	buf_release(&n->genesis);
	buf_release(&n->contribution);
	buf_release(&n->body);
	mem_free(n);
}

int netfix_person(struct netfix *n, const char *name, enum role role, unsigned org, struct identity *ret_id)
{
	struct netfix_request r = {.op_count = 1};
	struct identity id;
	struct op_register op = {.count = 2};
	struct buf body;
	int err = netfix_identity(n, name, role, org, &id);

	if (err)
		return err;
	buf_init(&body, 0);
	op.cert[0] = buf_view(&id.chain[0]);
	op.cert[1] = buf_view(&id.chain[1]);
	err = op_register_encode(&op, &body);
	r.by = &id;
	r.op[0] = (struct tx_op){OP_REGISTER, buf_view(&body)};
	if (err == 0)
		err = netfix_submit(n, &r, NULL);
	buf_release(&body);
	if (err)
		identity_release(&id);
	else
		*ret_id = id;
	return err;
}

/* The keys that a member's identity has here; NULL: it is none of the fixture's own. */
static const struct identity *peer_of(const struct netfix *n, const struct member *m)
{
	for (unsigned i = 0; i < NETFIX_ORGS; i++) {
		if (memcmp(n->peer[i].id.b, m->id.b, IDENTITY_BYTES) == 0)
			return &n->peer[i];
	}
	return NULL;
}

int netfix_certify(const struct netfix *n, const struct hash *block, uint64_t height,
		   struct certificate *ret_c)
{
	const struct members *members = apply_members(n->apply[0]);
	struct vote vote = {.kind = VOTE_COMMIT, .epoch = members->epoch, .height = height, .digest = *block};
	struct hash digest = vote_digest(&n->network, &vote);
	unsigned quorum = members_quorum(members->count);
	struct certificate c = {.epoch = members->epoch, .height = height, .digest = *block};
	int err = 0;

	for (unsigned i = 0; i < members->count && c.count < quorum && err == 0; i++) {
		const struct identity *peer = peer_of(n, &members->member[i]);

		if (!peer)
			continue;
		c.index[c.count] = (uint8_t)i;
		err = crypto_sign(peer->sign, &digest, c.sig[c.count++]);
	}
	if (err == 0)
		*ret_c = c;
	return err;
}

/* What the first chain, which built the block, says of it. */
static int read_verdicts(struct netfix *n, uint64_t height, size_t count, uint8_t *ret_verdicts)
{
	struct chain_block_info info;
	struct db_txn *txn;
	int err = chain_read_begin(n->chain[0], &txn);

	if (err)
		return err;
	err = chain_block_info(txn, height, &info);
	if (err == 0 && info.verdicts.len > count)
		err = CF_EINVAL;
	if (err == 0 && info.verdicts.len)
		memcpy(ret_verdicts, info.verdicts.data, info.verdicts.len);
	db_abort(txn);
	return err;
}

static int commit_everywhere(struct netfix *n, const struct hash *block, uint64_t height, uint8_t *verdicts,
			     size_t count)
{
	int err = netfix_certify(n, block, height, &n->certificate);

	for (unsigned i = 0; i < n->chain_count && err == 0; i++) {
		err = apply_commit(n->apply[i], buf_view(&n->body), &n->certificate, true,
				   VIEW(verdicts, count), NULL, NULL);
		if (i == 0 && err == 0)
			err = read_verdicts(n, height, count, verdicts);
	}
	return err;
}

int netfix_block(struct netfix *n, const struct apply_request *requests, size_t count, uint8_t *ret_verdicts)
{
	uint8_t verdicts[BLOCK_TXS_MAX];
	struct chain_head head;
	struct hash block, *ids;
	uint32_t in;
	int err;

	chain_head(n->chain[0], &head);
	n->now_ms += 1000;
	buf_reset(&n->body);
	err = apply_build(n->apply[0], requests, count, count == 0, n->now_ms, 0, 0, &n->body, &block, &ids,
			  &in);
	if (err)
		return err;
	mem_free(ids);
	err = commit_everywhere(n, &block, head.height + 1, verdicts, in);
	if (err)
		return err;
	n->verdict = in ? verdicts[0] : VERDICT_VALID;
	if (ret_verdicts)
		memcpy(ret_verdicts, verdicts, in);
	return 0;
}

/* What any threshold of the peers would say. */
static int peers_half(void *ctx, struct db_txn *txn, const struct section_keys *of, enum keys_use use,
		      struct trace_answers *ret_answers, uint64_t *ret_until_ms)
{
	struct trace_name name = {of->patient, of->section, of->epoch, of->window};
	struct trace_answers a = {.count = 2, .holder = {0, 2}};
	uint8_t point[POINT_BYTES], share[SCALAR_BYTES];
	struct genesis *g = mem_alloc(sizeof(*g));
	struct netfix *n = ctx;
	int err = g ? genesis_decode(buf_view(&n->genesis), g) : CF_ENOMEM;

	(void)txn;
	(void)use;
	if (!err)
		err = trace_point(&n->network, &name, point);
	for (unsigned i = 0; i < a.count && !err; i++) {
		err = trace_share(g, a.holder[i], n->peer[a.holder[i]].kem, share);
		if (!err)
			err = prf_answer(share, point, &a.answer[i]);
	}
	if (!err)
		*ret_answers = a;
	*ret_until_ms = UINT64_MAX;
	mem_free(g);
	return err;
}

int netfix_keyring(struct netfix *n, const struct identity *identity, struct keyring **ret_k)
{
	int err = keyring_new(identity, &n->network, ret_k);

	if (!err)
		keyring_set_trace(*ret_k, peers_half, n);
	return err;
}
