/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_private.h - what the client*.c files that make up a client share.
 *
 * client.c gives each frame to its part; client_open.c puts the parts together.
 */
#ifndef NET_CLIENT_PRIVATE_H
#define NET_CLIENT_PRIVATE_H

#include "net/blob_download.h"
#include "net/blob_upload.h"
#include "net/client.h"
#include "net/client_store.h"
#include "net/follower.h"
#include "net/past_ask.h"
#include "net/submit.h"
#include "net/trace_ask.h"

#include <pthread.h>
#include <stdatomic.h>

struct client {
	struct hash network;
	const struct identity *identity;
	struct client_observer observer;
	struct client_store store;
	struct keyring *keyring;
	struct trace_ask *trace;
	struct links *links;
	struct heard *heard;
	struct follower *follower;
	struct submitter *submitter;
	struct blob_upload *upload;
	struct blob_download *download;
	struct past_ask *ask;
	pthread_mutex_t past_lock;
	struct past *past;   /* checks blocks from before the stores' begin; made when one is first needed */
	struct view genesis; /* borrowed */
	atomic_bool ready;   /* all parts are there */
	atomic_bool telling; /* one piece of evidence at a time */
};

/* client.c, for the parts. */
void client_on_frame(void *ctx, const struct roster *r, unsigned member, const struct wire_frame *f);
void client_on_up(void *ctx, unsigned member);
void client_on_tx(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset);
void client_on_block(void *ctx, const struct block *block);
void client_on_applied(void *ctx);
void client_on_damaged(void *ctx);
uint64_t client_own_height(void *ctx);
int client_put_again(void *ctx, unsigned member, const struct hash *address);
void client_on_lie(void *ctx, struct view evidence);

#endif
