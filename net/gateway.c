/* SPDX-License-Identifier: Apache-2.0 */
/* gateway.c - a listener's profile against a role. */
#include "net/gateway.h"

#include "acl/x509.h"

#include <string.h>

static const char *const names[] = {
	[GATEWAY_ALL] = "all",
	[GATEWAY_PUBLIC] = "public",
	[GATEWAY_PRIVATE] = "private",
};

const char *gateway_name(enum gateway g)
{
	return (unsigned)g < sizeof(names) / sizeof(names[0]) ? names[g] : "?";
}

int gateway_parse(const char *name, enum gateway *ret_g)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_g = (enum gateway)i;
			return 0;
		}
	}
	return err_set(CF_EUSAGE, "no gateway profile '%s': all, public or private", name);
}

bool gateway_serves(enum gateway g, enum role role)
{
	switch (g) {
	case GATEWAY_ALL:
		return true;
	case GATEWAY_PUBLIC:
		return role == ROLE_PEER || role_is_public(role);
	case GATEWAY_PRIVATE:
		return role == ROLE_PEER || !role_is_public(role);
	}
	return false;
}

int gateway_check_role(enum gateway g, enum role role)
{
	if (gateway_serves(g, role))
		return 0;
	return err_set(CF_EDENIED, "role not served here: a %s on the %s gateway", role_name(role),
		       gateway_name(g));
}

int gateway_check(enum gateway g, struct db_txn *txn, const struct tx_proposal *p)
{
	struct op_register op;
	struct identity_row row;
	struct cert_info info;
	int err;

	if (g == GATEWAY_ALL)
		return 0;
	err = state_identity(txn, &p->creator, &row);
	if (err == 0)
		return gateway_check_role(g, row.role);
	if (err != CF_ENOTFOUND || p->op[0].code != OP_REGISTER)
		return err;
	if (op_register_decode(p->op[0].body, &op) || cert_parse(op.cert[0], &info))
		return err_set(CF_EDECODE, "the certificate does not decode");
	return gateway_check_role(g, info.role);
}
