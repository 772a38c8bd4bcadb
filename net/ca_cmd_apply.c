/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_cmd_apply.c - register, enroll, reenroll: how somebody gets a certificate without showing a key.
 */
#include "net/ca_cmd_net.h"

#include "acl/identity_apply.h"
#include "acl/keyfile.h"
#include "acl/userfile.h"
#include "ledger/mem.h"
#include "net/ca_desk.h"
#include "net/ticks.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define POLL_MS 500

static int open_desk(const struct ca_options *o, struct ca_desk **ret_d)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1] = "";
	int err = 0;

	if (!ca_desk_is_remote(o->ca))
		err = ca_cmd_authority_passphrase(o, passphrase);
	if (!err)
		err = ca_desk_open(o->ca, o->root, passphrase, ret_d);
	mem_wipe(passphrase, sizeof(passphrase));
	return err;
}

static int send_application(struct ca_desk *d, struct view application, const char *dir)
{
	char hex[2 * APPLICATION_ID_BYTES + 1];
	struct application_id id = application_id_of(application);
	struct buf answer;
	int err;

	buf_init(&answer, 0);
	err = ca_desk_ask(d, CA_APPLY, application, &answer);
	if (!err && !view_equal(buf_view(&answer), VIEW(id.b, sizeof(id.b))))
		err = err_set(CF_EDECODE, "the authority's answer is malformed");
	buf_release(&answer);
	hex_encode(id.b, sizeof(id.b), hex);
	if (!err)
		printf("application %s waits for a manager; then: chartfs-ca enroll %s\n", hex, dir);
	return err;
}

/* The organization is the authority's unless it is named. */
static int fill_org(const struct ca_options *o, struct ca_desk *d, char ret_org[CERT_NAME_MAX + 1])
{
	struct view chain[CERT_CHAIN_MAX];
	struct cert_info info;
	struct buf text;
	size_t count;
	int err;

	if (o->org.count > 1)
		return err_set(CF_EUSAGE, "--org more than once");
	if (o->org.count == 1) {
		snprintf(ret_org, CERT_NAME_MAX + 1, "%s", o->org.item[0]);
		return 0;
	}
	buf_init(&text, 0);
	err = ca_desk_about(d, &text, chain, &count, &info);
	if (!err)
		memcpy(ret_org, info.org, CERT_NAME_MAX + 1);
	buf_release(&text);
	return err;
}

/* A directory that has applied already sends the same application again. */
static int make_application(const struct ca_options *o, const char *org, struct buf *application)
{
	struct identity_issue what = {
		.name = o->name, .org = org, .tls_host = o->tls_host, .pbkdf2_rounds = o->rounds};
	char passphrase[PASSPHRASE_BYTES_MAX + 1];
	int err = identity_application(o->target, application);

	if (err != CF_ENOTFOUND)
		return err;
	err = role_parse(o->role, &what.role);
	if (!err)
		err = ca_cmd_new_passphrase(o->passphrase_file, passphrase);
	if (!err)
		err = identity_apply(o->target, passphrase, &what, ticks_wall_ms(), application);
	mem_wipe(passphrase, sizeof(passphrase));
	return err;
}

int ca_cmd_register(const struct ca_options *o)
{
	char org[CERT_NAME_MAX + 1];
	struct ca_desk *d = NULL;
	struct buf application;
	int err = open_desk(o, &d);

	buf_init(&application, APPLICATION_BYTES_MAX);
	if (!err)
		err = fill_org(o, d, org);
	if (!err)
		err = make_application(o, org, &application);
	if (!err)
		err = send_application(d, buf_view(&application), o->target);
	buf_release(&application);
	ca_desk_close(d);
	return err;
}

static void sleep_ms(unsigned ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	(void)nanosleep(&t, NULL);
}

/* What became of it; waits for as long as --wait says. */
static int collect(const struct ca_options *o, struct ca_desk *d, struct view application, struct buf *answer,
		   struct ca_collected *ret_m)
{
	struct application_id id = application_id_of(application);
	uint64_t end = ticks_ms() + (uint64_t)o->wait * 1000;
	int err;

	for (;;) {
		buf_reset(answer);
		err = ca_desk_ask(d, CA_COLLECT, VIEW(id.b, sizeof(id.b)), answer);
		if (!err)
			err = ca_collected_decode(buf_view(answer), ret_m);
		if (err || ret_m->decision != CA_WAITING || ticks_ms() >= end)
			return err;
		sleep_ms(POLL_MS);
	}
}

static int take(struct ca_desk *d, const char *dir, struct view application, const struct ca_collected *m)
{
	switch (m->decision) {
	case CA_APPROVED:
		return identity_accept(dir, application, m->chain, m->tls, ca_desk_root(d), ticks_wall_ms());
	case CA_WAITING:
		return err_set(CF_EAGAIN, "no manager has decided on the application yet");
	case CA_DENIED:
		return err_set(CF_EDENIED, "the application was denied%s%.*s", m->chain.len ? ": " : "",
			       (int)m->chain.len, m->chain.len ? (const char *)m->chain.data : "");
	case CA_UNKNOWN:
		break;
	}
	return err_set(CF_ENOTFOUND, "the authority knows nothing of this application");
}

int ca_cmd_enroll(const struct ca_options *o)
{
	struct ca_collected m;
	struct ca_desk *d = NULL;
	struct buf application, answer;
	int err;

	buf_init(&application, APPLICATION_BYTES_MAX);
	buf_init(&answer, 0);
	err = identity_application(o->target, &application);
	if (!err)
		err = open_desk(o, &d);
	if (!err)
		err = collect(o, d, buf_view(&application), &answer, &m);
	if (!err)
		err = take(d, o->target, buf_view(&application), &m);
	if (!err)
		printf("certificate in %s\n", o->target);
	buf_release(&application);
	buf_release(&answer);
	ca_desk_close(d);
	return err;
}

static int renew(const struct ca_options *o, struct ca_desk *d, const struct identity *id,
		 const char *passphrase)
{
	const char *dir = o->into ? o->into : o->target;
	struct buf application, answer;
	struct ca_collected m;
	int err;

	buf_init(&application, APPLICATION_BYTES_MAX);
	buf_init(&answer, 0);
	err = identity_apply_again(id, o->target, passphrase, o->into, o->tls_host, o->rounds,
				   ticks_wall_ms(), &application);
	if (!err)
		err = ca_desk_ask_as(d, CA_REENROLL, buf_view(&application), id, &answer);
	if (!err)
		err = ca_collected_decode(buf_view(&answer), &m);
	if (!err)
		err = take(d, dir, buf_view(&application), &m);
	buf_release(&application);
	buf_release(&answer);
	return err;
}

int ca_cmd_reenroll(const struct ca_options *o)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1];
	struct identity id = {0};
	struct ca_desk *d = NULL;
	int err = passphrase_get(o->passphrase_file, "passphrase of the identity", passphrase);

	if (!err)
		err = identity_load(o->target, passphrase, &id);
	if (!err)
		err = open_desk(o, &d);
	if (!err)
		err = renew(o, d, &id, passphrase);
	if (!err && o->into)
		printf("new key and certificate in %s; on the ledger: chartfs renew --config CONFIG %s\n",
		       o->into, o->into);
	else if (!err)
		printf("new certificate in %s; on the ledger: chartfs register --config CONFIG\n", o->target);
	mem_wipe(passphrase, sizeof(passphrase));
	identity_release(&id);
	ca_desk_close(d);
	return err;
}
