/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_store.h - a mount's own stores on disk: its copy of the chain and its blobs, which can be fetched
 * again.
 *
 * Written without fsync. A file `running` names the boot of the system that has them open: when it is of an
 * earlier boot, the system ended before the stores were synced, and the chain is thrown away and fetched
 * again, never trusted (DESIGN 9). One process at a time.
 */
#ifndef NET_CLIENT_STORE_H
#define NET_CLIENT_STORE_H

#include "acl/genesis.h"
#include "net/blobcache.h"

#define CLIENT_SNAPSHOT_DIR "snapshot.new" /* a ledger that is being made; removed when one is opened */

struct client_store {
	const char *dir; /* borrowed */
	int lock_fd;
	struct chain *chain; /* with its genesis state */
	struct blobcache *blobs;
	bool damaged;
};

/* Errors: CF_EBUSY (another process has the directory), CF_EFOREIGN (made for another network), CF_EIO,
 * CF_EFULL, CF_ENOMEM. */
int client_store_open(const char *dir, struct view genesis_bytes, const struct genesis *genesis,
		      uint64_t blob_bytes_max, struct client_store *ret_s) must_check;
/* A complete ledger in dir (on the same disk) takes the place of the chain. Errors as client_store_open. */
int client_store_replace(struct client_store *s, const char *dir, struct view genesis_bytes,
			 const struct genesis *genesis) must_check;
void client_store_close(struct client_store *s);
/* The next opening throws the chain away. Any thread. */
void client_store_damaged(struct client_store *s);

#endif
