/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/filehash.h"

#include "ledger/file.h"
#include "ledger/mem.h"

#include <errno.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)256 << 10)

int filehash_copy(int from, int to, struct hash *ret_hash)
{
	uint8_t *piece = mem_alloc(PIECE_BYTES);
	struct sha256_ctx *sha = NULL;
	int err = piece ? sha256_new(&sha) : CF_ENOMEM;
	ssize_t n = 1;

	while (!err && n != 0) {
		n = read(from, piece, PIECE_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = err_from_errno(errno);
		if (n > 0)
			sha256_update(sha, VIEW(piece, (size_t)n));
		if (n > 0 && to >= 0)
			err = file_write_all(to, VIEW(piece, (size_t)n));
	}
	if (err)
		sha256_free(sha);
	else
		*ret_hash = sha256_finish(sha);
	if (piece)
		mem_wipe(piece, PIECE_BYTES);
	mem_free(piece);
	return err;
}
