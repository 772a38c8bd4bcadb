/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_op.c - operations: round trip, every bit tampered, cut at each length; computed ids; the table of
 * types.
 */
#include "acl/op.h"
#include "tests/lib/t.h"

#define OP_TEST(name, type, ...)                                                            \
	do {                                                                                \
		struct type in_ = __VA_ARGS__, back_;                                       \
		struct buf a_, b_;                                                          \
		buf_init(&a_, 0);                                                           \
		buf_init(&b_, 0);                                                           \
		t_zero(op_##name##_encode(&in_, &a_));                                      \
		t_zero(op_##name##_decode(buf_view(&a_), &back_));                          \
		t_zero(op_##name##_encode(&back_, &b_));                                    \
		t_bytes(a_.data, a_.len, b_.data, b_.len);                                  \
		for (size_t len_ = 0; len_ < a_.len; len_++)                                \
			t_err(op_##name##_decode(VIEW(a_.data, len_), &back_), CF_EDECODE); \
		for (size_t i_ = 0; i_ < 8 * a_.len; i_++) {                                \
			a_.data[i_ / 8] ^= (uint8_t)(1u << i_ % 8);                         \
			buf_reset(&b_);                                                     \
			if (op_##name##_decode(buf_view(&a_), &back_) == 0) {               \
				t_zero(op_##name##_encode(&back_, &b_));                    \
				t_bytes(a_.data, a_.len, b_.data, b_.len);                  \
			}                                                                   \
			a_.data[i_ / 8] ^= (uint8_t)(1u << i_ % 8);                         \
		}                                                                           \
		t_zero(buf_append(&a_, "", 1));                                             \
		t_err(op_##name##_decode(buf_view(&a_), &back_), CF_EDECODE);               \
		buf_release(&a_);                                                           \
		buf_release(&b_);                                                           \
	} while (0)

T_TEST(operations_round_trip)
{
	OP_TEST(register, op_register, {.count = 2, .cert = {VIEW("leaf", 4), VIEW("ca", 2)}});
	OP_TEST(members, op_members,
		{.change = MEMBERS_ADD,
		 .epoch = 3,
		 .who = {{1}},
		 .peer_address = VIEW("a", 1),
		 .client_address = VIEW("b", 1),
		 .approval_count = 2,
		 .approval = {{.by = {{1}}}, {.by = {{2}}}}});
	OP_TEST(members, op_members, {.change = MEMBERS_EXPEL, .who = {{1}}, .evidence = {{4}}});
	OP_TEST(erase, op_erase, {.node = {{1}}});
	OP_TEST(approve, op_approve, {.node = {{1}}, .change = {{2}}, .what = APPROVAL_WITHDRAW});
	OP_TEST(rule, op_rule, {.sections = 0x1ffff, .amend = 1});
	OP_TEST(replace, op_replace,
		{.old = {{1}},
		 .owner = {{2}},
		 .consent = {3},
		 .approval_count = 2,
		 .approval = {{.by = {{1}}}, {.by = {{2}}}}});
	OP_TEST(claim, op_claim, {.owner = {{1}}, .consent = {2}});
	OP_TEST(standing, op_standing, {.who = {{1}}, .reason = VIEW("left", 4)});
	OP_TEST(crl, op_crl, {.crl = VIEW("list", 4), .count = 2, .cert = {VIEW("ca", 2), VIEW("above", 5)}});
	OP_TEST(crl, op_crl, {.crl = VIEW("list of the root", 16)});
	OP_TEST(renew, op_renew,
		{.who = {{1}}, .proof = {2}, .count = 2, .cert = {VIEW("leaf", 4), VIEW("ca", 2)}});
	OP_TEST(admit, op_admit,
		{.custodian = {{1}},
		 .window = 3,
		 .sealed_name = VIEW("n", 1),
		 .mode = 0750,
		 .uid = 1,
		 .gid = 2});
	OP_TEST(create, op_create,
		{.dir = {{1}},
		 .token = {{2}},
		 .section = 5,
		 .type = NODE_RECORD,
		 .epoch = 3,
		 .window = 4,
		 .sealed_name = VIEW("name", 4),
		 .attrs = {0644, 1, 2, 3, 4},
		 .size = 2,
		 .content = VIEW("{}", 2)});
	OP_TEST(save, op_save,
		{.node = {{1}},
		 .base = {2, 3},
		 .attrs = {0644, 1, 2, 3, 4},
		 .size = 2,
		 .content = VIEW("{}", 2)});
	OP_TEST(setattr, op_setattr,
		{.node = {{1}}, .mask = OP_SET_MODE | OP_SET_MTIME, .attrs = {.mode = 0600, .mtime_ns = 9}});
	OP_TEST(remove, op_remove, {{{1}}, {{2}}, {{3}}});
	OP_TEST(rename, op_rename,
		{.from_dir = {{1}},
		 .to_dir = {{2}},
		 .node = {{3}},
		 .replaced = {{4}},
		 .sealed_name = VIEW("name", 4)});
	OP_TEST(grant, op_grant,
		{.sections = 0x1ffff, .to = {{1}}, .verbs = VERB_ALL, .until_ms = 5, .purpose = 6});
	OP_TEST(revoke, op_revoke, {.sections = 2, .from = {{1}}});
	OP_TEST(lease, op_lease,
		{.section = 3,
		 .use = LEASE_READ,
		 .first_window = 4,
		 .last_window = 5,
		 .until_ms = 6,
		 .purpose = VIEW("TREAT", 5)});
	OP_TEST(deal, op_deal,
		{.generation = 2,
		 .epoch = 3,
		 .deal = VIEW("deal", 4),
		 .proof_count = 2,
		 .proof = {{1}, {2}}});
	OP_TEST(take, op_take, {.generation = 2, .epoch = 3, .deals = {{4}}});
	OP_TEST(accuse, op_accuse,
		{.generation = 2, .epoch = 3, .dealer = 1, .deal = {{4}}, .opening = {{5}, {6}, {7}}});
	OP_TEST(xattr, op_xattr, {.node = {{1}}, .base = {2, 3}, .row = VIEW("row", 3)});
}

T_TEST(what_no_encoder_writes_is_refused)
{
	struct op_grant grant = {.sections = 2, .verbs = VERB_GRANT};
	struct op_revoke revoke = {.sections = 1u << 17};
	struct op_setattr set;
	struct buf b;

	buf_init(&b, 0);
	t_zero(op_grant_encode(&grant, &b)); /* to grant on is never granted */
	t_err(op_grant_decode(buf_view(&b), &grant), CF_EDECODE);
	buf_reset(&b);
	grant = (struct op_grant){.sections = 2, .verbs = 0};
	t_zero(op_grant_encode(&grant, &b));
	t_err(op_grant_decode(buf_view(&b), &grant), CF_EDECODE);
	buf_reset(&b);
	t_zero(op_revoke_encode(&revoke, &b));
	t_err(op_revoke_decode(buf_view(&b), &revoke), CF_EDECODE);
	buf_reset(&b);
	set = (struct op_setattr){.mask = OP_SET_UID, .attrs = {.uid = 4}};
	t_zero(op_setattr_encode(&set, &b));
	b.data[NODE_BYTES] = OP_SET_GID; /* a field outside of its mask */
	t_err(op_setattr_decode(buf_view(&b), &set), CF_EDECODE);
	buf_release(&b);
}

T_TEST(ids_are_computed)
{
	struct hash tx = {{1, 2, 3}};
	struct patient_id p = {{4, 5}};
	struct node_id a = op_new_node(&tx, 0), b = op_new_node(&tx, 1), root = op_section_node(&p, 0);
	const uint8_t index[2] = {0, 0};
	struct hash h = sha256_parts((const struct view[]){VIEW(tx.b, HASH_BYTES), VIEW(index, 2)}, 2);

	t_bytes(a.b, NODE_BYTES, h.b, NODE_BYTES);
	t_ok(memcmp(a.b, b.b, NODE_BYTES) != 0);
	t_bytes(root.b, NODE_BYTES, p.b, PATIENT_BYTES);
	for (unsigned i = 0; i <= SECTION_COUNT; i++) {
		for (unsigned j = 0; j < i; j++) {
			a = op_section_node(&p, i);
			b = op_section_node(&p, j);
			t_ok(memcmp(a.b, b.b, NODE_BYTES) != 0);
		}
	}
}

T_TEST(types_follow_the_table)
{
	static const struct {
		enum op_code code;
		enum role role;
		enum tx_type type;
	} table[] = {
		{OP_REGISTER, ROLE_DOCTOR, TX_DOCTOR},
		{OP_REGISTER, ROLE_PATIENT, TX_CONFIG},
		{OP_REGISTER, ROLE_PEER, TX_CONFIG},
		{OP_ADMIT, ROLE_MANAGER, TX_PATIENT},
		{OP_CREATE, ROLE_DOCTOR, TX_MEDICAL},
		{OP_CREATE, ROLE_PATIENT, TX_HEALTH},
		{OP_SAVE, ROLE_DOCTOR, TX_MODIFICATION},
		{OP_SETATTR, ROLE_PATIENT, TX_MODIFICATION},
		{OP_RENAME, ROLE_DOCTOR, TX_MODIFICATION},
		{OP_XATTR, ROLE_DOCTOR, TX_MODIFICATION},
		{OP_UNLINK, ROLE_DOCTOR, TX_DELETION},
		{OP_RMDIR, ROLE_PATIENT, TX_DELETION},
		{OP_MEMBERS, ROLE_MANAGER, TX_CONFIG},
		{OP_SUSPEND, ROLE_MANAGER, TX_CONFIG},
		{OP_REINSTATE, ROLE_GOVERNOR, TX_CONFIG},
		{OP_CRL, ROLE_PATIENT, TX_CONFIG},
		{OP_RENEW, ROLE_DOCTOR, TX_CONFIG},
		{OP_GRANT, ROLE_PATIENT, TX_PERMISSION},
		{OP_REVOKE, ROLE_DOCTOR, TX_PERMISSION},
		{OP_RULE, ROLE_PATIENT, TX_PERMISSION},
		{OP_PROPOSE, ROLE_DOCTOR, TX_MODIFICATION},
		{OP_APPROVE, ROLE_PATIENT, TX_MODIFICATION},
		{OP_REPLACE, ROLE_DOCTOR, TX_PERMISSION},
		{OP_LEASE, ROLE_PATIENT, TX_QUERY},
		{OP_LEASE, ROLE_DOCTOR, TX_QUERY},
		{OP_DEAL, ROLE_PEER, TX_CONFIG},
		{OP_TAKE, ROLE_PEER, TX_CONFIG},
		{OP_ACCUSE, ROLE_PEER, TX_CONFIG},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		t_eq(op_tx_type(table[i].code, table[i].role), table[i].type);
	t_str(op_name(OP_XATTR), "xattr");
	t_str(op_name((enum op_code)0), "?");
	t_str(op_name(OP_ACCUSE), "accuse");
	t_str(op_name((enum op_code)17), "?");
}

T_MAIN
