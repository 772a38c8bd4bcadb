/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_transport.c - frames over inproc, tcp and tls+tcp: both kinds of socket, reconnection, limits.
 */
#include "tests/lib/t.h"
#include "acl/x509.h"
#include "ledger/mem.h"
#include "net/transport.h"
#include "net/transport_shed.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FRAMES_MAX 512

/* One node: what it received, in order. */
struct node {
	struct transport *t;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct buf frame[FRAMES_MAX];
	struct transport_from from[FRAMES_MAX];
	struct transport_link *link[FRAMES_MAX];
	unsigned count;
	bool up;
	unsigned gone; /* clients */
	uint32_t gone_pipe;
	bool echo; /* answer each frame with itself, twice */
};

static void on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view frame)
{
	struct node *n = ctx;

	pthread_mutex_lock(&n->lock);
	if (n->count < FRAMES_MAX) {
		buf_init(&n->frame[n->count], 0);
		if (buf_append_view(&n->frame[n->count], frame))
			abort();
		n->from[n->count] = from;
		n->link[n->count++] = link;
	}
	pthread_cond_broadcast(&n->cond);
	pthread_mutex_unlock(&n->lock);
	for (int i = 0; n->echo && i < 2; i++) {
		if (transport_reply(n->t, from, frame))
			abort();
	}
}

static void on_state(void *ctx, struct transport_link *link, bool up)
{
	struct node *n = ctx;

	(void)link;
	pthread_mutex_lock(&n->lock);
	n->up = up;
	pthread_cond_broadcast(&n->cond);
	pthread_mutex_unlock(&n->lock);
}

static void on_gone(void *ctx, uint32_t listener, uint32_t pipe)
{
	struct node *n = ctx;

	(void)listener;
	pthread_mutex_lock(&n->lock);
	n->gone_pipe = pipe;
	n->gone++;
	pthread_cond_broadcast(&n->cond);
	pthread_mutex_unlock(&n->lock);
}

static void node_init_limited(struct node *n, const struct transport_tls *tls, size_t frame_max,
			      unsigned frame_ms)
{
	const struct transport_config config = {.tls = tls,
						.ctx = n,
						.on_recv = on_recv,
						.on_state = on_state,
						.on_gone = on_gone,
						.frame_max = frame_max,
						.frame_ms = frame_ms,
						.held_max = (size_t)16 << 20};

	memset(n, 0, sizeof(*n));
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->cond, NULL);
	t_zero(transport_new(&config, &n->t));
}

static void node_init(struct node *n, const struct transport_tls *tls)
{
	node_init_limited(n, tls, 0, 0);
}

static void node_release(struct node *n)
{
	transport_free(n->t);
	for (unsigned i = 0; i < n->count; i++)
		buf_release(&n->frame[i]);
	n->count = 0;
}

/* Waits up to 5 s for a number of frames, or for the link's state when frames is -1 (down) or -2 (up). */
static bool node_wait(struct node *n, int frames)
{
	struct timespec until;
	int rc = 0;
	bool done;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	pthread_mutex_lock(&n->lock);
	for (;;) {
		done = frames >= 0 ? n->count >= (unsigned)frames : n->up == (frames == -2);
		if (done || rc)
			break;
		rc = pthread_cond_timedwait(&n->cond, &n->lock, &until);
	}
	pthread_mutex_unlock(&n->lock);
	return done;
}

/* An address that is free: the port is asked of the kernel. */
static const char *fresh_url(const char *scheme)
{
	static char url[8][64];
	static atomic_uint counter;
	unsigned n = atomic_fetch_add(&counter, 1);

	if (strcmp(scheme, "inproc") == 0)
		snprintf(url[n % 8], sizeof(url[0]), "inproc://transport-%u", n);
	else
		snprintf(url[n % 8], sizeof(url[0]), "%s://127.0.0.1:%u", scheme,
			 20000u + ((unsigned)getpid() * 16 + n) % 10000u);
	return url[n % 8];
}

static void peer_exchange(const char *scheme, const struct transport_tls *tls)
{
	struct node a, b;
	struct transport_link *link = NULL;
	const char *url = fresh_url(scheme);

	node_init(&a, tls);
	node_init(&b, tls);
	t_zero(transport_dial(b.t, TRANSPORT_PEER, url, NULL, &link));
	t_err(transport_send(link, view_str("early")), CF_ENETWORK);
	t_zero(transport_listen(a.t, TRANSPORT_PEER, url));
	t_ok(node_wait(&b, -2));
	t_ok(transport_is_up(link));
	for (unsigned i = 0; i < 300; i++) {
		char text[32];

		snprintf(text, sizeof(text), "frame %u", i);
		t_zero(transport_send(link, view_str(text)));
	}
	t_ok(node_wait(&a, 300));
	for (unsigned i = 0; i < 300; i++) {
		char text[32];

		snprintf(text, sizeof(text), "frame %u", i);
		t_bytes(a.frame[i].data, a.frame[i].len, text, strlen(text));
		t_ok(a.link[i] == NULL);
	}
	node_release(&b);
	node_release(&a);
}

static void gateway_exchange(const char *scheme, const struct transport_tls *tls)
{
	struct node server, client[2];
	struct transport_link *link[2] = {NULL, NULL};
	const char *url = fresh_url(scheme);
	uint8_t *big = mem_zalloc(300000);

	node_init(&server, tls);
	server.echo = true;
	t_zero(transport_listen(server.t, TRANSPORT_GATEWAY, url));
	for (int i = 0; i < 2; i++) {
		node_init(&client[i], tls);
		t_zero(transport_dial(client[i].t, TRANSPORT_GATEWAY, url, NULL, &link[i]));
		t_ok(node_wait(&client[i], -2));
	}
	for (int i = 0; i < 2; i++) {
		big[7] = (uint8_t)i;
		t_zero(transport_send(link[i], VIEW(big, 300000)));
		t_zero(transport_send(link[i], VIEW_NONE));
	}
	for (int i = 0; i < 2; i++) {
		big[7] = (uint8_t)i;
		t_ok(node_wait(&client[i], 4)); /* each echoed twice, by different pipes */
		t_bytes(client[i].frame[0].data, client[i].frame[0].len, big, 300000);
		t_eq(client[i].frame[3].len, 0);
		t_ok(client[i].link[0] == link[i]);
	}
	/* A push nobody asked for, long after the request. */
	t_ok(node_wait(&server, 4));
	t_zero(transport_reply(server.t, server.from[0], view_str("push")));
	t_ok(node_wait(&client[server.frame[0].data[7]], 5));
	mem_free(big);
	t_eq(server.gone, 0);
	node_release(&client[server.frame[0].data[7]]);
	for (int i = 0; i < 500 && server.gone == 0; i++)
		usleep(10000);
	t_eq(server.gone, 1);
	t_eq(server.gone_pipe, server.from[0].pipe);
	node_release(&client[1 - server.frame[0].data[7]]);
	node_release(&server);
}

T_TEST(inproc_peers)
{
	peer_exchange("inproc", NULL);
}

T_TEST(inproc_gateway)
{
	gateway_exchange("inproc", NULL);
}

T_TEST(tcp_peers)
{
	peer_exchange("tcp", NULL);
}

T_TEST(tcp_gateway)
{
	gateway_exchange("tcp", NULL);
}

/* A node is stopped and started again at the same address, again and again. */
static void restart(const char *scheme)
{
	struct node a, b;
	struct transport_link *link = NULL;
	const char *url = fresh_url(scheme);

	node_init(&b, NULL);
	t_zero(transport_dial(b.t, TRANSPORT_PEER, url, NULL, &link));
	for (int i = 0; i < 5; i++) {
		node_init(&a, NULL);
		t_zero(transport_listen(a.t, TRANSPORT_PEER, url));
		t_ok(node_wait(&b, -2));
		t_zero(transport_send(link, view_str("again")));
		t_ok(node_wait(&a, 1));
		node_release(&a);
		t_ok(node_wait(&b, -1));
		t_err(transport_send(link, view_str("lost")), CF_ENETWORK);
	}
	node_release(&b);
}

T_TEST(inproc_restart)
{
	restart("inproc");
}

T_TEST(tcp_restart)
{
	restart("tcp");
}

T_TEST(refuses_bad_addresses)
{
	struct node a, b;
	struct transport_link *link = NULL;
	const char *url = fresh_url("tcp");

	node_init(&a, NULL);
	node_init(&b, NULL);
	t_err(transport_listen(a.t, TRANSPORT_PEER, "ipc:///tmp/x"), CF_ECONFIG);
	t_err(transport_listen(a.t, TRANSPORT_PEER, "tls+tcp://127.0.0.1:1"), CF_ECONFIG);
	t_err(transport_listen(a.t, TRANSPORT_PEER, "nonsense"), CF_ECONFIG);
	t_err(transport_dial(a.t, TRANSPORT_PEER, "tls+tcp://127.0.0.1:1", NULL, &link), CF_ECONFIG);
	t_zero(transport_listen(a.t, TRANSPORT_PEER, url));
	t_err(transport_listen(b.t, TRANSPORT_PEER, url), CF_ENETWORK);
	t_ok(strstr(err_detail(), url) != NULL);
	node_release(&a);
	node_release(&b);
}

/* A root, and under it a certificate for one machine; PEM texts. */
struct tls_fixture {
	struct crypto_key *ca_key;
	struct crypto_key *key;
	struct buf ca, cert, ca_pem, cert_pem, key_pem;
	struct transport_tls tls;
};

static void tls_fixture_init(struct tls_fixture *f)
{
	struct cert_request req = {.kind = CERT_ROOT, .name = "root", .org = "consortium", .path_len = 2};
	struct view der;

	memset(f, 0, sizeof(*f));
	t_zero(crypto_key_generate(&f->ca_key));
	t_zero(crypto_key_generate(&f->key));
	req.not_before_ms = (uint64_t)(time(NULL) - 3600) * 1000;
	req.not_after_ms = (uint64_t)(time(NULL) + 3600) * 1000;
	req.subject = f->ca_key;
	t_zero(cert_issue(&req, VIEW_NONE, f->ca_key, &f->ca));
	req.kind = CERT_TLS;
	req.name = "peer1";
	req.subject = f->key;
	req.tls_host = "127.0.0.1";
	t_zero(cert_issue(&req, buf_view(&f->ca), f->ca_key, &f->cert));
	der = buf_view(&f->ca);
	t_zero(cert_pem_text(&der, 1, &f->ca_pem));
	der = buf_view(&f->cert);
	t_zero(cert_pem_text(&der, 1, &f->cert_pem));
	t_zero(cert_key_pem_text(f->key, &f->key_pem));
	t_zero(buf_append(&f->ca_pem, "", 1));
	t_zero(buf_append(&f->cert_pem, "", 1));
	t_zero(buf_append(&f->key_pem, "", 1));
	f->tls = (struct transport_tls){.cert_pem = (char *)f->cert_pem.data,
					.key_pem = (char *)f->key_pem.data,
					.ca_pem = (char *)f->ca_pem.data};
}

static void tls_fixture_release(struct tls_fixture *f)
{
	crypto_key_free(f->ca_key);
	crypto_key_free(f->key);
	buf_release(&f->ca);
	buf_release(&f->cert);
	buf_release(&f->ca_pem);
	buf_release(&f->cert_pem);
	buf_release(&f->key_pem);
}

T_TEST(tls_both_ways)
{
	struct tls_fixture f;

	tls_fixture_init(&f);
	peer_exchange("tls+tcp", &f.tls);
	gateway_exchange("tls+tcp", &f.tls);
	tls_fixture_release(&f);
}

/* Connections that break while frames are on their way through TLS: each is noticed, and dialled again. */
T_TEST(tls_breaks_under_load)
{
	struct tls_fixture f;
	struct node a, b;
	struct transport_link *link = NULL;
	const char *url = fresh_url("tls+tcp");
	uint8_t *big = mem_zalloc(100000);

	tls_fixture_init(&f);
	node_init(&b, &f.tls);
	t_zero(transport_dial(b.t, TRANSPORT_PEER, url, NULL, &link));
	for (int i = 0; i < 20; i++) {
		node_init(&a, &f.tls);
		t_zero(transport_listen(a.t, TRANSPORT_PEER, url));
		t_ok(node_wait(&b, -2));
		for (int k = 0; k < 64; k++)
			(void)!transport_send(link, VIEW(big, 100000));
		t_ok(node_wait(&a, 1));
		node_release(&a);
		for (int k = 0; k < 200 && transport_is_up(link); k++)
			(void)!transport_send(link, VIEW(big, 100000));
		t_ok(node_wait(&b, -1));
	}
	node_release(&b);
	mem_free(big);
	tls_fixture_release(&f);
}

/* Who does not speak the protocol, says too much, or nothing, is cut off; the others do not notice. */
T_TEST(refuses_foreign_bytes)
{
	static const char *const said[] = {"GET / HTTP/1.0\r\n\r\n", "CFS1\002\0\0\0",
					   "CFS1\001\0\0\0\x7f\xff\xff\xff"};
	static const size_t said_bytes[] = {18, 8, 12};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct node a, b;
	struct transport_link *link = NULL;
	const char *url = fresh_url("tcp");
	char answer[16];

	to.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	node_init(&a, NULL);
	t_zero(transport_listen(a.t, TRANSPORT_PEER, url));
	for (int i = 0; i < 30; i++) {
		struct timeval patience = {.tv_sec = 10};
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		ssize_t n;

		t_zero(connect(fd, (struct sockaddr *)&to, sizeof(to)));
		t_zero(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
		t_eq(write(fd, said[i % 3], said_bytes[i % 3]), (ssize_t)said_bytes[i % 3]);
		do
			n = read(fd, answer, sizeof(answer));
		while (n > 0);
		t_ok(n == 0 || errno == ECONNRESET);
		close(fd);
	}
	t_eq(a.count, 0);
	node_init(&b, NULL);
	t_zero(transport_dial(b.t, TRANSPORT_PEER, url, NULL, &link));
	t_ok(node_wait(&b, -2));
	t_zero(transport_send(link, view_str("hello")));
	t_ok(node_wait(&a, 1));
	node_release(&b);
	node_release(&a);
}

static int foreign(const char *url)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_usec = 300000};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	t_zero(connect(fd, (struct sockaddr *)&to, sizeof(to)));
	t_zero(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
	return fd;
}

/* Trickles until it is cut off; how many bytes it came to, at most `most`. */
static int trickle(int fd, int most)
{
	char answer[16];

	for (int i = 0; i < most; i++) {
		ssize_t n = read(fd, answer, sizeof(answer)); /* the other's hello and pings, or 300 ms */

		if (n == 0 || (n < 0 && errno == ECONNRESET) || send(fd, "x", 1, MSG_NOSIGNAL) != 1)
			return i;
	}
	return most;
}

/* Neither a frame that is too long nor one that never comes to its end keeps memory. */
T_TEST(frames_have_limits)
{
	struct node a, b;
	struct transport_link *link = NULL;
	const char *url = fresh_url("tcp");
	char most[1000] = {0};
	int fd;

	node_init_limited(&a, NULL, sizeof(most), 1500);
	t_zero(transport_listen(a.t, TRANSPORT_PEER, url));
	fd = foreign(url);
	t_eq(write(fd, "CFS1\001\0\0\0\0\0\003\xe9", 12), 12); /* 1001 */
	t_ok(trickle(fd, 5) < 5);
	close(fd);
	fd = foreign(url);
	t_eq(write(fd, "CFS1\001\0\0\0\0\0\003\xe8half", 16), 16); /* 1000, not all of it */
	t_ok(trickle(fd, 30) < 30);
	close(fd);
	t_eq(a.count, 0);
	node_init(&b, NULL);
	t_zero(transport_dial(b.t, TRANSPORT_PEER, url, NULL, &link));
	t_ok(node_wait(&b, -2));
	t_zero(transport_send(link, VIEW(most, sizeof(most))));
	t_ok(node_wait(&a, 1));
	node_release(&b);
	node_release(&a);
}

T_TEST(the_greediest_machine_gives_way)
{
	struct shed_item items[] = {{{1}, 40}, {{2}, 0}, {{3}, 30}, {{3}, 20}, {{4}, 45}, {{3}, 0}};

	t_eq(shed_choose(items, 6), 2); /* 50 in all, of one machine */
	items[2].bytes = 0;
	t_eq(shed_choose(items, 6), 4);
	t_eq(shed_choose(items, 0), 0);
	t_eq(shed_choose(&items[1], 1), 1);
}

/* Clients that ask and do not read are bounded together, and the others are served. */
T_TEST(unread_answers_are_bounded)
{
	static const char ask[] = "CFS1\002\0\0\0\0\0\0\001?";
	struct node server, client;
	struct transport_link *link = NULL;
	const char *url = fresh_url("tcp");
	uint8_t *big = mem_zalloc(1 << 20);
	int modest, greedy;
	unsigned sent = 0;

	node_init(&server, NULL);
	t_zero(transport_listen(server.t, TRANSPORT_GATEWAY, url));
	modest = foreign(url);
	t_eq(write(modest, ask, 13), 13);
	t_ok(node_wait(&server, 1));
	greedy = foreign(url);
	t_eq(write(greedy, ask, 13), 13);
	t_ok(node_wait(&server, 2));
	node_init(&client, NULL);
	t_zero(transport_dial(client.t, TRANSPORT_GATEWAY, url, NULL, &link));
	t_ok(node_wait(&client, -2));
	t_zero(transport_send(link, view_str("?")));
	t_ok(node_wait(&server, 3));
	for (unsigned i = 0; i < 4; i++)
		t_zero(transport_reply(server.t, server.from[0], VIEW(big, 1 << 20)));
	while (sent < 60 && transport_reply(server.t, server.from[1], VIEW(big, 1 << 20)) == 0)
		sent++;
	t_note("cut off after %u MiB", sent);
	t_ok(sent < 60);
	for (unsigned i = 0; i < 500 && server.gone == 0; i++)
		usleep(10000);
	t_eq(server.gone, 1);
	t_eq(server.gone_pipe, server.from[1].pipe);
	t_zero(transport_reply(server.t, server.from[0], view_str("still here")));
	t_zero(transport_reply(server.t, server.from[2], view_str("answer")));
	t_ok(node_wait(&client, 1));
	close(modest);
	close(greedy);
	mem_free(big);
	node_release(&client);
	node_release(&server);
}

/* A machine that says nothing any more is gone after 5 s; two that have nothing to say stay connected. */
T_TEST(finds_silent_ones)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char *silent = fresh_url("tcp"), *quiet = fresh_url("tcp");
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0), other;
	struct transport_link *link[2] = {NULL, NULL};
	struct node a, b, c;

	at.sin_port = htons((uint16_t)atoi(strrchr(silent, ':') + 1));
	t_zero(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)));
	t_zero(bind(fd, (struct sockaddr *)&at, sizeof(at)));
	t_zero(listen(fd, 1));
	node_init(&a, NULL);
	node_init(&b, NULL);
	node_init(&c, NULL);
	t_zero(transport_listen(a.t, TRANSPORT_PEER, quiet));
	t_zero(transport_dial(b.t, TRANSPORT_PEER, quiet, NULL, &link[0]));
	t_zero(transport_dial(c.t, TRANSPORT_PEER, silent, NULL, &link[1]));
	other = accept(fd, NULL, NULL);
	t_eq(write(other, "CFS1\001\0\0\0", 8), 8);
	t_ok(node_wait(&b, -2));
	t_ok(node_wait(&c, -2));
	sleep(3);
	t_ok(transport_is_up(link[1]));
	t_ok(node_wait(&c, -1));
	t_ok(transport_is_up(link[0]));
	close(other);
	close(fd);
	node_release(&c);
	node_release(&b);
	node_release(&a);
}

/* A stranger with a good certificate of another root gets through in neither role. */
T_TEST(tls_refuses_strangers)
{
	struct tls_fixture mine, theirs;
	struct node a, b;
	struct transport_link *link = NULL;
	const char *url = fresh_url("tls+tcp");

	tls_fixture_init(&mine);
	tls_fixture_init(&theirs);
	node_init(&a, &mine.tls);
	node_init(&b, &theirs.tls);
	t_zero(transport_listen(a.t, TRANSPORT_PEER, url));
	t_zero(transport_dial(b.t, TRANSPORT_PEER, url, NULL, &link));
	usleep(300000);
	t_ok(!transport_is_up(link));
	t_eq(a.count, 0);
	node_release(&b);

	/* The stranger knows the root and would accept us; we do not accept them. */
	theirs.tls.ca_pem = mine.tls.ca_pem;
	node_init(&b, &theirs.tls);
	t_zero(transport_dial(b.t, TRANSPORT_PEER, url, NULL, &link));
	for (int i = 0; i < 30; i++) {
		usleep(10000);
		(void)!transport_send(link, view_str("let me in"));
	}
	t_eq(a.count, 0);
	node_release(&b);
	node_release(&a);
	tls_fixture_release(&mine);
	tls_fixture_release(&theirs);
}

T_MAIN
