/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica_votes.c - the replica's vote log: records into it, its cut, and what to do when it has forgotten.
 */
#include "net/replica_private.h"

#include "ledger/file.h"
#include "ledger/log.h"

#include <assert.h>

#define MODULE REPLICA_MODULE
#define VOTES_BYTES_MAX ((uint64_t)16 << 20) /* the vote log is cut when it is longer */
#define FORGOTTEN "votes-forgotten"          /* a file beside the stores: never vote with them */

/* A full disk is waited out: what was not logged was not sent, and the log is as it was before. */
static int log_record(struct replica *r, struct view record)
{
	int err;

	while ((err = votelog_append(r->votes, record)) == CF_EFULL && !atomic_load(&r->stopping))
		replica_wait_for_room(r, "a vote");
	replica_has_room(r);
	return err;
}

int replica_log(struct replica *r, const struct pbft_update *u)
{
	int err = 0;

	assert(r->votes || u->record_count == 0);
	for (size_t i = 0; !err && i < u->record_count; i++)
		err = log_record(r, u->records[i].bytes);
	if (!err && u->record_count > 0 && u->sync)
		err = votelog_sync(r->votes);
	return err;
}

void replica_cut_log(struct replica *r)
{
	struct view records[8];
	struct pbft_update u;
	int err;

	if (!r->votes || votelog_bytes(r->votes) < VOTES_BYTES_MAX)
		return;
	err = pbft_compact(r->pbft, &u);
	if (err == CF_EAGAIN)
		return;
	assert(err || u.record_count <= sizeof(records) / sizeof(records[0]));
	for (size_t i = 0; !err && i < u.record_count; i++)
		records[i] = u.records[i].bytes;
	if (!err)
		err = votelog_replace(r->votes, records, u.record_count);
	if (err == CF_EFULL)
		return; /* the long one is still in use; tried again with the next block */
	if (err)
		replica_fail(r, err, "vote log cannot be cut");
}

bool replica_has_forgotten(const char *data_dir)
{
	char path[FILE_PATH_MAX];

	if (file_path(data_dir, FORGOTTEN, path) == 0 && !file_exists(path))
		return false;
	log_error(MODULE, "has forgotten votes of its own -> follows without voting");
	return true;
}

int replica_forget(const char *data_dir)
{
	static const char why[] = "its votes were lost: set back or lost disk\n";
	char path[FILE_PATH_MAX];
	int err = file_path(data_dir, FORGOTTEN, path);

	return err ? err : file_replace(path, view_str(why));
}

void replica_become_learner(struct replica *r, struct pbft_event *ret_event)
{
	int err;

	log_error(MODULE,
		  "block %llu was signed by this peer and not in its vote log -> follows without voting",
		  (unsigned long long)r->height);
	r->forgot = false;
	err = replica_forget(r->config.data_dir);
	r->config.self = PBFT_LEARNER;
	pbft_free(r->pbft);
	r->pbft = NULL;
	votelog_close(r->votes);
	r->votes = NULL;
	if (!err)
		err = replica_core_new(r);
	if (err)
		replica_fail(r, err, "cannot go on without voting");
	*ret_event = (struct pbft_event){.kind = PBFT_START};
}
