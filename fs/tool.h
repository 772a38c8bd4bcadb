/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool.h - how a verb talks to a mount: finds it from a path, asks through .chartfs/control.
 */
#ifndef FS_TOOL_H
#define FS_TOOL_H

#include "fs/json.h"
#include "ledger/file.h"

/*
 * The mount that path lies in: walks up to the directory that has .chartfs/control. ret_rest (may be NULL):
 * the path below it, "" for the mount itself. The last name of path need not exist. Errors: CF_ENOTFOUND (in
 * no mount).
 */
int tool_root(const char *path, char ret_root[FILE_PATH_MAX], char ret_rest[FILE_PATH_MAX]) must_check;

/*
 * Sends a request and waits for the answer (takes ownership of request). An answer that tells of an error
 * gives that error with its detail. Errors: those, CF_EDENIED (somebody else's mount), CF_EIO.
 */
int tool_ask(const char *root, struct json *request, struct json **ret_answer) must_check;

/* The same with a passphrase for the request, which goes through no buffer of either side that is kept. */
int tool_ask_with(const char *root, struct json *request, const char *passphrase,
		  struct json **ret_answer) must_check;

/* {"request": name, "path": rest} */
struct json *tool_request(const char *name, const char *rest);

/* tool_root and tool_ask in one, for requests about a path. */
int tool_ask_about(const char *path, const char *name, struct json **ret_answer) must_check;

/* "2026-12-31", "2026-12-31T18:00:00Z". CF_EUSAGE. */
int tool_time(const char *text, uint64_t *ret_time_ms) must_check;

/* Whether a FUSE mount is at path whose process has ended. */
bool tool_mount_dead(const char *path);

/*
 * Unmounts by libfuse's helper, which may do it for the mount's owner. lazy: also what is in use. CF_EBUSY:
 * in use, or not mounted by this user.
 */
int tool_fusermount(const char *path, bool lazy) must_check;

#endif
