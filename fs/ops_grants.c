/* SPDX-License-Identifier: Apache-2.0 */
/* ops_grants.c - files of GRANTS/: small, whole in the handle, and granted when they are flushed. */
#include "fs/ops_private.h"

#include "fs/grants.h"

#include <fcntl.h>
#include <string.h>

int ops_grants_open(struct ops *o, const struct place *p, int flags, struct handle *h)
{
	int err = chart_grants_open(o->chart, p, h->is_writer, &h->bytes);

	if (!err && (flags & O_TRUNC))
		buf_reset(&h->bytes);
	h->is_grant = true;
	return err;
}

int ops_grants_write(struct handle *h, uint64_t offset, struct view data)
{
	uint64_t end = offset + data.len;
	uint8_t *more;
	int err = 0;

	if (end < offset || end > GRANTS_TEXT_BYTES_MAX)
		return CF_ETOOBIG;
	if (end > h->bytes.len)
		err = buf_extend(&h->bytes, (size_t)end - h->bytes.len, &more);
	if (err)
		return err;
	if (data.len)
		memcpy(h->bytes.data + offset, data.data, data.len);
	h->is_written = true;
	return 0;
}

int ops_grants_truncate(struct handle *h, uint64_t size)
{
	if (size <= h->bytes.len) {
		h->bytes.len = (size_t)size;
		return 0;
	}
	return ops_grants_write(h, size, VIEW_NONE);
}

/* What was refused is not tried again by the next close of the same file. */
int ops_grants_flush(struct ops *o, const struct place *p, struct handle *h)
{
	if (!h->is_written)
		return 0;
	h->is_written = false;
	return chart_grants_write(o->chart, p, buf_view(&h->bytes));
}
