/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport.c - nng sockets: PULL and PUSH between peers, raw REP and raw REQ between clients and peers.
 *
 * Every socket sends through one outbox with one nng_aio: nng's own send queues drop or block, this one is
 * bounded in bytes and never blocks. Every socket receives with one nng_aio, or frames would overtake each
 * other. Nothing that nng may still point to is ever freed (CORRECTNESS 4.1: nng_close races).
 */
#include "net/transport.h"

#include "ledger/mem.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define RECONNECT_MIN_MS 20
#define RECONNECT_MAX_MS 250
#define DRAIN_MS 20
#define GATEWAY_FRAMES_BUFFERED 64 /* in nng, before the one receive aio or a pipe takes them */
#define REQUEST_HEADER 0x80000001u /* of a raw REQ: any id with the high bit, which ends nng's backtrace */

/* A frame that waits, hung into a list. */
struct waiting {
	struct waiting *next;
	nng_msg *msg;
};

/* One socket: a dialer, or a listener, which is not seen outside. */
struct transport_link {
	struct transport *t;
	enum transport_kind kind;
	bool is_dialer;
	uint32_t number; /* of a listener */
	nng_socket sock;
	nng_dialer dialer;
	nng_listener listener;
	nng_aio *recv_aio; /* NULL: PUSH, never receives */
	atomic_int pipes;
	struct transport_link *next;

	pthread_mutex_t lock; /* of the outbox below */
	nng_aio *send_aio;    /* NULL: PULL, never sends */
	bool sending;         /* the aio is under way */
	bool open;            /* false: not connected or stopped */
	struct waiting *first;
	struct waiting **last;
	size_t waiting_bytes;
};

struct transport {
	struct transport_config config;
	nng_tls_config *tls_server;
	pthread_mutex_t lock; /* links */
	struct transport_link *links;
	uint32_t count;
	/* Held while on_state runs, so that transport_free can wait for it. */
	pthread_mutex_t state_lock;
	bool stopped; /* under state_lock */
	struct transport *next;
};

/* Freed ones: nng may still call back into them, so they live as long as their sockets. */
static _Atomic(struct transport *) retired;

static int from_nng(int rv, const char *what, const char *url)
{
	bool ours = rv == NNG_EINVAL || rv == NNG_EADDRINVAL || rv == NNG_ENOTSUP || rv == NNG_ECRYPTO;
	int err = rv == NNG_ENOMEM ? CF_ENOMEM : ours ? CF_ECONFIG : CF_ENETWORK;

	return rv == 0 ? 0 : err_set(err, "%s %s: %s", what, url, nng_strerror(rv));
}

/* --- sending --- */

static void outbox_set_open(struct transport_link *link, bool open)
{
	pthread_mutex_lock(&link->lock);
	link->open = open;
	while (!open && link->first) {
		struct waiting *w = link->first;

		link->first = w->next;
		nng_msg_free(w->msg);
		mem_free(w);
	}
	if (!open) {
		link->last = &link->first;
		link->waiting_bytes = 0;
	}
	pthread_mutex_unlock(&link->lock);
}

/* Takes no more, and lets the frame in hand go: one given to a stopped aio would be lost to nng. */
static void outbox_drain(struct transport_link *link)
{
	bool busy = true;

	outbox_set_open(link, false);
	for (int i = 0; busy && i < DRAIN_MS; i++) {
		usleep(1000);
		pthread_mutex_lock(&link->lock);
		busy = link->sending;
		pthread_mutex_unlock(&link->lock);
	}
}

/* The aio has ended: nng has the frame or it is lost. */
static void frame_sent(void *arg)
{
	struct transport_link *link = arg;
	struct waiting *w = NULL;

	if (nng_aio_result(link->send_aio)) {
		nng_msg_free(nng_aio_get_msg(link->send_aio));
		nng_aio_set_msg(link->send_aio, NULL);
	}
	pthread_mutex_lock(&link->lock);
	if (link->open)
		w = link->first;
	if (w) {
		link->first = w->next;
		if (!link->first)
			link->last = &link->first;
		link->waiting_bytes -= nng_msg_len(w->msg);
	} else {
		link->sending = false;
	}
	pthread_mutex_unlock(&link->lock);
	if (w) {
		nng_aio_set_msg(link->send_aio, w->msg);
		mem_free(w);
		nng_send_aio(link->sock, link->send_aio);
	}
}

/* Takes ownership of msg in any case. */
static int outbox_put(struct transport_link *link, nng_msg *msg)
{
	struct waiting *w = NULL;
	int err = 0;

	pthread_mutex_lock(&link->lock);
	if (!link->open)
		err = CF_ENETWORK;
	else if (link->waiting_bytes + nng_msg_len(msg) > TRANSPORT_QUEUE_BYTES_MAX)
		err = CF_EAGAIN;
	else if (link->sending && (w = mem_alloc(sizeof(*w))) == NULL)
		err = CF_ENOMEM;
	if (w) {
		*w = (struct waiting){NULL, msg};
		*link->last = w;
		link->last = &w->next;
		link->waiting_bytes += nng_msg_len(msg);
	}
	link->sending = link->sending || !err;
	pthread_mutex_unlock(&link->lock);
	if (err) {
		nng_msg_free(msg);
	} else if (!w) {
		nng_aio_set_msg(link->send_aio, msg);
		nng_send_aio(link->sock, link->send_aio);
	}
	return err;
}

/* A copy of the frame behind a header of nng's raw sockets. */
static int msg_new(struct view frame, const uint32_t *header, unsigned words, nng_msg **ret_msg)
{
	nng_msg *msg;
	int err = 0;

	if (frame.len > TRANSPORT_FRAME_BYTES_MAX)
		return CF_ETOOBIG;
	if (nng_msg_alloc(&msg, frame.len))
		return CF_ENOMEM;
	if (frame.len > 0)
		memcpy(nng_msg_body(msg), frame.data, frame.len);
	for (unsigned i = 0; !err && i < words; i++)
		err = nng_msg_header_append_u32(msg, header[i]) ? CF_ENOMEM : 0;
	if (err)
		nng_msg_free(msg);
	else
		*ret_msg = msg;
	return err;
}

int transport_send(struct transport_link *link, struct view frame)
{
	const uint32_t header = REQUEST_HEADER;
	nng_msg *msg = NULL;
	int err;

	if (!transport_is_up(link))
		return CF_ENETWORK;
	err = msg_new(frame, &header, link->kind == TRANSPORT_GATEWAY ? 1 : 0, &msg);
	return err ? err : outbox_put(link, msg);
}

int transport_reply(struct transport *t, struct transport_from to, struct view frame)
{
	const uint32_t header[] = {to.pipe, to.header};
	struct transport_link *link;
	nng_msg *msg = NULL;
	int err;

	pthread_mutex_lock(&t->lock);
	link = t->links;
	while (link && (link->is_dialer || link->number != to.listener))
		link = link->next;
	pthread_mutex_unlock(&t->lock);
	if (!link || !link->send_aio)
		return CF_EINVAL;
	err = msg_new(frame, header, 2, &msg);
	return err ? err : outbox_put(link, msg);
}

bool transport_is_up(const struct transport_link *link)
{
	return atomic_load(&link->pipes) > 0;
}

/* --- receiving --- */

static void deliver(struct transport_link *link, nng_msg *msg)
{
	const struct transport_config *config = &link->t->config;
	struct transport_from from = {link->number, 0, 0};

	/* Raw REP: the pipe, then the backtrace, which is one word long when the client is a direct one. */
	if (link->kind == TRANSPORT_GATEWAY && !link->is_dialer &&
	    (nng_msg_header_len(msg) != 8 || nng_msg_header_trim_u32(msg, &from.pipe) ||
	     nng_msg_header_trim_u32(msg, &from.header)))
		return;
	config->on_recv(config->ctx, from, link->is_dialer ? link : NULL,
			VIEW(nng_msg_body(msg), nng_msg_len(msg)));
}

static void frame_received(void *arg)
{
	struct transport_link *link = arg;
	int rv = nng_aio_result(link->recv_aio);

	if (rv == NNG_ECANCELED || rv == NNG_ECLOSED)
		return; /* stopped */
	if (rv == 0) {
		nng_msg *msg = nng_aio_get_msg(link->recv_aio);

		nng_aio_set_msg(link->recv_aio, NULL);
		deliver(link, msg);
		nng_msg_free(msg);
	}
	nng_recv_aio(link->sock, link->recv_aio);
}

/* Connected as long as there is a pipe; a reconnection may show the new one before the old one goes. */
static void pipe_changed(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct transport_link *link = arg;
	struct transport *t = link->t;
	bool up = event == NNG_PIPE_EV_ADD_POST;

	(void)pipe;
	pthread_mutex_lock(&t->state_lock);
	if (atomic_fetch_add(&link->pipes, up ? 1 : -1) == (up ? 0 : 1) && !t->stopped) {
		outbox_set_open(link, up);
		if (t->config.on_state)
			t->config.on_state(t->config.ctx, link, up);
	}
	pthread_mutex_unlock(&t->state_lock);
}

/* A client's connection to a GATEWAY listener. */
static void client_gone(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct transport_link *link = arg;
	struct transport *t = link->t;

	(void)event;
	pthread_mutex_lock(&t->state_lock);
	if (!t->stopped && t->config.on_gone)
		t->config.on_gone(t->config.ctx, link->number, (uint32_t)nng_pipe_id(pipe));
	pthread_mutex_unlock(&t->state_lock);
}

/* --- set-up --- */

static int tls_config_new(const struct transport_tls *tls, nng_tls_mode mode, const char *name,
			  nng_tls_config **ret_config)
{
	nng_tls_config *c = NULL;
	int rv = nng_tls_config_alloc(&c, mode);

	if (!rv)
		rv = nng_tls_config_auth_mode(c, NNG_TLS_AUTH_MODE_REQUIRED);
	if (!rv)
		rv = nng_tls_config_ca_chain(c, tls->ca_pem, NULL);
	if (!rv)
		rv = nng_tls_config_own_cert(c, tls->cert_pem, tls->key_pem, NULL);
	if (!rv && name)
		rv = nng_tls_config_server_name(c, name);
	if (rv && c)
		nng_tls_config_free(c);
	if (rv)
		return err_set(CF_ECONFIG, "TLS certificate, key or root: %s", nng_strerror(rv));
	*ret_config = c;
	return 0;
}

int transport_new(const struct transport_config *config, struct transport **ret_t)
{
	struct transport *t;
	int err = 0;

	assert(config && config->on_recv && ret_t);
	t = mem_zalloc(sizeof(*t));
	if (!t)
		return CF_ENOMEM;
	t->config = *config;
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_init(&t->state_lock, NULL);
	if (config->tls)
		err = tls_config_new(config->tls, NNG_TLS_MODE_SERVER, NULL, &t->tls_server);
	if (err)
		mem_free(t);
	else
		*ret_t = t;
	return err;
}

/* Endpoints are closed, so that the address is free for the next transport of this process; sockets are not.
 */
void transport_free(struct transport *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->state_lock);
	t->stopped = true;
	pthread_mutex_unlock(&t->state_lock);
	for (struct transport_link *link = t->links; link; link = link->next) {
		outbox_drain(link);
		if (link->send_aio)
			nng_aio_stop(link->send_aio);
		if (link->recv_aio)
			nng_aio_stop(link->recv_aio);
		if (link->is_dialer)
			nng_dialer_close(link->dialer);
		else
			nng_listener_close(link->listener);
	}
	t->next = atomic_exchange(&retired, t);
}

static bool is_tls(const char *url)
{
	return strncmp(url, "tls+tcp:", 8) == 0;
}

static int url_check(const struct transport *t, const char *url)
{
	if (is_tls(url))
		return t->tls_server ? 0 : err_set(CF_ECONFIG, "%s: no TLS certificate given", url);
	if (strncmp(url, "tcp://", 6) == 0 || strncmp(url, "inproc://", 9) == 0)
		return 0;
	return err_set(CF_ECONFIG, "%s: want tls+tcp://, tcp:// or inproc://", url);
}

/* Options before endpoints: pipes take them over when they are made. PUSH and PULL know no buffers here. */
static void socket_prepare(nng_socket sock, enum transport_kind kind)
{
	nng_socket_set_size(sock, NNG_OPT_RECVMAXSZ, TRANSPORT_FRAME_BYTES_MAX);
	nng_socket_set_ms(sock, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
	nng_socket_set_ms(sock, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
	if (kind == TRANSPORT_GATEWAY) {
		nng_socket_set_int(sock, NNG_OPT_RECVBUF, GATEWAY_FRAMES_BUFFERED);
		nng_socket_set_int(sock, NNG_OPT_SENDBUF, GATEWAY_FRAMES_BUFFERED);
	}
}

/* A link with its socket and aios, not yet in the list. */
static int link_new(struct transport *t, enum transport_kind kind, bool is_dialer, const char *url,
		    struct transport_link **ret_link)
{
	struct transport_link *link;
	int rv, err = url_check(t, url);

	if (err)
		return err;
	link = mem_zalloc(sizeof(*link));
	if (!link)
		return CF_ENOMEM;
	*link = (struct transport_link){.t = t, .kind = kind, .is_dialer = is_dialer, .open = !is_dialer};
	link->last = &link->first;
	pthread_mutex_init(&link->lock, NULL);
	if (kind == TRANSPORT_PEER)
		rv = is_dialer ? nng_push0_open(&link->sock) : nng_pull0_open(&link->sock);
	else
		rv = is_dialer ? nng_req0_open_raw(&link->sock) : nng_rep0_open_raw(&link->sock);
	if (rv) {
		mem_free(link);
		return from_nng(rv, "socket for", url);
	}
	socket_prepare(link->sock, kind);
	if (kind == TRANSPORT_GATEWAY || is_dialer)
		rv = nng_aio_alloc(&link->send_aio, frame_sent, link);
	if (!rv && (kind == TRANSPORT_GATEWAY || !is_dialer))
		rv = nng_aio_alloc(&link->recv_aio, frame_received, link);
	*ret_link = link;
	return rv ? CF_ENOMEM : 0;
}

/* Of a link that no pipe was ever made for. */
static void link_free(struct transport_link *link)
{
	if (!link)
		return;
	nng_close(link->sock);
	nng_aio_free(link->send_aio); /* accepts NULL */
	nng_aio_free(link->recv_aio);
	mem_free(link);
}

static void link_add(struct transport_link *link)
{
	struct transport *t = link->t;

	pthread_mutex_lock(&t->lock);
	link->number = t->count++;
	link->next = t->links;
	t->links = link;
	pthread_mutex_unlock(&t->lock);
	if (link->recv_aio)
		nng_recv_aio(link->sock, link->recv_aio);
}

int transport_listen(struct transport *t, enum transport_kind kind, const char *url)
{
	struct transport_link *link = NULL;
	int rv, err = link_new(t, kind, false, url, &link);

	if (err)
		goto fail;
	rv = nng_listener_create(&link->listener, link->sock, url);
	if (!rv && is_tls(url))
		rv = nng_listener_set_ptr(link->listener, NNG_OPT_TLS_CONFIG, t->tls_server);
	if (!rv)
		rv = nng_listener_start(link->listener, 0);
	err = from_nng(rv, "listen on", url);
	if (err)
		goto fail;
	link_add(link);
	if (kind == TRANSPORT_GATEWAY)
		nng_pipe_notify(link->sock, NNG_PIPE_EV_REM_POST, client_gone, link);
	return 0;
fail:
	link_free(link);
	return err;
}

int transport_dial(struct transport *t, enum transport_kind kind, const char *url, const char *tls_name,
		   struct transport_link **ret_link)
{
	struct transport_link *link = NULL;
	nng_tls_config *tls = NULL;
	int rv, err = link_new(t, kind, true, url, &link);

	if (!err && is_tls(url))
		err = tls_config_new(t->config.tls, NNG_TLS_MODE_CLIENT, tls_name, &tls);
	if (err)
		goto fail;
	rv = nng_dialer_create(&link->dialer, link->sock, url);
	if (!rv && tls)
		rv = nng_dialer_set_ptr(link->dialer, NNG_OPT_TLS_CONFIG, tls);
	if (tls)
		nng_tls_config_free(tls); /* the dialer holds it */
	err = from_nng(rv, "dial", url);
	if (err)
		goto fail;
	*ret_link = link;
	link_add(link);
	nng_pipe_notify(link->sock, NNG_PIPE_EV_ADD_POST, pipe_changed, link);
	nng_pipe_notify(link->sock, NNG_PIPE_EV_REM_POST, pipe_changed, link);
	return from_nng(nng_dialer_start(link->dialer, NNG_FLAG_NONBLOCK), "dial", url);
fail:
	link_free(link);
	return err;
}
