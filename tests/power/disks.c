/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disks.c - disks MNT COUNT MIB SEED: disks on a power strip, as files MNT/disk1 to MNT/disk<COUNT> for loop
 * devices.
 *
 * A disk has a volatile cache: a write is on the platter for sure only once an fsync (the loop device's
 * FLUSH) after it was answered. MNT/power is the switch: "off" or "off N"   no power at all disks, or at disk
 * N, from this moment: every access fails with EIO, and of what was not flushed nothing, all of it, or each
 * sector of 512 bytes by chance has reached the platter "on"               power is back; each disk holds
 * what its platter has Reading it tells what the last cut did. SEED chooses what survives. Runs in the
 * foreground until MNT is unmounted.
 */
#define FUSE_USE_VERSION 31
#include "tests/lib/prng.h"

#include <errno.h>
#include <fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DISKS_MAX 16
#define SECTOR 512
#define PAGE 4096

struct write {
	struct write *next;
	size_t at, bytes;
	uint8_t data[];
};

struct disk {
	bool on;
	uint8_t *seen;    /* what a read returns: the cache over the platter */
	uint8_t *platter; /* what a loss of power leaves */
	struct write *cache, **cache_end;
	unsigned long lost, kept; /* sectors of the cache at the last cut */
};

static struct disk disks[DISKS_MAX + 1]; /* from 1 */
static unsigned count;
static size_t disk_bytes;
static struct prng chance;

static void *zeroes(void)
{
	void *p = mmap(NULL, disk_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	if (p == MAP_FAILED) {
		perror("disks: mmap");
		exit(1);
	}
	return p;
}

static void cache_clear(struct disk *d)
{
	for (struct write *w = d->cache, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	d->cache = NULL;
	d->cache_end = &d->cache;
}

static void flush(struct disk *d)
{
	for (const struct write *w = d->cache; w; w = w->next)
		memcpy(d->platter + w->at, w->data, w->bytes);
	cache_clear(d);
}

/* The loop device writes whole sectors, so that no piece here is shorter but by the end of a write. */
static void power_off(struct disk *d)
{
	uint32_t fate = prng_below(&chance, 3);

	if (!d->on)
		return;
	d->on = false;
	d->lost = d->kept = 0;
	for (const struct write *w = d->cache; w; w = w->next) {
		for (size_t at = 0; at < w->bytes; at += SECTOR) {
			size_t n = w->bytes - at < SECTOR ? w->bytes - at : SECTOR;

			if (fate == 0 || (fate == 2 && prng_below(&chance, 2) == 0)) {
				d->lost++;
				continue;
			}
			memcpy(d->platter + w->at + at, w->data + at, n);
			d->kept++;
		}
	}
	cache_clear(d);
}

static void power_on(struct disk *d)
{
	if (d->on)
		return;
	for (size_t at = 0; at < disk_bytes; at += PAGE) {
		if (memcmp(d->seen + at, d->platter + at, PAGE) != 0)
			memcpy(d->seen + at, d->platter + at, PAGE);
	}
	d->on = true;
}

/* --- the file system --- */

static struct disk *disk_of(const char *path)
{
	unsigned n;

	return sscanf(path, "/disk%u", &n) == 1 && n >= 1 && n <= count ? &disks[n] : NULL;
}

static bool is_switch(const char *path)
{
	return strcmp(path, "/power") == 0;
}

static int get_attributes(const char *path, struct stat *st, struct fuse_file_info *file)
{
	(void)file;
	memset(st, 0, sizeof(*st));
	st->st_nlink = 1;
	if (strcmp(path, "/") == 0) {
		st->st_mode = S_IFDIR | 0700;
	} else if (is_switch(path)) {
		st->st_mode = S_IFREG | 0600;
	} else if (disk_of(path)) {
		st->st_mode = S_IFREG | 0600;
		st->st_size = (off_t)disk_bytes;
	} else {
		return -ENOENT;
	}
	return 0;
}

static int open_file(const char *path, struct fuse_file_info *file)
{
	/* The switch has no size, so that only direct reads reach it. */
	file->direct_io = is_switch(path);
	return is_switch(path) || disk_of(path) ? 0 : -ENOENT;
}

static int set_size(const char *path, off_t size, struct fuse_file_info *file)
{
	(void)size;
	(void)file;
	return is_switch(path) ? 0 : -EPERM;
}

static int read_switch(char *buf, size_t bytes, off_t at)
{
	char text[DISKS_MAX * 64];
	size_t used = 0;

	for (unsigned n = 1; n <= count; n++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "disk%u %s, lost %lu, kept %lu sectors\n", n,
					 disks[n].on ? "on" : "off", disks[n].lost, disks[n].kept);
	if ((size_t)at >= used)
		return 0;
	if (bytes > used - (size_t)at)
		bytes = used - (size_t)at;
	memcpy(buf, text + at, bytes);
	return (int)bytes;
}

static int turn_switch(const char *buf, size_t bytes)
{
	char text[32] = "";
	unsigned n;

	memcpy(text, buf, bytes < sizeof(text) ? bytes : sizeof(text) - 1);
	if (sscanf(text, "off %u", &n) == 1) {
		if (n < 1 || n > count)
			return -EINVAL;
		power_off(&disks[n]);
	} else if (strncmp(text, "off", 3) == 0) {
		for (n = 1; n <= count; n++)
			power_off(&disks[n]);
	} else if (strncmp(text, "on", 2) == 0) {
		for (n = 1; n <= count; n++)
			power_on(&disks[n]);
	} else {
		return -EINVAL;
	}
	return (int)bytes;
}

static int read_file(const char *path, char *buf, size_t bytes, off_t at, struct fuse_file_info *file)
{
	const struct disk *d = disk_of(path);
	int rc = -EIO;

	(void)file;
	if (!d) {
		rc = read_switch(buf, bytes, at);
	} else if (d->on) {
		if ((size_t)at > disk_bytes)
			at = (off_t)disk_bytes;
		if (bytes > disk_bytes - (size_t)at)
			bytes = disk_bytes - (size_t)at;
		memcpy(buf, d->seen + at, bytes);
		rc = (int)bytes;
	}
	return rc;
}

static int write_disk(struct disk *d, const char *buf, size_t bytes, off_t at)
{
	struct write *w;

	if (!d->on)
		return -EIO;
	if (at < 0 || bytes > disk_bytes || (size_t)at > disk_bytes - bytes)
		return -EFBIG;
	w = malloc(sizeof(*w) + bytes);
	if (!w)
		return -ENOMEM;
	*w = (struct write){.at = (size_t)at, .bytes = bytes};
	memcpy(w->data, buf, bytes);
	memcpy(d->seen + at, buf, bytes);
	*d->cache_end = w;
	d->cache_end = &w->next;
	return (int)bytes;
}

static int write_file(const char *path, const char *buf, size_t bytes, off_t at, struct fuse_file_info *file)
{
	struct disk *d = disk_of(path);
	int rc;

	(void)file;
	rc = d ? write_disk(d, buf, bytes, at) : turn_switch(buf, bytes);
	return rc;
}

static int sync_file(const char *path, int only_data, struct fuse_file_info *file)
{
	struct disk *d = disk_of(path);
	int rc = 0;

	(void)only_data;
	(void)file;
	if (d && d->on)
		flush(d);
	else if (d)
		rc = -EIO;
	return rc;
}

static const struct fuse_operations operations = {
	.getattr = get_attributes,
	.open = open_file,
	.truncate = set_size,
	.read = read_file,
	.write = write_file,
	.fsync = sync_file,
};

int main(int argc, char **argv)
{
	/* one thread: its state needs no lock */
	char *fuse_args[] = {argv[0], "-f", "-s", argc == 5 ? argv[1] : NULL, NULL};

	if (argc != 5) {
		fprintf(stderr, "usage: disks MNT COUNT MIB SEED\n");
		return 1;
	}
	count = (unsigned)atoi(argv[2]);
	disk_bytes = (size_t)atoi(argv[3]) << 20;
	chance.state = strtoull(argv[4], NULL, 10) * 2 + 1;
	if (count < 1 || count > DISKS_MAX || disk_bytes == 0) {
		fprintf(stderr, "disks: at most %d disks, of a MiB at least\n", DISKS_MAX);
		return 1;
	}
	for (unsigned n = 1; n <= count; n++)
		disks[n] = (struct disk){
			.on = true, .seen = zeroes(), .platter = zeroes(), .cache_end = &disks[n].cache};
	return fuse_main(4, fuse_args, &operations, NULL);
}
