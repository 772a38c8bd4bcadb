/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records - saves and reads 4 KiB JSON records on any directory, and prints "metric value unit" lines.
 *
 *   records save DIR COUNT CLIENTS   each client saves COUNT/CLIENTS new records: create, write, fsync, close
 *   records read DIR COUNT           opens, reads and closes each of them once, in another order
 *
 * On chartfs an fsync or close returns after the commit; on a plain directory after the disk has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RECORD_BYTES 4096
#define CLIENTS_MAX 64

struct client {
	const char *dir;
	unsigned first;
	unsigned count;
	double *latency_us;
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what)
{
	fprintf(stderr, "records: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void record_path(char *path, size_t bytes, const char *dir, unsigned i)
{
	snprintf(path, bytes, "%s/record-%06u.json", dir, i);
}

/* One JSON string value that fills the record; differs from record to record. */
static void record_text(char *text, unsigned i)
{
	int head = snprintf(text, RECORD_BYTES, "{\"record\":%u,\"note\":\"", i);

	memset(text + head, 'a' + (int)(i % 26), (size_t)(RECORD_BYTES - head));
	memcpy(text + RECORD_BYTES - 3, "\"}\n", 3);
}

static void *save(void *arg)
{
	struct client *c = arg;
	char path[4096], text[RECORD_BYTES];

	for (unsigned i = 0; i < c->count; i++) {
		double start = now_us();
		int fd;

		record_path(path, sizeof path, c->dir, c->first + i);
		record_text(text, c->first + i);
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd < 0)
			die(path);
		if (write(fd, text, sizeof text) != (ssize_t)sizeof text || fsync(fd) != 0 || close(fd) != 0)
			die(path);
		c->latency_us[i] = now_us() - start;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *name, double *latency_us, unsigned count, double total_us)
{
	qsort(latency_us, count, sizeof *latency_us, compare);
	printf("%s_p50 %.1f us\n", name, latency_us[count / 2]);
	printf("%s_p99 %.1f us\n", name, latency_us[(size_t)(count * 0.99)]);
	printf("%s_rate %.1f /s\n", name, count / total_us * 1e6);
}

static void run_save(const char *dir, unsigned count, unsigned clients, double *latency_us)
{
	struct client c[CLIENTS_MAX];
	pthread_t thread[CLIENTS_MAX];
	unsigned each = count / clients;
	char name[32];
	double start = now_us();

	for (unsigned i = 0; i < clients; i++) {
		c[i] = (struct client){dir, i * each, each, latency_us + (size_t)i * each};
		if (pthread_create(&thread[i], NULL, save, &c[i]) != 0)
			die("thread");
	}
	for (unsigned i = 0; i < clients; i++)
		pthread_join(thread[i], NULL);
	snprintf(name, sizeof name, "save_%u", clients);
	report(name, latency_us, each * clients, now_us() - start);
}

static void run_read(const char *dir, unsigned count, double *latency_us)
{
	char path[4096], text[RECORD_BYTES], want[RECORD_BYTES];
	double start = now_us();

	for (unsigned i = 0; i < count; i++) {
		unsigned k = (unsigned)((uint64_t)i * 7919 % count);
		double begin = now_us();
		int fd;

		record_path(path, sizeof path, dir, k);
		fd = open(path, O_RDONLY);
		if (fd < 0 || read(fd, text, sizeof text) != (ssize_t)sizeof text)
			die(path);
		close(fd);
		latency_us[i] = now_us() - begin;
		record_text(want, k);
		if (memcmp(text, want, sizeof want) != 0) {
			fprintf(stderr, "records: %s: wrong bytes\n", path);
			exit(1);
		}
	}
	report("read", latency_us, count, now_us() - start);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	unsigned clients = argc > 4 ? (unsigned)atoi(argv[4]) : 1;
	double *latency_us;

	if (count == 0 || clients == 0 || clients > CLIENTS_MAX || count < clients) {
		fprintf(stderr, "usage: records save DIR COUNT CLIENTS | records read DIR COUNT\n");
		return 1;
	}
	latency_us = calloc(count, sizeof *latency_us);
	if (latency_us == NULL)
		die("memory");
	if (strcmp(argv[1], "save") == 0)
		run_save(argv[2], count, clients, latency_us);
	else
		run_read(argv[2], count, latency_us);
	free(latency_us);
	return 0;
}
