/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - a signed list of what a directory of a mount holds at one height: names, modes, times, sizes,
 * SHA-256 of contents, extended attributes. What a backup is compared with, by whoever has the genesis file.
 * LAYOUT.md 9.
 *
 * Text, one line an entry, each directory before what is in it; fields between single blanks:
 *
 *     chartfs manifest v1
 *     network HEX
 *     height N
 *     block HEX                                    its hash
 *     taken N                                      by the signer's clock, ms
 *     path PATH                                    of the directory, below the mount
 *     d MODE UID GID MTIME PATH                    MODE octal, MTIME in ns; PATH below the directory, "."
 * itself f MODE UID GID MTIME SIZE SHA256 PATH l MODE UID GID MTIME TARGET PATH x NAME VALUE an extended
 * attribute of the entry before; VALUE in hex, "-": empty n PATH                                       not
 * readable for the signer certificate HEX                              the signer's and those above it, leaf
 * first signature HEX                                over SHA-256("chartfs manifest v1" NUL, network,
 * SHA-256(lines before))
 *
 * In PATH, NAME and TARGET bytes up to 0x20, 0x7f and % are %XX.
 */
#ifndef FS_MANIFEST_H
#define FS_MANIFEST_H

#include "acl/x509.h"
#include "ledger/crypto.h"

#define MANIFEST_BYTES_MAX ((size_t)1 << 30)
#define MANIFEST_PATH_MAX 4096

struct manifest_head {
	struct hash network;
	uint64_t height;
	struct hash block;
	uint64_t taken_ms;
	char path[MANIFEST_PATH_MAX];
};

struct manifest_entry {
	char kind; /* d f l x n */
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint64_t mtime_ns;
	uint64_t size;    /* f */
	struct hash hash; /* f */
	char path[MANIFEST_PATH_MAX];
	char target[MANIFEST_PATH_MAX]; /* l: target; x: name */
	struct buf value;               /* x; the caller's */
};

int manifest_put_head(const struct manifest_head *h, struct buf *out) must_check;
int manifest_put(const struct manifest_entry *e, struct buf *out) must_check;

/* What the signature is over; lines: all before it. */
struct hash manifest_digest(const struct hash *network, const struct hash *lines);
/* certs in DER, leaf first. */
int manifest_put_certificate(struct view der, struct buf *out) must_check;
int manifest_put_signature(const uint8_t sig[SIG_BYTES], struct buf *out) must_check;

/* A manifest being read. */
struct manifest {
	struct manifest_head head;
	struct view entries;                /* what is left of them */
	char signer[2 * CERT_NAME_MAX + 2]; /* name@organization */
};

/*
 * Checks all of it but that the entries make sense: signature, and certificates against the genesis file.
 * Views point into text. Errors: CF_EDECODE, CF_EFOREIGN (another network, a stranger), CF_ESIG; err_detail
 * says what.
 */
int manifest_open(struct view text, struct view genesis, struct manifest *ret_m) must_check;
/* CF_ENOTFOUND after the last. CF_EDECODE, also for a path that leads out of the directory. */
int manifest_next(struct manifest *m, struct manifest_entry *ret_e) must_check;

#endif
