/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_transport_held.c - clients that begin frames and do not end them are bounded together.
 */
#include "ledger/mem.h"
#include "net/transport.h"
#include "tests/lib/t.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static _Atomic unsigned frames, gone;

static void on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view frame)
{
	(void)ctx, (void)from, (void)link;
	t_eq(frame.len, MIB);
	atomic_fetch_add(&frames, 1);
}

static void on_gone(void *ctx, uint32_t listener, uint32_t pipe)
{
	(void)ctx, (void)listener, (void)pipe;
	atomic_fetch_add(&gone, 1);
}

static uint16_t free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	t_zero(bind(fd, (struct sockaddr *)&at, sizeof(at)));
	t_zero(getsockname(fd, (struct sockaddr *)&at, &len));
	close(fd);
	return ntohs(at.sin_port);
}

/* Connected, with a hello and the length of a frame. */
static int begin(uint16_t port, const char *length)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	t_zero(connect(fd, (struct sockaddr *)&to, sizeof(to)));
	t_zero(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)));
	t_eq(write(fd, "CFS1\002\0\0\0", 8), 8);
	t_eq(write(fd, length, 4), 4);
	return fd;
}

/* So much of it, as far as it is taken. */
static size_t go_on(int fd, size_t bytes)
{
	static const uint8_t zeros[16384];
	size_t sent = 0;

	while (sent < bytes) {
		ssize_t n = send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL);

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	return sent;
}

T_TEST(unfinished_frames_are_bounded)
{
	const struct transport_config config = {.on_recv = on_recv, .on_gone = on_gone, .held_max = 8 * MIB};
	uint16_t port = free_port();
	struct transport *t;
	int modest, greedy;
	char url[64];

	snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", port);
	t_zero(transport_new(&config, &t));
	t_zero(transport_listen(t, TRANSPORT_GATEWAY, url));
	modest = begin(port, "\0\020\0\0");
	t_eq(go_on(modest, MIB / 2), MIB / 2);
	greedy = begin(port, "\002\0\0\0"); /* 32 MiB */
	t_ok(go_on(greedy, 31 * MIB) < 31 * MIB);
	for (unsigned i = 0; i < 500 && atomic_load(&gone) == 0; i++)
		usleep(10000);
	t_eq(atomic_load(&gone), 1);
	t_eq(go_on(modest, MIB / 2), MIB / 2);
	for (unsigned i = 0; i < 500 && atomic_load(&frames) == 0; i++)
		usleep(10000);
	t_eq(atomic_load(&frames), 1);
	close(modest);
	close(greedy);
	transport_free(t);
}

T_MAIN
