/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keyfile.c - keys at rest and passphrases.
 */
#include "acl/keyfile.h"
#include "acl/userfile.h"
#include "acl/x509.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 10

static const char *write_file(const char *dir, const char *name, const char *text, unsigned mode)
{
	const char *path = tmpdir_path(dir, name);

	t_zero(userfile_create(path, mode, view_str(text)));
	t_eq(chmod(path, mode), 0);
	return path;
}

static const char *new_keyfile(struct crypto_key **ret_key)
{
	const char *path = tmpdir_path(tmpdir_new(), "sign.key");

	t_zero(crypto_key_generate(ret_key));
	t_zero(keyfile_write(path, *ret_key, "secret", ROUNDS));
	return path;
}

T_TEST(keyfile_round_trip)
{
	struct crypto_key *key, *again = NULL;
	const char *path = new_keyfile(&key);
	uint8_t a[SCALAR_BYTES], b[SCALAR_BYTES];
	struct stat st;

	t_eq(stat(path, &st), 0);
	t_eq(st.st_mode & 07777, 0600);
	t_zero(keyfile_read(path, "secret", &again));
	t_zero(crypto_key_scalar(key, a));
	t_zero(crypto_key_scalar(again, b));
	t_bytes(a, sizeof(a), b, sizeof(b));
	crypto_key_free(key);
	crypto_key_free(again);
}

T_TEST(keyfile_is_encrypted_pkcs8)
{
	struct crypto_key *key;
	const char *path = new_keyfile(&key);
	struct buf text;
	static const char head[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n";

	buf_init(&text, 0);
	t_zero(userfile_read(path, 4096, true, &text));
	t_ok(text.len > sizeof(head));
	t_bytes(text.data, sizeof(head) - 1, head, sizeof(head) - 1);
	buf_release(&text);
	crypto_key_free(key);
}

T_TEST(keyfile_wrong_passphrase)
{
	struct crypto_key *key, *again = NULL;
	const char *path = new_keyfile(&key);
	char text[32];

	/* a wrong key leaves a valid padding once in 256 times: that must not be taken for success */
	for (int i = 0; i < 600; i++) {
		snprintf(text, sizeof(text), "wrong%d", i);
		t_err(keyfile_read(path, text, &again), CF_EPASS);
	}
	t_ok(strstr(err_detail(), path));
	t_err(keyfile_read(path, "", &again), CF_EPASS);
	t_ok(again == NULL);
	t_eq(err_exit_code(CF_EPASS), 12);
	crypto_key_free(key);
}

T_TEST(keyfile_open_to_others)
{
	static const unsigned modes[] = {0640, 0604, 0660, 0644, 0610, 0777};
	struct crypto_key *key, *again = NULL;
	const char *path = new_keyfile(&key);

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		t_eq(chmod(path, modes[i]), 0);
		t_err(keyfile_read(path, "secret", &again), CF_EPERM);
		t_ok(strstr(err_detail(), path));
	}
	t_ok(strstr(err_detail(), "0777"));
	t_eq(chmod(path, 0400), 0);
	t_zero(keyfile_read(path, "secret", &again));
	crypto_key_free(key);
	crypto_key_free(again);
}

T_TEST(keyfile_missing_and_there)
{
	struct crypto_key *key, *again = NULL;
	const char *path = new_keyfile(&key);

	t_err(keyfile_write(path, key, "secret", ROUNDS), CF_EEXIST);
	t_eq(unlink(path), 0);
	t_err(keyfile_read(path, "secret", &again), CF_ENOTFOUND);
	t_ok(strstr(err_detail(), path));
	crypto_key_free(key);
}

T_TEST(keyfile_damaged)
{
	struct crypto_key *key, *again = NULL;
	struct buf text;
	int refused = 0;

	t_zero(crypto_key_generate(&key));
	buf_init(&text, 0);
	t_zero(cert_key_seal_pem(key, "secret", ROUNDS, &text));
	for (size_t len = 0; len < text.len - 1; len++) /* the last newline may be missing */
		t_ok(cert_key_open_pem(VIEW(text.data, len), "secret", &again) < 0);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t *copy = malloc(text.len);
		uint8_t a[POINT_BYTES], b[POINT_BYTES];

		t_ok(copy);
		memcpy(copy, text.data, text.len);
		copy[i] ^= 1;
		if (cert_key_open_pem(VIEW(copy, text.len), "secret", &again) == 0) {
			/* white space and unused bits of Base64 carry nothing: the key is the same or refused
			 */
			crypto_key_point(key, a);
			crypto_key_point(again, b);
			t_bytes(a, sizeof(a), b, sizeof(b));
			crypto_key_free(again);
			again = NULL;
		} else {
			refused++;
		}
		free(copy);
	}
	t_ok(refused > (int)text.len * 8 / 10);
	buf_release(&text);
	crypto_key_free(key);
}

T_TEST(keyfile_not_an_encrypted_p256_key)
{
	static const char *const wrong[] = {
		"",
		"no key at all\n",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
	};
	struct crypto_key *key, *again = NULL;
	const char *dir = tmpdir_new();
	struct buf plain;
	char name[8];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(name, sizeof(name), "%zu", i);
		t_err(keyfile_read(write_file(dir, name, wrong[i], 0600), "secret", &again), CF_EDECODE);
	}
	t_zero(crypto_key_generate(&key));
	buf_init(&plain, 0);
	t_zero(cert_key_pem_text(key, &plain));
	t_zero(buf_append(&plain, "", 1));
	t_ok(strncmp((const char *)plain.data, "-----BEGIN PRIVATE KEY-----", 27) == 0);
	t_err(keyfile_read(write_file(dir, "plain", (const char *)plain.data, 0600), "secret", &again),
	      CF_EDECODE);
	t_ok(strstr(err_detail(), "encrypted"));
	buf_release_secret(&plain);
	crypto_key_free(key);
}

T_TEST(passphrase_from_file)
{
	char text[PASSPHRASE_BYTES_MAX + 1];
	const char *dir = tmpdir_new();
	char line[PASSPHRASE_BYTES_MAX + 3];

	t_zero(passphrase_get(write_file(dir, "a", "correct horse\n", 0600), "?", text));
	t_str(text, "correct horse");
	t_zero(passphrase_get(write_file(dir, "b", " two lines\n\n", 0600), "?", text));
	t_str(text, " two lines\n");
	t_err(passphrase_get(write_file(dir, "c", "\n", 0600), "?", text), CF_EPASS);
	t_err(passphrase_get(write_file(dir, "d", "", 0600), "?", text), CF_EPASS);
	t_err(passphrase_get(tmpdir_path(dir, "none"), "?", text), CF_ENOTFOUND);
	memset(line, 'x', sizeof(line));
	line[PASSPHRASE_BYTES_MAX] = '\n';
	line[PASSPHRASE_BYTES_MAX + 1] = '\0';
	t_zero(passphrase_get(write_file(dir, "e", line, 0600), "?", text));
	t_eq(strlen(text), PASSPHRASE_BYTES_MAX);
	line[PASSPHRASE_BYTES_MAX] = 'x';
	t_err(passphrase_get(write_file(dir, "f", line, 0600), "?", text), CF_ETOOBIG);
}

T_TEST(passphrase_from_environment)
{
	char text[PASSPHRASE_BYTES_MAX + 1];

	t_eq(setenv("CHARTFS_PASSPHRASE", "from the environment", 1), 0);
	t_zero(passphrase_get(NULL, "?", text));
	t_str(text, "from the environment");
	t_eq(setenv("CHARTFS_PASSPHRASE", "", 1), 0);
	t_err(passphrase_get(NULL, "?", text), CF_EPASS);
	t_eq(unsetenv("CHARTFS_PASSPHRASE"), 0);
}

T_TEST(passphrase_from_nowhere)
{
	char text[PASSPHRASE_BYTES_MAX + 1];
	int fds[2];

	t_eq(unsetenv("CHARTFS_PASSPHRASE"), 0);
	t_eq(pipe(fds), 0);
	t_eq(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	t_err(passphrase_get(NULL, "?", text), CF_EPASS);
	close(fds[0]);
	close(fds[1]);
}

T_TEST(passphrase_from_descriptor)
{
	char text[PASSPHRASE_BYTES_MAX + 1], path[32];
	int fds[2];

	t_eq(pipe(fds), 0);
	t_eq(write(fds[1], "piped\n", 6), 6);
	close(fds[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	t_zero(passphrase_get(path, "?", text));
	t_str(text, "piped");
	close(fds[0]);
}

T_TEST(userfile_create_and_directories)
{
	const char *dir = tmpdir_path(tmpdir_new(), "made");
	struct stat st;
	struct buf b;

	t_zero(userfile_dir_create(dir));
	t_eq(stat(dir, &st), 0);
	t_eq(st.st_mode & 07777, 0700);
	t_zero(userfile_dir_create(dir));
	t_zero(userfile_create(tmpdir_path(dir, "f"), 0644, view_str("x")));
	t_err(userfile_create(tmpdir_path(dir, "f"), 0644, view_str("y")), CF_EEXIST);
	t_err(userfile_dir_create(dir), CF_ENOTEMPTY);
	t_err(userfile_dir_create(tmpdir_path(dir, "f")), CF_ENOTDIR);
	t_err(userfile_create(tmpdir_path(dir, "none/f"), 0644, view_str("x")), CF_ENOTFOUND);
	buf_init(&b, 0);
	t_err(userfile_read(dir, 10, false, &b), CF_EISDIR);
	t_err(userfile_read(tmpdir_path(dir, "f"), 0, false, &b), CF_ETOOBIG);
	t_zero(userfile_read(tmpdir_path(dir, "f"), 1, false, &b));
	t_bytes(b.data, b.len, "x", 1);
	buf_release(&b);
}

T_MAIN
