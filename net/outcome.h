/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome.h - what a verdict or a refusal means to the one who saved. DESIGN section 8, first column to
 * second.
 */
#ifndef NET_OUTCOME_H
#define NET_OUTCOME_H

#include "ledger/block.h"

/* The error for the caller (0 for VALID), and why in words. A verdict of a newer network is CF_EVERSION. */
int outcome_of_verdict(uint8_t verdict, const char **ret_text);

/*
 * True when an endorser's refusal is its judgement on the proposal; false when it is the endorser's own
 * trouble (behind, out of memory, its disk) and tells nothing of the proposal.
 */
bool outcome_is_judgement(int error);

#endif
