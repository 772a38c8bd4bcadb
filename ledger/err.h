/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h - every error chartfs knows, as a negative value, with its name, a sentence and an exit code.
 *
 * Functions return 0 or a negative `enum cf_err`. Where a person must be told which thing failed and
 * where, the function also leaves a detail text for its own thread with err_set().
 */
#ifndef LEDGER_ERR_H
#define LEDGER_ERR_H

#include <stddef.h>

#define must_check __attribute__((warn_unused_result))

/* name, exit code of the programs (contrib/man/chartfs.1), sentence */
#define CF_ERR_LIST(X)                                             \
	X(CF_ENOMEM, 8, "out of memory")                           \
	X(CF_EIO, 8, "input or output error")                      \
	X(CF_EFULL, 8, "no space left")                            \
	X(CF_EUSAGE, 1, "wrong usage")                             \
	X(CF_EINVAL, 1, "invalid argument or content")             \
	X(CF_EDECODE, 2, "malformed bytes")                        \
	X(CF_ECORRUPT, 2, "stored bytes do not verify")            \
	X(CF_ESIG, 2, "signature does not verify")                 \
	X(CF_EDENIED, 4, "not permitted")                          \
	X(CF_EPERM, 4, "operation not permitted on this object")   \
	X(CF_ENOQUORUM, 5, "no quorum in time")                    \
	X(CF_ENETWORK, 5, "peer cannot be reached")                \
	X(CF_ECONFLICT, 6, "changed by somebody else meanwhile")   \
	X(CF_EEXIST, 6, "exists already")                          \
	X(CF_EBUSY, 6, "in use")                                   \
	X(CF_ENOTFOUND, 7, "not found")                            \
	X(CF_ECONFIG, 9, "configuration error")                    \
	X(CF_EFOREIGN, 10, "not in consortium")                    \
	X(CF_EVERSION, 9, "unknown version")                       \
	X(CF_ENOKEY, 11, "key erased")                             \
	X(CF_EPASS, 12, "wrong passphrase")                        \
	X(CF_EEXPIRED, 13, "certificate expired or not yet valid") \
	X(CF_EREVOKED, 13, "certificate revoked")                  \
	X(CF_ETOOBIG, 1, "too large")                              \
	X(CF_ENAMETOOLONG, 1, "name too long")                     \
	X(CF_ENOTDIR, 1, "not a directory")                        \
	X(CF_EISDIR, 1, "is a directory")                          \
	X(CF_ENOTEMPTY, 1, "directory not empty")                  \
	X(CF_EXDEV, 1, "crosses patients or sections")             \
	X(CF_EROFS, 1, "the past is read-only")                    \
	X(CF_EUNSUPPORTED, 1, "not supported")                     \
	X(CF_EINTR, 1, "interrupted")                              \
	X(CF_EAGAIN, 8, "try again")                               \
	X(CF_ELOCKED, 4, "the keys are locked away")

enum cf_err_index {
#define X(name, code, text) name##_INDEX,
	CF_ERR_LIST(X)
#undef X
		CF_ERR_COUNT
};

enum cf_err {
	CF_OK = 0,
#define X(name, code, text) name = -(name##_INDEX + 1),
	CF_ERR_LIST(X)
#undef X
};

#define ERR_DETAIL_MAX 512

/* "CF_EIO" for CF_EIO; "CF_OK" for 0; "CF_?" for a value that is none of ours. */
const char *err_name(int err);

/* The sentence of the list above. */
const char *err_text(int err);

/* The exit code a program ends with; 0 for CF_OK. */
int err_exit_code(int err);

/*
 * Keeps a printf-formatted detail ("peer2.ini:14: unknown key 'listn'") for the calling thread and
 * returns err, so that `return err_set(CF_ECONFIG, ...)` is the idiom. Cut at ERR_DETAIL_MAX bytes.
 */
int err_set(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The last detail of this thread, or "" when none was set since err_clear(). */
const char *err_detail(void);
void err_clear(void);

/* Maps errno of a failed system call to a cf_err (ENOSPC and EDQUOT to CF_EFULL, ENOENT to CF_ENOTFOUND,
 * ...). */
int err_from_errno(int saved_errno);

#endif
