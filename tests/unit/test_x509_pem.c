/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_x509_pem.c - files of certificates.
 */
#include "acl/x509.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <unistd.h>

/* Two certificates. */
struct pair {
	struct crypto_key *key;
	struct buf first, second;
};

static void pair_init(struct pair *t)
{
	struct cert_request req = {.kind = CERT_ROOT, .name = "root", .org = "org", .not_after_ms = 1000};

	*t = (struct pair){0};
	t_zero(crypto_key_generate(&t->key));
	req.subject = t->key;
	t_zero(cert_issue(&req, VIEW_NONE, t->key, &t->first));
	t_zero(cert_issue(&req, VIEW_NONE, t->key, &t->second));
}

static void pair_release(struct pair *t)
{
	crypto_key_free(t->key);
	buf_release(&t->first);
	buf_release(&t->second);
}

T_TEST(x509_pem_files)
{
	const char *path = tmpdir_path(tmpdir_new(), "cert.pem");
	struct buf ders[CERT_CHAIN_MAX];
	struct view chain[2];
	struct pair t;
	size_t count = 99;

	pair_init(&t);
	chain[0] = buf_view(&t.first);
	chain[1] = buf_view(&t.second);
	t_zero(cert_pem_write(path, chain, 2));
	t_err(cert_pem_write(path, chain, 2), CF_EEXIST);
	t_err(cert_pem_read(path, ders, 1, &count), CF_ETOOBIG);
	t_eq(count, 99);
	t_zero(cert_pem_read(path, ders, CERT_CHAIN_MAX, &count));
	t_eq(count, 2);
	for (size_t i = 0; i < 2; i++) {
		t_ok(view_equal(buf_view(&ders[i]), chain[i]));
		buf_release(&ders[i]);
	}
	t_eq(unlink(path), 0);
	t_err(cert_pem_read(path, ders, CERT_CHAIN_MAX, &count), CF_ENOTFOUND);
	t_ok(strstr(err_detail(), path));
	pair_release(&t);
}

T_TEST(x509_pem_of_other_things)
{
	const char *path = tmpdir_path(tmpdir_new(), "cert.pem");
	struct buf ders[CERT_CHAIN_MAX], text;
	struct view chain;
	struct pair t;
	size_t count;
	FILE *f;

	pair_init(&t);
	buf_init(&text, 0);
	chain = buf_view(&t.first);
	t_zero(cert_pem_text(&chain, 1, &text));
	t_zero(cert_key_pem_text(t.key, &text));
	for (size_t len = 0; len <= text.len; len += len < 40 ? 1 : 17) {
		f = fopen(path, "w");
		t_ok(f && fwrite(text.data, 1, len, f) == len && fclose(f) == 0);
		/* whole up to the certificate's end it is one; never with a key behind it */
		if (cert_pem_read(path, ders, CERT_CHAIN_MAX, &count) == 0)
			buf_release(&ders[0]);
	}
	f = fopen(path, "w");
	t_ok(f && fwrite(text.data, 1, text.len, f) == text.len && fclose(f) == 0);
	t_err(cert_pem_read(path, ders, CERT_CHAIN_MAX, &count), CF_EDECODE);
	t_ok(strstr(err_detail(), "PRIVATE KEY"));
	f = fopen(path, "w");
	t_ok(f && fclose(f) == 0);
	t_err(cert_pem_read(path, ders, CERT_CHAIN_MAX, &count), CF_EDECODE);
	buf_release_secret(&text);
	pair_release(&t);
}

T_MAIN
