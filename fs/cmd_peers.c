/* SPDX-License-Identifier: Apache-2.0 */
/* chartfs peers: asks every peer for its head; equal heads and state roots of those that answer are exit 0.
 */
#include "fs/cmd.h"

#include "acl/contract.h"
#include "ledger/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PEERS_TIMEOUT_MS 3000
#define PEERS_TRIES 10

/* Peers that commit at this moment differ by a block: heads count as equal when one moment's answers agree.
 */
static bool equal_heads(const struct wire_status *status, uint32_t mask)
{
	const struct wire_status *first = NULL;

	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		if (!(mask & 1u << i))
			continue;
		if (first == NULL)
			first = &status[i];
		if (status[i].height != first->height || !hash_equal(&status[i].head, &first->head) ||
		    !hash_equal(&status[i].state_root, &first->state_root))
			return false;
	}
	return first != NULL;
}

static void print_peers(const struct members *members, const struct wire_status *status, uint32_t mask)
{
	char head[2 * HASH_BYTES + 1], root[2 * HASH_BYTES + 1];

	for (unsigned i = 0; i < members->count; i++) {
		if (!(mask & 1u << i)) {
			printf("peer%u  no answer\n", i + 1);
			continue;
		}
		hex_encode(status[i].head.b, HASH_BYTES, head);
		hex_encode(status[i].state_root.b, HASH_BYTES, root);
		printf("peer%u  height %" PRIu64 "  head %.16s  state %.16s  view %" PRIu64
		       "  leader peer%u  %s\n",
		       i + 1, status[i].height, head, root, status[i].view, status[i].leader + 1u,
		       status[i].voting ? "voting" : "not voting");
	}
}

static int peers(struct client *c)
{
	struct wire_status status[MEMBERS_MAX];
	struct members *members = mem_zalloc(sizeof *members);
	struct db_txn *txn = NULL;
	uint32_t mask = 0;
	bool equal = false;
	int err;

	if (members == NULL)
		return CF_ENOMEM;
	/* the members may have changed since the genesis */
	if (client_wait(c, 0, PEERS_TIMEOUT_MS))
		err_clear();
	err = chain_read_begin(client_chain(c), &txn);
	if (err)
		goto out;
	err = state_members(txn, members);
	db_abort(txn);
	if (err)
		goto out;
	for (int i = 0; i < PEERS_TRIES && !equal; i++) {
		memset(status, 0, sizeof status);
		err = client_peer_status(c, PEERS_TIMEOUT_MS, status, &mask);
		if (err)
			goto out;
		equal = equal_heads(status, mask);
	}
	print_peers(members, status, mask);
	if (mask == 0)
		err = err_set(CF_ENETWORK, "no peer answers");
	else if (!equal)
		err = err_set(CF_ECONFLICT, "the peers that answer differ");
out:
	mem_free(members);
	return err;
}

int cmd_peers(int argc, char **argv)
{
	struct cmd_session s;
	int err;

	if (argc != 3 || strcmp(argv[1], "--config") != 0)
		return cmd_usage(argv[0], "--config FILE is needed");
	err = cmd_session_open(argv[2], true, NULL, &s);
	if (err)
		return cmd_fail(argv[0], err);
	err = peers(s.client);
	if (err)
		err = cmd_fail(argv[0], err);
	cmd_session_close(&s);
	return err;
}
