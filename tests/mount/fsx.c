/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsx.c - fsx FILE MODEL SEED OPS: random reads, writes, truncations and maps of one file, each checked.
 *
 * After fsx of Apple and the Linux Test Project, by idea: what the file shall hold is kept in memory, every
 * byte that is read is compared with it, and the size after each operation. At the end MODEL gets what FILE
 * must hold, for a comparison after a remount. Two descriptors are open, and one is closed and opened anew
 * now and then, so that saves lie between. Exit code 1 and the operations before it when something differs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)700 << 10) /* a few chunks of an attachment */
#define OP_MAX ((size_t)200 << 10)
#define KEEP 12 /* operations shown when one fails */

static unsigned char model[FILE_MAX];
static size_t size;
static const char *path;
static int fd = -1, other = -1;
static uint64_t state;
static char last[KEEP][96];
static unsigned long count;

static void die(const char *what)
{
	int number = errno;

	for (unsigned long i = count > KEEP ? count - KEEP : 0; i < count; i++)
		printf("# %lu %s\n", i, last[i % KEEP]);
	printf("%s: %s\n", what, strerror(number));
	exit(1);
}

static uint64_t any(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state * 0x2545f4914f6cdd1d >> 11) % below;
}

static void note(const char *op, size_t at, size_t bytes)
{
	snprintf(last[count++ % KEEP], sizeof(last[0]), "%s %zu+%zu of %zu", op, at, bytes, size);
}

static int open_one(void)
{
	int new = open(path, O_RDWR | O_CREAT, 0644);

	if (new < 0)
		die("open");
	return new;
}

static void compare(const unsigned char *got, size_t at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (got[i] == model[at + i])
			continue;
		printf("byte %zu is %02x, not %02x\n", at + i, got[i], model[at + i]);
		errno = 0;
		die("wrong data");
	}
}

static void check_size(int which)
{
	struct stat st;

	if (fstat(which, &st) != 0)
		die("fstat");
	if ((size_t)st.st_size != size) {
		printf("size is %lld, not %zu\n", (long long)st.st_size, size);
		errno = 0;
		die("wrong size");
	}
}

static void extent(size_t limit, size_t *ret_at, size_t *ret_bytes)
{
	*ret_at = limit ? any(limit) : 0;
	*ret_bytes = any(any(4) ? 9000 : OP_MAX) + 1;
	if (*ret_bytes > limit - *ret_at)
		*ret_bytes = limit - *ret_at;
}

static void fill(size_t at, size_t bytes)
{
	/* behind the end there are zeros */
	if (at > size)
		memset(model + size, 0, at - size);
	for (size_t i = 0; i < bytes; i++)
		model[at + i] = (unsigned char)any(256);
	if (at + bytes > size)
		size = at + bytes;
}

static void do_read(int which)
{
	static unsigned char got[OP_MAX];
	size_t at, bytes;

	extent(size, &at, &bytes);
	note("read", at, bytes);
	if (bytes && pread(which, got, bytes, (off_t)at) != (ssize_t)bytes)
		die("pread");
	compare(got, at, bytes);
}

static void do_write(int which)
{
	size_t at, bytes;

	extent(FILE_MAX, &at, &bytes);
	note("write", at, bytes);
	fill(at, bytes);
	if (pwrite(which, model + at, bytes, (off_t)at) != (ssize_t)bytes)
		die("pwrite");
}

static void do_append(void)
{
	size_t bytes = any(3000) + 1, at = size;
	int appender;

	if (bytes > FILE_MAX - size)
		return;
	note("append", at, bytes);
	appender = open(path, O_WRONLY | O_APPEND);
	if (appender < 0)
		die("open to append");
	fill(at, bytes);
	if (write(appender, model + at, bytes) != (ssize_t)bytes || close(appender) != 0)
		die("append");
}

static void do_truncate(int which)
{
	size_t to = any(3) ? any(FILE_MAX) : any(size + 1);

	note("truncate", to, 0);
	if (to > size)
		memset(model + size, 0, to - size);
	size = to;
	if (any(2) ? ftruncate(which, (off_t)to) : truncate(path, (off_t)to))
		die("truncate");
}

static void do_map(int which, int writes)
{
	size_t at, bytes, page = (size_t)sysconf(_SC_PAGESIZE), start;
	unsigned char *map;

	extent(size, &at, &bytes);
	if (bytes == 0)
		return;
	note(writes ? "map write" : "map read", at, bytes);
	start = at / page * page;
	map = mmap(NULL, at + bytes - start, writes ? PROT_READ | PROT_WRITE : PROT_READ,
		   writes || any(2) ? MAP_SHARED : MAP_PRIVATE, which, (off_t)start);
	if (map == MAP_FAILED)
		die("mmap");
	if (writes) {
		fill(at, bytes);
		memcpy(map + (at - start), model + at, bytes);
		if (any(2) && msync(map, at + bytes - start, MS_SYNC) != 0)
			die("msync");
	} else {
		compare(map + (at - start), at, bytes);
	}
	if (munmap(map, at + bytes - start) != 0)
		die("munmap");
}

static void do_reopen(int *which)
{
	note("reopen", 0, 0);
	if (close(*which) != 0)
		die("close");
	*which = open_one();
}

static void step(void)
{
	int *which = any(2) ? &fd : &other;

	switch (any(12)) {
	case 0:
	case 1:
	case 2:
		do_read(*which);
		break;
	case 3:
	case 4:
	case 5:
		do_write(*which);
		break;
	case 6:
		do_append();
		break;
	case 7:
		do_truncate(*which);
		break;
	case 8:
		do_map(*which, 0);
		break;
	case 9:
		do_map(*which, 1);
		break;
	case 10:
		note("fsync", 0, 0);
		if (fsync(*which) != 0)
			die("fsync");
		break;
	default:
		do_reopen(which);
	}
	check_size(*which);
}

static void write_model(const char *to)
{
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (out < 0 || write(out, model, size) != (ssize_t)size || close(out) != 0)
		die(to);
}

int main(int argc, char **argv)
{
	unsigned long ops;

	if (argc != 5) {
		fprintf(stderr, "usage: fsx FILE MODEL SEED OPS\n");
		return 2;
	}
	path = argv[1];
	state = strtoull(argv[3], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
	ops = strtoul(argv[4], NULL, 0);
	fd = open_one();
	other = open_one();
	for (unsigned long i = 0; i < ops; i++)
		step();
	if (close(fd) != 0 || close(other) != 0)
		die("close");
	write_model(argv[2]);
	printf("%lu operations, %zu bytes\n", ops, size);
	return 0;
}
