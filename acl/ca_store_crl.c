/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_store_crl.c - what an authority has revoked, and its lists.
 */
#include "acl/ca_store_private.h"
#include "ledger/file.h"
#include "ledger/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_MS ((uint64_t)86400 * 1000)

int ca_store_revoke(const char *dir, const uint8_t serial[20], uint64_t now_ms, struct view reason)
{
	char path[FILE_PATH_MAX];
	struct buf line;
	int err = ca_store_path(dir, "revoked", serial, 20, "", path);

	if (err)
		return err;
	if (file_exists(path))
		return err_set(CF_EEXIST, "the certificate is revoked already");
	buf_init(&line, 0);
	err = buf_printf(&line, "%" PRIu64 " %.*s\n", now_ms, (int)reason.len,
			 reason.len ? (const char *)reason.data : "");
	for (size_t i = 0; i + 1 < line.len; i++) {
		if (line.data[i] < 0x20 || line.data[i] == 0x7f)
			line.data[i] = ' ';
	}
	if (!err)
		err = file_replace(path, buf_view(&line));
	buf_release(&line);
	return err;
}

bool ca_store_is_revoked(const char *dir, const uint8_t serial[20])
{
	char path[FILE_PATH_MAX];

	return ca_store_path(dir, "revoked", serial, 20, "", path) != 0 || file_exists(path);
}

struct serials {
	uint8_t (*serial)[20];
	size_t count;
};

static int add_serial(void *ctx, const char *path, const char *name)
{
	struct serials *s = ctx;
	void *more = mem_array(s->serial, s->count + 1, sizeof(*s->serial));

	if (!more)
		return CF_ENOMEM;
	s->serial = more;
	if (hex_decode(name, s->serial[s->count], 20))
		return err_set(CF_ECORRUPT, "%s: not a serial number", path);
	s->count++;
	return 0;
}

static int next_number(const char *dir, char ret_path[FILE_PATH_MAX], uint64_t *ret_number)
{
	struct buf text;
	char *end;
	int err = file_path(dir, "crl.number", ret_path);

	buf_init(&text, 32);
	if (!err)
		err = file_read(ret_path, 31, &text);
	if (err == CF_ENOTFOUND) {
		*ret_number = 1;
		return 0;
	}
	if (!err)
		err = buf_append(&text, "", 1);
	if (!err) {
		*ret_number = strtoull((const char *)text.data, &end, 10) + 1;
		if (*end != '\n' || *ret_number <= 1)
			err = err_set(CF_ECORRUPT, "%s: not a number", ret_path);
	}
	buf_release(&text);
	return err;
}

/* The number is on disk before the list is: none is given twice. */
static int keep_number(const char *path, uint64_t number)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", number);

	return file_replace(path, VIEW(text, (size_t)n));
}

int ca_store_make_crl(const char *dir, const struct ca *ca, uint64_t now_ms, unsigned days,
		      struct buf *ret_der)
{
	char path[FILE_PATH_MAX], number_path[FILE_PATH_MAX];
	struct serials serials = {.serial = NULL};
	struct buf der, pem;
	uint64_t number;
	int err = ca_store_walk_files(dir, "revoked", add_serial, &serials);

	buf_init(&der, CERT_CRL_BYTES_MAX);
	buf_init(&pem, 0);
	if (!err)
		err = next_number(dir, number_path, &number);
	if (!err)
		err = keep_number(number_path, number);
	/* a minute back: a peer's clock may be behind, and refuses what is not valid yet */
	if (!err)
		err = cert_crl_issue(buf_view(&ca->chain[0]), ca->key, (const uint8_t(*)[20])serials.serial,
				     serials.count, number, now_ms - 60000, now_ms + days * DAY_MS, &der);
	if (!err)
		err = cert_crl_pem_text(buf_view(&der), &pem);
	if (!err)
		err = file_path(dir, "crl.pem", path);
	if (!err)
		err = file_replace(path, buf_view(&pem));
	if (!err && ret_der)
		err = buf_append_view(ret_der, buf_view(&der));
	mem_free(serials.serial);
	buf_release(&der);
	buf_release(&pem);
	return err;
}

int ca_store_crl(const char *dir, struct buf *ret_der)
{
	char path[FILE_PATH_MAX];
	int err = file_path(dir, "crl.pem", path);

	return err ? err : cert_crl_pem_read(path, ret_der);
}
