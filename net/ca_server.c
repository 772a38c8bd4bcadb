/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_server.c - frames to the office and back.
 */
#include "net/ca_server.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ca_wire.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MODULE "ca"
#define QUEUE_BYTES_MAX ((size_t)16 << 20)
#define TLS_SCHEME "tls+tcp://"

struct ca_server {
	struct ca_office *office;
	struct worker *worker;
	struct transport *transport;
	struct buf cert, key, ca; /* PEM texts, each with a NUL */
	struct transport_tls tls;
};

static void on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view frame)
{
	struct ca_server *s = ctx;
	struct message *m = NULL;

	(void)link;
	if (message_new(WIRE_CA_ASK, frame, &m))
		return;
	m->from = from;
	m->sender = from.connection;
	(void)!worker_push(s->worker, QUEUE_BULK, m); /* full: the tool asks again */
}

static void answer(struct ca_server *s, const struct message *m)
{
	struct ca_answer a = {.error = 0};
	struct ca_ask ask;
	struct buf bytes, out;
	uint64_t request;

	if (ca_ask_decode(message_view(m), &ask, &request))
		return;
	buf_init(&bytes, CA_ANSWER_BYTES_MAX);
	buf_init(&out, 0);
	err_clear();
	a.error = ca_office_handle(s->office, m->from.machine, ask.kind, ask.bytes, ticks_wall_ms(), &bytes);
	a.detail = view_str(a.error ? err_detail() : "");
	a.bytes = buf_view(&bytes);
	if (a.error)
		log_info(MODULE, "refused: %s", err_detail());
	if (ca_answer_frame(&a, request, &out) == 0)
		(void)!transport_reply(s->transport, m->from, buf_view(&out));
	buf_release(&bytes);
	buf_release(&out);
}

static uint64_t handle(void *ctx, struct message *m)
{
	if (m)
		answer(ctx, m);
	message_free(m);
	return 0;
}

/* tls+tcp://host:port -> host */
static int host_of(const char *url, char *ret_host, size_t bytes)
{
	const char *host = url + sizeof(TLS_SCHEME) - 1, *end;

	if (strncmp(url, TLS_SCHEME, sizeof(TLS_SCHEME) - 1) != 0 || !(end = strrchr(host, ':')) ||
	    end == host || (size_t)(end - host) >= bytes)
		return err_set(CF_ECONFIG, "%s: want " TLS_SCHEME "HOST:PORT", url);
	snprintf(ret_host, bytes, "%.*s", (int)(end - host), host);
	return 0;
}

static int make_certificate(const struct ca_office *o, const struct crypto_key *key, const char *hosts,
			    struct buf *out)
{
	uint64_t now = ticks_wall_ms();
	struct cert_request req = {.kind = CERT_TLS,
				   .name = o->ca.info.name,
				   .org = o->ca.info.org,
				   .subject = key,
				   .tls_host = hosts,
				   .not_before_ms = now - CERT_CLOCK_SKEW_MS,
				   .not_after_ms = o->ca.info.not_after_ms};
	struct view chain[CERT_CHAIN_MAX + 1];
	size_t count = 1;
	struct buf der;
	int err;

	buf_init(&der, CERT_DER_BYTES_MAX);
	err = cert_issue(&req, buf_view(&o->ca.chain[0]), o->ca.key, &der);
	chain[0] = buf_view(&der);
	for (size_t i = 0; i < o->ca.chain_count && !o->ca.info.is_root; i++)
		chain[count++] = buf_view(&o->ca.chain[i]);
	if (!err)
		err = cert_pem_text(chain, count, out);
	buf_release(&der);
	return err;
}

static int make_tls(struct ca_server *s, const char *url, const char *hosts)
{
	struct view root = buf_view(&s->office->root);
	struct crypto_key *key = NULL;
	char host[256];
	int err = host_of(url, host, sizeof(host));

	if (!err)
		err = crypto_key_generate(&key);
	if (!err)
		err = make_certificate(s->office, key, hosts ? hosts : host, &s->cert);
	if (!err)
		err = cert_key_pem_text(key, &s->key);
	crypto_key_free(key);
	if (!err)
		err = cert_pem_text(&root, 1, &s->ca);
	/* nng takes C strings */
	if (!err)
		err = buf_append(&s->cert, "", 1);
	if (!err)
		err = buf_append(&s->key, "", 1);
	if (!err)
		err = buf_append(&s->ca, "", 1);
	s->tls = (struct transport_tls){.cert_pem = (const char *)s->cert.data,
					.key_pem = (const char *)s->key.data,
					.ca_pem = (const char *)s->ca.data,
					.strangers = true};
	return err;
}

int ca_server_start(const struct ca_server_config *config, struct ca_server **ret_s)
{
	struct ca_server *s = mem_zalloc(sizeof(*s));
	struct worker_config worker = {.queue_bytes_max = QUEUE_BYTES_MAX, .ctx = s, .handle = handle};
	/* applicants are strangers: they say little */
	struct transport_config transport = {.ctx = s, .on_recv = on_recv, .frame_max = CA_REQUEST_BYTES_MAX};
	int err;

	assert(config && config->office && config->url && ret_s);
	if (!s)
		return CF_ENOMEM;
	s->office = config->office;
	buf_init(&s->cert, 0);
	buf_init(&s->key, 0);
	buf_init(&s->ca, 0);
	transport.tls = &s->tls;
	err = make_tls(s, config->url, config->hosts);
	if (!err)
		err = worker_new(&worker, &s->worker);
	if (!err)
		err = worker_start(s->worker);
	if (!err)
		err = transport_new(&transport, &s->transport);
	if (!err)
		err = transport_listen(s->transport, TRANSPORT_GATEWAY, config->url);
	if (err)
		ca_server_stop(s);
	else
		*ret_s = s;
	return err;
}

void ca_server_stop(struct ca_server *s)
{
	transport_free(s->transport);
	if (s->worker) {
		worker_stop(s->worker);
		worker_free(s->worker);
		s->worker = NULL;
	}
	/* its texts stay where nng may look at them, the key does not */
	buf_release_secret(&s->key);
}
