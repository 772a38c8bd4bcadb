/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_members_list.c - chartfs members list: who votes, and who holds a share of the members' key.
 */
#include "fs/cmd.h"
#include "fs/show.h"

#include "acl/reshare.h"
#include "ledger/mem.h"

#include <stdio.h>

struct listing {
	struct db_txn *txn;
	struct members members;
	struct holders holders;
	struct deals deals; /* while the key is shared anew */
};

static void print_peer(const struct listing *l, const struct identity_id *id, bool member)
{
	unsigned place = holders_find(&l->holders, id);
	char name[256];

	show_identity(l->txn, id, name, sizeof(name));
	printf("%s\t%s\t", name, member ? "member" : "no member");
	if (place == l->holders.count)
		printf("no share");
	else if (member && reshare_dealer(&l->holders, &l->members, id) != place)
		printf("share lost");
	else
		printf("share %u", place + 1);
	putchar('\n');
}

/* Whose deals were undone when this generation was made. */
static void print_accused(const struct listing *l, unsigned generation)
{
	struct holders before;
	struct deals deals;
	char name[256];

	if (generation == 0 || row_deals(l->txn, NULL, generation, &deals) ||
	    state_holders_of(l->txn, generation - 1, &before))
		return;
	for (unsigned i = 0; i < before.count; i++) {
		if (!(deals.accused >> i & 1))
			continue;
		show_identity(l->txn, &before.holder[i].id, name, sizeof(name));
		printf("%s dealt wrongly for generation %u\n", name, generation);
	}
}

static void print(const struct listing *l)
{
	for (unsigned i = 0; i < l->members.count; i++)
		print_peer(l, &l->members.member[i].id, true);
	for (unsigned i = 0; i < l->holders.count; i++) {
		if (members_find(&l->members, &l->holders.holder[i].id) < 0)
			print_peer(l, &l->holders.holder[i].id, false);
	}
	printf("generation %u of the key: any %u of %u shares make it\n", l->holders.generation,
	       l->holders.threshold, l->holders.count);
	print_accused(l, l->holders.generation);
	print_accused(l, l->holders.generation + 1u);
	if (reshare_is_due(&l->holders, &l->members))
		printf("it is shared anew: %u of %u have dealt, %u of %u have taken their share\n",
		       l->deals.count, l->holders.threshold, (unsigned)__builtin_popcount(l->deals.taken),
		       reshare_takers(&l->members));
}

int members_list(struct client *client)
{
	struct listing *l = mem_zalloc(sizeof(*l));
	int err = l ? chain_read_begin(client_chain(client), &l->txn) : CF_ENOMEM;

	if (!err)
		err = state_members(l->txn, &l->members);
	if (!err)
		err = state_holders(l->txn, &l->holders);
	if (!err)
		err = row_next_deals(l->txn, NULL, &l->holders, l->members.epoch, &l->deals);
	if (!err)
		print(l);
	if (l)
		db_abort(l->txn);
	mem_free(l);
	return err;
}
