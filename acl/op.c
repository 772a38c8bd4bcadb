/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op.c - names of the operations, computed ids, and the type an operation gives its transaction.
 */
#include "acl/op.h"

#include <assert.h>
#include <string.h>

#define NODE_TAG_SECTION "chartfs section v1"

const char *op_name(enum op_code code)
{
	static const char *const names[] = {
		[OP_REGISTER] = "register",   [OP_ADMIT] = "admit",     [OP_CREATE] = "create",
		[OP_SAVE] = "save",           [OP_SETATTR] = "setattr", [OP_UNLINK] = "unlink",
		[OP_RMDIR] = "rmdir",         [OP_RENAME] = "rename",   [OP_GRANT] = "grant",
		[OP_REVOKE] = "revoke",       [OP_XATTR] = "xattr",     [OP_CLAIM] = "claim",
		[OP_MEMBERS] = "members",     [OP_ERASE] = "erase",     [OP_SUSPEND] = "suspend",
		[OP_REINSTATE] = "reinstate", [OP_CRL] = "crl",         [OP_RENEW] = "renew",
		[OP_EVIDENCE] = "evidence",   [OP_APPROVE] = "approve", [OP_RULE] = "rule",
		[OP_PROPOSE] = "propose",     [OP_LEASE] = "lease",     [OP_REPLACE] = "replace",
		[OP_DEAL] = "deal",           [OP_TAKE] = "take",       [OP_ACCUSE] = "accuse",
	};

	return (unsigned)code < sizeof(names) / sizeof(names[0]) && names[code] ? names[code] : "?";
}

bool op_about_patient(enum op_code code)
{
	return code != OP_REGISTER && (code < OP_MEMBERS || code > OP_ACCUSE) && code != OP_SUSPEND &&
	       code != OP_REINSTATE && code != OP_CRL && code != OP_RENEW && code != OP_EVIDENCE;
}

bool op_is_sealing(enum op_code code)
{
	return code == OP_CREATE || code == OP_SAVE || code == OP_XATTR;
}

struct hash op_renew_digest(const struct hash *network, const struct identity_id *who,
			    const struct hash *old_key, struct view cert)
{
	static const char tag[] = "chartfs renew v1"; /* with its NUL */
	struct hash fingerprint = sha256(cert);

	return sha256_parts((const struct view[]){VIEW(tag, sizeof(tag)), VIEW(network->b, HASH_BYTES),
						  VIEW(who->b, IDENTITY_BYTES), VIEW(old_key->b, HASH_BYTES),
						  VIEW(fingerprint.b, HASH_BYTES)},
			    5);
}

static struct node_id node_of_hash(const struct hash *h)
{
	struct node_id n;

	memcpy(n.b, h->b, NODE_BYTES);
	return n;
}

struct node_id op_new_node(const struct hash *tx_id, uint16_t op_index)
{
	uint8_t index[2] = {(uint8_t)(op_index >> 8), (uint8_t)op_index};
	const struct view parts[] = {VIEW(tx_id->b, HASH_BYTES), VIEW(index, sizeof(index))};
	struct hash h = sha256_parts(parts, 2);

	return node_of_hash(&h);
}

struct node_id op_section_node(const struct patient_id *p, unsigned section)
{
	uint8_t number = (uint8_t)section;
	const struct view parts[] = {
		VIEW(NODE_TAG_SECTION, sizeof(NODE_TAG_SECTION)),
		VIEW(p->b, PATIENT_BYTES),
		VIEW(&number, 1),
	};
	struct hash h;
	struct node_id n;

	assert(section <= SECTION_COUNT);
	if (section == 0) {
		memcpy(n.b, p->b, NODE_BYTES);
		return n;
	}
	h = sha256_parts(parts, 3);
	return node_of_hash(&h);
}

enum tx_type op_tx_type(enum op_code first, enum role creator)
{
	switch (first) {
	case OP_REGISTER:
		return creator == ROLE_DOCTOR ? TX_DOCTOR : TX_CONFIG;
	case OP_MEMBERS:
	case OP_DEAL:
	case OP_TAKE:
	case OP_ACCUSE:
	case OP_SUSPEND:
	case OP_REINSTATE:
	case OP_CRL:
	case OP_RENEW:
		return TX_CONFIG;
	case OP_ADMIT:
		return TX_PATIENT;
	case OP_CREATE:
		return creator == ROLE_PATIENT ? TX_HEALTH : TX_MEDICAL;
	case OP_UNLINK:
	case OP_RMDIR:
	case OP_ERASE:
		return TX_DELETION;
	case OP_GRANT:
	case OP_REVOKE:
	case OP_CLAIM:
	case OP_RULE:
	case OP_REPLACE:
		return TX_PERMISSION;
	case OP_EVIDENCE:
		return TX_CONFIG;
	case OP_LEASE:
		return TX_QUERY;
	case OP_SAVE:
	case OP_SETATTR:
	case OP_RENAME:
	case OP_XATTR:
	case OP_PROPOSE:
	case OP_APPROVE:
		break;
	}
	return TX_MODIFICATION;
}
