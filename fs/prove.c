/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/prove.h"

#include "acl/proof.h"
#include "ledger/mem.h"

int prove_file(struct chart *c, const struct place *file, struct buf *out, struct chart_facts *ret_facts)
{
	struct client *client = chart_client(c);
	struct section_keys keys = {0};
	struct db_txn *txn = NULL;
	int err;

	/* the members' succession, the author's registration: all history may be in it */
	err = chain_past_check(client_chain(client), 0);
	if (!err)
		err = chart_facts(c, file, ret_facts);
	if (!err)
		err = chain_read_begin(client_chain(client), &txn);
	if (err)
		return err;
	err = keyring_get(client_keyring(client), txn, &file->patient, ret_facts->node.section,
			  ret_facts->content.epoch, ret_facts->content.window, &keys);
	if (!err)
		err = proof_make(client_chain(client), txn, &ret_facts->tx_id, &file->node, keys.commit, out);
	db_abort(txn);
	mem_wipe(&keys, sizeof(keys));
	return err;
}
