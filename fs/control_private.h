/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_private.h - what control.c (files) and control_request.c (requests) share.
 */
#ifndef FS_CONTROL_PRIVATE_H
#define FS_CONTROL_PRIVATE_H

#include "fs/control.h"
#include "fs/json.h"

struct control {
	struct chart *chart;
	struct inodes *inodes;
	uint64_t started_ms;
	bool read_only;
};

/* .chartfs/status and the request of that name. */
struct json *control_status(struct control *c);
/* Answers one request line: always JSON, never an error but CF_ENOMEM. */
int control_request(struct control *c, struct view line, struct buf *out) must_check;

#endif
