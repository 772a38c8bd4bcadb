/* SPDX-License-Identifier: Apache-2.0 */
/*
 * room.h - what is kept free on the disk for blocks and votes: a twentieth of it, at most 1 GiB.
 */
#ifndef NET_ROOM_H
#define NET_ROOM_H

#include "ledger/err.h"

/* May something that could as well be left take more of the disk that dir is on? CF_EFULL (for: `what`),
 * CF_EIO. */
int room_check(const char *dir, const char *what) must_check;

#endif
