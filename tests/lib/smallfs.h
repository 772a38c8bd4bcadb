/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smallfs.h - a file system that is soon full, where the test may mount one.
 *
 * The first call gives the process a mount namespace of its own, so nothing is left behind.
 */
#ifndef TESTS_LIB_SMALLFS_H
#define TESTS_LIB_SMALLFS_H

#include <stdbool.h>
#include <stddef.h>

/* Mounts a tmpfs of this size on dir. False where that is not permitted. */
bool smallfs_mount(const char *dir, size_t bytes);
void smallfs_unmount(const char *dir);
/* A file in dir that takes all the room that is left; remove it to make room again. */
void smallfs_fill(const char *dir, const char *name);

#endif
