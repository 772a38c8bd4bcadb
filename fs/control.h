/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - .chartfs/: what a mount says of itself, and the file through which the tools talk to it.
 *
 * status, metrics, height, last-error, staged and conflicts/ are read; what is in conflicts/ can be
 * removed. `control` (mode 0600) answers
 * requests: one line of JSON written, one line of JSON read from the same open file. fs/ask.h lists the
 * requests. On a mount that is read-only the kernel lets nobody write: there, and everywhere, the ioctl
 * CONTROL_IOC_SAY hands over the same bytes of a file that is open for reading.
 */
#ifndef FS_CONTROL_H
#define FS_CONTROL_H

#include "fs/chart.h"
#include "fs/inode.h"

#include <sys/ioctl.h>

#define CONTROL_NAME ".chartfs"
#define CONTROL_REQUEST_BYTES_MAX ((size_t)64 << 10)

/* What write(2) would write: len of the bytes. */
struct control_say {
	uint32_t len;
	uint8_t bytes[4092];
};
#define CONTROL_IOC_SAY _IOW(0xcf, 1, struct control_say)

/* A passphrase for the next request through the same open file: in no buffer but the one that is wiped. */
#define CONTROL_IOC_PASSPHRASE _IOW(0xcf, 2, struct control_say)

struct control;
struct latch;
struct locker;

/* All borrowed. read_only: requests that make transactions are refused, CF_EROFS. latch: what needs keys goes
 * through it. */
int control_new(struct chart *chart, struct inodes *inodes, struct latch *latch, bool read_only,
		struct control **ret_c) must_check;
/* Whom `lock` and `unlock` ask. Before the first request. */
void control_set_locker(struct control *c, struct locker *k);
/* The keys are going: what conflicts open files show is wiped; they show nothing any more. */
void control_forget(struct control *c);
void control_free(struct control *c); /* accepts NULL */
struct chart *control_chart(struct control *c);

/* dir is PLACE_CONTROL, or the place of conflicts/. CF_ENOTFOUND. */
int control_lookup(struct control *c, const struct place *dir, const char *name,
		   struct chart_attr *ret_attr) must_check;
int control_getattr(struct control *c, const struct place *p, struct chart_attr *ret_attr) must_check;
/* A conflict, for good; CF_EPERM for everything else. */
int control_remove(struct control *c, const struct place *dir, const char *name) must_check;
/* As chart_list. */
int control_list(struct control *c, const struct place *dir, uint64_t cookie,
		 bool (*on_entry)(void *ctx, const char *name, const struct chart_attr *attr,
				  uint64_t cookie),
		 void *ctx) must_check;

/* An open file: what is read is what was so when it was opened. */
struct control_file;
/* name: what the file is called in its directory. */
int control_open(struct control *c, const struct place *p, const char *name,
		 struct control_file **ret_f) must_check;
void control_close(struct control_file *f); /* accepts NULL */
/* True for `control`: a stream, not a sequence of bytes with offsets. */
bool control_is_stream(const struct control_file *f);
/* The bytes stay until the next call. */
int control_read(struct control_file *f, uint64_t offset, size_t bytes, struct buf *out) must_check;
/* CF_EPERM but for `control`. A request is done when its line feed is written. */
int control_write(struct control_file *f, struct view data) must_check;
/* CF_EPERM but for `control`; CF_ETOOBIG. */
int control_secret(struct control_file *f, struct view passphrase) must_check;

#endif
