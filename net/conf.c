/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.c - a table of keys, and strictness that inih does not have by itself.
 *
 * inih 55 cuts a line at 199 bytes and reads the rest as a line of its own, cuts section names silently and
 * takes doubled keys (CORRECTNESS 4.5): the text is looked through before inih sees it, and the handler
 * refuses what is not in the table or was given before.
 */
#include "net/conf.h"

#include "ledger/block.h"
#include "ledger/file.h"
#include "ledger/mem.h"

#include <ini.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONF_BYTES_MAX ((size_t)64 << 10)
#define CONF_LINE_MAX 198
#define KEYS_MAX 40

enum value_kind { TEXT, PATH, NUMBER, YES_NO, LEVEL, PROFILE };

struct key {
	const char *section;
	const char *name;
	enum value_kind kind;
	bool required;
	size_t offset; /* in the struct that is filled */
	size_t bytes;  /* TEXT, PATH: of the field */
	uint32_t min;  /* NUMBER */
	uint32_t max;
};

#define FIELD(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define MS_MAX (24 * 3600 * 1000)

static const struct key peer_keys[] = {
	{"peer", "name", TEXT, false, FIELD(conf_peer, name), 0, 0},
	{"peer", "data", PATH, true, FIELD(conf_peer, data_dir), 0, 0},
	{"peer", "identity", PATH, true, FIELD(conf_peer, identity_dir), 0, 0},
	{"peer", "next-identity", PATH, false, FIELD(conf_peer, next_identity_dir), 0, 0},
	{"peer", "passphrase-file", PATH, false, FIELD(conf_peer, passphrase_file), 0, 0},
	{"peer", "genesis", PATH, true, FIELD(conf_peer, genesis), 0, 0},
	{"peer", "root", PATH, false, FIELD(conf_peer, root_cert), 0, 0},
	{"listen", "peer", TEXT, false, FIELD(conf_peer, listen_peer), 0, 0},
	{"listen", "client", TEXT, false, FIELD(conf_peer, listen_client), 0, 0},
	{"listen", "client-profile", PROFILE, false, FIELD(conf_peer, client_profile), 0, 0},
	{"listen", "public", TEXT, false, FIELD(conf_peer, listen_public), 0, 0},
	{"roles", "endorse", YES_NO, false, FIELD(conf_peer, endorse), 0, 0},
	{"roles", "order", YES_NO, false, FIELD(conf_peer, order), 0, 0},
	{"consensus", "block-max-txs", NUMBER, false, FIELD(conf_peer, block_txs_max), 1, BLOCK_TXS_MAX},
	{"consensus", "block-max-bytes", NUMBER, false, FIELD(conf_peer, block_bytes_max), 64 << 10,
	 BLOCK_BYTES_MAX},
	{"consensus", "request-forward-ms", NUMBER, false, FIELD(conf_peer, timers.request_forward_ms), 1,
	 MS_MAX},
	{"consensus", "request-complain-ms", NUMBER, false, FIELD(conf_peer, timers.request_complain_ms), 1,
	 MS_MAX},
	{"consensus", "view-change-ms", NUMBER, false, FIELD(conf_peer, timers.view_change_ms), 1, MS_MAX},
	{"consensus", "view-change-max-ms", NUMBER, false, FIELD(conf_peer, timers.view_change_max_ms), 1,
	 MS_MAX},
	{"consensus", "resend-ms", NUMBER, false, FIELD(conf_peer, timers.resend_ms), 1, MS_MAX},
	{"consensus", "status-ms", NUMBER, false, FIELD(conf_peer, timers.status_ms), 1, MS_MAX},
	{"consensus", "heartbeat-ms", NUMBER, false, FIELD(conf_peer, timers.heartbeat_ms), 0, MS_MAX},
	{"consensus", "batch-wait-ms", NUMBER, false, FIELD(conf_peer, timers.batch_wait_ms), 0, 10000},
	{"consensus", "rotate-blocks", NUMBER, false, FIELD(conf_peer, timers.rotate_blocks), 0, UINT32_MAX},
	{"consensus", "leader-lost-ms", NUMBER, false, FIELD(conf_peer, timers.leader_lost_ms), 0, MS_MAX},
	{"blobs", "scrub-period-s", NUMBER, false, FIELD(conf_peer, scrub_period_s), 0, UINT32_MAX},
	{"blobs", "scrub-rate-kib", NUMBER, false, FIELD(conf_peer, scrub_rate_kib), 1, UINT32_MAX},
	{"blobs", "unnamed-age-s", NUMBER, false, FIELD(conf_peer, unnamed_age_s), 0, UINT32_MAX},
	{"catchup", "snapshot-blocks", NUMBER, false, FIELD(conf_peer, snapshot_blocks), 0, UINT32_MAX},
	{"catchup", "backfill-rate-kib", NUMBER, false, FIELD(conf_peer, backfill_rate_kib), 1, UINT32_MAX},
	{"log", "level", LEVEL, false, FIELD(conf_peer, log_level), 0, 0},
	{NULL, NULL, TEXT, false, 0, 0, 0, 0},
};

static const struct key mount_keys[] = {
	{"mount", "identity", PATH, true, FIELD(conf_mount, identity_dir), 0, 0},
	{"mount", "passphrase-file", PATH, false, FIELD(conf_mount, passphrase_file), 0, 0},
	{"mount", "genesis", PATH, true, FIELD(conf_mount, genesis), 0, 0},
	{"mount", "root", PATH, false, FIELD(conf_mount, root_cert), 0, 0},
	{"mount", "data", PATH, true, FIELD(conf_mount, data_dir), 0, 0},
	{"mount", "gateways", TEXT, false, FIELD(conf_mount, gateways), 0, 0},
	{"mount", "timeout-ms", NUMBER, false, FIELD(conf_mount, timeout_ms), 1, MS_MAX},
	{"catchup", "snapshot-blocks", NUMBER, false, FIELD(conf_mount, snapshot_blocks), 0, UINT32_MAX},
	{"catchup", "backfill-rate-kib", NUMBER, false, FIELD(conf_mount, backfill_rate_kib), 1, UINT32_MAX},
	{"log", "level", LEVEL, false, FIELD(conf_mount, log_level), 0, 0},
	{NULL, NULL, TEXT, false, 0, 0, 0, 0},
};

struct reading {
	const struct key *keys;
	bool seen[KEYS_MAX];
	void *target;
	char dir[CONF_PATH_MAX]; /* of the file, with a slash at its end; empty: the working directory */
	char why[256];           /* the first thing wrong */
};

static bool wrong(struct reading *r, const char *fmt, const char *what)
{
	if (!r->why[0])
		(void)snprintf(r->why, sizeof(r->why), fmt, what);
	return false;
}

static bool set_path(struct reading *r, const struct key *key, const char *value)
{
	char *field = (char *)r->target + key->offset;
	const char *dir = value[0] == '/' || value[0] == '\0' ? "" : r->dir;

	if (strlen(dir) + strlen(value) >= key->bytes)
		return wrong(r, "value of '%s' is too long", key->name);
	(void)snprintf(field, key->bytes, "%s%s", dir, value);
	return true;
}

static bool set_number(struct reading *r, const struct key *key, const char *value)
{
	char *end = NULL;
	char range[128];
	unsigned long n;
	uint32_t number;

	errno = 0;
	n = isdigit((unsigned char)value[0]) ? strtoul(value, &end, 10) : 0;
	if (!end || *end || errno || n < key->min || n > key->max) {
		(void)snprintf(range, sizeof(range), "'%s' wants a number from %u to %u", key->name, key->min,
			       key->max);
		return wrong(r, "%s", range);
	}
	number = (uint32_t)n;
	memcpy((char *)r->target + key->offset, &number, sizeof(number));
	return true;
}

static bool set_value(struct reading *r, const struct key *key, const char *value)
{
	char *field = (char *)r->target + key->offset;
	bool yes = strcmp(value, "yes") == 0;

	switch (key->kind) {
	case TEXT:
		if (strlen(value) >= key->bytes)
			return wrong(r, "value of '%s' is too long", key->name);
		memcpy(field, value, strlen(value) + 1);
		return true;
	case PATH:
		return set_path(r, key, value);
	case NUMBER:
		return set_number(r, key, value);
	case YES_NO:
		if (!yes && strcmp(value, "no") != 0)
			return wrong(r, "'%s' wants yes or no", key->name);
		memcpy(field, &yes, sizeof(yes));
		return true;
	case LEVEL:
		if (log_level_parse(value, (enum log_level *)(void *)field))
			return wrong(r, "'%s' wants debug, info, warn or error", key->name);
		return true;
	case PROFILE:
		if (gateway_parse(value, (enum gateway *)(void *)field))
			return wrong(r, "'%s' wants all, public or private", key->name);
		return true;
	}
	return false;
}

/* inih's: 0 for a line that is wrong. */
static int on_line(void *ctx, const char *section, const char *name, const char *value)
{
	struct reading *r = ctx;
	bool section_known = false;

	for (unsigned i = 0; r->keys[i].name; i++) {
		const struct key *key = &r->keys[i];

		if (strcmp(key->section, section) != 0)
			continue;
		section_known = true;
		if (strcmp(key->name, name) != 0)
			continue;
		if (r->seen[i])
			return wrong(r, "'%s' given twice", name);
		r->seen[i] = true;
		return set_value(r, key, value);
	}
	if (!section_known)
		return wrong(r, "unknown section '%s'", section);
	return wrong(r, "unknown key '%s'", name);
}

/* What inih would misread. 0 or the line. */
static unsigned find_hazard(struct view text, const char **ret_what)
{
	unsigned line = 1;
	size_t length = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c == '\n') {
			line++;
			length = 0;
			continue;
		}
		if (c == '\0' || c == '\r') {
			*ret_what = c ? "carriage return" : "NUL byte";
			return line;
		}
		if (++length > CONF_LINE_MAX) {
			*ret_what = "line is over 198 bytes";
			return line;
		}
	}
	return 0;
}

/* inih tells of keys only: a section that holds none, or is misspelt, would pass unseen. */
static unsigned find_strange_section(struct view text, const struct key *keys, char *ret_name, size_t bytes)
{
	const char *at = (const char *)text.data, *end = at + text.len;

	for (unsigned line = 1; at < end; line++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		const char *close = at;
		bool known = *at != '[';

		if (stop == NULL)
			stop = end;
		while (close < stop && *close != ']')
			close++;
		if (!known)
			snprintf(ret_name, bytes, "%.*s", (int)(close - at - 1), at + 1);
		for (const struct key *k = keys; !known && k->name; k++)
			known = strcmp(k->section, ret_name) == 0;
		if (!known)
			return line;
		at = stop + 1;
	}
	return 0;
}

static int read_all(const char *path, const struct key *keys, void *target)
{
	struct reading *r = mem_zalloc(sizeof(*r));
	const char *slash = strrchr(path, '/');
	const char *what = NULL;
	char strange[64];
	struct buf text;
	unsigned line;
	int rc, err;

	buf_init(&text, 0);
	if (!r)
		return CF_ENOMEM;
	r->keys = keys;
	r->target = target;
	if (slash)
		(void)snprintf(r->dir, sizeof(r->dir), "%.*s", (int)(slash + 1 - path), path);
	err = file_read(path, CONF_BYTES_MAX, &text);
	if (err)
		goto out;
	line = find_hazard(buf_view(&text), &what);
	if (line) {
		err = err_set(CF_ECONFIG, "%s:%u: %s", path, line, what);
		goto out;
	}
	line = find_strange_section(buf_view(&text), keys, strange, sizeof(strange));
	if (line) {
		err = err_set(CF_ECONFIG, "%s:%u: unknown section '%s'", path, line, strange);
		goto out;
	}
	err = buf_append(&text, "", 1);
	if (err)
		goto out;
	rc = ini_parse_string((const char *)text.data, on_line, r);
	if (rc < 0)
		err = CF_ENOMEM;
	else if (rc > 0)
		err = err_set(CF_ECONFIG, "%s:%d: %s", path, rc,
			      r->why[0] ? r->why : "neither [section] nor key = value");
	for (unsigned i = 0; !err && keys[i].name; i++) {
		assert(i < KEYS_MAX);
		if (keys[i].required && !r->seen[i])
			err = err_set(CF_ECONFIG, "%s: '%s' missing in [%s]", path, keys[i].name,
				      keys[i].section);
	}
out:
	buf_release(&text);
	mem_free(r);
	return err;
}

int conf_peer_read(const char *path, struct conf_peer *ret_conf)
{
	struct conf_peer *c = mem_zalloc(sizeof(*c));
	int err;

	assert(path && ret_conf);
	if (!c)
		return CF_ENOMEM;
	memcpy(c->name, "peer", sizeof("peer"));
	c->endorse = true;
	c->order = true;
	c->block_txs_max = 1000;
	c->block_bytes_max = 16 << 20;
	c->timers = PBFT_TIMERS_DEFAULT;
	c->scrub_period_s = CONF_SCRUB_PERIOD_S;
	c->scrub_rate_kib = CONF_SCRUB_RATE_KIB;
	c->unnamed_age_s = CONF_UNNAMED_AGE_S;
	c->snapshot_blocks = CONF_SNAPSHOT_BLOCKS;
	c->backfill_rate_kib = CONF_BACKFILL_RATE_KIB;
	c->log_level = LOG_INFO;
	err = read_all(path, peer_keys, c);
	if (!err)
		*ret_conf = *c;
	mem_free(c);
	return err;
}

int conf_mount_read(const char *path, struct conf_mount *ret_conf)
{
	struct conf_mount *c = mem_zalloc(sizeof(*c));
	int err;

	assert(path && ret_conf);
	if (!c)
		return CF_ENOMEM;
	c->timeout_ms = 10000;
	c->snapshot_blocks = CONF_SNAPSHOT_BLOCKS;
	c->backfill_rate_kib = CONF_BACKFILL_RATE_KIB;
	c->log_level = LOG_INFO;
	err = read_all(path, mount_keys, c);
	if (!err)
		*ret_conf = *c;
	mem_free(c);
	return err;
}
