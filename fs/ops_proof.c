/* SPDX-License-Identifier: Apache-2.0 */
/* ops_proof.c - <file>.proof: answers by name beside every record and attachment, live and past. */
#include "fs/ops_private.h"

#include "fs/prove.h"

#include <string.h>

#define SUFFIX ".proof"
#define PROOF_MODE (S_IFREG | 0444)

bool ops_proof_name(const char *name, char ret_file[NAME_BYTES_MAX + 1])
{
	size_t len = strlen(name), suffix = strlen(SUFFIX);

	if (len <= suffix || len > NAME_BYTES_MAX || strcmp(name + len - suffix, SUFFIX) != 0)
		return false;
	memcpy(ret_file, name, len - suffix);
	ret_file[len - suffix] = '\0';
	return true;
}

int ops_proof_lookup(struct ops *o, const struct place *dir, const char *file, struct chart_attr *ret_attr)
{
	struct chart_attr attr;
	struct place p;
	int err = chart_lookup(o->chart, dir, file, &attr);

	if (err)
		return err;
	if (attr.place.kind != PLACE_NODE || !S_ISREG(attr.mode))
		return CF_ENOTFOUND;
	p = attr.place;
	p.kind = PLACE_PROOF;
	return ops_proof_attr(o, &p, ret_attr);
}

static struct place file_of(const struct place *proof)
{
	struct place p = *proof;

	p.kind = PLACE_NODE;
	return p;
}

int ops_proof_bytes(struct ops *o, const struct place *p, struct buf *out)
{
	struct place file = file_of(p);
	struct chart_facts facts;

	return prove_file(o->chart, &file, out, &facts);
}

int ops_proof_attr(struct ops *o, const struct place *p, struct chart_attr *ret_attr)
{
	struct place file = file_of(p);
	struct chart_facts facts;
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = prove_file(o->chart, &file, &bytes, &facts);
	if (!err) {
		memset(ret_attr, 0, sizeof(*ret_attr));
		ret_attr->place = *p;
		ret_attr->mode = PROOF_MODE;
		ret_attr->nlink = 1;
		ret_attr->size = bytes.len;
		ret_attr->mtime_ns = facts.time_ms * 1000000;
		ret_attr->atime_ns = ret_attr->ctime_ns = ret_attr->mtime_ns;
	}
	buf_release(&bytes);
	return err;
}
