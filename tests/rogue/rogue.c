/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rogue.c - makes of chartfs a client that skips its own checks, with its user's real keys. For tests; never
 * installed.
 *
 * Linked with all of chartfs, behind the linker's --wrap, as tests/liar is. The words of CHARTFS_ROGUE say
 * what it skips:
 *
 *   rights   finds that its identity may do anything, with any chart, at any time
 *   lease    takes no lease: says that one was committed which is not
 *   copied   takes none either: names the query that CHARTFS_QUERY says in hex, another one's
 *   rubbish  hands over keys that are none
 */
#include "acl/contract.h"
#include "acl/wrap.h"
#include "ledger/mem.h"
#include "net/trace_ask.h"

#include <stdlib.h>
#include <string.h>

int __real_policy_check(struct db_txn *txn, const struct patient_id *patient, unsigned section,
			const struct identity_id *who, unsigned verb, uint64_t now_ms,
			struct rwset_builder *out);
int __wrap_policy_check(struct db_txn *txn, const struct patient_id *patient, unsigned section,
			const struct identity_id *who, unsigned verb, uint64_t now_ms,
			struct rwset_builder *out);
int __real_trace_ask_new(const struct trace_ask_config *config, struct trace_ask **ret_t);
int __wrap_trace_ask_new(const struct trace_ask_config *config, struct trace_ask **ret_t);

int __real_wrap_seal(const struct hash *network, const struct patient_id *p,
		     const struct identity_id *recipient, const uint8_t kem_point[POINT_BYTES],
		     const struct wrap_key *keys, size_t count, struct buf *out);
int __wrap_wrap_seal(const struct hash *network, const struct patient_id *p,
		     const struct identity_id *recipient, const uint8_t kem_point[POINT_BYTES],
		     const struct wrap_key *keys, size_t count, struct buf *out);

static bool skips(const char *what)
{
	const char *words = getenv("CHARTFS_ROGUE");

	return words && strstr(words, what);
}

int __wrap_policy_check(struct db_txn *txn, const struct patient_id *patient, unsigned section,
			const struct identity_id *who, unsigned verb, uint64_t now_ms,
			struct rwset_builder *out)
{
	return skips("rights") ? 0 : __real_policy_check(txn, patient, section, who, verb, now_ms, out);
}

static int pretend(struct client *ctx, const struct client_tx *tx, unsigned timeout_ms,
		   struct client_result *ret_result)
{
	const char *query = getenv("CHARTFS_QUERY");

	(void)ctx;
	(void)tx;
	(void)timeout_ms;
	*ret_result = (struct client_result){.id = {{1}}};
	return skips("copied") && query ? hex_decode(query, ret_result->id.b, HASH_BYTES) : 0;
}

int __wrap_trace_ask_new(const struct trace_ask_config *config, struct trace_ask **ret_t)
{
	struct trace_ask_config changed = *config;

	if (skips("lease") || skips("copied"))
		changed.commit = pretend;
	return __real_trace_ask_new(&changed, ret_t);
}

int __wrap_wrap_seal(const struct hash *network, const struct patient_id *p,
		     const struct identity_id *recipient, const uint8_t kem_point[POINT_BYTES],
		     const struct wrap_key *keys, size_t count, struct buf *out)
{
	struct wrap_key *others = mem_dup(keys, count * sizeof(*keys));
	int err;

	if (!others)
		return CF_ENOMEM;
	for (size_t i = 0; i < count && skips("rubbish"); i++)
		random_bytes(others[i].grant, SECTION_KEY_BYTES);
	err = __real_wrap_seal(network, p, recipient, kem_point, others, count, out);
	mem_free(others);
	return err;
}
