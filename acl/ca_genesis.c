/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_genesis.c - the verb that founds a network: every certificate is checked up to the root, then written.
 */
#include "acl/ca_cmd.h"
#include "acl/contribution.h"
#include "acl/genesis.h"
#include "acl/userfile.h"
#include "acl/x509.h"
#include "ledger/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RECORD_BYTES_MAX 65536
#define TIME_WINDOW_MS ((uint64_t)5 * 60 * 1000)
#define VALID_BLOCKS_MAX 1000

struct builder {
	struct genesis g;
	struct buf root;
	struct buf kept[GENESIS_IDENTITIES_MAX]; /* what g.identity_cert shows */
	struct buf contribution[MEMBERS_MAX];    /* what g.contribution shows */
};

/* A file of certificates. */
struct chain_file {
	struct buf der[CERT_CHAIN_MAX];
	size_t count;
	struct cert_info info; /* of the first */
};

static void chain_file_release(struct chain_file *f)
{
	for (size_t i = 0; i < f->count; i++)
		buf_release(&f->der[i]);
	f->count = 0;
}

static int chain_file_read(const char *path, struct chain_file *f)
{
	int err = cert_pem_read(path, f->der, CERT_CHAIN_MAX, &f->count);

	if (!err)
		err = cert_parse(buf_view(&f->der[0]), &f->info);
	return err;
}

/* An identity's chain up to the network's root, now. */
static int check_chain(const struct builder *b, const struct chain_file *f, const char *path)
{
	struct view intermediates[CERT_CHAIN_MAX];
	char detail[ERR_DETAIL_MAX];
	int err;

	for (size_t i = 1; i < f->count; i++)
		intermediates[i - 1] = buf_view(&f->der[i]);
	err = cert_check_chain(buf_view(&f->der[0]), intermediates, f->count - 1, buf_view(&b->root),
			       VIEW_NONE, b->g.time_ms);
	if (err) {
		snprintf(detail, sizeof(detail), "%s", err_detail());
		err = err_set(err, "%s: %s", path, detail);
	}
	return err;
}

/* Lists the file's first certificate, once. */
static int keep(struct builder *b, const struct chain_file *f)
{
	struct genesis *g = &b->g;
	struct view der = buf_view(&f->der[0]);
	int err;

	for (unsigned i = 0; i < g->identity_count; i++) {
		if (view_equal(g->identity_cert[i], der))
			return 0;
	}
	if (g->identity_count == GENESIS_IDENTITIES_MAX)
		return err_set(CF_ETOOBIG, "more than %d identities", GENESIS_IDENTITIES_MAX);
	err = buf_append_view(&b->kept[g->identity_count], der);
	if (err)
		return err;
	g->identity_cert[g->identity_count] = buf_view(&b->kept[g->identity_count]);
	g->identity_count++;
	return 0;
}

static int add_identity(struct builder *b, const char *path, struct chain_file *f)
{
	int err = chain_file_read(path, f);

	if (!err)
		err = check_chain(b, f, path);
	if (!err)
		err = keep(b, f);
	return err;
}

static int copy_text(const char *what, const char *text, size_t len, size_t max, char *ret_text)
{
	if (len == 0 || len > max)
		return err_set(CF_EUSAGE, "%s '%.*s': 1 to %zu bytes", what, (int)len, text, max);
	memcpy(ret_text, text, len);
	ret_text[len] = '\0';
	return 0;
}

/* Cuts text at each of the separators; CF_EUSAGE unless there are exactly `count` parts, none empty. */
static int split(const char *option, const char *text, char separator, unsigned count,
		 char parts[][USERFILE_PATH_MAX])
{
	for (unsigned i = 0; i < count; i++) {
		const char *end = i + 1 < count ? strchr(text, separator) : text + strlen(text);

		if (!end || end == text || end - text >= USERFILE_PATH_MAX)
			return err_set(CF_EUSAGE, "--%s wants %u parts with '%c' between them", option, count,
				       separator);
		memcpy(parts[i], text, (size_t)(end - text));
		parts[i][end - text] = '\0';
		text = *end ? end + 1 : end;
	}
	return 0;
}

static bool has_certificate(const struct chain_file *f, struct view der)
{
	for (size_t i = 1; i < f->count; i++) {
		if (view_equal(buf_view(&f->der[i]), der))
			return true;
	}
	return false;
}

/* NAME:CA.pem:CUSTODIAN.pem */
static int add_org(struct builder *b, const char *text)
{
	struct org_row *org = &b->g.org[b->g.org_count];
	struct chain_file ca = {.count = 0}, custodian = {.count = 0};
	char parts[3][USERFILE_PATH_MAX];
	int err;

	if (b->g.org_count == GENESIS_ORGS_MAX)
		return err_set(CF_EUSAGE, "more than %d organizations", GENESIS_ORGS_MAX);
	err = split("org", text, ':', 3, parts);
	if (!err)
		err = copy_text("organization", parts[0], strlen(parts[0]), ROW_NAME_MAX, org->name);
	if (!err)
		err = chain_file_read(parts[1], &ca);
	if (!err && (!ca.info.is_ca || strcmp(ca.info.org, org->name) != 0))
		err = err_set(CF_EINVAL, "%s: not an authority of '%s'", parts[1], org->name);
	if (!err)
		err = add_identity(b, parts[2], &custodian);
	if (!err && !has_certificate(&custodian, buf_view(&ca.der[0])))
		err = err_set(CF_EINVAL, "%s: not issued under the authority in %s", parts[2], parts[1]);
	if (!err) {
		org->number = ++b->g.org_count;
		org->ca_fingerprint = ca.info.fingerprint;
		org->custodian = identity_id_of(custodian.info.org, custodian.info.name);
	}
	chain_file_release(&ca);
	chain_file_release(&custodian);
	return err;
}

static int org_number(const struct genesis *g, const char *name, uint16_t *ret_number)
{
	for (unsigned i = 0; i < g->org_count; i++) {
		if (strcmp(g->org[i].name, name) == 0) {
			*ret_number = g->org[i].number;
			return 0;
		}
	}
	return err_set(CF_EINVAL, "'%s' is no --org of this network", name);
}

/* DIR,ORG,PEER-URL,CLIENT-URL */
static int add_peer(struct builder *b, const char *text)
{
	struct members *m = &b->g.members;
	struct member *member = &m->member[m->count];
	struct chain_file f = {.count = 0};
	char parts[4][USERFILE_PATH_MAX], path[USERFILE_PATH_MAX];
	int err;

	if (m->count == MEMBERS_MAX)
		return err_set(CF_EUSAGE, "more than %d peers", MEMBERS_MAX);
	err = split("peer", text, ',', 4, parts);
	if (!err)
		err = userfile_path(parts[0], "cert.pem", path);
	if (!err)
		err = add_identity(b, path, &f);
	if (!err && strcmp(f.info.org, parts[1]) != 0)
		err = err_set(CF_EINVAL, "%s: of '%s', not of '%s'", path, f.info.org, parts[1]);
	if (!err)
		err = org_number(&b->g, parts[1], &member->org);
	if (!err)
		err = copy_text("address", parts[2], strlen(parts[2]), ADDRESS_BYTES_MAX,
				member->peer_address);
	if (!err)
		err = copy_text("address", parts[3], strlen(parts[3]), ADDRESS_BYTES_MAX,
				member->client_address);
	if (!err) {
		member->id = identity_id_of(f.info.org, f.info.name);
		memcpy(member->sign_point, f.info.sign_point, POINT_BYTES);
		memcpy(member->endorse_point, f.info.endorse_point, POINT_BYTES);
		memcpy(member->kem_point, f.info.kem_point, POINT_BYTES);
		m->count++;
	}
	chain_file_release(&f);
	return err;
}

static int add_other(struct builder *b, const char *path)
{
	struct chain_file f = {.count = 0};
	int err = add_identity(b, path, &f);

	chain_file_release(&f);
	return err;
}

/* EMRnn=TITLE */
static int set_section(struct builder *b, const char *text)
{
	char parts[2][USERFILE_PATH_MAX];
	unsigned section;
	int err = split("section", text, '=', 2, parts);

	if (err)
		return err;
	section = section_of_name(parts[0]);
	if (section == 0)
		return err_set(CF_EUSAGE, "no section '%s': EMR01 to EMR16", parts[0]);
	return copy_text("title", parts[1], strlen(parts[1]), ROW_NAME_MAX, b->g.section_title[section]);
}

static int start(struct builder *b, const struct ca_options *o)
{
	struct genesis *g = &b->g;
	struct chain_file root = {.count = 0};
	int err = copy_text("network", o->name, strlen(o->name), ROW_NAME_MAX, g->name);

	if (!err)
		err = chain_file_read(o->root, &root);
	if (!err)
		err = buf_append_view(&b->root, buf_view(&root.der[0]));
	chain_file_release(&root);
	if (err)
		return err;
	g->root_cert = buf_view(&b->root);
	g->time_ms = (uint64_t)time(NULL) * 1000;
	g->policy = (struct policy_row){.endorsing_orgs = (uint16_t)o->endorsing_orgs,
					.record_bytes_max = RECORD_BYTES_MAX,
					.time_window_ms = TIME_WINDOW_MS,
					.valid_blocks_max = VALID_BLOCKS_MAX};
	for (unsigned i = 0; i <= SECTION_COUNT; i++)
		snprintf(g->section_title[i], sizeof(g->section_title[i]), "%s", section_title(i));
	return 0;
}

static int each(struct builder *b, const struct ca_list *list,
		int (*add)(struct builder *b, const char *text))
{
	int err = 0;

	for (unsigned i = 0; i < list->count && !err; i++)
		err = add(b, list->item[i]);
	return err;
}

/* A file of `chartfs-ca contribute`. */
static int add_contribution(struct builder *b, const char *path)
{
	struct genesis *g = &b->g;
	struct buf *bytes = &b->contribution[g->contribution_count];
	int err;

	if (g->contribution_count == MEMBERS_MAX)
		return err_set(CF_EUSAGE, "more than %d contributions", MEMBERS_MAX);
	buf_init(bytes, CONTRIBUTION_BYTES_MAX);
	err = userfile_read(path, CONTRIBUTION_BYTES_MAX, false, bytes);
	if (!err)
		err = contribution_check(buf_view(bytes), &g->members);
	if (err)
		return err_set(err, "%s: %s", path, strdupa(err_detail()));
	g->contribution[g->contribution_count++] = buf_view(bytes);
	return 0;
}

/* Without any from the peers' keepers this program deals, and forgets what it dealt. */
static int deal(struct builder *b)
{
	int err = contribution_make(&b->g.members, &b->contribution[0]);

	if (!err) {
		b->g.contribution[0] = buf_view(&b->contribution[0]);
		b->g.contribution_count = 1;
	}
	return err;
}

static int write_genesis(const struct genesis *g, const char *path)
{
	char hex[2 * HASH_BYTES + 1];
	struct hash network;
	struct buf bytes;
	int err;

	buf_init(&bytes, GENESIS_BYTES_MAX);
	err = genesis_encode(g, &bytes);
	if (!err)
		err = userfile_create(path, 0644, buf_view(&bytes));
	if (!err) {
		network = genesis_network(buf_view(&bytes));
		hex_encode(network.b, HASH_BYTES, hex);
		printf("network '%s' in %s: %u organizations, %u ordering peers, %u identities\nnetwork id "
		       "%s\n",
		       g->name, path, g->org_count, g->members.count, g->identity_count, hex);
	}
	buf_release(&bytes);
	return err;
}

int ca_cmd_genesis(const struct ca_options *o)
{
	struct builder *b = mem_zalloc(sizeof(*b));
	int err;

	if (!b)
		return CF_ENOMEM;
	if (o->endorsing_orgs > GENESIS_ORGS_MAX)
		err = err_set(CF_EUSAGE, "--endorsing-orgs %u: more than %d", o->endorsing_orgs,
			      GENESIS_ORGS_MAX);
	else
		err = start(b, o);
	if (!err)
		err = each(b, &o->org, add_org);
	if (!err)
		err = each(b, &o->peer, add_peer);
	if (!err)
		err = each(b, &o->identity, add_other);
	if (!err)
		err = each(b, &o->section, set_section);
	/* one more than may lie */
	if (b->g.policy.endorsing_orgs == 0)
		b->g.policy.endorsing_orgs = (uint16_t)(members_faults(b->g.members.count) + 1);
	if (!err && b->g.members.count >= MEMBERS_MIN && o->contribution.count == 0)
		err = deal(b);
	else if (!err)
		err = each(b, &o->contribution, add_contribution);
	if (!err)
		err = write_genesis(&b->g, o->target);
	for (unsigned i = 0; i < MEMBERS_MAX; i++)
		buf_release(&b->contribution[i]);
	for (unsigned i = 0; i < GENESIS_IDENTITIES_MAX; i++)
		buf_release(&b->kept[i]);
	buf_release(&b->root);
	mem_free(b);
	return err;
}

/* The order of the certificates is that of the members to be. */
int ca_cmd_contribute(const struct ca_options *o)
{
	struct members *m = mem_zalloc(sizeof(*m));
	struct buf bytes;
	int err = 0;

	if (!m)
		return CF_ENOMEM;
	buf_init(&bytes, CONTRIBUTION_BYTES_MAX);
	if (o->identity.count < MEMBERS_MIN || o->identity.count > MEMBERS_MAX)
		err = err_set(CF_EUSAGE, "%d to %d peers, not %u", MEMBERS_MIN, MEMBERS_MAX,
			      o->identity.count);
	for (unsigned i = 0; i < o->identity.count && !err; i++) {
		struct chain_file f = {.count = 0};

		err = chain_file_read(o->identity.item[i], &f);
		if (!err && f.info.role != ROLE_PEER)
			err = err_set(CF_EINVAL, "%s: not a peer's certificate", o->identity.item[i]);
		if (!err) {
			m->member[m->count].id = identity_id_of(f.info.org, f.info.name);
			memcpy(m->member[m->count++].kem_point, f.info.kem_point, POINT_BYTES);
		}
		chain_file_release(&f);
	}
	if (!err)
		err = contribution_make(m, &bytes);
	if (!err)
		err = userfile_create(o->target, 0644, buf_view(&bytes));
	if (!err)
		printf("contribution to the key of %u peers in %s\n", m->count, o->target);
	buf_release(&bytes);
	mem_free(m);
	return err;
}
