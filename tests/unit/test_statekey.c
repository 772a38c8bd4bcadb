/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/statekey.h"
#include "tests/lib/t.h"

static const struct patient_id patient = {"PPPPPPPPPPPPPPP"};
static const struct node_id node = {"NNNNNNNNNNNNNNN"};
static const struct name_token token = {"TTTTTTTTTTTTTTT"};
static const struct identity_id who = {"IIIIIIIIIIIIIII"};
static const struct hash some = {"HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH"};

static struct statekey_parts parse(struct statekey k)
{
	struct statekey_parts parts;

	t_zero(statekey_parse(statekey_view(&k), &parts));
	return parts;
}

#define SAME(got, want) t_bytes(&(got), sizeof(got), &(want), sizeof(want))

T_TEST(statekey_network_rows)
{
	struct statekey k = statekey_network("members");
	struct statekey_parts parts;

	t_bytes(k.b, k.len, "\1\7members", 9);
	t_zero(statekey_parse(statekey_view(&k), &parts));
	t_eq(parts.kind, SK_NETWORK);
	t_ok(view_equal(parts.name, view_str("members")));

	k = statekey_contract(view_str("chart"));
	t_bytes(k.b, k.len, "\5\5chart", 7);
	t_zero(statekey_parse(statekey_view(&k), &parts));
	t_eq(parts.kind, SK_CONTRACT);
	t_ok(view_equal(parts.name, view_str("chart")));

	k = statekey_org(0x0102);
	t_bytes(k.b, k.len, "\2\1\2", 3);
	parts = parse(k);
	t_eq(parts.kind, SK_ORG);
	t_eq(parts.org, 0x0102);

	parts = parse(statekey_identity(&who));
	t_eq(parts.kind, SK_IDENTITY);
	SAME(parts.identity, who);
	parts = parse(statekey_key(&some));
	t_eq(parts.kind, SK_KEY);
	SAME(parts.hash, some);
	parts = parse(statekey_evidence(&some));
	t_eq(parts.kind, SK_EVIDENCE);
	SAME(parts.hash, some);
	parts = parse(statekey_offender(&who, 258));
	t_eq(parts.kind, SK_OFFENDER);
	t_eq(parts.epoch, 258);
	SAME(parts.identity, who);
}

T_TEST(statekey_patient_rows)
{
	static const enum statekey_patient_kind of_node[] = {SKP_NODE, SKP_CONTENT, SKP_RIGHTS, SKP_ERASURE,
							     SKP_HOLD, SKP_XATTR,   SKP_WAITING};
	struct statekey_parts parts = parse(statekey_patient(&patient));

	t_eq(parts.kind, SK_PATIENT);
	t_eq(parts.sub, SKP_PATIENT);
	SAME(parts.patient, patient);
	parts = parse(statekey_section(&patient, 16));
	t_eq(parts.sub, SKP_SECTION);
	t_eq(parts.section, 16);
	parts = parse(statekey_grant(&patient, 5, &who));
	t_eq(parts.sub, SKP_GRANT);
	t_eq(parts.section, 5);
	SAME(parts.identity, who);
	parts = parse(statekey_entry(&patient, &node, &token));
	t_eq(parts.sub, SKP_ENTRY);
	SAME(parts.node, node);
	SAME(parts.token, token);
	for (size_t i = 0; i < sizeof(of_node) / sizeof(of_node[0]); i++) {
		parts = parse(statekey_node(&patient, of_node[i], &node));
		t_eq(parts.sub, of_node[i]);
		SAME(parts.patient, patient);
		SAME(parts.node, node);
	}
}

static void begins_with(struct statekey k, struct statekey prefix)
{
	t_ok(k.len >= prefix.len);
	t_bytes(k.b, prefix.len, prefix.b, prefix.len);
}

T_TEST(statekey_prefixes)
{
	struct statekey whole = statekey_patient_prefix(&patient);

	t_eq(whole.len, 17);
	t_eq(whole.b[0], 0x10);
	begins_with(statekey_patient(&patient), whole);
	begins_with(statekey_entry(&patient, &node, &token), whole);
	begins_with(statekey_entry(&patient, &node, &token), statekey_entries(&patient, &node));
	begins_with(statekey_entries(&patient, &node), statekey_patient_kind_prefix(&patient, SKP_ENTRY));
	begins_with(statekey_grant(&patient, 5, &who), statekey_patient_kind_prefix(&patient, SKP_GRANT));
}

/* A prefix of a key is none itself, but for the entries' prefix, which has no other kind's length either. */
T_TEST(statekey_truncated_or_trailing)
{
	struct statekey keys[] = {
		statekey_network("policy"),
		statekey_org(7),
		statekey_identity(&who),
		statekey_key(&some),
		statekey_contract(VIEW("c", 1)),
		statekey_evidence(&some),
		statekey_offender(&who, 258),
		statekey_patient(&patient),
		statekey_section(&patient, 1),
		statekey_grant(&patient, 1, &who),
		statekey_node(&patient, SKP_NODE, &node),
		statekey_entry(&patient, &node, &token),
	};
	struct statekey_parts parts;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct statekey k = keys[i];

		for (size_t n = 0; n < k.len; n++)
			t_err(statekey_parse(VIEW(k.b, n), &parts), CF_EDECODE);
		t_zero(statekey_parse(VIEW(k.b, k.len), &parts));
		k.b[k.len] = 0;
		t_err(statekey_parse(VIEW(k.b, k.len + 1), &parts), CF_EDECODE);
	}
}

T_TEST(statekey_not_of_the_table)
{
	struct statekey k = statekey_patient(&patient);
	struct statekey_parts parts;
	uint8_t name[2 + STATEKEY_NAME_MAX + 1] = {SK_CONTRACT, STATEKEY_NAME_MAX + 1};

	for (unsigned kind = 0; kind < 256; kind++) {
		uint8_t one = (uint8_t)kind;

		t_err(statekey_parse(VIEW(&one, 1), &parts), CF_EDECODE);
	}
	for (unsigned sub = 0; sub < 256; sub++) {
		k.b[17] = (uint8_t)sub;
		t_err(statekey_parse(statekey_view(&k), &parts), sub == SKP_PATIENT ? 0 : CF_EDECODE);
	}
	t_err(statekey_parse(VIEW("\1\0", 2), &parts), CF_EDECODE);
	t_err(statekey_parse(VIEW(name, sizeof(name)), &parts), CF_EDECODE);
}

T_MAIN
