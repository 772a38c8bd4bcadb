/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_events.c - answers to the thread that makes events (fs/events.h): what it does has happened already.
 *
 * Whatever it asks for beside that is refused: nothing comes of its requests.
 */
#include "fs/errmap.h"
#include "fs/events.h"
#include "fs/ops_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

const struct event *ops_event(fuse_req_t req)
{
	return events_doing(ops_of(req)->events, fuse_req_ctx(req)->pid);
}

static bool names_it(const struct event *event, fuse_ino_t parent, const char *name)
{
	return event->parent == parent && strcmp(event->name, name) == 0;
}

/* What is gone has to be there for the kernel to remove: a node of its own, which nothing else leads to. */
static void reply_ghost(fuse_req_t req, const struct event *event, fuse_ino_t parent, const char *name)
{
	struct chart_attr attr = {.mode = event->type == NODE_DIR ? S_IFDIR | 0700 : S_IFREG | 0600,
				  .nlink = 1};
	struct fuse_entry_param e;
	struct patient_id nobody = {{0}};
	struct node_id node;
	int err;

	random_bytes(node.b, sizeof(node.b));
	attr.place = place_node(&nobody, &node, event->type == NODE_DIR ? NODE_DIR : NODE_RECORD, 0, 0);
	attr.unsettled = true;
	err = ops_entry(ops_of(req), parent, name, &attr, &e);
	if (err)
		fuse_reply_err(req, errmap_errno(err));
	else
		ops_reply_entry(req, &e);
}

bool ops_event_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct event *event = ops_event(req);

	if (!event || !names_it(event, parent, name) || event->kind == EVENT_CHANGED)
		return false;
	if (event->kind == EVENT_MADE)
		fuse_reply_err(req, ENOENT);
	else
		reply_ghost(req, event, parent, name);
	return true;
}

/* What is there under the name that is told of. */
static int find_made(fuse_req_t req, const struct event *event, fuse_ino_t parent, const char *name,
		     mode_t format, struct fuse_entry_param *ret_e)
{
	struct ops *o = ops_of(req);
	struct chart_attr attr;
	struct place dir;
	int err;

	if (event->kind != EVENT_MADE || !names_it(event, parent, name))
		return CF_EPERM;
	if (!inode_place(o->inodes, parent, &dir))
		return CF_ENOTFOUND;
	err = ops_find(o, &dir, name, &attr);
	if (!err && (attr.mode & S_IFMT) != format)
		err = CF_EPERM;
	return err ? err : ops_entry(o, parent, name, &attr, ret_e);
}

bool ops_event_made(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t format)
{
	const struct event *event = ops_event(req);
	struct fuse_entry_param e;
	int err;

	if (!event)
		return false;
	err = find_made(req, event, parent, name, format, &e);
	if (err)
		fuse_reply_err(req, errmap_errno(err));
	else
		ops_reply_entry(req, &e);
	return true;
}

int ops_event_create(fuse_req_t req, fuse_ino_t parent, const char *name, struct fuse_entry_param *ret_e)
{
	return find_made(req, ops_event(req), parent, name, S_IFREG, ret_e);
}

bool ops_event_removed(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct event *event = ops_event(req);

	if (!event)
		return false;
	fuse_reply_err(req, event->kind == EVENT_GONE && names_it(event, parent, name) ? 0 : EPERM);
	return true;
}

bool ops_event_setattr(fuse_req_t req, fuse_ino_t ino, const struct place *p)
{
	struct ops *o = ops_of(req);
	struct chart_attr attr;
	struct stat st;
	int err;

	if (!ops_event(req))
		return false;
	err = ops_getattr_of(o, ino, p, &attr);
	if (err) {
		fuse_reply_err(req, errmap_errno(err));
		return true;
	}
	ops_stat(o, &attr, &st);
	fuse_reply_attr(req, &st, ops_timeout_of(ops_of(req), &attr));
	return true;
}
