/* SPDX-License-Identifier: Apache-2.0 */
/*
 * genesis.h - block 0: who founded the network, by what rules. DESIGN 11.3; bytes in ledger/FORMAT.md.
 *
 * The network id is the hash of the genesis file (chain_open). Everything a stranger needs to verify a
 * chain offline is in it.
 */
#ifndef ACL_GENESIS_H
#define ACL_GENESIS_H

#include "acl/row.h"
#include "ledger/chain.h"

#define GENESIS_ORGS_MAX 16
#define GENESIS_IDENTITIES_MAX 64
#define GENESIS_BYTES_MAX ((size_t)1 << 20)

struct genesis {
	char name[ROW_NAME_MAX + 1];
	uint64_t time_ms;
	struct view root_cert; /* DER */
	uint16_t org_count;
	struct org_row org[GENESIS_ORGS_MAX]; /* ascending by number, from 1 */
	struct members members;
	struct policy_row policy;
	uint16_t identity_count;
	struct view identity_cert[GENESIS_IDENTITIES_MAX]; /* DER: members' and custodians' certificates */
	char section_title[SECTION_COUNT + 1][ROW_NAME_MAX + 1];
	uint8_t contribution_count;            /* at least one */
	struct view contribution[MEMBERS_MAX]; /* to the key of the members' function: acl/contribution.h */
};

/*
 * Both refuse what is not consistent: each member has a peer's certificate with the same keys and
 * organization, each custodian one of a role that may admit, no identity and no key stands twice. Chains are
 * for the maker of the file to check: it holds no intermediates. The reason is in err_detail.
 * Errors: CF_EINVAL (encode), CF_EDECODE (decode), CF_ENOMEM. A struct genesis is large: heap. Views of a
 * decoded one point into bytes.
 */
int genesis_encode(const struct genesis *g, struct buf *out) must_check;
int genesis_decode(struct view bytes, struct genesis *ret_g) must_check;
/* Reads a genesis file, not yet decoded; ret_bytes is initialized here, released by the caller. Errors name
 * the file. */
int genesis_read(const char *path, struct buf *ret_bytes) must_check;
/* SHA-256 of "chartfs genesis v1", NUL, and the bytes. */
struct hash genesis_network(struct view bytes);

/*
 * SK_CONTRACT: where a contract is in its life cycle (the paper's section 4.1). SK_NETWORK "sections": the
 * titles of the sections, 0 to SECTION_COUNT. Encodings as those of acl/row.h.
 */
enum contract_state {
	CONTRACT_INITIAL = 1,
	CONTRACT_WAITING_INSTALL = 2,
	CONTRACT_WAITING_INSTANTIATION = 3,
	CONTRACT_RUNNING = 4,
	CONTRACT_STOPPING = 5,
};
struct contract_row {
	uint32_t version;
	enum contract_state state;
};
struct sections_row {
	char title[SECTION_COUNT + 1][ROW_NAME_MAX + 1];
};
ROW_DECLARE(contract)
ROW_DECLARE(sections)

#define GENESIS_CONTRACT "emr"
#define GENESIS_CONTRACT_VERSION 1

/*
 * Writes the genesis state into a new chain (no-op when it is there): SK_NETWORK "name", "root", "policy",
 * "members", "trace", "sections", organizations, identities, keys (the 16 bytes of the identity id), the
 * contract.
 */
int genesis_apply(struct chain *c, const struct genesis *g) must_check;
/* The same rows, one by one. A non-zero answer of on_row ends it and is returned. */
int genesis_rows(const struct genesis *g, int (*on_row)(void *ctx, struct view key, struct view value),
		 void *ctx) must_check;

#endif
