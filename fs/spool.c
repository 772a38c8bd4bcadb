/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/spool_private.h"

#include "ledger/codec.h"
#include "ledger/file.h"
#include "ledger/mem.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TAG_HEAD "chartfs spool head v2"

static int derive_key(const struct crypto_key *kem, uint8_t ret_key[AEAD_KEY_BYTES])
{
	uint8_t scalar[SCALAR_BYTES];
	int err = crypto_key_scalar(kem, scalar);

	if (!err)
		err = hkdf(VIEW_NONE, VIEW(scalar, sizeof scalar), view_str("chartfs spool v2"), ret_key,
			   AEAD_KEY_BYTES);
	mem_wipe(scalar, sizeof scalar);
	mem_wipe_stack();
	return err;
}

/* Leftovers: a file of which no head was written; one whose heads cannot be read by this identity's own key
 * is left alone. */
static int clean_up(struct spool *s)
{
	DIR *d = opendir(s->dir);
	struct dirent *e;

	if (d == NULL)
		return err_set(err_from_errno(errno), "%s", s->dir);
	while ((e = readdir(d)) != NULL) {
		struct spool_file *f = NULL;

		if (strlen(e->d_name) != SPOOL_NAME_BYTES - 1)
			continue;
		if (spool_file_open(s, e->d_name, &f) == CF_ENOTFOUND)
			unlinkat(dirfd(d), e->d_name, 0);
		spool_file_free(f);
	}
	closedir(d);
	return 0;
}

int spool_open(const char *dir, const struct crypto_key *kem, struct spool **ret_spool)
{
	struct spool *s = mem_zalloc(sizeof *s);
	int err;

	assert(dir && kem);
	if (s == NULL)
		return CF_ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	err = derive_key(kem, s->key);
	if (!err && snprintf(s->dir, sizeof s->dir, "%s", dir) >= (int)sizeof s->dir)
		err = err_set(CF_ENAMETOOLONG, "%s", dir);
	if (!err)
		err = file_dir_make(dir);
	if (!err)
		err = clean_up(s);
	if (err) {
		spool_close(s);
		return err;
	}
	*ret_spool = s;
	return 0;
}

void spool_close(struct spool *s)
{
	if (s == NULL)
		return;
	mem_wipe(s->key, sizeof s->key);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

int spool_lock(struct spool *s)
{
	int err = 0;

	pthread_mutex_lock(&s->lock);
	for (struct spool_file *f = s->files; f && !err; f = f->next) {
		if (f->memory)
			err = spool_to_disk(f);
	}
	if (!err) {
		s->is_locked = true;
		mem_wipe(s->key, sizeof s->key);
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

int spool_unlock(struct spool *s, const struct crypto_key *kem)
{
	int err = derive_key(kem, s->key);

	if (!err)
		s->is_locked = false;
	return err;
}

int spool_space(struct spool *s, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes,
		uint64_t *ret_free_files)
{
	struct statvfs v;

	if (statvfs(s->dir, &v) != 0)
		return err_set(err_from_errno(errno), "%s", s->dir);
	*ret_free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	*ret_total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
	*ret_free_files = v.f_favail;
	return 0;
}

int spool_file_new(struct spool *s, struct spool_file **ret_f)
{
	struct spool_file *f = mem_zalloc(sizeof *f);

	if (f == NULL)
		return CF_ENOMEM;
	f->spool = s;
	f->fd = -1;
	random_bytes(f->id, sizeof f->id);
	pthread_mutex_lock(&s->lock);
	f->next = s->files;
	f->at = &s->files;
	if (f->next)
		f->next->at = &f->next;
	s->files = f;
	pthread_mutex_unlock(&s->lock);
	*ret_f = f;
	return 0;
}

void spool_path(const struct spool_file *f, char ret_path[SPOOL_PATH_MAX])
{
	char hex[SPOOL_NAME_BYTES];

	hex_encode(f->id, sizeof f->id, hex);
	snprintf(ret_path, SPOOL_PATH_MAX, "%s/%s", f->spool->dir, hex);
}

static void file_end(struct spool_file *f, bool remove_it)
{
	pthread_mutex_lock(&f->spool->lock);
	*f->at = f->next;
	if (f->next)
		f->next->at = f->at;
	pthread_mutex_unlock(&f->spool->lock);
	if (f->fd >= 0) {
		if (remove_it) {
			char path[SPOOL_PATH_MAX];

			spool_path(f, path);
			unlink(path);
		}
		close(f->fd);
	}
	if (f->memory)
		mem_wipe(f->memory, f->memory_cap);
	mem_free(f->memory);
	mem_free(f);
}

void spool_file_free(struct spool_file *f)
{
	if (f)
		file_end(f, !f->kept);
}

void spool_file_remove(struct spool_file *f)
{
	if (f)
		file_end(f, true);
}

uint64_t spool_file_size(const struct spool_file *f)
{
	return f->size;
}

/* Over the older of the two heads: when the machine fails meanwhile, the newer one is still there. */
static int write_head(struct spool_file *f, struct view label)
{
	struct buf head;
	struct enc e;
	int err;

	buf_init(&head, SPOOL_HEAD_BYTES);
	enc_init(&e, &head);
	enc_tag(&e, TAG_HEAD);
	enc_u64(&e, f->head + 1);
	enc_u64(&e, f->size);
	enc_bytes(&e, label);
	err = enc_done(&e);
	if (!err)
		err = spool_head_write(f, (unsigned)((f->head + 1) % SPOOL_HEADS), buf_view(&head));
	if (!err)
		f->head++;
	buf_release_secret(&head);
	return err;
}

int spool_label(struct spool_file *f, struct view label)
{
	int err;

	assert(label.len > 0 && label.len <= SPOOL_LABEL_BYTES_MAX);
	err = spool_to_disk(f);
	if (!err)
		err = write_head(f, label);
	if (!err)
		f->kept = true;
	return err;
}

static int sync_bytes(struct spool_file *f)
{
	return fdatasync(f->fd) == 0 ? 0 : err_set(err_from_errno(errno), "spool: sync");
}

/* The bytes first: a head that is there says that they are. */
int spool_keep(struct spool_file *f, struct view label)
{
	bool kept = f->kept;
	int err = spool_to_disk(f);

	if (!err && !f->synced)
		err = sync_bytes(f);
	if (!err)
		err = spool_label(f, label);
	if (!err)
		err = sync_bytes(f);
	if (!err && !f->synced)
		err = file_dir_sync(f->spool->dir);
	if (err)
		f->kept = kept;
	else
		f->synced = true;
	return err;
}

static int head_decode(struct view plain, uint64_t *ret_number, uint64_t *ret_size, struct view *ret_label)
{
	struct dec d;

	dec_init(&d, plain);
	dec_tag(&d, TAG_HEAD);
	*ret_number = dec_u64(&d);
	*ret_size = dec_u64(&d);
	*ret_label = dec_bytes(&d, SPOOL_LABEL_BYTES_MAX);
	dec_rest(&d);
	return dec_done(&d);
}

/* The newer of the two that verify. CF_ENOTFOUND for a file that was never kept: none was written. */
static int head_read(struct spool_file *f, struct buf *ret_label)
{
	int none = CF_ENOTFOUND;

	for (unsigned which = 0; which < SPOOL_HEADS; which++) {
		uint64_t number, size;
		struct view label;
		struct buf plain;
		int err;

		buf_init(&plain, SPOOL_HEAD_BYTES);
		err = spool_head_read(f, which, &plain);
		if (!err)
			err = head_decode(buf_view(&plain), &number, &size, &label);
		if (!err && number % SPOOL_HEADS != which)
			err = CF_ECORRUPT;
		if (!err && number > f->head) {
			buf_reset(ret_label);
			err = buf_append_view(ret_label, label);
		}
		if (!err && number > f->head) {
			f->head = number;
			f->size = size;
		}
		if (err && err != CF_ENOTFOUND)
			none = err;
		buf_release_secret(&plain);
	}
	return f->head ? 0 : none;
}

static int file_open(struct spool *s, const char *name, struct buf *ret_label, struct spool_file **ret_f)
{
	struct spool_file *f = NULL;
	char path[SPOOL_PATH_MAX];
	int err;

	err = spool_file_new(s, &f);
	if (err)
		return err;
	err = hex_decode(name, f->id, sizeof f->id);
	f->kept = true; /* what cannot be opened is not removed */
	if (!err) {
		spool_path(f, path);
		f->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (f->fd < 0)
			err = err_set(err_from_errno(errno), "%s", path);
	}
	if (!err)
		err = head_read(f, ret_label);
	if (err) {
		spool_file_free(f);
		return err;
	}
	*ret_f = f;
	return 0;
}

int spool_file_open(struct spool *s, const char *name, struct spool_file **ret_f)
{
	struct buf label;
	int err;

	buf_init(&label, 0);
	err = file_open(s, name, &label, ret_f);
	buf_release(&label);
	return err;
}

int spool_walk(struct spool *s, int (*on_file)(void *ctx, const char *name, struct view label, uint64_t size),
	       void *ctx)
{
	DIR *d = opendir(s->dir);
	struct dirent *e;
	int err = 0;

	if (d == NULL)
		return err_set(err_from_errno(errno), "%s", s->dir);
	while (!err && (e = readdir(d)) != NULL) {
		struct spool_file *f = NULL;
		struct buf label;

		if (strlen(e->d_name) != SPOOL_NAME_BYTES - 1)
			continue;
		buf_init(&label, 0);
		if (file_open(s, e->d_name, &label, &f) == 0)
			err = on_file(ctx, e->d_name, buf_view(&label), f->size);
		buf_release(&label);
		spool_file_free(f);
	}
	closedir(d);
	return err;
}
