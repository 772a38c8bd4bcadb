/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome.c - the one table from verdicts to errors.
 */
#include "net/outcome.h"

#include <assert.h>

static const struct {
	int error;
	const char *text;
} outcomes[] = {
	[VERDICT_VALID] = {0, "committed"},
	[VERDICT_MVCC_CONFLICT] = {CF_ECONFLICT, "changed by somebody else meanwhile"},
	[VERDICT_PHANTOM] = {CF_ECONFLICT, "something appeared in the directory meanwhile"},
	[VERDICT_ENDORSEMENT_POLICY] = {CF_EDENIED, "the endorsement policy is not met"},
	[VERDICT_DUPLICATE] = {CF_EEXIST, "this very transaction is on the ledger already"},
	[VERDICT_NOT_PERMITTED] = {CF_EDENIED, "not permitted"},
	[VERDICT_RECEIPTS] = {CF_EIO, "too few peers hold the attachment"},
	[VERDICT_BAD_RWSET] = {CF_EINVAL, "malformed read-write set"},
	[VERDICT_IDENTITY] = {CF_EREVOKED, "the identity is expired, suspended or revoked"},
	[VERDICT_EXPIRED] = {CF_ENOQUORUM, "validity ended before it was ordered"},
	[VERDICT_TIME] = {CF_EINVAL, "timestamp outside window"},
	[VERDICT_CONTRACT] = {CF_EVERSION, "the contract's version does not run"},
};

int outcome_of_verdict(uint8_t verdict, const char **ret_text)
{
	assert(ret_text);
	if (verdict >= sizeof(outcomes) / sizeof(outcomes[0])) {
		*ret_text = "unknown verdict";
		return CF_EVERSION;
	}
	*ret_text = outcomes[verdict].text;
	return outcomes[verdict].error;
}

bool outcome_is_judgement(int error)
{
	switch (error) {
	case CF_OK:
	case CF_EAGAIN:
	case CF_ENOMEM:
	case CF_EIO:
	case CF_EFULL:
	case CF_ECORRUPT:
	case CF_ENETWORK:
	case CF_ENOQUORUM:
	case CF_EINTR:
		return false;
	default:
		return true;
	}
}
