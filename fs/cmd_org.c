/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_org.c - chartfs org list, rbac show: who is in the consortium, and what each role may do at all. */
#include "fs/cmd.h"
#include "fs/tool.h"

#include "acl/role.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t number(const struct json *j, const char *key)
{
	uint64_t n = 0;

	(void)json_get_uint(j, key, &n);
	return n;
}

static void print_org(const struct json *org)
{
	const struct json *identities = json_get(org, "identities");

	printf("%s\n  authority %s\n  custodian %s\n  ordering peers %" PRIu64 "\n  identities",
	       json_get_text(org, "name"), json_get_text(org, "authority"), json_get_text(org, "custodian"),
	       number(org, "members"));
	for (unsigned r = ROLE_PATIENT; r <= ROLE_PEER; r++)
		printf(" %s %" PRIu64, role_name((enum role)r), number(identities, role_name((enum role)r)));
	putchar('\n');
}

int cmd_org(int argc, char **argv)
{
	struct json *answer = NULL;
	const struct json *list;
	int err;

	if (argc < 2 || argc > 3 || strcmp(argv[1], "list") != 0)
		return cmd_usage(argv[0], "there is 'list', and at most one path");
	err = tool_ask_about(argc == 3 ? argv[2] : ".", "orgs", &answer);
	if (err)
		return cmd_fail(argv[0], err);
	list = json_get(answer, "organizations");
	for (size_t i = 0; i < json_count(list); i++)
		print_org(json_at(list, i));
	json_free(answer);
	return 0;
}

/* The table that contract, mount and peers decide by (acl/role.c). */
int cmd_rbac(int argc, char **argv)
{
	char verbs[64];

	if (argc != 2 || strcmp(argv[1], "show") != 0)
		return cmd_usage(argv[0], "there is 'show'");
	printf("%-9s %-7s %-28s %-16s %-10s %-8s %s\n", "role", "gateway", "may be granted",
	       "admits patients", "configures", "evidence", "own chart");
	for (unsigned r = ROLE_PATIENT; r <= ROLE_PEER; r++) {
		enum role role = (enum role)r;

		verbs_format(role_verbs(role) & VERB_ALL, verbs, sizeof(verbs));
		printf("%-9s %-7s %-28s %-16s %-10s %-8s %s\n", role_name(role),
		       role == ROLE_PEER      ? "both"
		       : role_is_public(role) ? "public"
					      : "private",
		       verbs[0] ? verbs : "-",
		       role == ROLE_PATIENT   ? "themself"
		       : role_may_admit(role) ? "in custody"
					      : "-",
		       role_may_configure(role) ? "yes" : "-", role_may_report(role) ? "yes" : "-",
		       role == ROLE_PATIENT ? "all, and grants" : "-");
	}
	return 0;
}
