/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of a spool file: sealing, batches, memory form, truncation. */
#include "fs/spool_private.h"

#include "ledger/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const uint8_t hole[SPOOL_SLOT_BYTES];

struct slot_aad {
	uint8_t tag[16];
	uint8_t id[SPOOL_ID_BYTES];
	uint8_t index[8];
};

#define HEAD_INDEX(which) (UINT64_MAX - (which))
#define HEAD_PLAIN_BYTES (SPOOL_HEAD_BYTES - AEAD_NONCE_BYTES - AEAD_TAG_BYTES)

static void aad_make(const struct spool_file *f, uint64_t index, struct slot_aad *ret)
{
	memcpy(ret->tag, "chartfs spool v2", sizeof ret->tag);
	memcpy(ret->id, f->id, sizeof ret->id);
	for (int i = 0; i < 8; i++)
		ret->index[i] = (uint8_t)(index >> (56 - 8 * i));
}

static int has_key(const struct spool_file *f)
{
	return f->spool->is_locked ? err_set(CF_ELOCKED, "spool: its key is locked away") : 0;
}

static int slot_open(struct spool_file *f, uint64_t index, const uint8_t *slot, uint8_t *ret_block)
{
	struct slot_aad aad;
	struct buf out;
	int err;

	if (memcmp(slot, hole, SPOOL_SLOT_BYTES) == 0) {
		memset(ret_block, 0, SPOOL_BLOCK_BYTES);
		return 0;
	}
	aad_make(f, index, &aad);
	buf_init(&out, 0);
	err = aead_open(f->spool->key, slot, VIEW(&aad, sizeof aad),
			VIEW(slot + AEAD_NONCE_BYTES, SPOOL_BLOCK_BYTES + AEAD_TAG_BYTES), &out);
	if (!err)
		memcpy(ret_block, out.data, SPOOL_BLOCK_BYTES);
	else if (err == CF_ECORRUPT)
		err = err_set(CF_ECORRUPT, "spool: block %llu does not verify", (unsigned long long)index);
	buf_release_secret(&out);
	return err;
}

/* Zeros behind the end. */
static int read_at(int fd, uint8_t *data, size_t bytes, uint64_t offset)
{
	while (bytes > 0) {
		ssize_t n = pread(fd, data, bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err_from_errno(errno), "spool: read");
		if (n == 0)
			break;
		data += n;
		bytes -= (size_t)n;
		offset += (uint64_t)n;
	}
	memset(data, 0, bytes);
	return 0;
}

int spool_slots_read(struct spool_file *f, uint64_t first, size_t count, uint8_t *ret_blocks)
{
	size_t bytes = count * SPOOL_SLOT_BYTES;
	uint8_t *slots = mem_alloc(bytes);
	int err;

	assert(f->fd >= 0 && count > 0 && count <= SPOOL_BATCH);
	if (slots == NULL)
		return CF_ENOMEM;
	err = has_key(f);
	if (!err)
		err = read_at(f->fd, slots, bytes, SPOOL_DATA_AT + first * SPOOL_SLOT_BYTES);
	for (size_t i = 0; i < count && !err; i++)
		err = slot_open(f, first + i, slots + i * SPOOL_SLOT_BYTES,
				ret_blocks + i * SPOOL_BLOCK_BYTES);
	mem_free(slots);
	return err;
}

static int write_at(int fd, const uint8_t *data, size_t bytes, uint64_t offset)
{
	while (bytes > 0) {
		ssize_t n = pwrite(fd, data, bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err_from_errno(errno), "spool: write");
		data += n;
		bytes -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int spool_slots_write(struct spool_file *f, uint64_t first, size_t count, const uint8_t *blocks)
{
	struct buf out;
	int err;

	assert(f->fd >= 0 && count > 0 && count <= SPOOL_BATCH);
	buf_init(&out, 0);
	err = has_key(f);
	if (!err)
		err = buf_reserve(&out, count * SPOOL_SLOT_BYTES);
	for (size_t i = 0; i < count && !err; i++) {
		uint8_t nonce[AEAD_NONCE_BYTES];
		struct slot_aad aad;

		random_bytes(nonce, sizeof nonce);
		aad_make(f, first + i, &aad);
		err = buf_append(&out, nonce, sizeof nonce);
		if (!err)
			err = aead_seal(f->spool->key, nonce, VIEW(&aad, sizeof aad),
					VIEW(blocks + i * SPOOL_BLOCK_BYTES, SPOOL_BLOCK_BYTES), &out);
	}
	if (!err)
		err = write_at(f->fd, out.data, out.len, SPOOL_DATA_AT + first * SPOOL_SLOT_BYTES);
	f->synced = false;
	buf_release(&out);
	return err;
}

int spool_head_read(struct spool_file *f, unsigned which, struct buf *out)
{
	uint8_t page[SPOOL_HEAD_BYTES];
	struct slot_aad aad;
	int err = read_at(f->fd, page, sizeof page, (uint64_t)which * SPOOL_HEAD_BYTES);

	if (err)
		return err;
	if (memcmp(page, hole, sizeof page) == 0)
		return CF_ENOTFOUND;
	err = has_key(f);
	if (err)
		return err;
	aad_make(f, HEAD_INDEX(which), &aad);
	return aead_open(f->spool->key, page, VIEW(&aad, sizeof aad),
			 VIEW(page + AEAD_NONCE_BYTES, sizeof page - AEAD_NONCE_BYTES), out);
}

int spool_head_write(struct spool_file *f, unsigned which, struct view plain)
{
	uint8_t block[HEAD_PLAIN_BYTES] = {0}, nonce[AEAD_NONCE_BYTES];
	struct slot_aad aad;
	struct buf page;
	int err;

	assert(f->fd >= 0 && which < SPOOL_HEADS && plain.len <= sizeof block);
	memcpy(block, plain.data, plain.len);
	random_bytes(nonce, sizeof nonce);
	aad_make(f, HEAD_INDEX(which), &aad);
	buf_init(&page, SPOOL_HEAD_BYTES);
	err = has_key(f);
	if (!err)
		err = buf_append(&page, nonce, sizeof nonce);
	if (!err)
		err = aead_seal(f->spool->key, nonce, VIEW(&aad, sizeof aad), VIEW(block, sizeof block),
				&page);
	if (!err)
		err = write_at(f->fd, page.data, page.len, (uint64_t)which * SPOOL_HEAD_BYTES);
	mem_wipe(block, sizeof block);
	buf_release(&page);
	return err;
}

/* Room for size bytes, in whole blocks, zeroed. Old memory is wiped: realloc would leave a copy behind. */
static int memory_reserve(struct spool_file *f, size_t size)
{
	size_t cap = f->memory_cap ? f->memory_cap : 2 * SPOOL_BLOCK_BYTES;
	uint8_t *memory;

	if (size <= f->memory_cap)
		return 0;
	while (cap < size)
		cap *= 2;
	memory = mem_zalloc(cap);
	if (memory == NULL)
		return CF_ENOMEM;
	if (f->memory) {
		memcpy(memory, f->memory, f->memory_cap);
		mem_wipe(f->memory, f->memory_cap);
		mem_free(f->memory);
	}
	f->memory = memory;
	f->memory_cap = cap;
	return 0;
}

int spool_to_disk(struct spool_file *f)
{
	char path[SPOOL_PATH_MAX];
	int err;

	if (f->fd >= 0)
		return 0;
	err = memory_reserve(f, (f->size + SPOOL_BLOCK_BYTES - 1) / SPOOL_BLOCK_BYTES * SPOOL_BLOCK_BYTES);
	if (err)
		return err;
	spool_path(f, path);
	f->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return err_set(err_from_errno(errno), "%s", path);
	for (uint64_t at = 0; at < f->size && !err; at += SPOOL_BATCH * SPOOL_BLOCK_BYTES) {
		uint64_t left = (f->size - at + SPOOL_BLOCK_BYTES - 1) / SPOOL_BLOCK_BYTES;

		err = spool_slots_write(f, at / SPOOL_BLOCK_BYTES, left < SPOOL_BATCH ? left : SPOOL_BATCH,
					f->memory + at);
	}
	if (err) {
		close(f->fd);
		unlink(path);
		f->fd = -1;
		return err;
	}
	if (f->memory)
		mem_wipe(f->memory, f->memory_cap);
	mem_free(f->memory);
	f->memory = NULL;
	f->memory_cap = 0;
	return 0;
}

static int disk_read(struct spool_file *f, uint64_t offset, size_t bytes, uint8_t *ret_data)
{
	uint8_t *blocks = mem_alloc((size_t)SPOOL_BATCH * SPOOL_BLOCK_BYTES);
	int err = 0;

	if (blocks == NULL)
		return CF_ENOMEM;
	while (bytes > 0 && !err) {
		uint64_t block = offset / SPOOL_BLOCK_BYTES;
		size_t skip = offset % SPOOL_BLOCK_BYTES;
		size_t n = SPOOL_BATCH * SPOOL_BLOCK_BYTES - skip;

		if (n > bytes)
			n = bytes;
		err = spool_slots_read(f, block, (skip + n + SPOOL_BLOCK_BYTES - 1) / SPOOL_BLOCK_BYTES,
				       blocks);
		if (!err)
			memcpy(ret_data, blocks + skip, n);
		ret_data += n;
		offset += n;
		bytes -= n;
	}
	mem_wipe(blocks, (size_t)SPOOL_BATCH * SPOOL_BLOCK_BYTES);
	mem_free(blocks);
	return err;
}

/* Whole blocks are written as they are; the first and the last are read first when written in part. */
static int disk_write(struct spool_file *f, uint64_t offset, struct view data)
{
	uint8_t *blocks = mem_alloc((size_t)SPOOL_BATCH * SPOOL_BLOCK_BYTES);
	int err = 0;

	if (blocks == NULL)
		return CF_ENOMEM;
	while (data.len > 0 && !err) {
		uint64_t block = offset / SPOOL_BLOCK_BYTES;
		size_t skip = offset % SPOOL_BLOCK_BYTES;
		size_t n = SPOOL_BATCH * SPOOL_BLOCK_BYTES - skip, count, tail;

		if (n > data.len)
			n = data.len;
		count = (skip + n + SPOOL_BLOCK_BYTES - 1) / SPOOL_BLOCK_BYTES;
		tail = (skip + n) % SPOOL_BLOCK_BYTES;
		if (skip)
			err = spool_slots_read(f, block, 1, blocks);
		if (!err && tail && !(skip && count == 1))
			err = spool_slots_read(f, block + count - 1, 1,
					       blocks + (count - 1) * SPOOL_BLOCK_BYTES);
		if (err)
			break;
		memcpy(blocks + skip, data.data, n);
		err = spool_slots_write(f, block, count, blocks);
		data = VIEW(data.data + n, data.len - n);
		offset += n;
	}
	mem_wipe(blocks, (size_t)SPOOL_BATCH * SPOOL_BLOCK_BYTES);
	mem_free(blocks);
	return err;
}

int spool_read(struct spool_file *f, uint64_t offset, size_t bytes, uint8_t *ret_data)
{
	if (offset > f->size || bytes > f->size - offset)
		return err_set(CF_EINVAL, "spool: read past the end");
	if (bytes == 0)
		return 0;
	if (f->fd >= 0)
		return disk_read(f, offset, bytes, ret_data);
	if (offset + bytes > f->memory_cap) { /* a tail that was only extended */
		size_t there = offset < f->memory_cap ? f->memory_cap - offset : 0;

		memset(ret_data + there, 0, bytes - there);
		bytes = there;
	}
	if (bytes)
		memcpy(ret_data, f->memory + offset, bytes);
	return 0;
}

int spool_write(struct spool_file *f, uint64_t offset, struct view data)
{
	uint64_t end = offset + data.len;
	int err = 0;

	if (end < offset || end > SPOOL_FILE_BYTES_MAX)
		return CF_ETOOBIG;
	if (data.len == 0)
		return 0;
	err = has_key(f);
	if (!err && f->fd < 0 && (end > SPOOL_MEMORY_BYTES || f->size > SPOOL_MEMORY_BYTES))
		err = spool_truncate(f, f->size > end ? f->size : end);
	if (err)
		return err;
	if (f->fd >= 0) {
		err = disk_write(f, offset, data);
	} else {
		err = memory_reserve(f, end);
		if (!err)
			memcpy(f->memory + offset, data.data, data.len);
	}
	if (!err && end > f->size)
		f->size = end;
	return err;
}

/* What lay behind the new end must not come back when the file grows again. */
static int disk_cut(struct spool_file *f, uint64_t size)
{
	uint64_t blocks = (size + SPOOL_BLOCK_BYTES - 1) / SPOOL_BLOCK_BYTES;
	size_t tail = size % SPOOL_BLOCK_BYTES;
	uint8_t block[SPOOL_BLOCK_BYTES];
	int err = 0;

	if (ftruncate(f->fd, (off_t)(SPOOL_DATA_AT + blocks * SPOOL_SLOT_BYTES)) != 0)
		return err_set(err_from_errno(errno), "spool: truncate");
	if (tail) {
		err = spool_slots_read(f, blocks - 1, 1, block);
		if (!err) {
			memset(block + tail, 0, sizeof block - tail);
			err = spool_slots_write(f, blocks - 1, 1, block);
		}
		mem_wipe(block, sizeof block);
	}
	return err;
}

int spool_truncate(struct spool_file *f, uint64_t size)
{
	int err = 0;

	if (size > SPOOL_FILE_BYTES_MAX)
		return CF_ETOOBIG;
	if (f->fd < 0 && size > SPOOL_MEMORY_BYTES) {
		err = spool_to_disk(f);
	} else if (f->fd < 0 && size < f->memory_cap) {
		mem_wipe(f->memory + size, f->memory_cap - size);
	} else if (f->fd >= 0 && size < f->size) {
		err = disk_cut(f, size);
	}
	if (!err)
		f->size = size;
	return err;
}
