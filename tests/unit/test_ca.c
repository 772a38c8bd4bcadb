/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ca.c - the verbs of chartfs-ca: from a root to a genesis file.
 */
#include "acl/ca_cmd.h"
#include "acl/genesis.h"
#include "acl/identity.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS 10

static const char *text(const char *fmt, const char *a, const char *b, const char *c)
{
	static char kept[32][1024];
	static unsigned next;
	char *out = kept[next++ % 32];

	snprintf(out, sizeof(kept[0]), fmt, a, b, c);
	return out;
}

static struct ca_options options(const char *target, const char *name)
{
	return (struct ca_options){.target = target, .name = name, .rounds = ROUNDS};
}

static void issue(const char *dir, const char *name, const char *org, const char *role)
{
	struct ca_options o = options(tmpdir_path(dir, name), name);

	o.ca = tmpdir_path(dir, org);
	o.role = role;
	o.tls_host = strcmp(role, "peer") == 0 ? "127.0.0.1" : NULL;
	t_zero(ca_cmd_issue(&o));
}

/* A root, hospA and hospB, a custodian each, four peers. */
static const char *site_new(void)
{
	static const char *const orgs[] = {"hospA", "hospB"};
	const char *dir = tmpdir_new();
	struct ca_options o = options(tmpdir_path(dir, "root"), "Consortium");

	t_eq(setenv("CHARTFS_PASSPHRASE", "pw", 1), 0);
	t_zero(ca_cmd_init(&o));
	for (unsigned i = 0; i < 2; i++) {
		o = options(tmpdir_path(dir, orgs[i]), NULL);
		o.parent = tmpdir_path(dir, "root");
		o.org = (struct ca_list){{orgs[i]}, 1};
		t_zero(ca_cmd_intermediate(&o));
		issue(dir, text("%s-custodian", orgs[i], "", ""), orgs[i], "manager");
		issue(dir, text("%s-peer1", orgs[i], "", ""), orgs[i], "peer");
		issue(dir, text("%s-peer2", orgs[i], "", ""), orgs[i], "peer");
	}
	return dir;
}

static struct ca_options founding(const char *dir)
{
	struct ca_options o = options(tmpdir_path(dir, "genesis"), "testnet");

	o.root = tmpdir_path(dir, "root/ca.pem");
	o.org.count = 2;
	o.org.item[0] = text("hospA:%s/hospA/ca.pem:%s/hospA-custodian/cert.pem", dir, dir, "");
	o.org.item[1] = text("hospB:%s/hospB/ca.pem:%s/hospB-custodian/cert.pem", dir, dir, "");
	o.peer.count = 4;
	o.peer.item[0] = text("%s/hospA-peer1,hospA,tcp://127.0.0.1:7001,tcp://127.0.0.1:7101", dir, "", "");
	o.peer.item[1] = text("%s/hospA-peer2,hospA,tcp://127.0.0.1:7002,tcp://127.0.0.1:7102", dir, "", "");
	o.peer.item[2] = text("%s/hospB-peer1,hospB,tcp://127.0.0.1:7003,tcp://127.0.0.1:7103", dir, "", "");
	o.peer.item[3] = text("%s/hospB-peer2,hospB,tcp://127.0.0.1:7004,tcp://127.0.0.1:7104", dir, "", "");
	return o;
}

T_TEST(ca_founds_a_network)
{
	const char *dir = site_new();
	struct ca_options o = founding(dir), show = options(tmpdir_path(dir, "hospA-peer1/cert.pem"), NULL);
	struct genesis *g = malloc(sizeof(*g));
	struct buf bytes;

	t_ok(g);
	issue(dir, "alice", "hospA", "doctor");
	o.identity =
		(struct ca_list){{tmpdir_path(dir, "alice/cert.pem"), tmpdir_path(dir, "alice/cert.pem")}, 2};
	o.section = (struct ca_list){{"EMR05=Treatments"}, 1};
	t_zero(ca_cmd_genesis(&o));
	t_zero(genesis_read(o.target, &bytes));
	t_zero(genesis_decode(buf_view(&bytes), g));
	t_str(g->name, "testnet");
	t_eq(g->org_count, 2);
	t_eq(g->members.count, 4);
	t_eq(g->members.member[3].org, 2);
	t_str(g->members.member[3].client_address, "tcp://127.0.0.1:7104");
	t_eq(g->identity_count, 7); /* alice once */
	t_eq(g->policy.endorsing_orgs, 2);
	t_str(g->section_title[5], "Treatments");
	t_str(g->section_title[4], "Examinations and laboratory");
	t_zero(ca_cmd_show(&show));
	t_err(ca_cmd_genesis(&o), CF_EEXIST);
	buf_release(&bytes);
	free(g);
}

static void refused(const struct ca_options *o, int want, const char *reason)
{
	t_err(ca_cmd_genesis(o), want);
	if (!strstr(err_detail(), reason))
		t_fail("reason '%s', not '%s'", err_detail(), reason);
	t_ok(access(o->target, F_OK) != 0);
}

T_TEST(ca_genesis_refuses)
{
	const char *dir = site_new(), *foreign = site_new();
	struct ca_options o = founding(dir);

	o.root = tmpdir_path(foreign, "root/ca.pem");
	refused(&o, CF_EFOREIGN, "hospA-custodian/cert.pem");
	o = founding(dir);
	o.peer.item[1] = text("%s/hospA-peer1,hospA,a,b", foreign, "", "");
	refused(&o, CF_EFOREIGN, "hospA-peer1/cert.pem");
	o = founding(dir);
	o.peer.item[1] = o.peer.item[0];
	refused(&o, CF_EINVAL, "twice");
	o = founding(dir);
	o.peer.item[1] = text("%s/hospA-peer2,hospB,a,b", dir, "", "");
	refused(&o, CF_EINVAL, "not of 'hospB'");
	o = founding(dir);
	o.peer.item[1] = "a,b,c";
	refused(&o, CF_EUSAGE, "--peer");
	o = founding(dir);
	o.peer.count = 3;
	refused(&o, CF_EINVAL, "ordering peers");
	o = founding(dir);
	o.org.item[1] = text("hospB:%s/hospA/ca.pem:%s/hospB-custodian/cert.pem", dir, dir, "");
	refused(&o, CF_EINVAL, "not an authority of 'hospB'");
	o = founding(dir);
	o.org.item[1] = text("hospB:%s/hospB/ca.pem:%s/hospA-custodian/cert.pem", dir, dir, "");
	refused(&o, CF_EINVAL, "not issued under");
	o = founding(dir);
	o.org.item[1] = text("hospB:%s/hospB/ca.pem:%s/hospB-peer1/cert.pem", dir, dir, "");
	refused(&o, CF_EINVAL, "cannot be its custodian");
	o = founding(dir);
	o.endorsing_orgs = 3;
	refused(&o, CF_EINVAL, "endorsing");
	o = founding(dir);
	o.section = (struct ca_list){{"EMR17=x"}, 1};
	refused(&o, CF_EUSAGE, "EMR17");
	o.section = (struct ca_list){{"EMR16="}, 1};
	refused(&o, CF_EUSAGE, "--section");
}

T_TEST(ca_issue_refuses)
{
	const char *dir = site_new();
	struct ca_options o = options(tmpdir_path(dir, "x"), "x");

	o.ca = tmpdir_path(dir, "hospA");
	o.role = "nurse";
	t_err(ca_cmd_issue(&o), CF_EUSAGE);
	o.role = "doctor";
	o.org = (struct ca_list){{"hospB"}, 1};
	t_err(ca_cmd_issue(&o), CF_EDENIED);
	o.org.count = 0;
	t_eq(setenv("CHARTFS_PASSPHRASE", "wrong", 1), 0);
	t_err(ca_cmd_issue(&o), CF_EPASS);
	t_eq(setenv("CHARTFS_PASSPHRASE", "pw", 1), 0);
	o.ca = tmpdir_path(dir, "none");
	t_err(ca_cmd_issue(&o), CF_ENOTFOUND);
	t_ok(access(o.target, F_OK) != 0);
	o = options(tmpdir_path(dir, "none.pem"), NULL);
	t_err(ca_cmd_show(&o), CF_ENOTFOUND);
}

T_TEST(ca_validity_is_cut_to_the_authoritys)
{
	const char *dir = site_new();
	struct ca_options o = options(tmpdir_path(dir, "old"), "old");
	struct identity id;
	struct ca ca;

	o.ca = tmpdir_path(dir, "hospA");
	o.role = "patient";
	o.days = 100000;
	t_zero(ca_cmd_issue(&o));
	t_zero(ca_load(o.ca, "pw", &ca));
	t_zero(identity_load(o.target, "pw", &id));
	t_eq(id.info.not_after_ms, ca.info.not_after_ms);
	identity_release(&id);
	ca_release(&ca);
}

T_MAIN
