/* SPDX-License-Identifier: Apache-2.0 */
/* control_metrics.c - .chartfs/metrics. */
#include "fs/control_private.h"

#include "acl/expiry.h"
#include "net/ticks.h"

#include <inttypes.h>

static int blob_metrics(struct control *c, struct buf *out)
{
	struct client_blobs blobs;

	client_blobs(chart_client(c->chart), &blobs);
	return buf_printf(
		out,
		"# HELP chartfs_blobs_fetched_total Blobs that came from a peer.\n"
		"# TYPE chartfs_blobs_fetched_total counter\n"
		"chartfs_blobs_fetched_total %" PRIu64 "\n"
		"# HELP chartfs_blobs_damaged_total Blobs of this mount's cache that did not verify.\n"
		"# TYPE chartfs_blobs_damaged_total counter\n"
		"chartfs_blobs_damaged_total %" PRIu64 "\n"
		"# HELP chartfs_blobs_refused_total Blobs sent by a peer that did not verify.\n"
		"# TYPE chartfs_blobs_refused_total counter\n"
		"chartfs_blobs_refused_total %" PRIu64 "\n"
		"# HELP chartfs_blobs_missing_total Reads of a blob that no peer had good bytes of.\n"
		"# TYPE chartfs_blobs_missing_total counter\n"
		"chartfs_blobs_missing_total %" PRIu64 "\n"
		"# HELP chartfs_blob_cache_bytes What the cache of blobs holds.\n"
		"# TYPE chartfs_blob_cache_bytes gauge\n"
		"chartfs_blob_cache_bytes %" PRIu64 "\n",
		blobs.fetched, blobs.damaged, blobs.refused, blobs.missing, blobs.cached_bytes);
}

/* The text format that Prometheus reads. */
int control_metrics(struct control *c, struct buf *out)
{
	struct client *client = chart_client(c->chart);
	uint64_t heard_height, heard_ms, now_ms = ticks_ms();
	struct chain_head head;
	struct expiry expiry;
	int err;

	chain_head(client_chain(client), &head);
	client_heard(client, &heard_height, &heard_ms);
	expiry_of(client_identity(client), ticks_wall_ms(), &expiry);
	err = buf_printf(out,
			 "# HELP chartfs_height Height of this mount's own stores.\n"
			 "# TYPE chartfs_height gauge\n"
			 "chartfs_height %" PRIu64 "\n"
			 "# HELP chartfs_heard_height Newest height any peer has told of.\n"
			 "# TYPE chartfs_heard_height gauge\n"
			 "chartfs_heard_height %" PRIu64 "\n"
			 "# HELP chartfs_heard_seconds Time since a peer was heard.\n"
			 "# TYPE chartfs_heard_seconds gauge\n"
			 "chartfs_heard_seconds %.3f\n"
			 "# HELP chartfs_head_time_seconds Time of the newest block.\n"
			 "# TYPE chartfs_head_time_seconds gauge\n"
			 "chartfs_head_time_seconds %.3f\n"
			 "# HELP chartfs_inodes Inodes the kernel knows.\n"
			 "# TYPE chartfs_inodes gauge\n"
			 "chartfs_inodes %" PRIu64 "\n"
			 "# HELP chartfs_start_time_seconds When this mount began.\n"
			 "# TYPE chartfs_start_time_seconds gauge\n"
			 "chartfs_start_time_seconds %.3f\n"
			 "# HELP chartfs_locked Whether the keys are locked away.\n"
			 "# TYPE chartfs_locked gauge\n"
			 "chartfs_locked %d\n"
			 "# HELP chartfs_certificate_end_seconds When the first of this identity's "
			 "certificates ends.\n"
			 "# TYPE chartfs_certificate_end_seconds gauge\n"
			 "chartfs_certificate_end_seconds %.3f\n",
			 head.height, heard_height,
			 heard_ms && now_ms > heard_ms ? (double)(now_ms - heard_ms) / 1000 : 0.0,
			 (double)head.time_ms / 1000, inodes_count(c->inodes), (double)c->started_ms / 1000,
			 c->locker && locker_is_locked(c->locker), (double)expiry.not_after_ms / 1000);
	return err ? err : blob_metrics(c, out);
}
