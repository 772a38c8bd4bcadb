/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_link.c - slots by member index; a slot's link is replaced when the member's address changes.
 */
#include "net/client_link.h"

#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define LOG_MODULE "client"

struct slot {
	char address[ADDRESS_BYTES_MAX + 1];
	struct transport_link *link;
};

struct links {
	struct links_config config;
	struct transport *transport;
	_Atomic uint64_t request;
	pthread_mutex_t dialing; /* transport; before lock */
	pthread_mutex_t lock;    /* the fields below; never held over a call into the transport */
	struct slot slot[MEMBERS_MAX];
	struct roster *roster;
};

static int roster_new(const struct members *m, uint32_t revoked, struct roster **ret_r)
{
	struct roster *r = mem_zalloc(sizeof(*r));
	int err;

	if (!r)
		return CF_ENOMEM;
	r->members = *m;
	r->quorum = members_quorum(m->count);
	r->revoked = revoked;
	atomic_init(&r->refs, 1);
	err = member_keys_init(&r->keys, &r->members);
	if (err) {
		mem_free(r);
		return err;
	}
	*ret_r = r;
	return 0;
}

void roster_release(struct roster *r)
{
	if (!r || atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	member_keys_release(&r->keys);
	mem_free(r);
}

struct roster *links_roster(struct links *l)
{
	struct roster *r;

	assert(l);
	pthread_mutex_lock(&l->lock);
	r = l->roster;
	if (r)
		atomic_fetch_add(&r->refs, 1);
	pthread_mutex_unlock(&l->lock);
	return r;
}

/* The member behind a link, and the set it is a member of; NULL when there is none (yet). */
static struct roster *find(struct links *l, const struct transport_link *link, unsigned *ret_member)
{
	struct roster *r = NULL;

	pthread_mutex_lock(&l->lock);
	for (unsigned i = 0; l->roster && i < l->roster->members.count && !r; i++) {
		if (l->slot[i].link != link)
			continue;
		r = l->roster;
		atomic_fetch_add(&r->refs, 1);
		*ret_member = i;
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}

/* What counts by who said it, and so for nothing when they are revoked. */
static bool counts_for_nothing(const struct roster *r, unsigned member, enum wire_kind kind)
{
	return ((r->revoked >> member) & 1) &&
	       (kind == WIRE_ENDORSED || kind == WIRE_RECEIPT || kind == WIRE_SHARE);
}

static void on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view bytes)
{
	struct links *l = ctx;
	struct wire_frame f;
	unsigned member;
	struct roster *r;

	(void)from;
	if (!link)
		return;
	r = find(l, link, &member);
	if (!r)
		return;
	if (wire_frame_decode(bytes, &l->config.network, &f)) {
		log_warn(LOG_MODULE, "peer %u sends a malformed frame of %zu bytes -> dropped", member,
			 bytes.len);
	} else if (memcmp(f.sender.b, r->members.member[member].id.b, IDENTITY_BYTES) != 0) {
		log_warn(LOG_MODULE, "peer %u sends a %s in another's name -> dropped", member,
			 wire_kind_name(f.kind));
	} else if (f.is_signed && crypto_verify(r->keys.endorse[member], &f.digest, f.sig)) {
		log_warn(LOG_MODULE, "peer %u sends a %s with a bad signature -> dropped", member,
			 wire_kind_name(f.kind));
	} else if (counts_for_nothing(r, member, f.kind)) {
		log_debug(LOG_MODULE, "peer %u is revoked -> its %s is dropped", member,
			  wire_kind_name(f.kind));
	} else {
		l->config.on_frame(l->config.ctx, r, member, &f);
	}
	roster_release(r);
}

static void on_state(void *ctx, struct transport_link *link, bool up)
{
	struct links *l = ctx;
	unsigned member;
	struct roster *r = find(l, link, &member);

	if (!r)
		return; /* not in its slot yet: whoever waits for links looks again */
	log_debug(LOG_MODULE, "link to peer %u is %s", member, up ? "up" : "down");
	if (up)
		l->config.on_up(l->config.ctx, member);
	roster_release(r);
}

static int begin(struct links *l)
{
	const struct transport_config tc = {
		.tls = l->config.tls, .ctx = l, .on_recv = on_recv, .on_state = on_state};

	return transport_new(&tc, &l->transport);
}

int links_new(const struct links_config *config, struct links **ret_l)
{
	struct links *l;
	int err;

	assert(config && config->identity && config->on_frame && config->on_up && ret_l);
	l = mem_zalloc(sizeof(*l));
	if (!l)
		return CF_ENOMEM;
	l->config = *config;
	atomic_init(&l->request, 0);
	pthread_mutex_init(&l->dialing, NULL);
	pthread_mutex_init(&l->lock, NULL);
	err = begin(l);
	if (err) {
		pthread_mutex_destroy(&l->dialing);
		pthread_mutex_destroy(&l->lock);
		mem_free(l);
		return err;
	}
	*ret_l = l;
	return 0;
}

void links_free(struct links *l)
{
	if (!l)
		return;
	transport_free(l->transport);
	roster_release(l->roster);
	pthread_mutex_destroy(&l->dialing);
	pthread_mutex_destroy(&l->lock);
	mem_free(l);
}

/*
 * The host name in "tls+tcp://host:port": what the other's certificate must name. False for URLs without one,
 * and for numeric addresses: mbedTLS 2.28 compares DNS names only. Who answers is in its signatures anyway.
 */
static bool tls_host(const char *url, char ret_host[ADDRESS_BYTES_MAX + 1])
{
	const char *start, *end;

	if (strncmp(url, "tls+tcp://", 10) != 0)
		return false;
	start = url + 10;
	if (*start == '[') {
		start++;
		end = strchr(start, ']');
	} else {
		end = strrchr(start, ':');
	}
	if (!end || end == start)
		return false;
	snprintf(ret_host, ADDRESS_BYTES_MAX + 1, "%.*s", (int)(end - start), start);
	return ret_host[strspn(ret_host, "0123456789.")] != 0 && strchr(ret_host, ':') == NULL;
}

/* The i-th of "URL,URL,...", or the member's own. */
static void gateway_of(const char *list, unsigned i, const char *own, char ret_url[ADDRESS_BYTES_MAX + 1])
{
	size_t len;

	for (; list && i > 0; i--) {
		list = strchr(list, ',');
		list = list ? list + 1 : NULL;
	}
	len = list ? strcspn(list, ",") : 0;
	snprintf(ret_url, ADDRESS_BYTES_MAX + 1, "%.*s", len ? (int)len : ADDRESS_BYTES_MAX,
		 len ? list : own);
}

/* Dials when slot i is not of this address; slots are written by whoever is dialing. */
static int slot_dial(struct links *l, unsigned i, const char *address)
{
	char host[ADDRESS_BYTES_MAX + 1];
	struct transport_link *link;
	int err;

	if (l->slot[i].link && strcmp(l->slot[i].address, address) == 0)
		return 0;
	err = transport_dial(l->transport, TRANSPORT_GATEWAY, address, tls_host(address, host) ? host : NULL,
			     &link);
	if (err)
		return err;
	pthread_mutex_lock(&l->lock);
	snprintf(l->slot[i].address, sizeof(l->slot[i].address), "%s", address);
	l->slot[i].link = link;
	pthread_mutex_unlock(&l->lock);
	return 0;
}

/* While the links are closed nothing is dialed. */
static int dial_members(struct links *l, const struct members *m)
{
	int err = 0;

	for (unsigned i = 0; l->transport && i < m->count && !err; i++) {
		char url[ADDRESS_BYTES_MAX + 1];

		gateway_of(l->config.gateways, i, m->member[i].client_address, url);
		err = slot_dial(l, i, url);
	}
	return err;
}

static void roster_replace(struct links *l, struct roster *fresh)
{
	struct roster *old;

	pthread_mutex_lock(&l->lock);
	old = l->roster;
	l->roster = fresh;
	pthread_mutex_unlock(&l->lock);
	roster_release(old);
}

int links_set_revoked(struct links *l, uint32_t revoked)
{
	struct roster *r = links_roster(l), *fresh;
	int err = 0;

	assert(r);
	if (r->revoked != revoked)
		err = roster_new(&r->members, revoked, &fresh);
	if (!err && r->revoked != revoked)
		roster_replace(l, fresh);
	roster_release(r);
	return err;
}

int links_set_members(struct links *l, const struct members *m)
{
	struct roster *fresh;
	int err;

	assert(l && m);
	err = roster_new(m, 0, &fresh);
	if (err)
		return err;
	roster_replace(l, fresh); /* first, so that a link that comes up at once is known by its index */
	pthread_mutex_lock(&l->dialing);
	err = dial_members(l, m);
	pthread_mutex_unlock(&l->dialing);
	return err;
}

void links_close(struct links *l)
{
	pthread_mutex_lock(&l->dialing);
	pthread_mutex_lock(&l->lock);
	memset(l->slot, 0, sizeof(l->slot)); /* a link itself lives as long as the process */
	pthread_mutex_unlock(&l->lock);
	transport_free(l->transport);
	l->transport = NULL;
	pthread_mutex_unlock(&l->dialing);
}

int links_open(struct links *l)
{
	struct roster *r = links_roster(l);
	int err;

	pthread_mutex_lock(&l->dialing);
	err = begin(l);
	if (!err && r)
		err = dial_members(l, &r->members);
	pthread_mutex_unlock(&l->dialing);
	roster_release(r);
	return err;
}

int links_set_members_of(struct links *l, struct db_txn *txn)
{
	struct members *m = mem_alloc(sizeof(*m));
	uint32_t revoked = 0;
	int err = m ? state_members(txn, m) : CF_ENOMEM;

	if (!err)
		err = state_members_revoked(txn, m, &revoked);
	if (!err)
		err = links_set_members(l, m);
	if (!err)
		err = links_set_revoked(l, revoked);
	mem_free(m);
	return err;
}

/* Links of the current members; unused places NULL. */
static unsigned copy_links(struct links *l, struct transport_link *ret_links[MEMBERS_MAX])
{
	unsigned count;

	pthread_mutex_lock(&l->lock);
	count = l->roster ? l->roster->members.count : 0;
	for (unsigned i = 0; i < count; i++)
		ret_links[i] = l->slot[i].link;
	pthread_mutex_unlock(&l->lock);
	return count;
}

uint32_t links_up(struct links *l)
{
	struct transport_link *link[MEMBERS_MAX];
	unsigned count = copy_links(l, link);
	uint32_t up = 0;

	for (unsigned i = 0; i < count; i++) {
		if (link[i] && transport_is_up(link[i]))
			up |= 1u << i;
	}
	return up;
}

uint64_t links_next_request(struct links *l)
{
	return atomic_fetch_add(&l->request, 1) + 1;
}

uint32_t links_send(struct links *l, uint32_t mask, enum wire_kind kind, uint64_t request,
		    struct view payload)
{
	struct transport_link *link[MEMBERS_MAX];
	unsigned count = copy_links(l, link);
	uint32_t sent = 0;
	struct buf frame;
	int err;

	buf_init(&frame, TRANSPORT_FRAME_BYTES_MAX);
	err = identity_use(l->config.identity);
	if (err)
		goto out; /* as if no link were up */
	err = wire_frame_encode(kind, request, &l->config.identity->id, payload, &l->config.network,
				l->config.identity->sign, &frame);
	identity_done(l->config.identity);
	if (err)
		log_error(LOG_MODULE, "%s of %zu bytes cannot be sent: %s", wire_kind_name(kind), payload.len,
			  err_name(err));
	for (unsigned i = 0; i < count && !err; i++) {
		if (((mask >> i) & 1) && link[i] && transport_send(link[i], buf_view(&frame)) == 0)
			sent |= 1u << i;
	}
out:
	buf_release(&frame);
	return sent;
}
