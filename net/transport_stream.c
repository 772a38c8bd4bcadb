/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport_stream.c - links between processes: a dialer keeps one connection, a listener many.
 *
 * The thread that gives a slot or a dialer its next stream is the callback of the one aio that can: what
 * dials pauses first, what accepts goes on at once. Nothing ends an accept loop but link_stop.
 */
#include "net/transport_conn.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define CONNS_MAX 1024       /* of a listener; more are closed at once */
#define CONNS_SPARE 64       /* kept free at the cost of those that say nothing */
#define CONNS_OF_ONE_MAX 512 /* of one machine */
#define ACCEPT_PAUSE_MS 20
#define REPLY_BYTES_MAX ((size_t)64 << 20) /* waiting for one client */

struct slot {
	struct conn *conn; /* NULL: never used */
	uint32_t id;       /* of the connection there is or was */
	bool used;
	uint64_t number; /* in the order they were accepted */
	uint8_t origin[ORIGIN_BYTES];
};

struct stream_link {
	struct transport_link base;
	pthread_mutex_t lock; /* stopped, slots */
	bool stopped;
	bool is_tls;
	nng_aio *pause_aio; /* between two attempts */

	nng_stream_dialer *dialer;
	nng_aio *dial_aio;
	struct conn *conn;
	atomic_bool up;
	nng_duration pause_ms;

	nng_stream_listener *listener;
	nng_aio *accept_aio;
	struct slot *slots;
	uint32_t used_to; /* slots below it were ever used */
	uint64_t accepted;
	atomic_size_t held; /* by all slots */
};

static struct stream_link *of(struct transport_link *base)
{
	return (struct stream_link *)base;
}

static bool is_stopped(struct stream_link *link)
{
	bool stopped;

	pthread_mutex_lock(&link->lock);
	stopped = link->stopped;
	pthread_mutex_unlock(&link->lock);
	return stopped;
}

/* A link that is stopped meanwhile closes what it has just opened. */
static void start(struct stream_link *link, struct conn *conn, nng_stream *stream)
{
	conn_start(conn, stream);
	if (is_stopped(link))
		conn_close(conn);
}

/* --- a dialer's connection --- */

static void dial(struct stream_link *link)
{
	pthread_mutex_lock(&link->lock);
	if (!link->stopped)
		nng_stream_dialer_dial(link->dialer, link->dial_aio);
	pthread_mutex_unlock(&link->lock);
}

static void dial_later(struct stream_link *link)
{
	nng_duration pause = link->pause_ms;

	link->pause_ms = 2 * pause < TRANSPORT_RECONNECT_MAX_MS ? 2 * pause : TRANSPORT_RECONNECT_MAX_MS;
	if (!is_stopped(link))
		nng_sleep_aio(pause, link->pause_aio);
}

static void on_dialed(void *arg)
{
	struct stream_link *link = arg;
	nng_stream *stream;

	if (nng_aio_result(link->dial_aio)) {
		dial_later(link);
		return;
	}
	stream = nng_aio_get_output(link->dial_aio, 0);
	start(link, link->conn, stream);
}

static void dialer_ready(void *ctx, uint32_t tag)
{
	struct stream_link *link = ctx;

	(void)tag;
	link->pause_ms = TRANSPORT_RECONNECT_MIN_MS;
	atomic_store(&link->up, true);
	transport_tell_state(&link->base, true);
}

static void dialer_frame(void *ctx, uint32_t tag, struct view frame)
{
	struct stream_link *link = ctx;
	const struct transport_from from = {.listener = 0};

	(void)tag;
	if (link->base.kind == TRANSPORT_GATEWAY)
		transport_deliver(&link->base, from, frame);
}

static void dialer_end(void *ctx, uint32_t tag, bool was_ready)
{
	struct stream_link *link = ctx;

	(void)tag;
	atomic_store(&link->up, false);
	if (was_ready)
		transport_tell_state(&link->base, false);
	dial_later(link);
}

static const struct conn_events dialer_events = {dialer_ready, dialer_frame, dialer_end, NULL};

static void on_dial_pause(void *arg)
{
	dial(arg);
}

/* --- a listener's connections --- */

static void listener_ready(void *ctx, uint32_t tag)
{
	(void)ctx;
	(void)tag;
}

static void listener_frame(void *ctx, uint32_t tag, struct view frame)
{
	struct stream_link *link = ctx;
	struct transport_from from = {link->base.number, 0, 0, link->slots[tag].id, 0};

	memcpy(&from.machine, link->slots[tag].origin, sizeof(from.machine));
	from.machine = from.machine ? from.machine : UINT64_MAX; /* not known */

	if (link->base.kind == TRANSPORT_GATEWAY)
		from.pipe = link->slots[tag].id;
	transport_deliver(&link->base, from, frame);
}

static void listener_end(void *ctx, uint32_t tag, bool was_ready)
{
	struct stream_link *link = ctx;
	uint32_t id = link->slots[tag].id;

	if (was_ready && link->base.kind == TRANSPORT_GATEWAY)
		transport_tell_gone(&link->base, id);
	pthread_mutex_lock(&link->lock);
	link->slots[tag].used = false;
	pthread_mutex_unlock(&link->lock);
}

static size_t held_max(const struct stream_link *link)
{
	size_t max = link->base.t->config.held_max;

	return max ? max : TRANSPORT_HELD_BYTES_MAX;
}

/* Clients that ask and do not read, or begin and do not end, go until the bound holds, the greediest first.
 */
static void shed(struct stream_link *link)
{
	while (atomic_load(&link->held) > held_max(link)) {
		struct shed_item items[CONNS_MAX] = {0};
		struct conn *conn = NULL;
		size_t total = 0;
		uint32_t i;

		pthread_mutex_lock(&link->lock);
		for (i = 0; i < link->used_to; i++) {
			if (!link->slots[i].used)
				continue;
			memcpy(items[i].origin, link->slots[i].origin, ORIGIN_BYTES);
			items[i].bytes = conn_held(link->slots[i].conn);
			total += items[i].bytes;
		}
		i = shed_choose(items, CONNS_MAX);
		/* Another thread may have closed the greediest meanwhile: nobody goes in its place. */
		if (i < CONNS_MAX && total > held_max(link))
			conn = link->slots[i].conn;
		pthread_mutex_unlock(&link->lock);
		if (!conn)
			return;
		conn_close(conn);
	}
}

static void listener_crowded(void *ctx, uint32_t tag)
{
	(void)tag;
	shed(ctx);
}

static const struct conn_events listener_events = {listener_ready, listener_frame, listener_end,
						   listener_crowded};

/* What a listener's slots hold, as seen from a new connection's origin. Under the lock. */
struct crowd {
	uint32_t free; /* a slot; CONNS_MAX: none */
	uint32_t used;
	uint32_t same;          /* of the same origin */
	struct slot *idle;      /* has said nothing yet, the oldest such; NULL: none */
	struct slot *same_idle; /* of the same origin */
};

static struct crowd look_around(struct stream_link *link, const uint8_t origin[ORIGIN_BYTES])
{
	struct crowd c = {.free = CONNS_MAX};

	for (uint32_t i = 0; i < CONNS_MAX; i++) {
		struct slot *s = &link->slots[i];
		bool same;

		if (!s->used) {
			c.free = i < c.free ? i : c.free;
			continue;
		}
		same = memcmp(s->origin, origin, ORIGIN_BYTES) == 0;
		c.used++;
		c.same += same;
		if (conn_is_ready(s->conn))
			continue;
		if (!c.idle || s->number < c.idle->number)
			c.idle = s;
		if (same && (!c.same_idle || s->number < c.same_idle->number))
			c.same_idle = s;
	}
	return c;
}

static struct conn *slot_open(struct stream_link *link, uint32_t i, const uint8_t origin[ORIGIN_BYTES])
{
	struct slot *s = &link->slots[i];

	if (!s->conn &&
	    conn_new(&listener_events, link, i, link->base.kind, &link->base.t->config, &s->conn) != 0)
		return NULL;
	conn_count_into(s->conn, &link->held, held_max(link));
	s->used = true;
	s->number = link->accepted++;
	memcpy(s->origin, origin, ORIGIN_BYTES);
	/* never below CONNS_MAX: 0 is no client */
	s->id = s->id == 0 || s->id > UINT32_MAX - CONNS_MAX ? i + CONNS_MAX : s->id + CONNS_MAX;
	link->used_to = i >= link->used_to ? i + 1 : link->used_to;
	return s->conn;
}

/*
 * The connection of a free slot, which gets a new id; the id names the slot, too. NULL: none. Who says
 * nothing holds a slot until another wants it: strangers cannot keep others out, and one machine cannot take
 * all.
 */
static struct conn *slot_take(struct stream_link *link, nng_stream *stream)
{
	struct conn *conn = NULL, *out = NULL;
	uint8_t origin[ORIGIN_BYTES];
	struct crowd c;

	conn_origin(stream, origin);
	pthread_mutex_lock(&link->lock);
	c = look_around(link, origin);
	if (c.same >= CONNS_OF_ONE_MAX && c.same_idle)
		out = c.same_idle->conn;
	else if (c.used + CONNS_SPARE > CONNS_MAX && c.idle)
		out = c.idle->conn;
	if (c.free < CONNS_MAX && (c.same < CONNS_OF_ONE_MAX || out) && !link->stopped)
		conn = slot_open(link, c.free, origin);
	pthread_mutex_unlock(&link->lock);
	if (out)
		conn_close(out);
	return conn;
}

static void accept_next(struct stream_link *link)
{
	pthread_mutex_lock(&link->lock);
	if (!link->stopped)
		nng_stream_listener_accept(link->listener, link->accept_aio);
	pthread_mutex_unlock(&link->lock);
}

/* Whatever a stranger does to a connection before it is accepted, or a lack of descriptors: go on. */
static void on_accepted(void *arg)
{
	struct stream_link *link = arg;
	nng_stream *stream;
	struct conn *conn;

	if (nng_aio_result(link->accept_aio)) {
		if (!is_stopped(link))
			nng_sleep_aio(ACCEPT_PAUSE_MS, link->pause_aio);
		return;
	}
	stream = nng_aio_get_output(link->accept_aio, 0);
	conn = slot_take(link, stream);
	if (conn)
		start(link, conn, stream);
	else
		nng_stream_free(stream);
	accept_next(link);
}

static void on_accept_pause(void *arg)
{
	accept_next(arg);
}

/* --- what transport.c calls --- */

static int link_send(struct transport_link *base, struct view frame)
{
	return conn_send(of(base)->conn, frame, TRANSPORT_QUEUE_BYTES_MAX);
}

static int link_reply(struct transport_link *base, struct transport_from to, struct view frame)
{
	struct stream_link *link = of(base);
	struct slot *s = &link->slots[to.pipe % CONNS_MAX];
	int err = CF_ENETWORK;

	/* Held, so that the slot is not given to another client meanwhile. */
	pthread_mutex_lock(&link->lock);
	if (s->used && s->id == to.pipe)
		err = conn_send(s->conn, frame, REPLY_BYTES_MAX);
	pthread_mutex_unlock(&link->lock);
	shed(link);
	return err;
}

static bool link_is_up(const struct transport_link *base)
{
	return atomic_load(&((const struct stream_link *)base)->up);
}

static void link_tick(struct transport_link *base, bool clock_back)
{
	struct stream_link *link = of(base);
	uint32_t used;

	pthread_mutex_lock(&link->lock);
	used = link->used_to;
	pthread_mutex_unlock(&link->lock);
	if (clock_back)
		nng_aio_cancel(link->pause_aio);
	if (link->conn)
		conn_tick(link->conn);
	for (uint32_t i = 0; i < used; i++)
		conn_tick(link->slots[i].conn);
}

static void link_stop(struct transport_link *base)
{
	struct stream_link *link = of(base);

	pthread_mutex_lock(&link->lock);
	link->stopped = true;
	pthread_mutex_unlock(&link->lock);
	nng_aio_cancel(link->pause_aio);
	if (link->dialer)
		nng_stream_dialer_close(link->dialer);
	if (link->listener)
		nng_stream_listener_close(link->listener);
	if (link->is_tls)
		transport_tls_drop(link->dialer, link->listener);
	if (link->conn)
		conn_close(link->conn);
	for (uint32_t i = 0; i < link->used_to; i++)
		conn_close(link->slots[i].conn);
}

static const struct link_ops stream_ops = {link_send, link_reply, link_is_up, link_tick, link_stop};

/* --- set-up --- */

static int link_new(struct transport *t, enum transport_kind kind, bool is_dialer,
		    struct stream_link **ret_link)
{
	struct stream_link *link = mem_zalloc(sizeof(*link));
	int rv, err = 0;

	if (!link)
		return CF_ENOMEM;
	link->base =
		(struct transport_link){.t = t, .ops = &stream_ops, .kind = kind, .is_dialer = is_dialer};
	link->pause_ms = TRANSPORT_RECONNECT_MIN_MS;
	pthread_mutex_init(&link->lock, NULL);
	*ret_link = link;
	rv = nng_aio_alloc(&link->pause_aio, is_dialer ? on_dial_pause : on_accept_pause, link);
	if (!rv)
		rv = is_dialer ? nng_aio_alloc(&link->dial_aio, on_dialed, link)
			       : nng_aio_alloc(&link->accept_aio, on_accepted, link);
	if (!rv && is_dialer)
		err = conn_new(&dialer_events, link, 0, kind, &t->config, &link->conn);
	if (!rv && !is_dialer) {
		link->slots = mem_zalloc(CONNS_MAX * sizeof(*link->slots));
		err = link->slots ? 0 : CF_ENOMEM;
	}
	if (rv)
		err = CF_ENOMEM;
	return err ? err : transport_watch(t);
}

/* Of a link that nothing was ever started for. */
static void link_free(struct stream_link *link)
{
	if (!link)
		return;
	if (link->dialer)
		nng_stream_dialer_free(link->dialer);
	if (link->listener)
		nng_stream_listener_free(link->listener);
	nng_aio_free(link->dial_aio); /* each accepts NULL */
	nng_aio_free(link->accept_aio);
	nng_aio_free(link->pause_aio);
	conn_free(link->conn);
	mem_free(link->slots);
	mem_free(link);
}

int stream_listen(struct transport *t, enum transport_kind kind, const char *url)
{
	struct stream_link *link = NULL;
	int rv, err = link_new(t, kind, false, &link);

	if (err)
		goto fail;
	link->is_tls = transport_is_tls(url);
	rv = nng_stream_listener_alloc(&link->listener, url);
	if (!rv && link->is_tls)
		rv = nng_stream_listener_set_ptr(link->listener, NNG_OPT_TLS_CONFIG, t->tls_server);
	if (!rv)
		rv = nng_stream_listener_set_bool(link->listener, NNG_OPT_TCP_NODELAY, true);
	if (!rv)
		rv = nng_stream_listener_listen(link->listener);
	err = transport_from_nng(rv, "listen on", url);
	if (err)
		goto fail;
	transport_add(&link->base);
	accept_next(link);
	return 0;
fail:
	link_free(link);
	return err;
}

int stream_dial(struct transport *t, enum transport_kind kind, const char *url, const char *tls_name,
		struct transport_link **ret_link)
{
	struct stream_link *link = NULL;
	nng_tls_config *tls = NULL;
	int rv, err = link_new(t, kind, true, &link);

	if (!err)
		link->is_tls = transport_is_tls(url);
	if (!err && link->is_tls)
		err = transport_tls_config(t->config.tls, NNG_TLS_MODE_CLIENT, tls_name, &tls);
	if (err)
		goto fail;
	rv = nng_stream_dialer_alloc(&link->dialer, url);
	if (!rv && tls)
		rv = nng_stream_dialer_set_ptr(link->dialer, NNG_OPT_TLS_CONFIG, tls);
	if (tls)
		nng_tls_config_free(tls); /* the dialer holds it */
	if (!rv)
		rv = nng_stream_dialer_set_bool(link->dialer, NNG_OPT_TCP_NODELAY, true);
	err = transport_from_nng(rv, "dial", url);
	if (err)
		goto fail;
	*ret_link = &link->base;
	transport_add(&link->base);
	dial(link);
	return 0;
fail:
	link_free(link);
	return err;
}
