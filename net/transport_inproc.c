/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport_inproc.c - links inside one process: nng's PULL and PUSH between peers, raw REP and raw REQ
 * between clients and peers.
 *
 * Every socket sends through one outbox with one nng_aio: nng's own send queues drop or block, this one is
 * bounded in bytes and never blocks. Every socket receives with one nng_aio, or frames would overtake each
 * other. Nothing that nng may still point to is ever freed (CORRECTNESS 4.1: nng_close races).
 */
#include "net/transport_private.h"

#include "ledger/mem.h"

#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include <string.h>
#include <unistd.h>

#define DRAIN_MS 20
#define GATEWAY_FRAMES_BUFFERED 64 /* in nng, before the one receive aio or a pipe takes them */
#define REQUEST_HEADER 0x80000001u /* of a raw REQ: any id with the high bit, which ends nng's backtrace */

/* A frame that waits, hung into a list. */
struct waiting {
	struct waiting *next;
	nng_msg *msg;
};

/* One socket. */
struct inproc_link {
	struct transport_link base;
	nng_socket sock;
	nng_dialer dialer;
	nng_listener listener;
	nng_aio *recv_aio; /* NULL: PUSH, never receives */
	atomic_int pipes;
	pthread_mutex_t state; /* one change of state is told of at a time */

	pthread_mutex_t lock; /* of the outbox below */
	nng_aio *send_aio;    /* NULL: PULL, never sends */
	bool sending;         /* the aio is under way */
	bool open;            /* false: not connected or stopped */
	struct waiting *first;
	struct waiting **last;
	size_t waiting_bytes;
};

static struct inproc_link *of(struct transport_link *base)
{
	return (struct inproc_link *)base;
}

/* --- sending --- */

static void outbox_set_open(struct inproc_link *link, bool open)
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
static void outbox_drain(struct inproc_link *link)
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
	struct inproc_link *link = arg;
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
static int outbox_put(struct inproc_link *link, nng_msg *msg)
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

static int link_send(struct transport_link *base, struct view frame)
{
	const uint32_t header = REQUEST_HEADER;
	nng_msg *msg = NULL;
	int err = msg_new(frame, &header, base->kind == TRANSPORT_GATEWAY ? 1 : 0, &msg);

	return err ? err : outbox_put(of(base), msg);
}

static int link_reply(struct transport_link *base, struct transport_from to, struct view frame)
{
	const uint32_t header[] = {to.pipe, to.header};
	nng_msg *msg = NULL;
	int err = msg_new(frame, header, 2, &msg);

	return err ? err : outbox_put(of(base), msg);
}

static bool link_is_up(const struct transport_link *base)
{
	return atomic_load(&((const struct inproc_link *)base)->pipes) > 0;
}

/* --- receiving --- */

static void deliver(struct inproc_link *link, nng_msg *msg)
{
	const nng_pipe pipe = nng_msg_get_pipe(msg);
	struct transport_from from = {link->base.number, 0, 0, (uint32_t)nng_pipe_id(pipe), 0};

	/* Raw REP: the pipe, then the backtrace, which is one word long when the client is a direct one. */
	if (link->base.kind == TRANSPORT_GATEWAY && !link->base.is_dialer &&
	    (nng_msg_header_len(msg) != 8 || nng_msg_header_trim_u32(msg, &from.pipe) ||
	     nng_msg_header_trim_u32(msg, &from.header)))
		return;
	transport_deliver(&link->base, from, VIEW(nng_msg_body(msg), nng_msg_len(msg)));
}

static void frame_received(void *arg)
{
	struct inproc_link *link = arg;
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
	struct inproc_link *link = arg;
	bool up = event == NNG_PIPE_EV_ADD_POST;

	(void)pipe;
	pthread_mutex_lock(&link->state);
	if (atomic_fetch_add(&link->pipes, up ? 1 : -1) == (up ? 0 : 1)) {
		outbox_set_open(link, up);
		transport_tell_state(&link->base, up);
	}
	pthread_mutex_unlock(&link->state);
}

/* A client's connection to a GATEWAY listener. */
static void client_gone(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct inproc_link *link = arg;

	(void)event;
	transport_tell_gone(&link->base, (uint32_t)nng_pipe_id(pipe));
}

/* --- set-up --- */

/* Endpoints are closed, so that the address is free for the next transport of this process; sockets are not.
 */
static void link_stop(struct transport_link *base)
{
	struct inproc_link *link = of(base);

	outbox_drain(link);
	if (link->send_aio)
		nng_aio_stop(link->send_aio);
	if (link->recv_aio)
		nng_aio_stop(link->recv_aio);
	if (base->is_dialer)
		nng_dialer_close(link->dialer);
	else
		nng_listener_close(link->listener);
}

static const struct link_ops inproc_ops = {link_send, link_reply, link_is_up, NULL, link_stop};

/* Options before endpoints: pipes take them over when they are made. PUSH and PULL know no buffers here. */
static void socket_prepare(nng_socket sock, enum transport_kind kind)
{
	nng_socket_set_size(sock, NNG_OPT_RECVMAXSZ, TRANSPORT_FRAME_BYTES_MAX);
	nng_socket_set_ms(sock, NNG_OPT_RECONNMINT, TRANSPORT_RECONNECT_MIN_MS);
	nng_socket_set_ms(sock, NNG_OPT_RECONNMAXT, TRANSPORT_RECONNECT_MAX_MS);
	if (kind == TRANSPORT_GATEWAY) {
		nng_socket_set_int(sock, NNG_OPT_RECVBUF, GATEWAY_FRAMES_BUFFERED);
		nng_socket_set_int(sock, NNG_OPT_SENDBUF, GATEWAY_FRAMES_BUFFERED);
	}
}

/* A link with its socket and aios, not yet in the list. */
static int link_new(struct transport *t, enum transport_kind kind, bool is_dialer, const char *url,
		    struct inproc_link **ret_link)
{
	struct inproc_link *link = mem_zalloc(sizeof(*link));
	int rv;

	if (!link)
		return CF_ENOMEM;
	link->base =
		(struct transport_link){.t = t, .ops = &inproc_ops, .kind = kind, .is_dialer = is_dialer};
	link->open = !is_dialer;
	link->last = &link->first;
	pthread_mutex_init(&link->lock, NULL);
	pthread_mutex_init(&link->state, NULL);
	if (kind == TRANSPORT_PEER)
		rv = is_dialer ? nng_push0_open(&link->sock) : nng_pull0_open(&link->sock);
	else
		rv = is_dialer ? nng_req0_open_raw(&link->sock) : nng_rep0_open_raw(&link->sock);
	if (rv) {
		mem_free(link);
		return transport_from_nng(rv, "socket for", url);
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
static void link_free(struct inproc_link *link)
{
	if (!link)
		return;
	nng_close(link->sock);
	nng_aio_free(link->send_aio); /* accepts NULL */
	nng_aio_free(link->recv_aio);
	mem_free(link);
}

static void link_add(struct inproc_link *link)
{
	transport_add(&link->base);
	if (link->recv_aio)
		nng_recv_aio(link->sock, link->recv_aio);
}

int inproc_listen(struct transport *t, enum transport_kind kind, const char *url)
{
	struct inproc_link *link = NULL;
	int err = link_new(t, kind, false, url, &link);

	if (!err)
		err = transport_from_nng(nng_listener_create(&link->listener, link->sock, url), "listen on",
					 url);
	if (!err)
		err = transport_from_nng(nng_listener_start(link->listener, 0), "listen on", url);
	if (err) {
		link_free(link);
		return err;
	}
	link_add(link);
	if (kind == TRANSPORT_GATEWAY)
		nng_pipe_notify(link->sock, NNG_PIPE_EV_REM_POST, client_gone, link);
	return 0;
}

int inproc_dial(struct transport *t, enum transport_kind kind, const char *url,
		struct transport_link **ret_link)
{
	struct inproc_link *link = NULL;
	int err = link_new(t, kind, true, url, &link);

	if (!err)
		err = transport_from_nng(nng_dialer_create(&link->dialer, link->sock, url), "dial", url);
	if (err) {
		link_free(link);
		return err;
	}
	*ret_link = &link->base;
	link_add(link);
	nng_pipe_notify(link->sock, NNG_PIPE_EV_ADD_POST, pipe_changed, link);
	nng_pipe_notify(link->sock, NNG_PIPE_EV_REM_POST, pipe_changed, link);
	return transport_from_nng(nng_dialer_start(link->dialer, NNG_FLAG_NONBLOCK), "dial", url);
}
