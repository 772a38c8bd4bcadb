/* SPDX-License-Identifier: Apache-2.0 */
/* ca_crowd.c - a list, as long as what waits. */
#include "acl/ca_crowd.h"
#include "acl/ca_store.h"
#include "ledger/mem.h"

void ca_crowd_release(struct ca_crowd *c)
{
	mem_free(c->item);
	*c = (struct ca_crowd){.item = NULL};
}

int ca_crowd_check(struct ca_crowd *c, const char *dir, uint64_t machine)
{
	size_t kept = 0;
	unsigned same = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (!ca_store_waits(dir, &c->item[i].id))
			continue; /* decided */
		same += c->item[i].machine == machine;
		c->item[kept++] = c->item[i];
	}
	c->count = kept;
	if (machine && same >= CA_WAITING_OF_ONE_MAX)
		return err_set(CF_EAGAIN, "%d applications from there wait; try again later",
			       CA_WAITING_OF_ONE_MAX);
	return ca_store_check_room(dir);
}

int ca_crowd_apply(struct ca_crowd *c, const char *dir, uint64_t machine, struct view application)
{
	void *more = mem_array(c->item, c->count + 1, sizeof(*c->item));

	if (!more)
		return CF_ENOMEM;
	c->item = more;
	c->item[c->count].id = application_id_of(application);
	c->item[c->count++].machine = machine;
	return ca_store_apply(dir, application);
}
