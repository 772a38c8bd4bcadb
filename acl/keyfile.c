/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile.c - private keys at rest, and the passphrase that opens them.
 */
#include "acl/keyfile.h"
#include "acl/userfile.h"
#include "acl/x509.h"
#include "ledger/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define KEYFILE_BYTES_MAX 16384
#define PASSPHRASE_VARIABLE "CHARTFS_PASSPHRASE"

int keyfile_write(const char *path, const struct crypto_key *key, const char *passphrase, unsigned rounds)
{
	struct buf pem;
	int err;

	assert(path && key && passphrase && crypto_key_is_private(key));
	buf_init(&pem, KEYFILE_BYTES_MAX);
	err = cert_key_seal_pem(key, passphrase, rounds ? rounds : KEYFILE_PBKDF2_ROUNDS, &pem);
	if (!err)
		err = userfile_create(path, 0600, buf_view(&pem));
	buf_release(&pem);
	return err;
}

int keyfile_read(const char *path, const char *passphrase, struct crypto_key **ret_key)
{
	struct buf pem;
	int err;

	assert(path && passphrase && ret_key);
	buf_init(&pem, KEYFILE_BYTES_MAX);
	err = userfile_read(path, KEYFILE_BYTES_MAX, true, &pem);
	if (err)
		goto out;
	err = cert_key_open_pem(buf_view(&pem), passphrase, ret_key);
	if (err == CF_EPASS)
		err = err_set(err, "%s: wrong passphrase", path);
	else if (err == CF_EDECODE)
		err = err_set(err, "%s: not an encrypted P-256 key (PKCS#8, PBES2)", path);
out:
	buf_release_secret(&pem); /* it may have been a key in clear */
	return err;
}

/* The text of a passphrase without its end of line; origin is for messages. */
static int take(struct view text, const char *origin, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1])
{
	if (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	if (text.len == 0)
		return err_set(CF_EPASS, "%s: the passphrase is empty", origin);
	if (text.len > PASSPHRASE_BYTES_MAX)
		return err_set(CF_ETOOBIG, "%s: a passphrase has at most %d bytes", origin,
			       PASSPHRASE_BYTES_MAX);
	if (memchr(text.data, '\0', text.len))
		return err_set(CF_EINVAL, "%s: a NUL in the passphrase", origin);
	memcpy(ret_passphrase, text.data, text.len);
	ret_passphrase[text.len] = '\0';
	return 0;
}

static int from_file(const char *path, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1])
{
	struct buf text;
	int err;

	buf_init(&text, PASSPHRASE_BYTES_MAX + 2);
	err = userfile_read(path, PASSPHRASE_BYTES_MAX + 2, false, &text);
	if (!err)
		err = take(buf_view(&text), path, ret_passphrase);
	buf_release_secret(&text);
	return err;
}

static int from_terminal(const char *prompt, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1])
{
	char line[PASSPHRASE_BYTES_MAX + 2];
	struct termios old, quiet;
	ssize_t n;
	int err;

	if (tcgetattr(STDIN_FILENO, &old) != 0)
		return err_set(CF_EPASS, "no terminal to ask for the passphrase");
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(stderr, "%s: ", prompt);
	fflush(stderr);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	do {
		n = read(STDIN_FILENO, line, sizeof(line));
	} while (n < 0 && errno == EINTR);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	fputc('\n', stderr);
	err = take(VIEW(line, n > 0 ? (size_t)n : 0), "terminal", ret_passphrase);
	mem_wipe(line, sizeof(line));
	return err;
}

int passphrase_get(const char *file, const char *prompt, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1])
{
	const char *value;

	assert(prompt && ret_passphrase);
	if (file)
		return from_file(file, ret_passphrase);
	value = getenv(PASSPHRASE_VARIABLE);
	if (value)
		return take(view_str(value), PASSPHRASE_VARIABLE, ret_passphrase);
	if (isatty(STDIN_FILENO))
		return from_terminal(prompt, ret_passphrase);
	return err_set(CF_EPASS, "no passphrase: name a file, set " PASSPHRASE_VARIABLE " or use a terminal");
}
