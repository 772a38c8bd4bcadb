/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_verify.c - decode, check against the genesis set, name the offender.
 */
#include "acl/evidence_verify.h"

#include "acl/identity.h"
#include "acl/rowread.h"
#include "ledger/mem.h"

#include <inttypes.h>
#include <string.h>

static void name_offender(const struct genesis *g, struct evidence_facts *f)
{
	char hex[2 * IDENTITY_BYTES + 1];
	struct cert_info info;

	hex_encode(f->offender_id.b, IDENTITY_BYTES, hex);
	snprintf(f->offender, sizeof(f->offender), "%s", hex);
	for (unsigned i = 0; i < g->identity_count; i++) {
		struct identity_id id;

		if (cert_parse(g->identity_cert[i], &info))
			continue;
		id = identity_id_of(info.org, info.name);
		if (identity_equal(&id, &f->offender_id))
			snprintf(f->offender, sizeof(f->offender), "%s@%s", info.name, info.org);
	}
}

int evidence_verify(struct view genesis, struct view evidence, struct evidence_facts *ret_facts)
{
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct evidence *e = mem_alloc(sizeof(*e));
	const struct hash network = genesis_network(genesis);
	int err = g && e ? genesis_decode(genesis, g) : CF_ENOMEM;

	if (err)
		goto out;
	err = evidence_decode(evidence, &network, e);
	if (err == 0)
		err = evidence_check(e, &network, &g->members);
	if (err && err != CF_ENOMEM)
		err = err_set(CF_ECORRUPT, "it proves nothing: %s", err_detail());
	if (err)
		goto out;
	*ret_facts = (struct evidence_facts){
		.network = network,
		.id = evidence_id(evidence),
		.kind = e->kind,
		.offender_id = g->members.member[e->member].id,
		.member = e->member,
		.epoch = e->epoch,
		.height = e->height,
		.view = e->view,
		.tx = e->tx,
		.witnesses = e->witness_count,
	};
	name_offender(g, ret_facts);
out:
	mem_free(g);
	mem_free(e);
	return err;
}

static void print_hex(const char *what, const struct hash *h, FILE *to)
{
	char hex[2 * HASH_BYTES + 1];

	hex_encode(h->b, HASH_BYTES, hex);
	fprintf(to, "%-12s %s\n", what, hex);
}

void evidence_facts_print(const struct evidence_facts *f, FILE *to)
{
	print_hex("evidence", &f->id, to);
	print_hex("genesis", &f->network, to);
	fprintf(to, "%-12s %s, member %u\n", "offender", f->offender, f->member + 1u);
	fprintf(to, "%-12s %s\n", "lie", evidence_kind_name(f->kind));
	if (!hash_is_zero(&f->tx))
		print_hex("transaction", &f->tx, to);
	else
		fprintf(to, "%-12s epoch %" PRIu64 ", height %" PRIu64 ", view %" PRIu64 "\n", "place",
			f->epoch, f->height, f->view);
	if (f->witnesses)
		fprintf(to, "%-12s %u members of other organizations\n", "against", f->witnesses);
}
