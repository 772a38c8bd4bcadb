/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport.c - the public functions; what both backends need.
 */
#include "net/transport_private.h"

#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

#define WATCH_MS 1000
#define STEP_MS 500 /* less than that is no step */

/* Freed ones: nng may still call back into them, so they live as long as the process. */
static _Atomic(struct transport *) retired;

int transport_from_nng(int rv, const char *what, const char *url)
{
	bool ours = rv == NNG_EINVAL || rv == NNG_EADDRINVAL || rv == NNG_ENOTSUP || rv == NNG_ECRYPTO;
	int err = rv == NNG_ENOMEM ? CF_ENOMEM : ours ? CF_ECONFIG : CF_ENETWORK;

	return rv == 0 ? 0 : err_set(err, "%s %s: %s", what, url, nng_strerror(rv));
}

/* --- the user's callbacks --- */

/* True with the lock held: the callback may run. */
static bool enter(struct transport *t)
{
	pthread_rwlock_rdlock(&t->running);
	if (!t->stopped)
		return true;
	pthread_rwlock_unlock(&t->running);
	return false;
}

static void leave(struct transport *t)
{
	pthread_rwlock_unlock(&t->running);
}

void transport_deliver(struct transport_link *link, struct transport_from from, struct view frame)
{
	struct transport *t = link->t;

	if (!enter(t))
		return;
	t->config.on_recv(t->config.ctx, from, link->is_dialer ? link : NULL, frame);
	leave(t);
}

void transport_tell_state(struct transport_link *link, bool up)
{
	struct transport *t = link->t;

	if (!t->config.on_state || !enter(t))
		return;
	t->config.on_state(t->config.ctx, link, up);
	leave(t);
}

void transport_tell_gone(struct transport_link *link, uint32_t pipe)
{
	struct transport *t = link->t;

	if (!t->config.on_gone || !enter(t))
		return;
	t->config.on_gone(t->config.ctx, link->number, pipe);
	leave(t);
}

/* --- the clock --- */

/*
 * One thread of ours for all links: nng 1.5.2 turns round and round for the last millisecond of each wait, so
 * that a timer for each connection costs more than all pings. And as Debian builds it, it waits by the wall
 * clock. When that is set back, what waits already - the pause before the next attempt to dial - waits for as
 * long as the step was, too.
 */
static void *watch_clock(void *arg)
{
	struct transport *t = arg;
	int64_t ahead = (int64_t)(ticks_wall_ms() - ticks_ms()), now;

	pthread_mutex_lock(&t->lock);
	while (!t->watch_ends) {
		struct transport_link *links;
		bool back;

		(void)ticks_wait(&t->watch_end, &t->lock, ticks_ms() + WATCH_MS);
		now = (int64_t)(ticks_wall_ms() - ticks_ms());
		back = now < ahead - STEP_MS;
		links = t->watch_ends ? NULL : t->links;
		ahead = now;
		/* Links are only ever put before the first. */
		pthread_mutex_unlock(&t->lock);
		for (; links; links = links->next) {
			if (links->ops->tick)
				links->ops->tick(links, back);
		}
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

int transport_watch(struct transport *t)
{
	sigset_t all, before;
	int err;

	pthread_mutex_lock(&t->lock);
	if (!t->watched) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		t->watched = pthread_create(&t->watch, NULL, watch_clock, t) == 0;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	err = t->watched ? 0 : CF_ENOMEM;
	pthread_mutex_unlock(&t->lock);
	return err;
}

static void watch_stop(struct transport *t)
{
	pthread_mutex_lock(&t->lock);
	t->watch_ends = true;
	pthread_cond_signal(&t->watch_end);
	pthread_mutex_unlock(&t->lock);
	if (t->watched)
		pthread_join(t->watch, NULL);
}

/* --- life --- */

int transport_tls_config(const struct transport_tls *tls, nng_tls_mode mode, const char *name,
			 nng_tls_config **ret_config)
{
	nng_tls_config *c = NULL;
	int rv = nng_tls_config_alloc(&c, mode);

	if (!rv)
		rv = nng_tls_config_auth_mode(c, mode == NNG_TLS_MODE_SERVER && tls->strangers
							 ? NNG_TLS_AUTH_MODE_NONE
							 : NNG_TLS_AUTH_MODE_REQUIRED);
	if (!rv)
		rv = nng_tls_config_ca_chain(c, tls->ca_pem, NULL);
	if (!rv && tls->cert_pem)
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

void transport_tls_drop(nng_stream_dialer *dialer, nng_stream_listener *listener)
{
	nng_tls_config *blank;

	if (nng_tls_config_alloc(&blank, dialer ? NNG_TLS_MODE_CLIENT : NNG_TLS_MODE_SERVER))
		return;
	if (dialer)
		nng_stream_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, blank);
	else
		nng_stream_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, blank);
	nng_tls_config_free(blank);
}

bool transport_is_tls(const char *url)
{
	return strncmp(url, "tls+tcp://", 10) == 0;
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
	if (ticks_cond_init(&t->watch_end)) {
		mem_free(t);
		return CF_ENOMEM;
	}
	pthread_mutex_init(&t->lock, NULL);
	pthread_rwlock_init(&t->running, NULL);
	if (config->tls && config->tls->cert_pem)
		err = transport_tls_config(config->tls, NNG_TLS_MODE_SERVER, NULL, &t->tls_server);
	if (err)
		mem_free(t);
	else
		*ret_t = t;
	return err;
}

void transport_free(struct transport *t)
{
	if (!t)
		return;
	pthread_rwlock_wrlock(&t->running);
	t->stopped = true;
	pthread_rwlock_unlock(&t->running);
	watch_stop(t);
	for (struct transport_link *link = t->links; link; link = link->next)
		link->ops->stop(link);
	if (t->tls_server)
		nng_tls_config_free(t->tls_server);
	t->tls_server = NULL;
	t->next = atomic_exchange(&retired, t);
}

/* --- links --- */

void transport_add(struct transport_link *link)
{
	struct transport *t = link->t;

	pthread_mutex_lock(&t->lock);
	link->number = t->count++;
	link->next = t->links;
	t->links = link;
	pthread_mutex_unlock(&t->lock);
}

static bool is_inproc(const char *url)
{
	return strncmp(url, "inproc://", 9) == 0;
}

static int url_check(const struct transport *t, const char *url)
{
	if (transport_is_tls(url))
		return t->config.tls ? 0 : err_set(CF_ECONFIG, "%s: no TLS certificate given", url);
	if (strncmp(url, "tcp://", 6) == 0 || is_inproc(url))
		return 0;
	return err_set(CF_ECONFIG, "%s: want tls+tcp://, tcp:// or inproc://", url);
}

int transport_listen(struct transport *t, enum transport_kind kind, const char *url)
{
	int err = url_check(t, url);

	if (!err && transport_is_tls(url) && !t->tls_server)
		err = err_set(CF_ECONFIG, "%s: no TLS certificate given", url);
	if (err)
		return err;
	return is_inproc(url) ? inproc_listen(t, kind, url) : stream_listen(t, kind, url);
}

uint32_t transport_last_listener(struct transport *t)
{
	struct transport_link *link;
	uint32_t number = UINT32_MAX;

	pthread_mutex_lock(&t->lock);
	for (link = t->links; link && link->is_dialer;)
		link = link->next;
	if (link)
		number = link->number;
	pthread_mutex_unlock(&t->lock);
	return number;
}

int transport_dial(struct transport *t, enum transport_kind kind, const char *url, const char *tls_name,
		   struct transport_link **ret_link)
{
	int err = url_check(t, url);

	if (err)
		return err;
	return is_inproc(url) ? inproc_dial(t, kind, url, ret_link)
			      : stream_dial(t, kind, url, tls_name, ret_link);
}

int transport_send(struct transport_link *link, struct view frame)
{
	if (frame.len > TRANSPORT_FRAME_BYTES_MAX)
		return CF_ETOOBIG;
	return transport_is_up(link) ? link->ops->send(link, frame) : CF_ENETWORK;
}

int transport_reply(struct transport *t, struct transport_from to, struct view frame)
{
	struct transport_link *link;

	if (frame.len > TRANSPORT_FRAME_BYTES_MAX)
		return CF_ETOOBIG;
	pthread_mutex_lock(&t->lock);
	link = t->links;
	while (link && (link->is_dialer || link->number != to.listener))
		link = link->next;
	pthread_mutex_unlock(&t->lock);
	return link && link->kind == TRANSPORT_GATEWAY ? link->ops->reply(link, to, frame) : CF_EINVAL;
}

bool transport_is_up(const struct transport_link *link)
{
	return link->ops->is_up(link);
}
