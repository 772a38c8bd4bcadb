/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/manifest.h"

#include "acl/genesis.h"
#include "ledger/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TAG "chartfs manifest v1"
#define CERTIFICATE "certificate "
#define SIGNATURE "signature "

static int put_escaped(const char *text, struct buf *out)
{
	int err = 0;

	for (const char *p = text; *p && !err; p++) {
		unsigned char c = (unsigned char)*p;

		err = c <= ' ' || c == 0x7f || c == '%' ? buf_printf(out, "%%%02x", c)
							: buf_append(out, p, 1);
	}
	return err;
}

static int put_hex(const void *data, size_t bytes, struct buf *out)
{
	char *hex = mem_alloc(2 * bytes + 1);
	int err = hex ? 0 : CF_ENOMEM;

	if (!err) {
		hex_encode(data, bytes, hex);
		err = buf_append(out, hex, 2 * bytes);
	}
	mem_free(hex);
	return err;
}

/* " WORD" and the end of the line, when it is the last. */
static int put_last(const char *text, struct buf *out)
{
	int err = put_escaped(text, out);

	return err ? err : buf_append(out, "\n", 1);
}

int manifest_put_head(const struct manifest_head *h, struct buf *out)
{
	int err = buf_printf(out, TAG "\nnetwork ");

	if (!err)
		err = put_hex(h->network.b, HASH_BYTES, out);
	if (!err)
		err = buf_printf(out, "\nheight %" PRIu64 "\nblock ", h->height);
	if (!err)
		err = put_hex(h->block.b, HASH_BYTES, out);
	if (!err)
		err = buf_printf(out, "\ntaken %" PRIu64 "\npath ", h->taken_ms);
	return err ? err : put_last(h->path, out);
}

static int put_attr(const struct manifest_entry *e, struct buf *out)
{
	int err = buf_printf(out, "x ");

	if (!err)
		err = put_escaped(e->target, out);
	if (!err)
		err = buf_printf(out, e->value.len ? " " : " -");
	if (!err && e->value.len)
		err = put_hex(e->value.data, e->value.len, out);
	return err ? err : buf_append(out, "\n", 1);
}

int manifest_put(const struct manifest_entry *e, struct buf *out)
{
	int err;

	if (e->kind == 'x')
		return put_attr(e, out);
	err = buf_printf(out, "%c ", e->kind);
	if (!err && e->kind != 'n')
		err = buf_printf(out, "%04o %u %u %" PRIu64 " ", e->mode, e->uid, e->gid, e->mtime_ns);
	if (!err && e->kind == 'f') {
		err = buf_printf(out, "%" PRIu64 " ", e->size);
		if (!err)
			err = put_hex(e->hash.b, HASH_BYTES, out);
	} else if (!err && e->kind == 'l') {
		err = put_escaped(e->target, out);
	}
	if (!err && (e->kind == 'f' || e->kind == 'l'))
		err = buf_append(out, " ", 1);
	return err ? err : put_last(e->path, out);
}

struct hash manifest_digest(const struct hash *network, const struct hash *lines)
{
	struct view parts[3] = {VIEW(TAG, sizeof TAG), VIEW(network->b, HASH_BYTES),
				VIEW(lines->b, HASH_BYTES)};

	return sha256_parts(parts, 3);
}

int manifest_put_certificate(struct view der, struct buf *out)
{
	int err = buf_printf(out, CERTIFICATE);

	if (!err)
		err = put_hex(der.data, der.len, out);
	return err ? err : buf_append(out, "\n", 1);
}

int manifest_put_signature(const uint8_t sig[SIG_BYTES], struct buf *out)
{
	int err = buf_printf(out, SIGNATURE);

	if (!err)
		err = put_hex(sig, SIG_BYTES, out);
	return err ? err : buf_append(out, "\n", 1);
}

/* --- reading ---------------------------------------------------------------------------------------- */

/* Takes the first line, without its end. False: there is none that ends. */
static bool take_line(struct view *text, struct view *ret_line)
{
	const uint8_t *end = text->len ? memchr(text->data, '\n', text->len) : NULL;

	if (end == NULL)
		return false;
	*ret_line = VIEW(text->data, (size_t)(end - text->data));
	*text = VIEW(end + 1, text->len - ret_line->len - 1);
	return true;
}

/* The line behind this word. */
static bool take_named(struct view *text, const char *word, struct view *ret_rest)
{
	struct view left = *text, line;
	size_t n = strlen(word);

	if (!take_line(&left, &line) || line.len < n || memcmp(line.data, word, n) != 0)
		return false;
	*ret_rest = VIEW(line.data + n, line.len - n);
	*text = left;
	return true;
}

/* Up to the next blank or the end. */
static struct view take_field(struct view *line)
{
	const uint8_t *end = line->len ? memchr(line->data, ' ', line->len) : NULL;
	struct view field = VIEW(line->data, end ? (size_t)(end - line->data) : line->len);
	size_t used = field.len + (end ? 1 : 0);

	*line = VIEW(line->data + used, line->len - used);
	return field;
}

static bool number(struct view field, int base, uint64_t max, uint64_t *ret_n)
{
	uint64_t n = 0;

	if (field.len == 0 || field.len > 20)
		return false;
	for (size_t i = 0; i < field.len; i++) {
		unsigned digit = field.data[i] - (unsigned)'0';

		if (digit >= (unsigned)base || n > (max - digit) / (unsigned)base)
			return false;
		n = n * (unsigned)base + digit;
	}
	*ret_n = n;
	return true;
}

static bool from_hex(struct view field, void *ret_data, size_t bytes)
{
	char *hex = mem_alloc(2 * bytes + 1);
	bool good = hex && field.len == 2 * bytes;

	if (good) {
		memcpy(hex, field.data, field.len);
		hex[field.len] = 0;
		good = hex_decode(hex, ret_data, bytes) == 0;
	}
	mem_free(hex);
	return good;
}

static bool unescaped(struct view field, char ret_text[MANIFEST_PATH_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < field.len; i++) {
		uint8_t c = field.data[i];

		if (c == '%' && (i + 2 >= field.len || !from_hex(VIEW(field.data + i + 1, 2), &c, 1)))
			return false;
		i += field.data[i] == '%' ? 2 : 0;
		if (c == 0 || len + 1 == MANIFEST_PATH_MAX)
			return false;
		ret_text[len++] = (char)c;
	}
	ret_text[len] = 0;
	return len > 0;
}

/* "." or names between single slashes, none of them "." or "..". */
static bool path_stays(const char *path)
{
	if (strcmp(path, ".") == 0)
		return true;
	for (const char *at = path;; at++) {
		size_t n = strcspn(at, "/");

		if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += n;
		if (*at == 0)
			return true;
	}
}

static int malformed(const char *what)
{
	return err_set(CF_EDECODE, "the manifest is malformed: %s", what);
}

static int read_head(struct view *text, struct manifest_head *h)
{
	struct view line;
	bool good = take_named(text, TAG, &line) && line.len == 0;

	if (!good)
		return err_set(CF_EDECODE, "this is no manifest");
	good = take_named(text, "network ", &line) && from_hex(line, h->network.b, HASH_BYTES) &&
	       take_named(text, "height ", &line) && number(line, 10, UINT64_MAX, &h->height) &&
	       take_named(text, "block ", &line) && from_hex(line, h->block.b, HASH_BYTES) &&
	       take_named(text, "taken ", &line) && number(line, 10, UINT64_MAX, &h->taken_ms) &&
	       take_named(text, "path ", &line) && unescaped(line, h->path);
	return good ? 0 : malformed("its head");
}

struct seal {
	struct buf cert[CERT_CHAIN_MAX];
	size_t count;
	uint8_t sig[SIG_BYTES];
	struct hash lines; /* all before the signature */
};

/* The entries end where the certificates begin. */
static int read_seal(struct view text, struct view *entries, struct seal *s)
{
	struct view left = *entries, line;
	const uint8_t *end = NULL;

	while (left.len && !(left.len > 12 && memcmp(left.data, CERTIFICATE, 12) == 0)) {
		if (!take_line(&left, &line))
			return malformed("it is cut off");
	}
	end = left.data;
	while (take_named(&left, CERTIFICATE, &line)) {
		uint8_t *der;

		if (s->count == CERT_CHAIN_MAX || line.len % 2)
			return malformed("its certificates");
		buf_init(&s->cert[s->count], 0);
		s->count++;
		if (buf_extend(&s->cert[s->count - 1], line.len / 2, &der) ||
		    !from_hex(line, der, line.len / 2))
			return malformed("its certificates");
	}
	if (s->count == 0)
		return malformed("it is cut off");
	s->lines = sha256(VIEW(text.data, (size_t)(left.data - text.data)));
	if (!take_named(&left, SIGNATURE, &line) || !from_hex(line, s->sig, SIG_BYTES) || left.len)
		return malformed("its signature");
	*entries = VIEW(entries->data, (size_t)(end - entries->data));
	return 0;
}

static int check_signer(const struct genesis *g, const struct seal *s, const struct cert_info *who,
			uint64_t taken_ms)
{
	struct view above[CERT_CHAIN_MAX];

	for (size_t i = 1; i < s->count; i++)
		above[i - 1] = buf_view(&s->cert[i]);
	for (unsigned i = 0; i < g->org_count; i++) {
		if (strcmp(g->org[i].name, who->org) == 0)
			return cert_check_member(buf_view(&s->cert[0]), above, s->count - 1, g->root_cert,
						 &g->org[i].ca_fingerprint, taken_ms);
	}
	return err_set(CF_EFOREIGN, "'%s' is no organization of the genesis file", who->org);
}

static int check_seal(struct view genesis, const struct manifest_head *h, const struct seal *s,
		      struct cert_info *ret_who)
{
	struct genesis *g = mem_zalloc(sizeof *g);
	struct hash network = genesis_network(genesis), digest = manifest_digest(&h->network, &s->lines);
	struct crypto_key *key = NULL;
	int err = g ? genesis_decode(genesis, g) : CF_ENOMEM;

	if (!err && !hash_equal(&network, &h->network))
		err = err_set(CF_EFOREIGN, "the manifest is of another network");
	if (!err)
		err = cert_parse(buf_view(&s->cert[0]), ret_who);
	if (!err)
		err = check_signer(g, s, ret_who, h->taken_ms);
	if (!err)
		err = crypto_key_from_point(ret_who->sign_point, &key);
	if (!err && crypto_verify(key, &digest, s->sig))
		err = err_set(CF_ESIG, "the manifest was changed: its signature does not verify");
	crypto_key_free(key);
	mem_free(g);
	return err;
}

int manifest_open(struct view text, struct view genesis, struct manifest *ret_m)
{
	struct seal s = {.count = 0};
	struct manifest m;
	struct cert_info who;
	int err;

	m.entries = text;
	err = read_head(&m.entries, &m.head);
	if (!err)
		err = read_seal(text, &m.entries, &s);
	if (!err)
		err = check_seal(genesis, &m.head, &s, &who);
	if (!err) {
		snprintf(m.signer, sizeof m.signer, "%s@%s", who.name, who.org);
		*ret_m = m;
	}
	for (size_t i = 0; i < s.count; i++)
		buf_release(&s.cert[i]);
	return err;
}

static bool read_attrs(struct view *line, struct manifest_entry *e)
{
	uint64_t mode, uid, gid;

	if (!number(take_field(line), 8, 07777, &mode) || !number(take_field(line), 10, UINT32_MAX, &uid) ||
	    !number(take_field(line), 10, UINT32_MAX, &gid) ||
	    !number(take_field(line), 10, UINT64_MAX, &e->mtime_ns))
		return false;
	e->mode = (uint32_t)mode;
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	return true;
}

static bool read_value(struct view field, struct buf *value)
{
	uint8_t *bytes;

	buf_reset(value);
	if (field.len == 1 && field.data[0] == '-')
		return true;
	return field.len && field.len % 2 == 0 && buf_extend(value, field.len / 2, &bytes) == 0 &&
	       from_hex(field, bytes, field.len / 2);
}

/* One entry has one way of being written. */
static bool is_written_so(const struct manifest_entry *e, struct view line)
{
	struct buf out;
	bool same;

	buf_init(&out, 0);
	same = manifest_put(e, &out) == 0 && view_equal(buf_view(&out), line);
	buf_release(&out);
	return same;
}

int manifest_next(struct manifest *m, struct manifest_entry *e)
{
	struct view line, kind, before = m->entries;
	bool good;

	if (m->entries.len == 0)
		return CF_ENOTFOUND;
	if (!take_line(&m->entries, &line))
		return malformed("an entry");
	kind = take_field(&line);
	e->kind = kind.len == 1 ? (char)kind.data[0] : '?';
	good = memchr("dflxn", e->kind, 5) != NULL;
	if (good && memchr("dfl", e->kind, 3))
		good = read_attrs(&line, e);
	if (good && e->kind == 'f')
		good = number(take_field(&line), 10, UINT64_MAX, &e->size) &&
		       from_hex(take_field(&line), e->hash.b, HASH_BYTES);
	if (good && (e->kind == 'l' || e->kind == 'x'))
		good = unescaped(take_field(&line), e->target);
	if (good && e->kind == 'x')
		good = read_value(take_field(&line), &e->value);
	else if (good)
		good = unescaped(take_field(&line), e->path) && path_stays(e->path);
	good = good && line.len == 0 && is_written_so(e, VIEW(before.data, before.len - m->entries.len));
	return good ? 0 : malformed("an entry");
}
