/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_desk.c - questions to an authority, here or elsewhere.
 */
#include "net/ca_desk.h"

#include "ledger/codec.h"
#include "ledger/mem.h"
#include "net/ca_wire.h"
#include "net/ticks.h"
#include "net/transport.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 15000
#define AGAIN_MS 1000
#define TLS_SCHEME "tls+tcp://"

struct ca_desk {
	/* here */
	struct ca_office office;
	bool is_open;
	/* elsewhere */
	struct buf root; /* DER */
	struct buf ca;   /* the same as text, with a NUL */
	struct transport_tls tls;
	struct transport *transport;
	struct transport_link *link;
	uint64_t request;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool up;
	struct buf answer; /* the frame that answers `request`; empty: none yet */
};

bool ca_desk_is_remote(const char *target)
{
	return strstr(target, "://") != NULL;
}

/* --- elsewhere --- */

static void on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view frame)
{
	struct ca_desk *d = ctx;
	struct ca_answer a;
	uint64_t request;

	(void)from;
	(void)link;
	if (ca_answer_decode(frame, &a, &request))
		return;
	pthread_mutex_lock(&d->lock);
	if (request == d->request && d->answer.len == 0 && buf_append_view(&d->answer, frame) == 0)
		pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static void on_state(void *ctx, struct transport_link *link, bool up)
{
	struct ca_desk *d = ctx;

	(void)link;
	pthread_mutex_lock(&d->lock);
	d->up = up;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

/* The host of the URL, unless it is an address: mbedTLS compares names only. */
static const char *tls_name(const char *url, char *host, size_t bytes)
{
	const char *begin = url + sizeof(TLS_SCHEME) - 1, *end = strrchr(begin, ':');
	uint8_t address[sizeof(struct in6_addr)];

	if (!end || (size_t)(end - begin) >= bytes)
		return NULL;
	snprintf(host, bytes, "%.*s", (int)(end - begin), begin);
	if (host[0] == '[' || inet_pton(AF_INET, host, address) == 1)
		return NULL;
	return host;
}

static int dial(struct ca_desk *d, const char *url)
{
	struct transport_config config = {.tls = &d->tls, .ctx = d, .on_recv = on_recv, .on_state = on_state};
	struct view root = buf_view(&d->root);
	char host[256];
	int err;

	if (strncmp(url, TLS_SCHEME, sizeof(TLS_SCHEME) - 1) != 0)
		return err_set(CF_ECONFIG, "%s: want " TLS_SCHEME "HOST:PORT", url);
	err = cert_pem_text(&root, 1, &d->ca);
	if (!err)
		err = buf_append(&d->ca, "", 1);
	d->tls.ca_pem = (const char *)d->ca.data;
	if (!err)
		err = transport_new(&config, &d->transport);
	if (!err)
		err = transport_dial(d->transport, TRANSPORT_GATEWAY, url, tls_name(url, host, sizeof(host)),
				     &d->link);
	return err;
}

/* Waits until there is an answer, or d->up is as wanted; false: not by then. */
static bool wait_for(struct ca_desk *d, bool answer, uint64_t until_ms)
{
	bool in_time = true;

	while (in_time && (answer ? d->answer.len == 0 : !d->up))
		in_time = ticks_wait(&d->changed, &d->lock, until_ms);
	return answer ? d->answer.len > 0 : d->up;
}

static int take_answer(struct ca_desk *d, struct buf *ret_answer)
{
	char detail[256];
	struct ca_answer a;
	uint64_t request;
	int err = ca_answer_decode(buf_view(&d->answer), &a, &request);

	if (err || !a.error)
		return err ? err : buf_append_view(ret_answer, a.bytes);
	snprintf(detail, sizeof(detail), "%.*s", (int)a.detail.len,
		 a.detail.len ? (const char *)a.detail.data : "");
	return err_set(a.error, "%s", detail[0] ? detail : err_text(a.error));
}

static int ask_remote(struct ca_desk *d, enum ca_kind kind, struct view bytes, struct buf *ret_answer)
{
	uint64_t end = ticks_ms() + TIMEOUT_MS;
	struct ca_ask ask = {kind, bytes};
	struct buf frame;
	bool answered = false;
	int err;

	buf_init(&frame, 0);
	pthread_mutex_lock(&d->lock);
	buf_reset(&d->answer);
	d->request++;
	err = ca_ask_frame(&ask, d->request, &frame);
	while (!err && !answered && ticks_ms() < end) {
		if (!wait_for(d, false, end))
			break;
		pthread_mutex_unlock(&d->lock);
		(void)!transport_send(d->link, buf_view(&frame));
		pthread_mutex_lock(&d->lock);
		answered = wait_for(d, true, ticks_ms() + AGAIN_MS < end ? ticks_ms() + AGAIN_MS : end);
	}
	if (!err)
		err = answered ? take_answer(d, ret_answer)
			       : err_set(CF_ENETWORK, "the authority does not answer");
	pthread_mutex_unlock(&d->lock);
	buf_release(&frame);
	return err;
}

/* --- both --- */

int ca_desk_open(const char *target, const char *root_path, const char *ca_passphrase, struct ca_desk **ret_d)
{
	struct ca_desk *d = mem_zalloc(sizeof(*d));
	int err;

	assert(target && root_path && ret_d);
	if (!d)
		return CF_ENOMEM;
	buf_init(&d->root, CERT_DER_BYTES_MAX);
	buf_init(&d->ca, 0);
	buf_init(&d->answer, CA_ANSWER_BYTES_MAX);
	pthread_mutex_init(&d->lock, NULL);
	err = ticks_cond_init(&d->changed);
	if (!err)
		err = cert_pem_read_one(root_path, &d->root);
	if (!err && ca_desk_is_remote(target)) {
		err = dial(d, target);
	} else if (!err) {
		err = ca_office_open(target, ca_passphrase, root_path, &d->office);
		d->is_open = !err;
	}
	if (err)
		ca_desk_close(d);
	else
		*ret_d = d;
	return err;
}

/* What nng may still call into stays until the process ends. */
void ca_desk_close(struct ca_desk *d)
{
	if (!d)
		return;
	if (d->is_open)
		ca_office_close(&d->office);
	if (d->transport) {
		transport_free(d->transport);
		return;
	}
	buf_release(&d->root);
	buf_release(&d->ca);
	buf_release(&d->answer);
	mem_free(d);
}

int ca_desk_ask(struct ca_desk *d, enum ca_kind kind, struct view bytes, struct buf *ret_answer)
{
	if (d->is_open)
		return ca_office_handle(&d->office, 0, kind, bytes, ticks_wall_ms(), ret_answer);
	return ask_remote(d, kind, bytes, ret_answer);
}

struct view ca_desk_root(const struct ca_desk *d)
{
	return buf_view(&d->root);
}

int ca_desk_about(struct ca_desk *d, struct buf *text, struct view ret_chain[CERT_CHAIN_MAX],
		  size_t *ret_count, struct cert_info *ret_info)
{
	struct dec dec;
	uint8_t count;
	int err = ca_desk_ask(d, CA_ABOUT, VIEW_NONE, text);

	if (err)
		return err;
	dec_init(&dec, buf_view(text));
	count = dec_u8(&dec);
	if (count < 1 || count > CERT_CHAIN_MAX)
		return err_set(CF_EDECODE, "the authority's answer is malformed");
	for (unsigned i = 0; i < count; i++)
		ret_chain[i] = dec_bytes(&dec, CERT_DER_BYTES_MAX);
	if (dec_done(&dec))
		return err_set(CF_EDECODE, "the authority's answer is malformed");
	err = cert_check_authority(ret_chain[0], ret_chain + 1, count - 1u, ca_desk_root(d), ticks_wall_ms());
	if (!err)
		err = cert_parse(ret_chain[0], ret_info);
	*ret_count = count;
	return err;
}

int ca_desk_ask_as(struct ca_desk *d, enum ca_kind kind, struct view body, const struct identity *by,
		   struct buf *ret_answer)
{
	struct view chain[CERT_CHAIN_MAX];
	struct buf text, request;
	struct cert_info info;
	struct hash authority;
	size_t count;
	int err;

	buf_init(&text, 0);
	buf_init(&request, CA_REQUEST_BYTES_MAX);
	err = ca_desk_about(d, &text, chain, &count, &info);
	if (!err) {
		authority = crypto_key_fingerprint(info.sign_point);
		err = ca_request_encode(kind, &authority, ticks_wall_ms(), body, by, &request);
	}
	if (!err)
		err = ca_desk_ask(d, kind, buf_view(&request), ret_answer);
	buf_release(&text);
	buf_release(&request);
	return err;
}
