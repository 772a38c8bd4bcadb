/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errmap.h - cf_err to errno, one table (DESIGN section 8).
 */
#ifndef FS_ERRMAP_H
#define FS_ERRMAP_H

/* A positive errno for a negative cf_err; 0 for 0. */
int errmap_errno(int err);

#endif
