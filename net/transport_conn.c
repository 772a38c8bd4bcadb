/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport_conn.c - one stream: a hello, then frames, with one aio each way.
 *
 * nng runs the aios' callbacks on threads of its own and never inside the call that starts them, so those
 * calls are made under the lock: none comes after the stream was closed. nng 1.5.2 may leave an aio under way
 * for good when its connection broke just before; its own time limits end nothing then. Closing the stream
 * does. So each connection is looked at: when it waits for bytes, is there another side still; at each tick,
 * was it heard of lately.
 */
#include "net/transport_conn.h"

#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <string.h>

#define HELLO_BYTES 8
#define HEAD_BYTES 4
#define SILENT_MS 5000   /* without a byte of the other side, which sends something at each tick */
#define PING 0xffffffffu /* in the place of a length: says nothing */
#define READ_BYTES 32768
#define FRAME_BYTES_A_MS 256
#define KEEP_BYTES ((size_t)256 << 10) /* of memory between frames */

struct conn {
	const struct conn_events *events;
	void *ctx;
	uint32_t tag;
	enum transport_kind kind;
	size_t frame_max;
	unsigned frame_ms;
	nng_aio *send_aio;
	nng_aio *recv_aio;

	pthread_mutex_t lock;
	nng_stream *stream; /* NULL: none */
	bool closed;
	bool ready;
	bool sending; /* send_aio is under way */
	bool receiving;
	bool spoke;         /* since the last tick */
	uint64_t heard_ms;  /* when bytes came */
	uint64_t begun_ms;  /* when the frame that is not whole yet began; 0: there is none */
	size_t begun_bytes; /* of it are there */
	struct buf waiting; /* to be sent after what is in flight */
	struct buf flight;
	size_t sent;        /* of flight */
	size_t held;        /* as it was last added to sum */
	atomic_size_t *sum; /* NULL: nobody counts */
	size_t sum_max;

	/* recv_aio's callback's own. */
	struct buf in;
	bool moved; /* something was taken out of it */
	uint8_t read[READ_BYTES];
};

static void hello_of(enum transport_kind kind, uint8_t ret_hello[HELLO_BYTES])
{
	const uint8_t hello[HELLO_BYTES] = {'C', 'F', 'S', '1', (uint8_t)kind, 0, 0, 0};

	memcpy(ret_hello, hello, HELLO_BYTES);
}

static void drained(struct buf *b)
{
	if (b->cap > KEEP_BYTES)
		buf_release(b);
	else
		buf_reset(b);
}

/* Under the lock. What a closed stream still has goes with it. */
static void count_held(struct conn *c)
{
	size_t now = c->closed ? 0 : c->waiting.len + c->flight.len - c->sent + c->begun_bytes;

	if (c->sum)
		atomic_fetch_add(c->sum, now - c->held); /* may wrap, as unsigned numbers do */
	c->held = now;
}

static void close_locked(struct conn *c)
{
	if (!c->closed && c->stream)
		nng_stream_close(c->stream);
	c->closed = true;
	buf_release(&c->waiting);
	count_held(c);
}

/* The last callback of a closed stream gives it back. */
static void end_if_idle(struct conn *c)
{
	nng_stream *stream = NULL;
	bool was_ready = false;

	pthread_mutex_lock(&c->lock);
	if (c->closed && !c->sending && !c->receiving) {
		stream = c->stream;
		was_ready = c->ready;
		c->stream = NULL;
		c->ready = false;
		buf_release(&c->waiting);
		buf_release(&c->flight);
		buf_release(&c->in);
	}
	pthread_mutex_unlock(&c->lock);
	if (!stream)
		return;
	nng_stream_free(stream);
	c->events->on_end(c->ctx, c->tag, was_ready);
}

/* --- sending; under the lock --- */

static void send_flight(struct conn *c)
{
	nng_iov iov = {c->flight.data + c->sent, c->flight.len - c->sent};

	c->sending = c->spoke = true;
	nng_aio_set_iov(c->send_aio, 1, &iov);
	nng_stream_send(c->stream, c->send_aio);
}

static void send_waiting(struct conn *c)
{
	struct buf empty = c->flight;

	assert(!c->sending && empty.len == 0);
	c->flight = c->waiting;
	c->waiting = empty;
	c->sent = 0;
	send_flight(c);
}

static void on_sent(void *arg)
{
	struct conn *c = arg;

	pthread_mutex_lock(&c->lock);
	c->sending = false;
	if (nng_aio_result(c->send_aio))
		close_locked(c);
	else
		c->sent += nng_aio_count(c->send_aio);
	if (!c->closed && c->sent < c->flight.len) {
		send_flight(c);
	} else {
		drained(&c->flight);
		c->sent = 0;
		if (!c->closed && c->waiting.len > 0)
			send_waiting(c);
	}
	count_held(c);
	pthread_mutex_unlock(&c->lock);
	end_if_idle(c);
}

static void head_of(uint32_t len, uint8_t ret_head[HEAD_BYTES])
{
	for (unsigned i = 0; i < HEAD_BYTES; i++)
		ret_head[i] = (uint8_t)(len >> (8 * (HEAD_BYTES - 1 - i)));
}

int conn_send(struct conn *c, struct view frame, size_t bytes_max)
{
	uint8_t head[HEAD_BYTES];
	int err = 0;

	assert(frame.len <= TRANSPORT_FRAME_BYTES_MAX);
	head_of((uint32_t)frame.len, head);
	pthread_mutex_lock(&c->lock);
	if (c->closed || !c->ready)
		err = CF_ENETWORK;
	else if (c->waiting.len + frame.len > bytes_max)
		err = CF_EAGAIN;
	if (!err)
		err = buf_reserve(&c->waiting, HEAD_BYTES + frame.len);
	if (!err)
		err = buf_append(&c->waiting, head, HEAD_BYTES);
	if (!err)
		err = buf_append_view(&c->waiting, frame);
	if (!err && !c->sending)
		send_waiting(c);
	count_held(c);
	pthread_mutex_unlock(&c->lock);
	return err;
}

/* --- receiving --- */

/* Under the lock. A connection that broke before this call is closed here, one that breaks after it by nng.
 */
static void receive(struct conn *c)
{
	nng_iov iov = {c->read, sizeof(c->read)};
	nng_sockaddr other;

	c->receiving = true;
	nng_aio_set_iov(c->recv_aio, 1, &iov);
	nng_stream_recv(c->stream, c->recv_aio);
	if (nng_stream_get_addr(c->stream, NNG_OPT_REMADDR, &other))
		close_locked(c);
}

static bool take_hello(struct conn *c, const uint8_t *bytes)
{
	uint8_t hello[HELLO_BYTES];

	hello_of(c->kind, hello);
	if (memcmp(bytes, hello, HELLO_BYTES) != 0)
		return false;
	pthread_mutex_lock(&c->lock);
	c->ready = !c->closed;
	pthread_mutex_unlock(&c->lock);
	if (c->ready)
		c->events->on_ready(c->ctx, c->tag);
	return c->ready;
}

/* Hands on what is complete in `in`; false when the other side does not speak this protocol. */
static bool take(struct conn *c)
{
	const struct buf *in = &c->in;
	size_t at = 0;

	if (!c->ready) {
		if (in->len < HELLO_BYTES)
			return true;
		if (!take_hello(c, in->data))
			return false;
		at = HELLO_BYTES;
	}
	while (in->len - at >= HEAD_BYTES) {
		const uint8_t *p = in->data + at;
		size_t len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];

		if (len == PING) {
			at += HEAD_BYTES;
			continue;
		}
		if (len > c->frame_max)
			return false;
		if (in->len - at - HEAD_BYTES < len)
			break;
		c->events->on_frame(c->ctx, c->tag, VIEW(p + HEAD_BYTES, len));
		at += HEAD_BYTES + len;
	}
	c->moved = at > 0;
	if (at == in->len) {
		drained(&c->in);
	} else if (at > 0) {
		memmove(c->in.data, c->in.data + at, in->len - at);
		c->in.len -= at;
	}
	return true;
}

static void on_received(void *arg)
{
	struct conn *c = arg;
	bool good = nng_aio_result(c->recv_aio) == 0 &&
		    buf_append(&c->in, c->read, nng_aio_count(c->recv_aio)) == 0 && take(c);
	bool crowded;

	pthread_mutex_lock(&c->lock);
	c->receiving = false;
	c->heard_ms = ticks_ms();
	if (c->moved || c->begun_ms == 0)
		c->begun_ms = c->heard_ms;
	c->begun_bytes = c->in.len;
	if (c->in.len == 0)
		c->begun_ms = 0;
	if (!good)
		close_locked(c);
	if (!c->closed)
		receive(c);
	count_held(c);
	crowded = c->sum && c->begun_bytes && atomic_load(c->sum) > c->sum_max;
	pthread_mutex_unlock(&c->lock);
	if (crowded)
		c->events->on_crowded(c->ctx, c->tag);
	end_if_idle(c);
}

/* --- the clock --- */

/* Under the lock. */
static bool is_too_slow(const struct conn *c)
{
	return c->begun_ms && ticks_ms() - c->begun_ms > c->frame_ms + c->begun_bytes / FRAME_BYTES_A_MS;
}

void conn_tick(struct conn *c)
{
	uint8_t head[HEAD_BYTES];

	head_of(PING, head);
	pthread_mutex_lock(&c->lock);
	if (ticks_ms() - c->heard_ms > SILENT_MS || is_too_slow(c))
		close_locked(c);
	if (!c->closed && c->ready && !c->spoke && !c->sending &&
	    buf_append(&c->waiting, head, HEAD_BYTES) == 0)
		send_waiting(c);
	c->spoke = false;
	pthread_mutex_unlock(&c->lock);
	end_if_idle(c);
}

/* --- life --- */

int conn_new(const struct conn_events *events, void *ctx, uint32_t tag, enum transport_kind kind,
	     const struct transport_config *limits, struct conn **ret_c)
{
	struct conn *c = mem_zalloc(sizeof(*c));
	int rv;

	if (!c)
		return CF_ENOMEM;
	c->events = events;
	c->ctx = ctx;
	c->tag = tag;
	c->kind = kind;
	c->frame_max = limits->frame_max ? limits->frame_max : TRANSPORT_FRAME_BYTES_MAX;
	c->frame_ms = limits->frame_ms ? limits->frame_ms : TRANSPORT_FRAME_MS;
	c->closed = true;
	pthread_mutex_init(&c->lock, NULL);
	buf_init(&c->waiting, 0);
	buf_init(&c->flight, 0);
	buf_init(&c->in, 0);
	rv = nng_aio_alloc(&c->send_aio, on_sent, c);
	if (!rv)
		rv = nng_aio_alloc(&c->recv_aio, on_received, c);
	if (rv) {
		conn_free(c);
		return CF_ENOMEM;
	}
	*ret_c = c;
	return 0;
}

void conn_free(struct conn *c)
{
	if (!c)
		return;
	nng_aio_free(c->send_aio); /* accepts NULL */
	nng_aio_free(c->recv_aio);
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
}

void conn_start(struct conn *c, nng_stream *stream)
{
	uint8_t hello[HELLO_BYTES];

	hello_of(c->kind, hello);
	pthread_mutex_lock(&c->lock);
	assert(!c->stream && !c->sending && !c->receiving);
	c->stream = stream;
	c->ready = false;
	c->heard_ms = ticks_ms();
	c->begun_ms = 0;
	c->begun_bytes = 0;
	c->closed = buf_append(&c->waiting, hello, HELLO_BYTES) != 0;
	if (!c->closed)
		receive(c);
	if (!c->closed)
		send_waiting(c);
	pthread_mutex_unlock(&c->lock);
	end_if_idle(c);
}

void conn_count_into(struct conn *c, atomic_size_t *sum, size_t max)
{
	c->sum = sum;
	c->sum_max = max;
}

size_t conn_held(struct conn *c)
{
	size_t bytes;

	pthread_mutex_lock(&c->lock);
	bytes = c->held;
	pthread_mutex_unlock(&c->lock);
	return bytes;
}

bool conn_is_ready(struct conn *c)
{
	bool ready;

	pthread_mutex_lock(&c->lock);
	ready = c->ready;
	pthread_mutex_unlock(&c->lock);
	return ready;
}

void conn_close(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	close_locked(c);
	pthread_mutex_unlock(&c->lock);
	end_if_idle(c);
}

void conn_origin(nng_stream *stream, uint8_t ret_origin[ORIGIN_BYTES])
{
	nng_sockaddr a;

	memset(ret_origin, 0, ORIGIN_BYTES);
	if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &a))
		return;
	if (a.s_family == NNG_AF_INET)
		memcpy(ret_origin, &a.s_in.sa_addr, sizeof(a.s_in.sa_addr));
	else if (a.s_family == NNG_AF_INET6)
		memcpy(ret_origin, a.s_in6.sa_addr, ORIGIN_BYTES);
}
