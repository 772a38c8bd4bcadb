/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_cmd.h - the verbs of chartfs-ca and the options they share.
 */
#ifndef ACL_CA_CMD_H
#define ACL_CA_CMD_H

#include "acl/keyfile.h"

#define CA_LIST_MAX 64

struct ca_list {
	const char *item[CA_LIST_MAX];
	unsigned count;
};

/* NULL, 0 or empty: not given. Texts are those of argv. */
struct ca_options {
	const char *target; /* the argument that is no option */
	const char *word;   /* the one before it, of verbs that have two: "list" */
	const char *name;
	const char *parent;
	const char *ca;
	const char *role;
	const char *root;
	const char *tls_host;
	const char *passphrase_file;
	const char *ca_passphrase_file;
	const char *as; /* directory of the identity that asks */
	const char *into;
	const char *application; /* its id in hex */
	const char *reason;
	const char *out;
	const char *listen;
	const char *pkcs11; /* URI of a key in a token */
	const char *within; /* "30d" */
	unsigned wait;      /* seconds */
	unsigned days;
	unsigned rounds;
	unsigned path_len;
	unsigned endorsing_orgs;
	struct ca_list org;
	struct ca_list peer;
	struct ca_list identity;
	struct ca_list section;
	struct ca_list contribution;
};

/* Passphrases as the options name them: of an authority that signs, of keys that are made. Wiped by the
 * caller. */
int ca_cmd_authority_passphrase(const struct ca_options *o,
				char ret_passphrase[PASSPHRASE_BYTES_MAX + 1]) must_check;
int ca_cmd_new_passphrase(const char *file, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1]) must_check;

/* Each does its work and says on standard output what it made. Errors with err_detail. */
int ca_cmd_init(const struct ca_options *o) must_check;
int ca_cmd_intermediate(const struct ca_options *o) must_check;
int ca_cmd_issue(const struct ca_options *o) must_check;
int ca_cmd_show(const struct ca_options *o) must_check;
int ca_cmd_expiry(const struct ca_options *o) must_check;
int ca_cmd_genesis(const struct ca_options *o) must_check; /* acl/ca_genesis.c */
int ca_cmd_contribute(const struct ca_options *o) must_check;

#endif
