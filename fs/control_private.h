/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_private.h - what control.c (files) and control_request.c (requests) share.
 */
#ifndef FS_CONTROL_PRIVATE_H
#define FS_CONTROL_PRIVATE_H

#include "acl/keyfile.h"
#include "fs/control.h"
#include "fs/json.h"
#include "fs/locker.h"

#include <pthread.h>

struct control {
	struct chart *chart;
	struct inodes *inodes;
	uint64_t started_ms;
	bool read_only;
	struct latch *latch;
	struct locker *locker; /* NULL: this mount's keys stay */
	pthread_mutex_t lock;
	struct control_file *files; /* all that are open */
};

/* Hands over a passphrase for the next request of the same open file; "" when there was none. Wiped there. */
struct control_file;
void control_passphrase(struct control_file *f, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1]);

/* .chartfs/status and the request of that name. */
struct json *control_status(struct control *c);
int control_metrics(struct control *c, struct buf *out) must_check;
/* Answers one request line: always JSON, never an error but CF_ENOMEM. */
int control_request(struct control *c, struct control_file *f, struct view line, struct buf *out) must_check;

#endif
