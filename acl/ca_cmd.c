/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_cmd.c - the verbs of chartfs-ca that make and show certificates.
 */
#include "acl/ca_cmd.h"
#include "acl/ca_store.h"
#include "acl/identity.h"
#include "acl/keyfile.h"
#include "acl/userfile.h"
#include "ledger/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAY_MS ((uint64_t)86400 * 1000)
#define ROOT_DAYS 3650
#define INTERMEDIATE_DAYS 1825
#define IDENTITY_DAYS 365
#define ROOT_PATH_LEN 3

static uint64_t now_ms(void)
{
	return (uint64_t)time(NULL) * 1000;
}

static uint64_t end_ms(unsigned days, unsigned days_default)
{
	return now_ms() + (days ? days : days_default) * DAY_MS;
}

/* Of keys that are to be made: a person types it twice. */
int ca_cmd_new_passphrase(const char *file, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1])
{
	char again[PASSPHRASE_BYTES_MAX + 1];
	int err = passphrase_get(file, "passphrase of the new keys", ret_passphrase);

	if (err || file || getenv("CHARTFS_PASSPHRASE") || !isatty(STDIN_FILENO))
		return err;
	err = passphrase_get(NULL, "once more", again);
	if (!err && strcmp(again, ret_passphrase) != 0)
		err = err_set(CF_EPASS, "the two passphrases differ");
	mem_wipe(again, sizeof(again));
	return err;
}

/* Of the authority that signs: its own file, or the one of the new keys. */
int ca_cmd_authority_passphrase(const struct ca_options *o, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1])
{
	const char *file = o->ca_passphrase_file ? o->ca_passphrase_file : o->passphrase_file;

	return passphrase_get(file, "passphrase of the authority that signs", ret_passphrase);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int one_org(const struct ca_options *o, const char **ret_org)
{
	if (o->org.count > 1)
		return err_set(CF_EUSAGE, "--org more than once");
	if (o->org.count == 1)
		*ret_org = o->org.item[0];
	return 0;
}

static int create(const struct ca_options *o, const char *passphrase, const char *name, const char *org,
		  unsigned path_len, uint64_t not_after_ms, const char *parent_passphrase)
{
	if (o->pkcs11)
		return ca_create_in_token(o->target, o->pkcs11, passphrase, name, org, path_len, not_after_ms,
					  o->parent, parent_passphrase);
	return ca_create(o->target, passphrase, name, org, path_len, not_after_ms, o->rounds, o->parent,
			 parent_passphrase);
}

int ca_cmd_init(const struct ca_options *o)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1];
	int err = ca_cmd_new_passphrase(o->passphrase_file, passphrase);

	if (!err)
		err = create(o, passphrase, o->name, o->name, o->path_len ? o->path_len : ROOT_PATH_LEN,
			     end_ms(o->days, ROOT_DAYS), NULL);
	if (!err)
		printf("root authority '%s' in %s\n", o->name, o->target);
	mem_wipe(passphrase, sizeof(passphrase));
	return err;
}

int ca_cmd_intermediate(const struct ca_options *o)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1], parent_passphrase[PASSPHRASE_BYTES_MAX + 1];
	char name[CERT_NAME_MAX + 8];
	const char *org = NULL;
	int err = one_org(o, &org);

	if (err)
		return err;
	assert(org);
	snprintf(name, sizeof(name), "%.*s CA", CERT_NAME_MAX, org);
	err = ca_cmd_authority_passphrase(o, parent_passphrase);
	if (!err)
		err = ca_cmd_new_passphrase(o->passphrase_file, passphrase);
	if (!err)
		err = create(o, passphrase, o->name ? o->name : name, org,
			     o->path_len ? o->path_len : CERT_CHAIN_MAX, end_ms(o->days, INTERMEDIATE_DAYS),
			     parent_passphrase);
	if (!err)
		printf("authority '%s' of '%s' in %s\n", o->name ? o->name : name, org, o->target);
	mem_wipe(passphrase, sizeof(passphrase));
	mem_wipe(parent_passphrase, sizeof(parent_passphrase));
	return err;
}

/* The authority remembers what it made: that of the identity, and the one for TLS. */
static int remember(const char *ca_dir, const char *dir)
{
	static const char *const files[] = {"cert.pem", "tls.pem"};
	char path[USERFILE_PATH_MAX];
	int err = ca_store_open(ca_dir);

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !err; i++) {
		struct buf ders[CERT_CHAIN_MAX];
		size_t count = 0;

		err = userfile_path(dir, files[i], path);
		if (!err)
			err = cert_pem_read(path, ders, CERT_CHAIN_MAX, &count);
		if (!err)
			err = ca_store_issued(ca_dir, buf_view(&ders[0]));
		else if (err == CF_ENOTFOUND && i > 0)
			err = 0;
		for (size_t k = 0; k < count; k++)
			buf_release(&ders[k]);
	}
	return err;
}

static int issue(const struct ca_options *o, const struct ca *ca, const char *passphrase)
{
	struct identity_issue what = {.name = o->name,
				      .org = ca->info.org,
				      .tls_host = o->tls_host,
				      .not_before_ms = now_ms() - CERT_CLOCK_SKEW_MS,
				      .not_after_ms = end_ms(o->days, IDENTITY_DAYS),
				      .pbkdf2_rounds = o->rounds};
	struct buf chain;
	int err;

	if (what.not_after_ms > ca->info.not_after_ms)
		what.not_after_ms = ca->info.not_after_ms;
	buf_init(&chain, 0);
	err = one_org(o, &what.org);
	if (!err)
		err = role_parse(o->role, &what.role);
	if (!err)
		err = ca_chain(ca, &chain);
	if (!err)
		err = identity_create(o->target, passphrase, &what, buf_view(&chain), ca->key);
	if (!err)
		err = remember(o->ca, o->target);
	if (!err)
		printf("%s '%s' of '%s' in %s\n", role_name(what.role), what.name, what.org, o->target);
	buf_release(&chain);
	return err;
}

int ca_cmd_issue(const struct ca_options *o)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1], own_passphrase[PASSPHRASE_BYTES_MAX + 1];
	struct ca ca = {0};
	int err = ca_cmd_authority_passphrase(o, passphrase);

	if (!err)
		err = ca_load(o->ca, passphrase, &ca);
	if (!err)
		err = ca_cmd_new_passphrase(o->passphrase_file, own_passphrase);
	if (!err)
		err = issue(o, &ca, own_passphrase);
	ca_release(&ca);
	mem_wipe(passphrase, sizeof(passphrase));
	mem_wipe(own_passphrase, sizeof(own_passphrase));
	return err;
}

static void show_time(const char *label, uint64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("%-15s %s\n", label, text);
}

static void show_hex(const char *label, const void *data, size_t bytes)
{
	char text[2 * HASH_BYTES + 1];

	assert(bytes <= HASH_BYTES);
	hex_encode(data, bytes, text);
	printf("%-15s %s\n", label, text);
}

static void show_one(const struct cert_info *info)
{
	struct hash key = crypto_key_fingerprint(info->sign_point);
	struct identity_id id = identity_id_of(info->org, info->name);

	printf("%-15s %s\n%-15s %s\n", "name", info->name, "organization", info->org);
	if (info->is_root)
		printf("%-15s %s\n", "kind", "root authority");
	else
		printf("%-15s %s\n", "kind",
		       info->is_ca  ? "authority"
		       : info->role ? role_name(info->role)
				    : "TLS");
	if (info->path_len >= 0)
		printf("%-15s %d\n", "path length", info->path_len);
	if (info->role)
		show_hex("identity", id.b, sizeof(id.b));
	show_time("not before", info->not_before_ms);
	show_time("not after", info->not_after_ms);
	show_hex("serial", info->serial, sizeof(info->serial));
	show_hex("fingerprint", info->fingerprint.b, HASH_BYTES);
	show_hex("key", key.b, HASH_BYTES);
}

int ca_cmd_show(const struct ca_options *o)
{
	struct buf ders[CERT_CHAIN_MAX];
	struct cert_info info;
	size_t count = 0;
	int err = cert_pem_read(o->target, ders, CERT_CHAIN_MAX, &count);

	for (size_t i = 0; i < count && !err; i++) {
		err = cert_parse(buf_view(&ders[i]), &info);
		if (!err && i > 0)
			putchar('\n');
		if (!err)
			show_one(&info);
	}
	for (size_t i = 0; i < count; i++)
		buf_release(&ders[i]);
	return err;
}

/* "30d" or "30": days. */
static int days_of(const char *text, uint64_t *ret_ms)
{
	char *end;
	unsigned long days = strtoul(text, &end, 10);

	if (end == text || text[0] == '-' || (*end && strcmp(end, "d") != 0) || days == 0 || days > 36500)
		return err_set(CF_EUSAGE, "--within '%s': days, as 30d", text);
	*ret_ms = days * DAY_MS;
	return 0;
}

/* One certificate; counts what ends within the time. */
static void report(const struct cert_info *info, uint64_t within_ms, unsigned *soon)
{
	uint64_t now = now_ms(), left = info->not_after_ms > now ? info->not_after_ms - now : 0;
	bool ends = left < within_ms;
	time_t seconds = (time_t)(info->not_after_ms / 1000);
	char text[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("%s  %s@%s  %s\n", text, info->name, info->org,
	       left == 0 ? "EXPIRED"
	       : ends    ? "ends soon"
			 : "valid");
	*soon += ends;
}

/* target: a file of certificates, or the directory of an identity or authority. */
int ca_cmd_expiry(const struct ca_options *o)
{
	static const char *const files[] = {"", "/cert.pem", "/ca.pem", "/tls.pem"};
	char path[USERFILE_PATH_MAX];
	struct buf ders[CERT_CHAIN_MAX];
	struct cert_info info;
	unsigned soon = 0, seen = 0;
	uint64_t within_ms = 30 * DAY_MS;
	int err = o->within ? days_of(o->within, &within_ms) : 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !err; i++) {
		size_t count = 0;

		if (snprintf(path, sizeof(path), "%s%s", o->target, files[i]) >= (int)sizeof(path))
			return err_set(CF_ENAMETOOLONG, "%s: name too long", o->target);
		if (access(path, F_OK) != 0 || (i == 0 && is_directory(path)))
			continue;
		err = cert_pem_read(path, ders, CERT_CHAIN_MAX, &count);
		for (size_t k = 0; k < count; k++) {
			if (!err)
				err = cert_parse(buf_view(&ders[k]), &info);
			if (!err)
				report(&info, within_ms, &soon);
			buf_release(&ders[k]);
		}
		seen += count > 0;
	}
	if (!err && seen == 0)
		err = err_set(CF_ENOTFOUND, "%s: no certificate there", o->target);
	if (!err && soon > 0)
		err = err_set(CF_EEXPIRED, "%u certificate%s expired or about to", soon,
			      soon == 1 ? " is" : "s are");
	return err;
}
