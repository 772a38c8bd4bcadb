/* SPDX-License-Identifier: Apache-2.0 */
/*
 * room.c - a full disk would stop the peer.
 */
#include "net/room.h"

#include "ledger/file.h"

#define RESERVE_PART 20
#define RESERVE_BYTES_MAX ((uint64_t)1 << 30)

int room_check(const char *dir, const char *what)
{
	uint64_t room, reserve;
	int err = file_room(dir, &room, &reserve);

	reserve = !err && reserve / RESERVE_PART < RESERVE_BYTES_MAX ? reserve / RESERVE_PART
								     : RESERVE_BYTES_MAX;
	return err || room > reserve ? err : err_set(CF_EFULL, "no space for more %s", what);
}
