/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_row.c - rows: round trip, every bit tampered, cut at each length.
 */
#include "acl/row.h"
#include "tests/lib/t.h"

/* What was encoded must come back as the same bytes; what was tampered with is refused or encodes as itself.
 */
#define ROW_TEST(name, row)                                                                \
	do {                                                                               \
		struct name##_row in_ = (row), back_;                                      \
		struct buf a_, b_;                                                         \
		buf_init(&a_, 0);                                                          \
		buf_init(&b_, 0);                                                          \
		t_zero(name##_row_encode(&in_, &a_));                                      \
		t_zero(name##_row_decode(buf_view(&a_), &back_));                          \
		t_zero(name##_row_encode(&back_, &b_));                                    \
		t_bytes(a_.data, a_.len, b_.data, b_.len);                                 \
		for (size_t len_ = 0; len_ < a_.len; len_++)                               \
			t_err(name##_row_decode(VIEW(a_.data, len_), &back_), CF_EDECODE); \
		for (size_t i_ = 0; i_ < 8 * a_.len; i_++) {                               \
			a_.data[i_ / 8] ^= (uint8_t)(1u << i_ % 8);                        \
			buf_reset(&b_);                                                    \
			if (name##_row_decode(buf_view(&a_), &back_) == 0) {               \
				t_zero(name##_row_encode(&back_, &b_));                    \
				t_bytes(a_.data, a_.len, b_.data, b_.len);                 \
			}                                                                  \
			a_.data[i_ / 8] ^= (uint8_t)(1u << i_ % 8);                        \
		}                                                                          \
		t_zero(buf_append(&a_, "", 1));                                            \
		t_err(name##_row_decode(buf_view(&a_), &back_), CF_EDECODE);               \
		buf_release(&a_);                                                          \
		buf_release(&b_);                                                          \
	} while (0)

T_TEST(rows_round_trip)
{
	ROW_TEST(policy, ((struct policy_row){2, 65536, 60000, 1000, 3}));
	ROW_TEST(org, ((struct org_row){3, "Cedar", {{1, 2}}, {{3}}}));
	ROW_TEST(identity, ((struct identity_row){.status = IDENTITY_SUSPENDED,
						  .role = ROLE_MANAGER,
						  .org = 515,
						  .name = "m",
						  .not_before_ms = 5,
						  .not_after_ms = UINT64_MAX,
						  .cert = VIEW("DER", 3)}));
	ROW_TEST(issued, ((struct issued_row){true, {{7}}}));
	ROW_TEST(crl, ((struct crl_row){3, 4, 5, 6, {{8}}}));
	ROW_TEST(patient, ((struct patient_row){.status = PATIENT_OWNED,
						.owner = {{9}},
						.window = 7,
						.sealed_name = VIEW("sealed", 6)}));
	ROW_TEST(section, ((struct section_row){4, 1, {{5}}}));
	ROW_TEST(grant, ((struct grant_row){VERB_READ | VERB_GRANT, 99, 2, 1, {{1}}, {{2}}}));
	ROW_TEST(node, ((struct node_row){.type = NODE_SYMLINK,
					  .section = 16,
					  .mode = 07777,
					  .uid = 1,
					  .gid = 2,
					  .atime_ns = 3,
					  .mtime_ns = 4,
					  .ctime_ns = 5,
					  .crtime_ns = 6,
					  .size = 7}));
	ROW_TEST(content, ((struct content_row){.form = CONTENT_BLOB,
						.epoch = 1,
						.window = 2,
						.secret_tx = {{4}},
						.secret_index = 63,
						.root = {{1}},
						.level = 2,
						.sealed = VIEW("x", 1)}));
	ROW_TEST(entry, ((struct entry_row){{{1}}, NODE_DIR, 1, 2, VIEW("name", 4)}));
	ROW_TEST(xattr, ((struct xattr_row){1, 2, {{3}}, 63, VIEW("list", 4)}));
	ROW_TEST(evidence, ((struct evidence_row){EVIDENCE_NEW_VIEW, {{1}}, 2, 3, 4, {{5}}, {{6}}, 7}));
	ROW_TEST(offender, ((struct offender_row){2, {{{1}}, {{2}}}}));
}

T_TEST(the_version_of_content_is_no_part_of_a_node)
{
	struct node_row row = {.type = NODE_RECORD, .content = {7, 8}}, back;
	struct buf b;

	buf_init(&b, 0);
	t_zero(node_row_encode(&row, &b));
	t_zero(node_row_decode(buf_view(&b), &back));
	t_eq(back.content.height, 0);
	buf_release(&b);
}

T_TEST(inconsistent_content_is_refused)
{
	const struct content_row bad[] = {
		{.form = CONTENT_INLINE, .root = {{1}}},
		{.form = CONTENT_BLOB, .level = 1},
		{.form = CONTENT_BLOB, .root = {{1}}, .level = 5},
		{.form = 3},
	};
	struct content_row back;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf b;

		buf_init(&b, 0);
		t_zero(content_row_encode(&bad[i], &b));
		t_err(content_row_decode(buf_view(&b), &back), CF_EDECODE);
		buf_release(&b);
	}
}

T_MAIN
