/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manifest.c - a manifest: round trip, every byte changed, cut at each length, signed by a stranger.
 */
#include "tests/lib/t.h"
#include "fs/manifest.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"

#include <string.h>

struct fix {
	struct netfix *n;
	struct identity who;
	struct manifest_head head;
};

static void fix_new(struct fix *f)
{
	t_zero(netfix_new(1, false, &f->n));
	t_zero(netfix_person(f->n, "ada", ROLE_DOCTOR, 0, &f->who));
	memset(&f->head, 0, sizeof f->head);
	f->head.network = f->n->network;
	f->head.height = 7;
	f->head.taken_ms = f->n->now_ms;
	strcpy(f->head.path, "patients/p one");
}

static void fix_free(struct fix *f)
{
	identity_release(&f->who);
	netfix_free(f->n);
}

static void put(struct buf *out, char kind, const char *path, const char *target, struct view value)
{
	struct manifest_entry *e = mem_zalloc(sizeof *e);

	*e = (struct manifest_entry){
		.kind = kind, .mode = 0640, .uid = 1, .gid = UINT32_MAX, .mtime_ns = UINT64_MAX, .size = 5};
	memset(e->hash.b, 9, HASH_BYTES);
	strcpy(e->path, path);
	strcpy(e->target, target);
	buf_init(&e->value, 0);
	t_zero(buf_append_view(&e->value, value));
	t_zero(manifest_put(e, out));
	buf_release(&e->value);
	mem_free(e);
}

static void sign(struct fix *f, struct buf *out)
{
	uint8_t sig[SIG_BYTES];
	struct hash lines, digest;

	for (size_t i = 0; i < f->who.chain_count; i++)
		t_zero(manifest_put_certificate(buf_view(&f->who.chain[i]), out));
	lines = sha256(buf_view(out));
	digest = manifest_digest(&f->head.network, &lines);
	t_zero(crypto_sign(f->who.sign, &digest, sig));
	t_zero(manifest_put_signature(sig, out));
}

static void make(struct fix *f, struct buf *out)
{
	buf_init(out, 0);
	t_zero(manifest_put_head(&f->head, out));
	put(out, 'd', ".", "", VIEW_NONE);
	put(out, 'f', "a%b c\n\xc3\xa4", "", VIEW_NONE);
	put(out, 'x', "", "user.empty", VIEW_NONE);
	put(out, 'x', "", "user.b", VIEW("\0\xff", 2));
	put(out, 'l', "l", "../else where", VIEW_NONE);
	put(out, 'n', "EMR13", "", VIEW_NONE);
	sign(f, out);
}

T_TEST(what_was_put_comes_back)
{
	struct manifest *m = mem_zalloc(sizeof *m);
	struct manifest_entry *e = mem_zalloc(sizeof *e);
	struct buf text;
	struct fix f;

	fix_new(&f);
	make(&f, &text);
	buf_init(&e->value, 0);
	t_zero(manifest_open(buf_view(&text), buf_view(&f.n->genesis), m));
	t_str(m->head.path, "patients/p one");
	t_eq(m->head.height, 7);
	t_ok(strncmp(m->signer, "ada@", 4) == 0);
	t_zero(manifest_next(m, e));
	t_eq(e->kind, 'd');
	t_str(e->path, ".");
	t_eq(e->mode, 0640);
	t_ok(e->gid == UINT32_MAX && e->mtime_ns == UINT64_MAX);
	t_zero(manifest_next(m, e));
	t_eq(e->kind, 'f');
	t_str(e->path, "a%b c\n\xc3\xa4");
	t_eq(e->size, 5);
	t_eq(e->hash.b[31], 9);
	t_zero(manifest_next(m, e));
	t_str(e->target, "user.empty");
	t_eq(e->value.len, 0);
	t_zero(manifest_next(m, e));
	t_eq(e->kind, 'x');
	t_bytes(e->value.data, e->value.len, "\0\xff", 2);
	t_zero(manifest_next(m, e));
	t_str(e->target, "../else where");
	t_zero(manifest_next(m, e));
	t_eq(e->kind, 'n');
	t_err(manifest_next(m, e), CF_ENOTFOUND);
	buf_release(&e->value);
	buf_release(&text);
	mem_free(e);
	mem_free(m);
	fix_free(&f);
}

T_TEST(no_byte_is_changed_and_nothing_cut)
{
	struct manifest *m = mem_zalloc(sizeof *m);
	struct buf text;
	struct fix f;

	fix_new(&f);
	make(&f, &text);
	for (size_t i = 0; i < text.len; i++) {
		text.data[i] ^= 1;
		t_ok(manifest_open(buf_view(&text), buf_view(&f.n->genesis), m) != 0);
		text.data[i] ^= 1;
	}
	for (size_t len = 0; len < text.len; len++)
		t_ok(manifest_open(VIEW(text.data, len), buf_view(&f.n->genesis), m) != 0);
	t_zero(buf_append(&text, "\n", 1));
	t_err(manifest_open(buf_view(&text), buf_view(&f.n->genesis), m), CF_EDECODE);
	buf_release(&text);
	mem_free(m);
	fix_free(&f);
}

/* Signed, and still nothing that is followed. */
T_TEST(no_path_leads_out)
{
	static const char *const paths[] = {"..", "a/../b", "/a", "a//b", "a/", "./a", "a/."};
	struct manifest *m = mem_zalloc(sizeof *m);
	struct manifest_entry *e = mem_zalloc(sizeof *e);
	struct fix f;

	fix_new(&f);
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct buf text;

		buf_init(&text, 0);
		t_zero(manifest_put_head(&f.head, &text));
		put(&text, 'f', paths[i], "", VIEW_NONE);
		sign(&f, &text);
		t_zero(manifest_open(buf_view(&text), buf_view(&f.n->genesis), m));
		t_err(manifest_next(m, e), CF_EDECODE);
		buf_release(&text);
	}
	mem_free(e);
	mem_free(m);
	fix_free(&f);
}

T_TEST(strangers_sign_nothing)
{
	struct manifest *m = mem_zalloc(sizeof *m);
	struct fix f, other;
	struct buf text;

	fix_new(&f);
	fix_new(&other);
	f.head.network.b[0] ^= 1;
	make(&f, &text);
	t_err(manifest_open(buf_view(&text), buf_view(&f.n->genesis), m), CF_EFOREIGN);
	f.head.network.b[0] ^= 1;
	buf_release(&text);
	other.head.network = f.head.network; /* somebody of another network signs for this one */
	make(&other, &text);
	t_ok(manifest_open(buf_view(&text), buf_view(&f.n->genesis), m) != 0);
	buf_release(&text);
	f.head.taken_ms = f.who.info.not_after_ms + 1000; /* not good for that long */
	make(&f, &text);
	t_err(manifest_open(buf_view(&text), buf_view(&f.n->genesis), m), CF_EEXPIRED);
	buf_release(&text);
	mem_free(m);
	fix_free(&f);
	fix_free(&other);
}

T_MAIN
