/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmpdir.h - fresh directories for tests, removed with all in them when the program ends.
 *
 * Under $TMPDIR, or /tmp. A failure ends the program. The texts stay valid until then.
 */
#ifndef TESTS_LIB_TMPDIR_H
#define TESTS_LIB_TMPDIR_H

const char *tmpdir_new(void);

/* "dir/name" */
const char *tmpdir_path(const char *dir, const char *name);

#endif
