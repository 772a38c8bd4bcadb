/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile.h - private keys at rest: encrypted PKCS#8 (PBES2, PBKDF2-HMAC-SHA256, AES-256-CBC) in PEM, mode
 * 0600.
 *
 * OpenSSL's part is in acl/x509.c. Passphrases come from a file, a descriptor, the environment variable
 * CHARTFS_PASSPHRASE, or a terminal.
 */
#ifndef ACL_KEYFILE_H
#define ACL_KEYFILE_H

#include "ledger/buf.h"
#include "ledger/crypto.h"

#define KEYFILE_PBKDF2_ROUNDS 600000
#define PASSPHRASE_BYTES_MAX 1024

/*
 * Creates path with mode 0600 (CF_EEXIST when there). rounds 0: KEYFILE_PBKDF2_ROUNDS.
 * Read refuses a file that others may read (CF_EPERM names it and its mode); CF_EPASS for a wrong passphrase;
 * CF_ENOTFOUND names the missing file; CF_EDECODE for what is no encrypted P-256 key.
 */
int keyfile_write(const char *path, const struct crypto_key *key, const char *passphrase,
		  unsigned rounds) must_check;
int keyfile_read(const char *path, const char *passphrase, struct crypto_key **ret_key) must_check;

/*
 * file may be NULL: then CHARTFS_PASSPHRASE, then a prompt when standard input is a terminal, else CF_EPASS.
 * One trailing newline of the file is cut. The text is wiped by the caller (mem_wipe over sizeof).
 */
int passphrase_get(const char *file, const char *prompt,
		   char ret_passphrase[PASSPHRASE_BYTES_MAX + 1]) must_check;

#endif
