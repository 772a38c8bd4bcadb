/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the state, operations, wraps: whatever a transaction can carry that is decoded later. */
#include "acl/holders.h"
#include "acl/op.h"
#include "acl/reshare.h"
#include "acl/wrap.h"
#include "acl/xattr.h"
#include "tests/fuzz/fuzz.h"

#define ROUND_TRIP(name, type)                                                                       \
	do {                                                                                         \
		struct type v_;                                                                      \
		buf_reset(&out);                                                                     \
		if (name##_decode(in, &v_) == 0)                                                     \
			FUZZ_CHECK(name##_encode(&v_, &out) == 0 && view_equal(buf_view(&out), in)); \
	} while (0)

static void rows(struct view in)
{
	struct buf out;

	buf_init(&out, 0);
	ROUND_TRIP(policy_row, policy_row);
	ROUND_TRIP(org_row, org_row);
	ROUND_TRIP(identity_row, identity_row);
	ROUND_TRIP(issued_row, issued_row);
	ROUND_TRIP(crl_row, crl_row);
	ROUND_TRIP(patient_row, patient_row);
	ROUND_TRIP(section_row, section_row);
	ROUND_TRIP(grant_row, grant_row);
	ROUND_TRIP(node_row, node_row);
	ROUND_TRIP(content_row, content_row);
	ROUND_TRIP(entry_row, entry_row);
	ROUND_TRIP(waiting_row, waiting_row);
	ROUND_TRIP(xattr_row, xattr_row);
	ROUND_TRIP(evidence_row, evidence_row);
	ROUND_TRIP(offender_row, offender_row);
	ROUND_TRIP(contract_row, contract_row);
	ROUND_TRIP(sections_row, sections_row);
	ROUND_TRIP(holders, holders);
	ROUND_TRIP(deals, deals);
	buf_release(&out);
}

static int add(void *ctx, struct view name, struct view value)
{
	struct buf *list = ctx, longer;
	int err;

	buf_init(&longer, 0);
	err = xattr_with(buf_view(list), name, value, &longer);
	buf_release(list);
	*list = longer;
	return err;
}

/* A list is what its attributes one by one make. */
static void xattrs(struct view in)
{
	struct buf list;

	if (in.len > XATTR_BYTES_MAX || xattr_check(in))
		return;
	buf_init(&list, 0);
	FUZZ_CHECK(xattr_walk(in, add, &list) == 0 && view_equal(buf_view(&list), in));
	buf_release(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = VIEW(data, size);
	struct wrap w;
	struct buf out;
	uint8_t section;
	uint32_t epoch;

	rows(in);
	xattrs(in);
	buf_init(&out, 0);
	ROUND_TRIP(op_register, op_register);
	ROUND_TRIP(op_admit, op_admit);
	ROUND_TRIP(op_create, op_create);
	ROUND_TRIP(op_save, op_save);
	ROUND_TRIP(op_setattr, op_setattr);
	ROUND_TRIP(op_remove, op_remove);
	ROUND_TRIP(op_rename, op_rename);
	ROUND_TRIP(op_grant, op_grant);
	ROUND_TRIP(op_revoke, op_revoke);
	ROUND_TRIP(op_xattr, op_xattr);
	ROUND_TRIP(op_lease, op_lease);
	ROUND_TRIP(op_deal, op_deal);
	ROUND_TRIP(op_take, op_take);
	ROUND_TRIP(op_accuse, op_accuse);
	ROUND_TRIP(op_standing, op_standing);
	ROUND_TRIP(op_crl, op_crl);
	ROUND_TRIP(op_renew, op_renew);
	ROUND_TRIP(op_evidence, op_evidence);
	ROUND_TRIP(op_approve, op_approve);
	ROUND_TRIP(op_rule, op_rule);
	ROUND_TRIP(op_replace, op_replace);
	if (wrap_decode(in, &w) == 0) {
		for (unsigned i = 0; i < w.count; i++)
			wrap_pair(&w, i, &section, &epoch);
		FUZZ_CHECK(w.clear.len + w.sealed.len == size);
	}
	buf_release(&out);
	return 0;
}
