/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_content.c - names, records, chunks and manifest nodes: sealed, opened, tampered with, bound to their
 * place.
 */
#include "tests/lib/t.h"
#include "acl/content.h"
#include "ledger/mem.h"

static struct section_keys keys_of(uint8_t section, uint32_t epoch, uint32_t window)
{
	struct section_keys k = {.patient = {{1}}, .section = section, .epoch = epoch, .window = window};

	memset(k.content, 1, sizeof(k.content));
	memset(k.dedup, 2, sizeof(k.dedup));
	memset(k.commit, 3, sizeof(k.commit));
	memset(k.name, 4, sizeof(k.name));
	memset(k.token, 5, sizeof(k.token));
	return k;
}

static const struct node_id dir = {{9}}, other_dir = {{8}};

T_TEST(names_open_only_in_their_place)
{
	struct section_keys k = keys_of(5, 0, 1),
			    wrong[3] = {keys_of(6, 0, 1), keys_of(5, 1, 1), keys_of(5, 0, 2)};
	struct buf sealed, out;

	buf_init(&sealed, 0);
	buf_init(&out, 0);
	t_zero(content_seal_name(&k, &dir, view_str("ct-head.json"), &sealed));
	t_zero(content_open_name(&k, &dir, buf_view(&sealed), &out));
	t_bytes(out.data, out.len, "ct-head.json", 12);
	t_err(content_open_name(&k, &other_dir, buf_view(&sealed), &out), CF_ECORRUPT);
	for (int i = 0; i < 3; i++)
		t_err(content_open_name(&wrong[i], &dir, buf_view(&sealed), &out), CF_ECORRUPT);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		t_err(content_open_name(&k, &dir, buf_view(&sealed), &out), CF_ECORRUPT);
		sealed.data[i] ^= 1;
		t_err(content_open_name(&k, &dir, VIEW(sealed.data, i), &out), CF_ECORRUPT);
	}
	t_eq(out.len, 12);
	buf_release(&sealed);
	buf_release(&out);
}

T_TEST(sealed_names_hide_length_and_equality)
{
	struct section_keys k = keys_of(5, 0, 1);
	struct buf a, b;

	buf_init(&a, 0);
	buf_init(&b, 0);
	t_zero(content_seal_name(&k, &dir, view_str("a"), &a));
	t_zero(content_seal_name(&k, &dir, view_str("a-much-longer-name.json"), &b));
	t_eq(a.len, b.len);
	buf_reset(&b);
	t_zero(content_seal_name(&k, &dir, view_str("a"), &b));
	t_ok(memcmp(a.data, b.data, a.len) != 0);
	buf_release(&a);
	buf_release(&b);
}

T_TEST(names_have_limits)
{
	struct section_keys k = keys_of(5, 0, 1);
	char name[257];
	struct buf sealed, out;

	memset(name, 'x', sizeof(name));
	buf_init(&sealed, 0);
	buf_init(&out, 0);
	t_err(content_seal_name(&k, &dir, VIEW(name, 256), &sealed), CF_ENAMETOOLONG);
	t_err(content_seal_name(&k, &dir, VIEW("a/b", 3), &sealed), CF_EINVAL);
	t_err(content_seal_name(&k, &dir, VIEW("a\0b", 3), &sealed), CF_EINVAL);
	t_err(content_seal_name(&k, &dir, VIEW_NONE, &sealed), CF_EINVAL);
	t_eq(sealed.len, 0);
	t_zero(content_seal_name(&k, &dir, VIEW(name, 255), &sealed));
	t_ok(sealed.len <= SEALED_NAME_BYTES_MAX);
	t_zero(content_open_name(&k, &dir, buf_view(&sealed), &out));
	t_bytes(out.data, out.len, name, 255);
	buf_release(&sealed);
	buf_release(&out);
}

T_TEST(tokens_outlive_epochs)
{
	struct section_keys a = keys_of(5, 0, 1), b = keys_of(5, 7, 9);
	struct name_token x = content_token(&a, &dir, view_str("n")),
			  y = content_token(&b, &dir, view_str("n"));

	t_bytes(x.b, TOKEN_BYTES, y.b, TOKEN_BYTES);
	y = content_token(&a, &other_dir, view_str("n"));
	t_ok(memcmp(x.b, y.b, TOKEN_BYTES) != 0);
	y = content_token(&a, &dir, view_str("m"));
	t_ok(memcmp(x.b, y.b, TOKEN_BYTES) != 0);
}

T_TEST(records_open_with_their_secret)
{
	struct section_keys k = keys_of(5, 0, 1), later = keys_of(5, 0, 2);
	uint8_t secret[CONTENT_SECRET_BYTES] = {1}, other[CONTENT_SECRET_BYTES] = {2};
	struct buf sealed, out;

	buf_init(&sealed, 0);
	buf_init(&out, 0);
	t_zero(content_seal(&k, secret, view_str("{\"hb\":13}"), &sealed));
	t_eq(sealed.len, 9 + AEAD_TAG_BYTES);
	t_zero(content_open(&k, secret, buf_view(&sealed), &out));
	t_bytes(out.data, out.len, "{\"hb\":13}", 9);
	t_err(content_open(&k, other, buf_view(&sealed), &out), CF_ECORRUPT);
	t_err(content_open(&later, secret, buf_view(&sealed), &out), CF_ECORRUPT);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 0x80;
		t_err(content_open(&k, secret, buf_view(&sealed), &out), CF_ECORRUPT);
		sealed.data[i] ^= 0x80;
		t_err(content_open(&k, secret, VIEW(sealed.data, i), &out), CF_ECORRUPT);
	}
	buf_release(&sealed);
	buf_release(&out);
}

T_TEST(secrets_are_found_by_their_operation)
{
	uint8_t a[CONTENT_SECRET_BYTES] = {1}, b[CONTENT_SECRET_BYTES] = {2}, found[CONTENT_SECRET_BYTES];
	struct annex_item items[2];
	struct buf one, two, annex;

	buf_init(&one, 0);
	buf_init(&two, 0);
	buf_init(&annex, 0);
	t_zero(content_secret_item(3, a, &one));
	t_zero(content_secret_item(5, b, &two));
	items[0] = (struct annex_item){ANNEX_SECRET, buf_view(&one)};
	items[1] = (struct annex_item){ANNEX_SECRET, buf_view(&two)};
	t_zero(annex_encode(items, 2, &annex));
	t_zero(content_secret_find(buf_view(&annex), 5, found));
	t_bytes(found, sizeof(found), b, sizeof(b));
	t_err(content_secret_find(buf_view(&annex), 4, found), CF_ENOKEY);
	t_err(content_secret_find(VIEW_NONE, 3, found), CF_ENOKEY);
	buf_release(&one);
	buf_release(&two);
	buf_release(&annex);
}

T_TEST(commitments_are_salted)
{
	struct section_keys a = keys_of(5, 0, 1), b = a;
	struct hash plain = sha256(view_str("{}")), x, y;

	b.commit[0] ^= 1;
	x = content_commitment(&a, &plain);
	y = content_commitment(&b, &plain);
	t_ok(!hash_equal(&x, &y) && !hash_equal(&x, &plain));
}

T_TEST(equal_chunks_have_one_address)
{
	struct section_keys k = keys_of(5, 0, 1), later = keys_of(5, 0, 2);
	struct content_ref a, b, c;
	struct buf blob, again, out;

	buf_init(&blob, 0);
	buf_init(&again, 0);
	buf_init(&out, 0);
	t_zero(content_seal_chunk(&k, view_str("pixels"), &blob, &a));
	t_zero(content_seal_chunk(&k, view_str("pixels"), &again, &b));
	t_bytes(blob.data, blob.len, again.data, again.len);
	t_bytes(a.address.b, HASH_BYTES, b.address.b, HASH_BYTES);
	t_zero(content_seal_chunk(&later, view_str("pixels"), &out, &c));
	t_ok(!hash_equal(&a.address, &c.address));
	t_err(content_open_chunk(&k, &a, buf_view(&out), &out), CF_ECORRUPT); /* another blob */
	buf_reset(&out);
	t_zero(content_open_chunk(&k, &a, buf_view(&blob), &out));
	t_bytes(out.data, out.len, "pixels", 6);
	t_ok(!content_ref_is_hole(&a));
	for (size_t i = 0; i < blob.len; i++) {
		blob.data[i] ^= 4;
		t_err(content_open_chunk(&k, &a, buf_view(&blob), &out), CF_ECORRUPT);
		/* and when the address is that of what was tampered with */
		b.address = blob_address(buf_view(&blob));
		t_err(content_open_chunk(&k, &b, buf_view(&blob), &out), CF_ECORRUPT);
		blob.data[i] ^= 4;
	}
	buf_release(&blob);
	buf_release(&again);
	buf_release(&out);
}

T_TEST(nodes_bind_their_children)
{
	struct section_keys k = keys_of(5, 0, 1);
	struct content_ref child[3] = {
		{.address = {{1}}, .id = {{2}}, .epoch = 3, .window = 4}, {.epoch = 0}, {.address = {{5}}}};
	struct content_ref ref, back[BLOB_FANOUT], tampered;
	uint32_t count;
	struct buf blob;

	buf_init(&blob, 0);
	t_zero(content_seal_node(&k, 1, child, 3, &blob, &ref));
	t_zero(content_open_node(&k, &ref, buf_view(&blob), 1, back, &count));
	t_eq(count, 3);
	t_bytes(back, sizeof(child), child, sizeof(child));
	t_ok(content_ref_is_hole(&back[1]));
	t_err(content_open_node(&k, &ref, buf_view(&blob), 2, back, &count), CF_ECORRUPT);
	for (size_t i = 0; i < blob.len; i++) {
		blob.data[i] ^= 1;
		tampered = ref;
		tampered.address =
			blob_address(buf_view(&blob)); /* a liar fits the address to what it serves */
		t_err(content_open_node(&k, &tampered, buf_view(&blob), 1, back, &count), CF_ECORRUPT);
		blob.data[i] ^= 1;
	}
	buf_release(&blob);
}

T_TEST(references_round_trip)
{
	struct content_ref a = {.address = {{1}}, .id = {{2}}, .epoch = 3, .window = 4}, b;
	uint64_t size;
	struct buf bytes;

	buf_init(&bytes, 0);
	t_zero(content_ref_encode(&a, 77, &bytes));
	t_zero(content_ref_decode(buf_view(&bytes), &b, &size));
	t_eq(size, 77);
	t_bytes(&a, sizeof(a), &b, sizeof(b));
	for (size_t i = 0; i < bytes.len; i++)
		t_err(content_ref_decode(VIEW(bytes.data, i), &b, &size), CF_EDECODE);
	buf_release(&bytes);
}

T_MAIN
