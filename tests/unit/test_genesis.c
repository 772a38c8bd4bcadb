/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_genesis.c - the genesis file, what it refuses, and the state it founds.
 */
#include "acl/contribution.h"
#include "acl/genesis.h"
#include "acl/holders.h"
#include "acl/userfile.h"
#include "acl/x509.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW ((uint64_t)1800000000 * 1000)
#define DAY ((uint64_t)86400 * 1000)
#define ORGS 2
#define PEERS 4
#define PEOPLE (PEERS + ORGS + 1) /* a custodian each, and a governor */

static const char *const orgs[ORGS] = {"hospA", "hospB"};

/* A network of two organizations, four peers. Certificates stay in ders. */
struct net {
	struct genesis g;
	struct buf root;
	struct buf contribution;
	struct buf ders[PEOPLE];
};

static void issue(struct net *n, const char *name, const char *org, enum role role, struct view ca,
		  const struct crypto_key *ca_key)
{
	struct crypto_key *sign = NULL, *kem = NULL, *endorse = NULL;
	uint8_t kem_point[POINT_BYTES], endorse_point[POINT_BYTES];
	struct buf *der = &n->ders[n->g.identity_count];
	struct cert_request req = {.kind = CERT_LEAF,
				   .name = name,
				   .org = org,
				   .role = role,
				   .kem_point = kem_point,
				   .not_before_ms = NOW - DAY,
				   .not_after_ms = NOW + DAY};

	t_zero(crypto_key_generate(&sign));
	t_zero(crypto_key_generate(&kem));
	t_zero(crypto_key_generate(&endorse));
	crypto_key_point(kem, kem_point);
	crypto_key_point(endorse, endorse_point);
	req.subject = sign;
	req.endorse_point = role == ROLE_PEER ? endorse_point : NULL;
	t_zero(cert_issue(&req, ca, ca_key, der));
	if (role == ROLE_PEER) {
		struct member *m = &n->g.members.member[n->g.members.count++];

		m->id = identity_id_of(org, name);
		m->org = (uint16_t)(strcmp(org, orgs[0]) == 0 ? 1 : 2);
		crypto_key_point(sign, m->sign_point);
		memcpy(m->kem_point, kem_point, POINT_BYTES);
		memcpy(m->endorse_point, endorse_point, POINT_BYTES);
		snprintf(m->peer_address, sizeof(m->peer_address), "tls+tcp://127.0.0.1:70%02u",
			 n->g.members.count);
		snprintf(m->client_address, sizeof(m->client_address), "tls+tcp://127.0.0.1:71%02u",
			 n->g.members.count);
	}
	n->g.identity_cert[n->g.identity_count++] = buf_view(der);
	crypto_key_free(sign);
	crypto_key_free(kem);
	crypto_key_free(endorse);
}

static struct net *net_new(void)
{
	struct crypto_key *root_key = NULL;
	struct cert_request req = {.kind = CERT_ROOT,
				   .name = "Consortium",
				   .org = "Consortium",
				   .not_before_ms = NOW - DAY,
				   .not_after_ms = NOW + DAY,
				   .path_len = 2};
	struct net *n = calloc(1, sizeof(*n));
	char name[16];

	t_ok(n);
	t_zero(crypto_key_generate(&root_key));
	req.subject = root_key;
	t_zero(cert_issue(&req, VIEW_NONE, root_key, &n->root));
	strcpy(n->g.name, "testnet");
	n->g.time_ms = NOW;
	n->g.root_cert = buf_view(&n->root);
	n->g.policy = (struct policy_row){.endorsing_orgs = 2,
					  .record_bytes_max = 65536,
					  .time_window_ms = 300000,
					  .valid_blocks_max = 1000};
	for (unsigned i = 0; i <= SECTION_COUNT; i++)
		strcpy(n->g.section_title[i], section_title(i));
	n->g.org_count = ORGS;
	for (unsigned i = 0; i < ORGS; i++) {
		n->g.org[i].number = (uint16_t)(i + 1);
		strcpy(n->g.org[i].name, orgs[i]);
		memset(n->g.org[i].ca_fingerprint.b, (int)(i + 1), HASH_BYTES);
		issue(n, "custodian", orgs[i], ROLE_MANAGER, buf_view(&n->root), root_key);
		n->g.org[i].custodian = identity_id_of(orgs[i], "custodian");
	}
	for (unsigned i = 0; i < PEERS; i++) {
		snprintf(name, sizeof(name), "peer%u", i);
		issue(n, name, orgs[i % ORGS], ROLE_PEER, buf_view(&n->root), root_key);
	}
	t_zero(contribution_make(&n->g.members, &n->contribution));
	n->g.contribution[0] = buf_view(&n->contribution);
	n->g.contribution_count = 1;
	issue(n, "regulator", orgs[1], ROLE_GOVERNOR, buf_view(&n->root), root_key);
	crypto_key_free(root_key);
	return n;
}

static void net_free(struct net *n)
{
	buf_release(&n->root);
	buf_release(&n->contribution);
	for (unsigned i = 0; i < PEOPLE; i++)
		buf_release(&n->ders[i]);
	free(n);
}

T_TEST(genesis_round_trip)
{
	struct net *n = net_new();
	struct genesis *g = malloc(sizeof(*g));
	struct buf a, b;

	t_ok(g);
	buf_init(&a, 0);
	buf_init(&b, 0);
	t_zero(genesis_encode(&n->g, &a));
	t_zero(genesis_decode(buf_view(&a), g));
	t_str(g->name, "testnet");
	t_eq(g->time_ms, NOW);
	t_eq(g->org_count, ORGS);
	t_str(g->org[1].name, "hospB");
	t_eq(g->members.count, PEERS);
	t_str(g->members.member[2].peer_address, n->g.members.member[2].peer_address);
	t_eq(g->policy.time_window_ms, 300000);
	t_eq(g->identity_count, PEOPLE);
	t_ok(view_equal(g->identity_cert[6], n->g.identity_cert[6]));
	t_str(g->section_title[5], "Treatment records");
	t_zero(genesis_encode(g, &b));
	t_bytes(b.data, b.len, a.data, a.len);
	buf_release(&a);
	buf_release(&b);
	free(g);
	net_free(n);
}

T_TEST(genesis_truncated_trailing_tampered)
{
	struct net *n = net_new();
	struct genesis *g = malloc(sizeof(*g));
	struct buf bytes, again;
	struct hash network, other;

	t_ok(g);
	buf_init(&bytes, 0);
	buf_init(&again, 0);
	t_zero(genesis_encode(&n->g, &bytes));
	network = genesis_network(buf_view(&bytes));
	for (size_t len = 0; len < bytes.len; len++)
		t_err(genesis_decode(VIEW(bytes.data, len), g), CF_EDECODE);
	/* every 5th byte: what is still well-formed has one encoding, and is another network */
	for (size_t i = 0; i < bytes.len; i += 5) {
		bytes.data[i] ^= 1;
		if (genesis_decode(buf_view(&bytes), g) == 0) {
			buf_reset(&again);
			t_zero(genesis_encode(g, &again));
			t_bytes(again.data, again.len, bytes.data, bytes.len);
		}
		other = genesis_network(buf_view(&bytes));
		t_ok(!hash_equal(&network, &other));
		bytes.data[i] ^= 1;
	}
	t_zero(buf_append(&bytes, "", 1));
	t_err(genesis_decode(buf_view(&bytes), g), CF_EDECODE);
	buf_release(&bytes);
	buf_release(&again);
	free(g);
	net_free(n);
}

static void refused(const struct net *n, const char *reason)
{
	struct buf out;

	buf_init(&out, 0);
	t_err(genesis_encode(&n->g, &out), CF_EINVAL);
	if (!strstr(err_detail(), reason))
		t_fail("reason '%s', not '%s'", err_detail(), reason);
	t_eq(out.len, 0);
}

T_TEST(genesis_inconsistent_organizations)
{
	struct net *n = net_new();

	n->g.org[1].number = 3;
	refused(n, "numbered");
	n->g.org[1].number = 2;
	strcpy(n->g.org[1].name, "hospA");
	refused(n, "stands twice");
	strcpy(n->g.org[1].name, "hospC");
	refused(n, "no organization of this network");
	strcpy(n->g.org[1].name, "hospB");
	n->g.org[1].custodian.b[0] ^= 1;
	refused(n, "custodian of 'hospB'");
	n->g.org[1].custodian = identity_id_of("hospA", "custodian");
	refused(n, "cannot be its custodian");
	n->g.org[1].custodian = identity_id_of("hospB", "regulator");
	refused(n, "cannot be its custodian");
	n->g.org_count = 0;
	refused(n, "organizations");
	net_free(n);
}

T_TEST(genesis_inconsistent_members)
{
	struct net *n = net_new();
	struct member *m = &n->g.members.member[1];

	m->sign_point[5] ^= 1;
	refused(n, "other keys");
	m->sign_point[5] ^= 1;
	m->endorse_point[5] ^= 1;
	refused(n, "other keys");
	m->endorse_point[5] ^= 1;
	m->kem_point[5] ^= 1;
	refused(n, "other keys");
	m->kem_point[5] ^= 1;
	m->org = 1;
	refused(n, "another organization");
	m->org = 2;
	m->id = identity_id_of("hospB", "regulator");
	refused(n, "no peer's certificate");
	m->id = identity_id_of("hospB", "nobody");
	refused(n, "no peer's certificate");
	*m = n->g.members.member[3];
	refused(n, "twice");
	n->g.members.count = 3;
	refused(n, "ordering peers");
	net_free(n);
}

T_TEST(genesis_inconsistent_identities_and_policy)
{
	struct net *n = net_new();
	struct view kept = n->g.identity_cert[6];

	n->g.identity_cert[6] = n->g.identity_cert[0];
	refused(n, "stands twice");
	n->g.identity_cert[6] = buf_view(&n->root);
	refused(n, "carries no identity");
	n->g.identity_cert[6] = VIEW(kept.data, kept.len - 1);
	refused(n, "not a certificate");
	n->g.identity_cert[6] = kept;
	n->g.root_cert = kept;
	refused(n, "no root's");
	n->g.root_cert = buf_view(&n->root);
	n->g.policy.endorsing_orgs = 3;
	refused(n, "endorsing");
	n->g.policy.endorsing_orgs = 0;
	refused(n, "endorsing");
	n->g.policy.endorsing_orgs = 1; /* fewer than peers may lie, and one */
	refused(n, "endorsing");
	n->g.policy.endorsing_orgs = 2;
	n->g.policy.receipts = 5;
	refused(n, "receipts");
	n->g.policy.receipts = 0;
	n->g.policy.time_window_ms = 0;
	refused(n, "limit");
	net_free(n);
}

T_TEST(genesis_files)
{
	const char *path = tmpdir_path(tmpdir_new(), "genesis");
	struct buf bytes;

	t_err(genesis_read(path, &bytes), CF_ENOTFOUND);
	t_ok(strstr(err_detail(), path));
	t_zero(userfile_create(path, 0644, view_str("no genesis")));
	t_zero(genesis_read(path, &bytes));
	t_eq(bytes.len, 10);
	buf_release(&bytes);
}

T_TEST(genesis_rows_round_trip)
{
	struct contract_row contract = {.version = 7, .state = CONTRACT_STOPPING}, contract_again;
	struct sections_row sections, sections_again;
	struct buf b;

	buf_init(&b, 0);
	t_zero(contract_row_encode(&contract, &b));
	t_bytes(b.data, b.len, "\x01\0\0\0\x07\x05", 6);
	t_zero(contract_row_decode(buf_view(&b), &contract_again));
	t_eq(contract_again.version, 7);
	t_eq(contract_again.state, CONTRACT_STOPPING);
	for (size_t len = 0; len < b.len; len++)
		t_err(contract_row_decode(VIEW(b.data, len), &contract_again), CF_EDECODE);
	b.data[5] = 6;
	t_err(contract_row_decode(buf_view(&b), &contract_again), CF_EDECODE);
	b.data[5] = 0;
	t_err(contract_row_decode(buf_view(&b), &contract_again), CF_EDECODE);
	b.data[5] = 1;
	b.data[0] = 2;
	t_err(contract_row_decode(buf_view(&b), &contract_again), CF_EDECODE);

	buf_reset(&b);
	for (unsigned i = 0; i <= SECTION_COUNT; i++)
		strcpy(sections.title[i], section_title(i));
	t_zero(sections_row_encode(&sections, &b));
	t_zero(sections_row_decode(buf_view(&b), &sections_again));
	for (unsigned i = 0; i <= SECTION_COUNT; i++)
		t_str(sections_again.title[i], section_title(i));
	for (size_t len = 0; len < b.len; len++)
		t_err(sections_row_decode(VIEW(b.data, len), &sections_again), CF_EDECODE);
	buf_release(&b);
}

static struct view row(struct db_txn *txn, struct statekey key)
{
	struct version version;
	struct view value;

	t_zero(state_get(txn, statekey_view(&key), &value, &version));
	return value;
}

static void check_identity(struct db_txn *txn, const struct net *n, unsigned at)
{
	struct cert_info info;
	struct identity_row identity;
	struct identity_id id;
	struct hash fingerprint;

	t_zero(cert_parse(n->g.identity_cert[at], &info));
	id = identity_id_of(info.org, info.name);
	t_zero(identity_row_decode(row(txn, statekey_identity(&id)), &identity));
	t_eq(identity.status, IDENTITY_ACTIVE);
	t_eq(identity.role, info.role);
	t_str(identity.name, info.name);
	t_eq(identity.org, strcmp(info.org, "hospA") == 0 ? 1 : 2);
	t_bytes(identity.kem_point, POINT_BYTES, info.kem_point, POINT_BYTES);
	t_ok(view_equal(identity.cert, n->g.identity_cert[at]));
	fingerprint = crypto_key_fingerprint(info.sign_point);
	t_ok(view_equal(row(txn, statekey_key(&fingerprint)), VIEW(id.b, IDENTITY_BYTES)));
}

T_TEST(genesis_founds_the_state)
{
	struct net *n = net_new();
	const char *dir = tmpdir_path(tmpdir_new(), "ledger");
	struct contract_row contract;
	struct policy_row policy;
	struct members members;
	struct holders holders;
	struct chain_head head, again;
	struct hash network;
	struct org_row org;
	struct db_txn *txn;
	struct chain *c = NULL;
	struct buf bytes;
	struct dec d;

	buf_init(&bytes, 0);
	t_zero(genesis_encode(&n->g, &bytes));
	t_zero(chain_open(dir, buf_view(&bytes), CHAIN_NOSYNC, &c));
	network = genesis_network(buf_view(&bytes));
	t_ok(hash_equal(&network, chain_network(c)));
	t_ok(chain_is_new(c));
	t_zero(genesis_apply(c, &n->g));
	t_ok(!chain_is_new(c));
	chain_head(c, &head);
	t_eq(head.height, 0);
	t_ok(!hash_is_zero(&head.state_root));
	t_zero(genesis_apply(c, &n->g)); /* there already */

	t_zero(chain_read_begin(c, &txn));
	t_ok(view_equal(row(txn, statekey_network("name")), view_str("testnet")));
	t_ok(view_equal(row(txn, statekey_network("root")), buf_view(&n->root)));
	t_zero(policy_row_decode(row(txn, statekey_network("policy")), &policy));
	t_eq(policy.record_bytes_max, 65536);
	dec_init(&d, row(txn, statekey_network("members")));
	members_decode(&d, &members);
	t_zero(dec_done(&d));
	t_eq(members.count, PEERS);
	t_zero(state_holders(txn, &holders));
	t_eq(holders.count, PEERS);
	t_eq(holders.threshold, 2);
	t_eq(holders_left(&holders, &members), PEERS);
	t_zero(org_row_decode(row(txn, statekey_org(2)), &org));
	t_str(org.name, "hospB");
	t_zero(contract_row_decode(row(txn, statekey_contract(view_str("emr"))), &contract));
	t_eq(contract.version, 1);
	t_eq(contract.state, CONTRACT_RUNNING);
	for (unsigned i = 0; i < PEOPLE; i++)
		check_identity(txn, n, i);
	db_abort(txn);
	chain_close(c);

	t_zero(chain_open(dir, buf_view(&bytes), CHAIN_NOSYNC, &c));
	t_ok(!chain_is_new(c));
	chain_head(c, &again);
	t_ok(hash_equal(&head.state_root, &again.state_root));
	t_ok(hash_equal(&head.hash, &again.hash));
	chain_close(c);
	buf_release(&bytes);
	net_free(n);
}

T_MAIN
