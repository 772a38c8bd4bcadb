/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes, of now or of the past. */
#include "fs/tree_private.h"

#include "acl/xattr.h"
#include "ledger/mem.h"

static int open_list(struct tree_look *l, const struct place *p, const struct xattr_row *row, uint64_t height,
		     struct buf *out)
{
	uint8_t secret[CONTENT_SECRET_BYTES];
	const struct section_keys *keys;
	size_t start = out->len;
	struct view annex;
	struct buf hold;
	int err;

	buf_init(&hold, 0);
	err = tree_annex(l, &row->secret_tx, height, &hold, &annex);
	if (err == CF_ENOTFOUND)
		err = err_set(CF_ECORRUPT, "the annex with the secret of extended attributes is missing");
	if (!err)
		err = content_secret_find(annex, row->secret_index, secret);
	if (!err)
		err = tree_keys(l, &p->patient, p->section, row->epoch, row->window, false, &keys);
	if (!err)
		err = content_open(keys, secret, row->sealed, out);
	mem_wipe(secret, sizeof secret);
	buf_release(&hold);
	if (!err && xattr_check(VIEW(out->data + start, out->len - start))) {
		out->len = start;
		err = err_set(CF_ECORRUPT, "extended attributes do not decode");
	}
	return err;
}

int tree_xattrs(struct tree_look *l, const struct place *p, struct buf *out, struct version *ret_version)
{
	struct statekey key = statekey_node(&p->patient, SKP_XATTR, &p->node);
	struct version version = {0, 0};
	struct xattr_row row;
	struct view value;
	struct buf hold;
	int err = tree_may(l, &p->patient, p->section, VERB_READ);

	buf_init(&hold, 0);
	if (!err)
		err = tree_row(l, &key, &hold, &value, &version);
	if (!err && xattr_row_decode(value, &row))
		err = err_set(CF_ECORRUPT, "a row of extended attributes does not decode");
	if (!err)
		err = open_list(l, p, &row, version.height, out);
	buf_release(&hold);
	/* what was erased is not there any more, and may be set anew */
	if (err && err != CF_ENOTFOUND && err != CF_ENOKEY)
		return err;
	*ret_version = version;
	return 0;
}
