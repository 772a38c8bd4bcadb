/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tls_attack.c - who shows a wrong certificate gets no TLS connection, on either side: another root,
 * expired, not yet valid, a leaf that signs a leaf, a path too long, a wrong signature, none at all.
 */
#include "acl/x509.h"
#include "net/transport.h"
#include "tests/lib/t.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define HOUR ((uint64_t)3600 * 1000)
#define SETTLE_MS 2500

enum attack {
	GOOD,
	OTHER_ROOT,
	EXPIRED,
	NOT_YET,
	LEAF_SIGNS_LEAF,
	PATH_TOO_LONG,
	WRONG_SIGNATURE,
	NO_CERTIFICATE,
	ATTACKS
};

static const char *const names[ATTACKS] = {
	"good",          "another root",    "expired",        "not yet valid", "a leaf that signs a leaf",
	"path too long", "wrong signature", "no certificate",
};

/* A root and an authority that may have none below it. */
struct tree {
	struct crypto_key *root_key, *ca_key, *key;
	struct buf root, ca;
	uint64_t now;
};

struct side {
	struct buf cert, key, ca;
	struct transport_tls tls;
	struct transport *t;
	struct transport_link *link;
};

static struct cert_request request(const struct tree *t, enum cert_kind kind, const char *name,
				   const struct crypto_key *subject)
{
	return (struct cert_request){.kind = kind,
				     .name = name,
				     .org = kind == CERT_ROOT ? "Consortium" : "hospA",
				     .subject = subject,
				     .tls_host = kind == CERT_TLS ? "127.0.0.1" : NULL,
				     .not_before_ms = t->now - HOUR,
				     .not_after_ms = t->now + HOUR};
}

static void tree_init(struct tree *t)
{
	struct cert_request req;

	*t = (struct tree){.now = (uint64_t)time(NULL) * 1000};
	t_zero(crypto_key_generate(&t->root_key));
	t_zero(crypto_key_generate(&t->ca_key));
	t_zero(crypto_key_generate(&t->key));
	req = request(t, CERT_ROOT, "root", t->root_key);
	req.path_len = 1;
	t_zero(cert_issue(&req, VIEW_NONE, t->root_key, &t->root));
	req = request(t, CERT_INTERMEDIATE, "hospA CA", t->ca_key);
	t_zero(cert_issue(&req, buf_view(&t->root), t->root_key, &t->ca));
}

static void tree_release(struct tree *t)
{
	crypto_key_free(t->root_key);
	crypto_key_free(t->ca_key);
	crypto_key_free(t->key);
	buf_release(&t->root);
	buf_release(&t->ca);
}

/* The chain that is shown, leaf first. */
static void make_chain(const struct tree *t, const struct tree *foreign, enum attack attack, struct buf *out)
{
	const struct tree *by = attack == OTHER_ROOT ? foreign : t;
	struct cert_request req = request(t, CERT_TLS, "peer1", t->key);
	struct view chain[3] = {VIEW_NONE, buf_view(&by->ca), VIEW_NONE};
	struct crypto_key *below_key = NULL;
	struct buf leaf, below;
	size_t count = 2;

	buf_init(&leaf, 0);
	buf_init(&below, 0);
	t_zero(crypto_key_generate(&below_key));
	if (attack == EXPIRED) {
		req.not_before_ms = t->now - 2 * HOUR;
		req.not_after_ms = t->now - HOUR;
	} else if (attack == NOT_YET) {
		req.not_before_ms = t->now + HOUR;
		req.not_after_ms = t->now + 2 * HOUR;
	}
	if (attack == LEAF_SIGNS_LEAF || attack == PATH_TOO_LONG) {
		struct cert_request middle = request(
			t, attack == PATH_TOO_LONG ? CERT_INTERMEDIATE : CERT_TLS, "below", below_key);

		t_zero(cert_issue(&middle, buf_view(&t->ca), t->ca_key, &below));
		t_zero(cert_issue(&req, buf_view(&below), below_key, &leaf));
		chain[1] = buf_view(&below);
		chain[2] = buf_view(&t->ca);
		count = 3;
	} else {
		t_zero(cert_issue(&req, buf_view(&by->ca), by->ca_key, &leaf));
	}
	if (attack == WRONG_SIGNATURE)
		leaf.data[leaf.len - 1] ^= 1;
	chain[0] = buf_view(&leaf);
	t_zero(cert_pem_text(chain, count, out));
	t_zero(buf_append(out, "", 1));
	crypto_key_free(below_key);
	buf_release(&leaf);
	buf_release(&below);
}

static void on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view frame)
{
	(void)ctx;
	(void)from;
	(void)link;
	(void)frame;
}

/* False: the transport itself refuses this certificate. */
static bool side_init(struct side *s, const struct tree *t, const struct tree *foreign, enum attack attack)
{
	struct transport_config config = {.tls = &s->tls, .ctx = s, .on_recv = on_recv};
	struct view root = buf_view(&t->root);

	memset(s, 0, sizeof(*s));
	make_chain(t, foreign, attack, &s->cert);
	t_zero(cert_key_pem_text(t->key, &s->key));
	t_zero(buf_append(&s->key, "", 1));
	t_zero(cert_pem_text(&root, 1, &s->ca));
	t_zero(buf_append(&s->ca, "", 1));
	s->tls.ca_pem = (const char *)s->ca.data;
	if (attack != NO_CERTIFICATE) {
		s->tls.cert_pem = (const char *)s->cert.data;
		s->tls.key_pem = (const char *)s->key.data;
	}
	return transport_new(&config, &s->t) == 0;
}

static const char *url_of(unsigned i)
{
	static char urls[2 * ATTACKS][64];
	static unsigned base;

	if (base == 0)
		base = 21000 + (unsigned)getpid() % 10000;
	snprintf(urls[i], sizeof(urls[i]), "tls+tcp://127.0.0.1:%u", base + i);
	return urls[i];
}

static void wait_ms(unsigned ms)
{
	const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	(void)nanosleep(&t, NULL);
}

T_TEST(no_link_with_a_wrong_certificate)
{
	struct tree t, foreign;
	static struct side server, client[ATTACKS];

	tree_init(&t);
	tree_init(&foreign);
	t_ok(side_init(&server, &t, &foreign, GOOD));
	t_zero(transport_listen(server.t, TRANSPORT_GATEWAY, url_of(0)));
	for (unsigned a = GOOD; a < ATTACKS; a++) {
		t_ok(side_init(&client[a], &t, &foreign, (enum attack)a));
		t_zero(transport_dial(client[a].t, TRANSPORT_GATEWAY, url_of(0), NULL, &client[a].link));
	}
	for (unsigned ms = 0; ms < 10000 && !transport_is_up(client[GOOD].link); ms += 50)
		wait_ms(50);
	t_ok(transport_is_up(client[GOOD].link));
	wait_ms(SETTLE_MS);
	for (unsigned a = GOOD + 1; a < ATTACKS; a++) {
		if (transport_is_up(client[a].link))
			t_fail("'%s' is let in", names[a]);
	}
	t_ok(transport_is_up(client[GOOD].link));
	for (unsigned a = GOOD; a < ATTACKS; a++)
		transport_free(client[a].t);
	transport_free(server.t);
	tree_release(&t);
	tree_release(&foreign);
}

T_TEST(no_link_to_a_wrong_certificate)
{
	struct tree t, foreign;
	static struct side server[ATTACKS], client[ATTACKS];
	bool listens[ATTACKS] = {false};

	tree_init(&t);
	tree_init(&foreign);
	for (unsigned a = GOOD; a < NO_CERTIFICATE; a++) {
		listens[a] = side_init(&server[a], &t, &foreign, (enum attack)a) &&
			     transport_listen(server[a].t, TRANSPORT_GATEWAY, url_of(1 + a)) == 0;
		t_ok(side_init(&client[a], &t, &foreign, GOOD));
		t_zero(transport_dial(client[a].t, TRANSPORT_GATEWAY, url_of(1 + a), NULL, &client[a].link));
	}
	t_ok(listens[GOOD]);
	for (unsigned ms = 0; ms < 10000 && !transport_is_up(client[GOOD].link); ms += 50)
		wait_ms(50);
	t_ok(transport_is_up(client[GOOD].link));
	wait_ms(SETTLE_MS);
	for (unsigned a = GOOD + 1; a < NO_CERTIFICATE; a++) {
		if (transport_is_up(client[a].link))
			t_fail("'%s' is believed", names[a]);
	}
	/* a listener without any certificate is none */
	t_ok(side_init(&server[NO_CERTIFICATE], &t, &foreign, NO_CERTIFICATE));
	t_err(transport_listen(server[NO_CERTIFICATE].t, TRANSPORT_GATEWAY, url_of(1 + NO_CERTIFICATE)),
	      CF_ECONFIG);
	for (unsigned a = GOOD; a < NO_CERTIFICATE; a++) {
		transport_free(client[a].t);
		if (listens[a])
			transport_free(server[a].t);
	}
	tree_release(&t);
	tree_release(&foreign);
}

/* nng's sockets are never closed, and its own exit would wait for them. */
int main(int argc, char **argv)
{
	int code = t_main(argc, argv);

	fflush(NULL);
	_exit(code);
}
