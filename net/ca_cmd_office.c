/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_cmd_office.c - pending, approve, deny, revoke, gencrl, identity, serve.
 */
#include "net/ca_cmd_net.h"

#include "acl/keyfile.h"
#include "acl/userfile.h"
#include "ledger/codec.h"
#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ca_desk.h"
#include "net/ca_server.h"
#include "net/ticks.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The authority, and who asks it (--as). */
struct visit {
	struct ca_desk *desk;
	struct identity as;
};

static int open_desk(const struct ca_options *o, const char *target, struct ca_desk **ret_d)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1] = "";
	int err = 0;

	if (!ca_desk_is_remote(target))
		err = ca_cmd_authority_passphrase(o, passphrase);
	if (!err)
		err = ca_desk_open(target, o->root, passphrase, ret_d);
	mem_wipe(passphrase, sizeof(passphrase));
	return err;
}

static int visit_begin(const struct ca_options *o, const char *target, struct visit *v)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1];
	int err = passphrase_get(o->passphrase_file, "passphrase of the manager", passphrase);

	if (!err)
		err = identity_load(o->as, passphrase, &v->as);
	mem_wipe(passphrase, sizeof(passphrase));
	return err ? err : open_desk(o, target, &v->desk);
}

static void visit_end(struct visit *v)
{
	ca_desk_close(v->desk);
	identity_release(&v->as);
}

static void print_day(const char *before, uint64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("%s%s", before, text);
}

static int print_application(struct view bytes)
{
	char hex[2 * APPLICATION_ID_BYTES + 1];
	struct application_id id = application_id_of(bytes);
	struct application a;
	int err = application_decode(bytes, &a);

	if (err)
		return err;
	hex_encode(id.b, sizeof(id.b), hex);
	printf("%s  %s@%s  %s", hex, a.name, a.org, role_name(a.role));
	print_day("  ", a.time_ms);
	if (a.tls_host[0])
		printf("  %s", a.tls_host);
	putchar('\n');
	return 0;
}

int ca_cmd_pending(const struct ca_options *o)
{
	struct visit v = {.desk = NULL};
	struct buf answer;
	struct dec d;
	uint16_t count = 0;
	int err = visit_begin(o, o->target, &v);

	buf_init(&answer, 0);
	if (!err)
		err = ca_desk_ask_as(v.desk, CA_PENDING, VIEW_NONE, &v.as, &answer);
	dec_init(&d, buf_view(&answer));
	if (!err)
		count = dec_u16(&d);
	for (unsigned i = 0; i < count && !err; i++)
		err = print_application(dec_bytes(&d, APPLICATION_BYTES_MAX));
	if (!err && dec_done(&d))
		err = err_set(CF_EDECODE, "the authority's answer is malformed");
	buf_release(&answer);
	visit_end(&v);
	return err;
}

static int decide(const struct ca_options *o, bool approve)
{
	struct ca_decide m = {.approve = approve, .days = o->days};
	struct visit v = {.desk = NULL};
	struct ca_collected result;
	struct buf body, answer;
	int err;

	if (strlen(o->application) != 2 * APPLICATION_ID_BYTES ||
	    hex_decode(o->application, m.id.b, APPLICATION_ID_BYTES))
		return err_set(CF_EUSAGE, "--application '%s' is no application's id: %d hexadecimal digits",
			       o->application, 2 * APPLICATION_ID_BYTES);
	if (o->reason && strlen(o->reason) > CA_REASON_BYTES_MAX)
		return err_set(CF_EUSAGE, "--reason of more than %d bytes", CA_REASON_BYTES_MAX);
	m.reason = view_str(o->reason ? o->reason : "");
	buf_init(&body, 0);
	buf_init(&answer, 0);
	err = visit_begin(o, o->target, &v);
	if (!err)
		err = ca_decide_encode(&m, &body);
	if (!err)
		err = ca_desk_ask_as(v.desk, CA_DECIDE, buf_view(&body), &v.as, &answer);
	if (!err)
		err = ca_collected_decode(buf_view(&answer), &result);
	if (!err && result.decision != (approve ? CA_APPROVED : CA_DENIED))
		err = err_set(CF_ECONFLICT, "somebody else has decided otherwise");
	if (!err)
		printf("application %s is %s\n", o->application, approve ? "approved" : "denied");
	buf_release(&body);
	buf_release(&answer);
	visit_end(&v);
	return err;
}

int ca_cmd_approve(const struct ca_options *o)
{
	return decide(o, true);
}

int ca_cmd_deny(const struct ca_options *o)
{
	return decide(o, false);
}

/* A list as PEM, with the certificates of its authority behind it: what `chartfs revocations` carries. */
static int write_list(struct ca_desk *d, struct view crl, const char *path)
{
	struct view chain[CERT_CHAIN_MAX];
	struct cert_info info;
	struct buf about, pem;
	size_t count;
	int err;

	buf_init(&about, 0);
	buf_init(&pem, 0);
	err = ca_desk_about(d, &about, chain, &count, &info);
	if (!err)
		err = cert_crl_pem_text(crl, &pem);
	if (!err && !info.is_root)
		err = cert_pem_text(chain, count, &pem);
	if (!err)
		err = file_replace(path, buf_view(&pem));
	buf_release(&about);
	buf_release(&pem);
	return err;
}

int ca_cmd_revoke(const struct ca_options *o)
{
	struct ca_revoke m = {.name = view_str(o->name), .reason = view_str(o->reason ? o->reason : "")};
	struct visit v = {.desk = NULL};
	struct buf body, answer;
	int err;

	if (m.name.len > CERT_NAME_MAX || m.reason.len > CA_REASON_BYTES_MAX)
		return err_set(CF_EUSAGE, "--name of more than %d bytes, or --reason of more than %d",
			       CERT_NAME_MAX, CA_REASON_BYTES_MAX);
	buf_init(&body, 0);
	buf_init(&answer, 0);
	err = visit_begin(o, o->target, &v);
	if (!err)
		err = ca_revoke_encode(&m, &body);
	if (!err)
		err = ca_desk_ask_as(v.desk, CA_REVOKE, buf_view(&body), &v.as, &answer);
	if (!err && o->out)
		err = write_list(v.desk, buf_view(&answer), o->out);
	if (!err)
		printf("'%s' is revoked%s%s\n", o->name, o->out ? "; the list is in " : "",
		       o->out ? o->out : "");
	buf_release(&body);
	buf_release(&answer);
	visit_end(&v);
	return err;
}

int ca_cmd_gencrl(const struct ca_options *o)
{
	struct ca_desk *d = NULL;
	struct buf answer;
	int err = open_desk(o, o->target, &d);

	buf_init(&answer, 0);
	if (!err)
		err = ca_desk_ask(d, CA_LIST_CRL, VIEW_NONE, &answer);
	if (!err)
		err = write_list(d, buf_view(&answer), o->out);
	if (!err)
		printf("revocation list in %s\n", o->out);
	buf_release(&answer);
	ca_desk_close(d);
	return err;
}

static int print_identity(struct view der, bool revoked, uint64_t now_ms)
{
	char hex[41];
	struct cert_info info;
	int err = cert_parse(der, &info);

	if (err)
		return err;
	hex_encode(info.serial, sizeof(info.serial), hex);
	printf("%s  %s@%s  %s  %s", hex, info.name, info.org, info.role ? role_name(info.role) : "TLS",
	       revoked                      ? "revoked"
	       : info.not_after_ms < now_ms ? "expired"
					    : "valid");
	print_day("  until ", info.not_after_ms);
	putchar('\n');
	return 0;
}

int ca_cmd_identity(const struct ca_options *o)
{
	struct visit v = {.desk = NULL};
	struct buf answer;
	uint32_t count = 0;
	struct dec d;
	int err;

	if (strcmp(o->word, "list") != 0)
		return err_set(CF_EUSAGE, "identity %s: there is only 'identity list'", o->word);
	err = visit_begin(o, o->target, &v);
	buf_init(&answer, 0);
	if (!err)
		err = ca_desk_ask_as(v.desk, CA_IDENTITIES, VIEW_NONE, &v.as, &answer);
	dec_init(&d, buf_view(&answer));
	if (!err)
		count = dec_u32(&d);
	for (uint32_t i = 0; i < count && !err && !d.err; i++) {
		struct view der = dec_bytes(&d, CERT_DER_BYTES_MAX);
		bool revoked = dec_bool(&d);

		if (!d.err)
			err = print_identity(der, revoked, ticks_wall_ms());
	}
	if (!err && dec_done(&d))
		err = err_set(CF_EDECODE, "the authority's answer is malformed");
	buf_release(&answer);
	visit_end(&v);
	return err;
}

static void wait_for_end(void)
{
	sigset_t signals;
	int signal_number;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigwait(&signals, &signal_number);
	log_info("ca", "signal %d -> stops", signal_number);
}

/* Before any thread: all of them block these, and the main thread waits for them. */
static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int ca_cmd_serve(const struct ca_options *o)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1];
	struct ca_office office;
	struct ca_server_config config = {.office = &office, .url = o->listen, .hosts = o->tls_host};
	struct ca_server *server = NULL;
	int err = ca_cmd_authority_passphrase(o, passphrase);

	if (!err)
		err = ca_office_open(o->target, passphrase, o->root, &office);
	mem_wipe(passphrase, sizeof(passphrase));
	if (err)
		return err;
	office.days = o->days;
	block_signals();
	err = ca_server_start(&config, &server);
	if (!err) {
		printf("authority '%s' of '%s' listens at %s\n", office.ca.info.name, office.ca.info.org,
		       o->listen);
		fflush(stdout);
		wait_for_end();
		ca_server_stop(server);
	}
	ca_office_close(&office);
	return err;
}
