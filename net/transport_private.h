/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport_private.h - what the files of the transport share.
 *
 * transport.c has the public functions and gives each link to one of two backends: transport_inproc.c, nng's
 * sockets inside one process; transport_stream.c, nng's byte streams between processes, whose connections and
 * frames are transport_conn.c.
 */
#ifndef NET_TRANSPORT_PRIVATE_H
#define NET_TRANSPORT_PRIVATE_H

#include "net/transport.h"

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#include <pthread.h>
#include <stdatomic.h>

#define TRANSPORT_RECONNECT_MIN_MS 20
#define TRANSPORT_RECONNECT_MAX_MS 250

struct link_ops {
	int (*send)(struct transport_link *link, struct view frame);
	/* Of a GATEWAY listener. */
	int (*reply)(struct transport_link *link, struct transport_from to, struct view frame);
	bool (*is_up)(const struct transport_link *link);
	/* Once a second. clock_back: the wall clock was set back, what waits by it is to go on now. NULL: no
	 * need. */
	void (*tick)(struct transport_link *link, bool clock_back);
	/* No connection any more, none is made, the address is free. */
	void (*stop)(struct transport_link *link);
};

/* A dialer, or a listener, which is not seen outside. Each backend's own struct begins with it. */
struct transport_link {
	struct transport *t;
	const struct link_ops *ops;
	enum transport_kind kind;
	bool is_dialer;
	uint32_t number; /* of a listener */
	struct transport_link *next;
};

struct transport {
	struct transport_config config;
	nng_tls_config *tls_server;
	pthread_mutex_t lock; /* links */
	struct transport_link *links;
	uint32_t count;
	/* Read-locked while a callback of the user runs, so that transport_free can wait for them. */
	pthread_rwlock_t running;
	bool stopped; /* under running */
	struct transport *next;

	/* Ticks for the links, and looks for steps of the wall clock; from the first link on that needs it.
	 */
	pthread_t watch;
	bool watched;
	pthread_cond_t watch_end; /* with lock */
	bool watch_ends;
};

/* 0, or the error of ours with "what url: nng's words". */
int transport_from_nng(int rv, const char *what, const char *url) must_check;
int transport_tls_config(const struct transport_tls *tls, nng_tls_mode mode, const char *name,
			 nng_tls_config **ret_config) must_check;
bool transport_is_tls(const char *url);
/* What stays of a link that is stopped has no key: the one of the two that there is gets another
 * configuration. */
void transport_tls_drop(nng_stream_dialer *dialer, nng_stream_listener *listener);
/* Links with a tick need it, before they are added. Errors: CF_ENOMEM. */
int transport_watch(struct transport *t) must_check;
/* Into the list of links: from here on frames and states may be told of it. */
void transport_add(struct transport_link *link);

/* The user's callbacks, or nothing once the transport is stopped. No lock may be held that they may need. */
void transport_deliver(struct transport_link *link, struct transport_from from, struct view frame);
void transport_tell_state(struct transport_link *link, bool up);
void transport_tell_gone(struct transport_link *link, uint32_t pipe);

int inproc_listen(struct transport *t, enum transport_kind kind, const char *url) must_check;
int inproc_dial(struct transport *t, enum transport_kind kind, const char *url,
		struct transport_link **ret_link) must_check;
int stream_listen(struct transport *t, enum transport_kind kind, const char *url) must_check;
int stream_dial(struct transport *t, enum transport_kind kind, const char *url, const char *tls_name,
		struct transport_link **ret_link) must_check;

#endif
