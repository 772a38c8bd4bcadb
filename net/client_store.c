/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_store.c - lock, boot mark, chain and blobs of one directory.
 */
#include "net/client_store.h"

#include "ledger/file.h"
#include "ledger/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOG_MODULE "client"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define MARK_BYTES_MAX 128
#define DAMAGED_MARK "damaged\n"

static int lock_dir(const char *dir, int *ret_fd)
{
	char path[FILE_PATH_MAX];
	int fd, err = file_path(dir, "lock", path);

	if (err)
		return err;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err_from_errno(errno), "open %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return err_set(CF_EBUSY, "%s is in use by another process", dir);
	}
	*ret_fd = fd;
	return 0;
}

/* Writes the mark of this boot; *ret_stale is true when there was one of another. */
static int mark_running(const char *dir, bool *ret_stale)
{
	char path[FILE_PATH_MAX];
	struct buf now, before;
	int err = file_path(dir, "running", path);

	if (err)
		return err;
	buf_init(&now, 0);
	buf_init(&before, 0);
	err = file_read(BOOT_ID, MARK_BYTES_MAX, &now);
	if (err)
		goto out;
	err = file_read(path, MARK_BYTES_MAX, &before);
	if (err && err != CF_ENOTFOUND)
		goto out;
	*ret_stale = !err && !view_equal(buf_view(&now), buf_view(&before));
	err = file_replace(path, buf_view(&now));
out:
	buf_release(&now);
	buf_release(&before);
	return err;
}

static int open_chain(const char *dir, struct view genesis_bytes, const struct genesis *genesis,
		      struct chain **ret_chain)
{
	struct chain *chain = NULL;
	int err = chain_open(dir, genesis_bytes, CHAIN_NOSYNC, &chain);

	if (!err)
		err = genesis_apply(chain, genesis);
	if (err) {
		chain_close(chain);
		return err;
	}
	*ret_chain = chain;
	return 0;
}

/* Opens the chain; one that is stale or damaged is begun anew. */
static int prepare_chain(struct client_store *s, bool stale, struct view genesis_bytes,
			 const struct genesis *genesis)
{
	char path[FILE_PATH_MAX];
	int err = file_path(s->dir, "chain", path);

	if (err)
		return err;
	if (stale) {
		log_info(LOG_MODULE, "%s was not closed before the system ended -> fetched again", path);
		err = file_remove_tree(path);
		if (err)
			return err;
	}
	err = open_chain(path, genesis_bytes, genesis, &s->chain);
	if (err != CF_ECORRUPT && err != CF_EDECODE)
		return err;
	log_warn(LOG_MODULE, "%s is damaged (%s) -> fetched again", path, err_detail());
	err = file_remove_tree(path);
	return err ? err : open_chain(path, genesis_bytes, genesis, &s->chain);
}

/* What a process left that died while it took a state. */
static int remove_rest(const char *dir)
{
	char path[FILE_PATH_MAX];
	int err = file_path(dir, CLIENT_SNAPSHOT_DIR, path);

	return err ? err : file_remove_tree(path);
}

int client_store_replace(struct client_store *s, const char *dir, struct view genesis_bytes,
			 const struct genesis *genesis)
{
	char path[FILE_PATH_MAX];
	int err = file_path(s->dir, "chain", path);

	if (err)
		return err;
	chain_close(s->chain);
	s->chain = NULL;
	/* between the two there is none, and one is begun: nothing that cannot be fetched is lost */
	err = file_remove_tree(path);
	if (!err && rename(dir, path) != 0)
		err = err_set(err_from_errno(errno), "rename %s: %s", dir, strerror(errno));
	return err ? err : open_chain(path, genesis_bytes, genesis, &s->chain);
}

int client_store_open(const char *dir, struct view genesis_bytes, const struct genesis *genesis,
		      uint64_t blob_bytes_max, struct client_store *ret_s)
{
	struct client_store s = {.dir = dir, .lock_fd = -1};
	char path[FILE_PATH_MAX];
	bool stale = false;
	int err;

	assert(dir && genesis && ret_s);
	err = file_dir_make(dir);
	if (!err)
		err = lock_dir(dir, &s.lock_fd);
	if (!err)
		err = mark_running(dir, &stale);
	if (!err)
		err = remove_rest(dir);
	if (!err)
		err = prepare_chain(&s, stale, genesis_bytes, genesis);
	if (!err)
		err = file_path(dir, "blobs", path);
	if (!err)
		err = blobcache_open(path, blob_bytes_max, &s.blobs);
	if (err) {
		chain_close(s.chain);
		if (s.lock_fd >= 0)
			close(s.lock_fd);
		return err;
	}
	*ret_s = s;
	return 0;
}

void client_store_close(struct client_store *s)
{
	char path[FILE_PATH_MAX];
	int err = CF_ENOTFOUND;

	if (!s->dir)
		return;
	if (s->chain)
		err = segments_sync(chain_blocks(s->chain));
	if (!err)
		err = db_sync(chain_db(s->chain));
	chain_close(s->chain);
	blobcache_close(s->blobs);
	if (!err && !s->damaged && file_path(s->dir, "running", path) == 0)
		(void)unlink(path); /* left behind: fetched again after the next boot */
	close(s->lock_fd);
	*s = (struct client_store){.lock_fd = -1};
}

void client_store_damaged(struct client_store *s)
{
	char path[FILE_PATH_MAX];

	s->damaged = true;
	if (file_path(s->dir, "running", path) || file_replace(path, view_str(DAMAGED_MARK)))
		log_error(LOG_MODULE, "%s cannot be marked as damaged: %s", s->dir, err_detail());
}
