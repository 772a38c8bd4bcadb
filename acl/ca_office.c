/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_office.c - an authority at work.
 */
#include "acl/ca_office.h"
#include "acl/userfile.h"
#include "ledger/codec.h"
#include "ledger/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MODULE "ca"
#define DAY_MS ((uint64_t)86400 * 1000)
#define DAYS_MAX 3650

/* --- opening --- */

static int take_lock(struct ca_office *o)
{
	char path[USERFILE_PATH_MAX];
	int err = userfile_path(o->dir, "lock", path);

	if (err)
		return err;
	o->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (o->lock < 0)
		return err_set(err_from_errno(errno), "%s: %m", path);
	if (flock(o->lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(CF_EBUSY, "%s: another process works for this authority", o->dir);
	return 0;
}

static void own_chain(const struct ca_office *o, struct view chain[CERT_CHAIN_MAX])
{
	for (size_t i = 0; i < o->ca.chain_count; i++)
		chain[i] = buf_view(&o->ca.chain[i]);
}

int ca_office_open(const char *dir, const char *passphrase, const char *root_path, struct ca_office *ret_o)
{
	struct ca_office o = {.lock = -1};
	struct view chain[CERT_CHAIN_MAX];
	int err = ca_load(dir, passphrase, &o.ca);

	buf_init(&o.root, CERT_DER_BYTES_MAX);
	if (!err && snprintf(o.dir, sizeof(o.dir), "%s", dir) >= (int)sizeof(o.dir))
		err = err_set(CF_ENAMETOOLONG, "%s: name too long", dir);
	if (!err)
		err = cert_pem_read_one(root_path, &o.root);
	if (!err) {
		own_chain(&o, chain);
		err = cert_check_authority(chain[0], chain + 1, o.ca.chain_count - 1, buf_view(&o.root),
					   o.ca.info.not_before_ms);
	}
	if (!err)
		err = take_lock(&o);
	if (!err)
		err = ca_store_open(dir);
	if (err)
		ca_office_close(&o);
	else
		*ret_o = o;
	return err;
}

void ca_office_close(struct ca_office *o)
{
	ca_release(&o->ca);
	buf_release(&o->root);
	ca_crowd_release(&o->crowd);
	if (o->lock >= 0)
		close(o->lock);
	o->lock = -1;
}

/* --- who asks --- */

static int check_asker(const struct ca_office *o, const struct ca_request *r, uint64_t now_ms,
		       struct cert_info *ret_info)
{
	struct hash own = crypto_key_fingerprint(o->ca.info.sign_point);
	uint64_t off = r->time_ms > now_ms ? r->time_ms - now_ms : now_ms - r->time_ms;
	int err;

	if (!hash_equal(&own, &r->authority))
		return err_set(CF_EINVAL, "the request is for another authority");
	if (off > CA_REQUEST_WINDOW_MS)
		return err_set(CF_EEXPIRED, "the request's clock is off by %llu ms", (unsigned long long)off);
	err = cert_check_chain(r->cert[0], r->cert + 1, r->count - 1u, buf_view(&o->root), VIEW_NONE, now_ms);
	if (!err)
		err = cert_parse(r->cert[0], ret_info);
	if (err)
		return err;
	if (strcmp(ret_info->org, o->ca.info.org) != 0)
		return err_set(CF_EDENIED, "'%s' is of '%s', this authority of '%s'", ret_info->name,
			       ret_info->org, o->ca.info.org);
	if (ca_store_is_revoked(o->dir, ret_info->serial))
		return err_set(CF_EREVOKED, "certificate of '%s' is revoked", ret_info->name);
	return 0;
}

static int check_manager(const struct ca_office *o, const struct ca_request *r, uint64_t now_ms,
			 struct cert_info *ret_info)
{
	int err = check_asker(o, r, now_ms, ret_info);

	if (!err && ret_info->role != ROLE_MANAGER)
		err = err_set(CF_EDENIED, "'%s' is a %s: a manager decides", ret_info->name,
			      role_name(ret_info->role));
	return err;
}

/* --- applications --- */

struct search {
	const struct ca_office *o;
	const struct application *a;
	uint64_t now_ms;
};

/* A name has one key: it is taken while a certificate with another one counts. */
static int check_name(void *ctx, struct view der, const struct cert_info *info)
{
	const struct search *s = ctx;

	(void)der;
	if (info->role == 0 || strcmp(info->name, s->a->name) != 0 || info->not_after_ms < s->now_ms ||
	    ca_store_is_revoked(s->o->dir, info->serial))
		return 0;
	return err_set(CF_EEXIST, "'%s' has a certificate already: reenroll renews it", info->name);
}

static int apply(struct ca_office *o, uint64_t machine, struct view bytes, uint64_t now_ms,
		 struct buf *answer)
{
	struct application_id id = application_id_of(bytes);
	enum ca_decision known = CA_UNKNOWN;
	struct application a;
	struct search s = {o, &a, now_ms};
	struct buf unused;
	int err = application_decode(bytes, &a);

	if (!err && strcmp(a.org, o->ca.info.org) != 0)
		err = err_set(CF_EDENIED, "authority '%s' is of '%s' and names nobody of '%s'",
			      o->ca.info.name, o->ca.info.org, a.org);
	buf_init(&unused, 0);
	if (!err)
		err = ca_store_decision(o->dir, &id, &known, &unused, &unused);
	buf_release(&unused);
	if (!err && known == CA_UNKNOWN) {
		err = ca_crowd_check(&o->crowd, o->dir, machine);
		if (!err)
			err = ca_store_walk_name(o->dir, view_str(a.name), check_name, &s);
		if (!err)
			err = ca_crowd_apply(&o->crowd, o->dir, machine, bytes);
		if (!err)
			log_info(MODULE, "'%s' of '%s' applies as %s", a.name, a.org, role_name(a.role));
	}
	return err ? err : buf_append(answer, id.b, sizeof(id.b));
}

static int answer_decision(struct ca_office *o, const struct application_id *id, struct buf *answer)
{
	struct ca_collected m = {.decision = CA_UNKNOWN};
	struct buf chain, tls;
	int err;

	buf_init(&chain, 0);
	buf_init(&tls, 0);
	err = ca_store_decision(o->dir, id, &m.decision, &chain, &tls);
	m.chain = buf_view(&chain);
	m.tls = buf_view(&tls);
	if (!err)
		err = ca_collected_encode(&m, answer);
	buf_release(&chain);
	buf_release(&tls);
	return err;
}

static int collect(struct ca_office *o, struct view bytes, struct buf *answer)
{
	struct application_id id;

	if (bytes.len != sizeof(id.b))
		return err_set(CF_EDECODE, "not an application's id");
	memcpy(id.b, bytes.data, sizeof(id.b));
	return answer_decision(o, &id, answer);
}

static int append_waiting(void *ctx, struct view bytes)
{
	struct enc *e = ctx;

	enc_bytes(e, bytes);
	return enc_done(e);
}

static int add_one(void *ctx, struct view bytes)
{
	(void)bytes;
	++*(uint16_t *)ctx;
	return 0;
}

static int pending(struct ca_office *o, struct buf *answer)
{
	uint16_t count = 0;
	struct enc e;
	int err = ca_store_walk_waiting(o->dir, add_one, &count);

	enc_init(&e, answer);
	enc_u16(&e, count);
	return err ? err : ca_store_walk_waiting(o->dir, append_waiting, &e);
}

/* Issues, remembers, and lays ready for the applicant. */
static int issue(struct ca_office *o, const struct application *a, const struct application_id *id,
		 unsigned days, uint64_t now_ms)
{
	struct view chain[CERT_CHAIN_MAX + 1], tls_chain[CERT_CHAIN_MAX + 1];
	size_t above = o->ca.info.is_root ? 0 : o->ca.chain_count;
	struct buf cert, tls;
	int err;

	buf_init(&cert, CERT_DER_BYTES_MAX);
	buf_init(&tls, CERT_DER_BYTES_MAX);
	days = days ? days : o->days ? o->days : CA_IDENTITY_DAYS;
	err = application_issue(a, &o->ca, now_ms - CERT_CLOCK_SKEW_MS, now_ms + days * DAY_MS, &cert, &tls);
	own_chain(o, chain + 1);
	own_chain(o, tls_chain + 1);
	chain[0] = buf_view(&cert);
	tls_chain[0] = buf_view(&tls);
	if (!err)
		err = ca_store_issued(o->dir, chain[0]);
	if (!err && tls.len > 0)
		err = ca_store_issued(o->dir, tls_chain[0]);
	if (!err)
		err = ca_store_approve(o->dir, id, chain, above + 1, tls_chain, tls.len > 0 ? above + 1 : 0);
	buf_release(&cert);
	buf_release(&tls);
	return err;
}

static int decide(struct ca_office *o, const struct ca_request *r, const struct cert_info *manager,
		  uint64_t now_ms, struct buf *answer)
{
	struct application a;
	struct search s = {o, &a, now_ms};
	struct ca_decide m;
	struct buf bytes;
	int err = ca_decide_decode(r->body, &m);

	if (err || m.days > DAYS_MAX)
		return err_set(CF_EDECODE, "not a decision");
	buf_init(&bytes, APPLICATION_BYTES_MAX);
	err = ca_store_waiting(o->dir, &m.id, &bytes);
	if (!err)
		err = application_decode(buf_view(&bytes), &a);
	buf_release(&bytes);
	/* of two applications for one name the second one is refused here */
	if (!err && m.approve)
		err = ca_store_walk_name(o->dir, view_str(a.name), check_name, &s);
	if (!err)
		err = m.approve ? issue(o, &a, &m.id, m.days, now_ms)
				: ca_store_deny(o->dir, &m.id, m.reason);
	if (!err)
		log_info(MODULE, "manager '%s' %s '%s' as %s", manager->name,
			 m.approve ? "approves" : "denies", a.name, role_name(a.role));
	return err ? err : answer_decision(o, &m.id, answer);
}

/* --- renewal --- */

/* Nobody decides on a renewal: it serves no host that a manager has not approved for this identity. */
static int check_hosts(const struct ca_office *o, const char *hosts, const struct cert_info *of,
		       uint64_t now_ms)
{
	char host[APPLICATION_HOSTS_MAX + 1];
	int err = 0;

	while (*hosts && !err) {
		size_t len = strcspn(hosts, ",");

		memcpy(host, hosts, len);
		host[len] = '\0';
		hosts += hosts[len] ? len + 1 : len;
		err = ca_store_find_host(o->dir, of, host, now_ms);
	}
	return err == CF_ENOTFOUND
		       ? err_set(CF_EDENIED, "'%s' has no TLS certificate for '%s': a manager approves hosts",
				 of->name, host)
		       : err;
}

static int check_renewal(const struct ca_office *o, const struct application *a, const struct cert_info *now)
{
	if (!ca_store_has_issued(o->dir, now->serial))
		return err_set(CF_EFOREIGN, "certificate of '%s' is not one that '%s' has issued", now->name,
			       o->ca.info.name);
	if (strcmp(a->name, now->name) != 0 || strcmp(a->org, now->org) != 0 || a->role != now->role)
		return err_set(CF_EDENIED, "'%s' renews its own certificate, in its own role", now->name);
	if (memcmp(a->kem_point, now->kem_point, POINT_BYTES) != 0)
		return err_set(CF_EINVAL,
			       "the key-agreement key stays: what was wrapped to it is wrapped to no other");
	return 0;
}

static int reenroll(struct ca_office *o, const struct ca_request *r, const struct cert_info *asker,
		    uint64_t now_ms, struct buf *answer)
{
	struct application_id id = application_id_of(r->body);
	enum ca_decision known = CA_UNKNOWN;
	struct application a;
	struct buf unused;
	int err = application_decode(r->body, &a);

	if (!err)
		err = check_renewal(o, &a, asker);
	if (!err)
		err = check_hosts(o, a.tls_host, asker, now_ms);
	buf_init(&unused, 0);
	if (!err)
		err = ca_store_decision(o->dir, &id, &known, &unused, &unused);
	buf_release(&unused);
	if (!err && known != CA_APPROVED) {
		err = issue(o, &a, &id, 0, now_ms);
		log_info(MODULE, "'%s' renews", a.name);
	}
	return err ? err : answer_decision(o, &id, answer);
}

/* --- revocation --- */

struct revocation {
	const struct ca_office *o;
	const struct ca_revoke *m;
	uint64_t now_ms;
	unsigned count;
};

/* TLS certificates of the name as well. */
static int revoke_one(void *ctx, struct view der, const struct cert_info *info)
{
	struct revocation *v = ctx;

	(void)der;
	if (!view_equal(view_str(info->name), v->m->name) || ca_store_is_revoked(v->o->dir, info->serial))
		return 0;
	v->count++;
	return ca_store_revoke(v->o->dir, info->serial, v->now_ms, v->m->reason);
}

static int revoke_name(struct ca_office *o, const struct ca_request *r, const struct cert_info *manager,
		       uint64_t now_ms, struct buf *answer)
{
	struct ca_revoke m;
	struct revocation v = {o, &m, now_ms, 0};
	int err = ca_revoke_decode(r->body, &m);

	if (err)
		return err_set(err, "not a revocation");
	err = ca_store_walk_name(o->dir, m.name, revoke_one, &v);
	if (!err && v.count == 0)
		err = err_set(CF_ENOTFOUND, "'%.*s' has no certificate that is not revoked already",
			      (int)m.name.len, (const char *)m.name.data);
	if (!err)
		log_info(MODULE, "manager '%s' revokes '%.*s'", manager->name, (int)m.name.len,
			 (const char *)m.name.data);
	return err ? err
		   : ca_store_make_crl(o->dir, &o->ca, now_ms, o->crl_days ? o->crl_days : CA_CRL_DAYS,
				       answer);
}

/* The newest list; a new one when there is none, or half of its time is over. */
static int list_crl(struct ca_office *o, uint64_t now_ms, struct buf *answer)
{
	unsigned days = o->crl_days ? o->crl_days : CA_CRL_DAYS;
	struct view chain[CERT_CHAIN_MAX];
	bool is_root = o->ca.info.is_root;
	size_t begin = answer->len;
	struct crl_info info;
	int err = ca_store_crl(o->dir, answer);

	if (err && err != CF_ENOTFOUND)
		return err;
	own_chain(o, chain);
	if (!err &&
	    cert_crl_check(VIEW(answer->data + begin, answer->len - begin), chain,
			   is_root ? 0 : o->ca.chain_count, buf_view(&o->root), now_ms, &info) == 0 &&
	    now_ms + (info.next_update_ms - info.this_update_ms) / 2 < info.next_update_ms)
		return 0;
	answer->len = begin;
	return ca_store_make_crl(o->dir, &o->ca, now_ms, days, answer);
}

struct listing {
	const struct ca_office *o;
	struct enc e;
	uint32_t count;
};

static int count_cert(void *ctx, struct view der, const struct cert_info *info)
{
	(void)der;
	(void)info;
	((struct listing *)ctx)->count++;
	return 0;
}

static int list_cert(void *ctx, struct view der, const struct cert_info *info)
{
	struct listing *l = ctx;

	enc_bytes(&l->e, der);
	enc_bool(&l->e, ca_store_is_revoked(l->o->dir, info->serial));
	return enc_done(&l->e);
}

static int identities(struct ca_office *o, struct buf *answer)
{
	struct listing l = {.o = o};
	int err = ca_store_walk(o->dir, count_cert, &l);

	enc_init(&l.e, answer);
	enc_u32(&l.e, l.count);
	return err ? err : ca_store_walk(o->dir, list_cert, &l);
}

static int about(const struct ca_office *o, struct buf *answer)
{
	struct enc e;

	enc_init(&e, answer);
	enc_u8(&e, (uint8_t)o->ca.chain_count);
	for (size_t i = 0; i < o->ca.chain_count; i++)
		enc_bytes(&e, buf_view(&o->ca.chain[i]));
	return enc_done(&e);
}

/* --- the table --- */

static int handle_signed(struct ca_office *o, enum ca_kind kind, struct view bytes, uint64_t now_ms,
			 struct buf *answer)
{
	struct cert_info asker;
	struct ca_request r;
	int err = ca_request_decode(bytes, &r);

	if (!err && r.kind != kind)
		err = err_set(CF_EDECODE, "the request is of another kind");
	if (!err)
		err = kind == CA_REENROLL ? check_asker(o, &r, now_ms, &asker)
					  : check_manager(o, &r, now_ms, &asker);
	if (err)
		return err;
	switch (kind) {
	case CA_PENDING:
		return pending(o, answer);
	case CA_DECIDE:
		return decide(o, &r, &asker, now_ms, answer);
	case CA_REENROLL:
		return reenroll(o, &r, &asker, now_ms, answer);
	case CA_REVOKE:
		return revoke_name(o, &r, &asker, now_ms, answer);
	default:
		return identities(o, answer);
	}
}

int ca_office_handle(struct ca_office *o, uint64_t machine, enum ca_kind kind, struct view bytes,
		     uint64_t now_ms, struct buf *ret_answer)
{
	assert(o && ret_answer);
	if (now_ms > o->ca.info.not_after_ms)
		return err_set(CF_EEXPIRED, "certificate of authority '%s' has expired", o->ca.info.name);
	switch (kind) {
	case CA_ABOUT:
		return about(o, ret_answer);
	case CA_APPLY:
		return apply(o, machine, bytes, now_ms, ret_answer);
	case CA_COLLECT:
		return collect(o, bytes, ret_answer);
	case CA_LIST_CRL:
		return list_crl(o, now_ms, ret_answer);
	case CA_PENDING:
	case CA_DECIDE:
	case CA_REENROLL:
	case CA_REVOKE:
	case CA_IDENTITIES:
		return handle_signed(o, kind, bytes, now_ms, ret_answer);
	}
	return err_set(CF_EDECODE, "an authority is not asked this");
}
