/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a snapshot, and its pieces: an offer, rows, briefs of blocks; and where old blocks are. */
#include "acl/snapshot.h"
#include "tests/fuzz/fuzz.h"

/* Part, height, the fields given, and the items one by one: the bytes that were decoded. */
static void check_rows(struct view in, struct buf *out)
{
	struct snapshot_rows r;
	struct enc e;

	buf_reset(out);
	if (snapshot_rows_decode(in, &r))
		return;
	enc_init(&e, out);
	enc_u8(&e, SNAPSHOT_ROWS);
	enc_u64(&e, r.height);
	enc_bool(&e, r.last);
	enc_u32(&e, r.count);
	for (uint32_t i = 0; i < r.count; i++) {
		struct state_item row = snapshot_rows_next(&r.items);

		snapshot_row_encode(&row, &e);
	}
	FUZZ_CHECK(enc_done(&e) == 0 && r.items.len == 0 && view_equal(buf_view(out), in));
}

static void check_briefs(struct view in, struct buf *out)
{
	struct snapshot_briefs b;
	struct snapshot_brief brief;
	struct enc e;

	buf_reset(out);
	if (snapshot_briefs_decode(in, &b))
		return;
	enc_init(&e, out);
	enc_u8(&e, SNAPSHOT_BRIEFS);
	enc_u64(&e, b.height);
	enc_u64(&e, b.from);
	enc_u16(&e, (uint16_t)b.count);
	for (uint32_t i = 0; i < b.count; i++) {
		snapshot_briefs_next(&b.items, &brief);
		snapshot_brief_encode(&brief, &e);
	}
	FUZZ_CHECK(enc_done(&e) == 0 && b.items.len == 0 && view_equal(buf_view(out), in));
}

static void check_hints(struct view in, struct buf *out)
{
	struct snapshot_place p;
	struct snapshot_keys k;
	struct enc e;

	buf_reset(out);
	enc_init(&e, out);
	if (snapshot_place_decode(in, &p) == 0) {
		enc_u8(&e, SNAPSHOT_PLACE);
		enc_u64(&e, 0);
		enc_u64(&e, p.height);
		FUZZ_CHECK(enc_done(&e) == 0 && view_equal(buf_view(out), in));
	} else if (snapshot_keys_decode(in, &k) == 0) {
		enc_u8(&e, SNAPSHOT_KEYS);
		enc_u64(&e, 0);
		enc_bool(&e, k.last);
		enc_short(&e, k.after);
		enc_u16(&e, (uint16_t)k.count);
		for (uint32_t i = 0; i < k.count; i++)
			enc_u64(&e, snapshot_height_next(&k.items));
		FUZZ_CHECK(enc_done(&e) == 0 && k.items.len == 0 && view_equal(buf_view(out), in));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = VIEW(data, size);
	struct snapshot_offer offer;
	struct snapshot_ask ask;
	struct buf out;

	buf_init(&out, 0);
	if (snapshot_ask_decode(in, &ask) == 0)
		FUZZ_CHECK(snapshot_ask_encode(&ask, &out) == 0 && view_equal(buf_view(&out), in));
	buf_reset(&out);
	if (snapshot_offer_decode(in, &offer) == 0)
		FUZZ_CHECK(snapshot_offer_encode(&offer, &out) == 0 && view_equal(buf_view(&out), in));
	check_rows(in, &out);
	check_briefs(in, &out);
	check_hints(in, &out);
	buf_release(&out);
	return 0;
}
