/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - K_trace, the peers' half of a window's keys: what is asked of whom, what an answer is, and the
 * wrap by which a writer spares the owner asking.
 *
 * K_trace(patient, section, epoch, window) = SHA-256("chartfs trace key v1" NUL F(x)), F the members'
 * threshold function (ledger/crypto_prf.h), x = network patient section epoch window, hashed to the curve
 * under "chartfs trace v1 P256_XMD:SHA-256_SSWU_RO_". acl/ACCESS.md section 5.
 */
#ifndef ACL_TRACE_H
#define ACL_TRACE_H

#include "acl/holders.h"
#include "acl/identity.h"

#define TRACE_KEY_BYTES 32

/* Which key. */
struct trace_name {
	struct patient_id patient;
	uint8_t section;
	uint32_t epoch;
	uint32_t window;
};

/* An own share of the founders', opened from the genesis and checked. CF_ECORRUPT names the contribution.
 * Caller wipes. */
int trace_share(const struct genesis *g, unsigned holder, const struct crypto_key *kem,
		uint8_t ret_share[SCALAR_BYTES]) must_check;

int trace_point(const struct hash *network, const struct trace_name *n,
		uint8_t ret_point[POINT_BYTES]) must_check;
void trace_key(const uint8_t value[POINT_BYTES], uint8_t ret_key[TRACE_KEY_BYTES]);

/*
 * An answer, sealed to the reader that a query names (info "chartfs share v1" NUL network query holder
 * reader, additional data: patient section epoch window): it fits no other query, asker or key. CF_ECORRUPT.
 */
struct trace_answer_to {
	const struct hash *network;
	const struct hash *query;
	const struct identity_id *holder;
	const struct identity_id *reader;
	const struct trace_name *name;
};
int trace_answer_seal(const struct trace_answer_to *to, const uint8_t kem_point[POINT_BYTES],
		      const struct prf_answer *a, struct buf *out) must_check;
int trace_answer_open(const struct trace_answer_to *to, const struct crypto_key *kem, struct view sealed,
		      struct prf_answer *ret_a) must_check;

/* As many answers as make a key. */
struct trace_answers {
	uint16_t generation; /* of the holders */
	uint8_t count;
	uint8_t holder[HOLDERS_THRESHOLD_MAX]; /* places, from 0, ascending */
	struct prf_answer answer[HOLDERS_THRESHOLD_MAX];
};
/* Verifies each again and puts the key together. CF_ECORRUPT: not the answers of this key and generation, or
 * too few. */
int trace_answers_key(const struct trace_answers *a, const struct holders *h, const struct hash *network,
		      const struct trace_name *n, uint8_t ret_key[TRACE_KEY_BYTES]) must_check;

/*
 * The body of an ANNEX_TRACE item: recipient[16], u8 section, u32 epoch, u32 window, in clear; then, sealed
 * by HPKE (info "chartfs trace wrap v1" NUL network patient recipient; additional data: the clear part), the
 * answers: u16 generation, count8 {u8 place, value[65], challenge[32], response[32]}. They prove themselves:
 * who wraps cannot have the owner seal with another key than everybody's.
 */
struct trace_wrap {
	struct identity_id recipient;
	uint8_t section;
	uint32_t epoch;
	uint32_t window;
	struct view clear;
	struct view sealed;
};
int trace_wrap_decode(struct view body, struct trace_wrap *ret_w) must_check;
int trace_wrap_seal(const struct hash *network, const struct trace_name *n,
		    const struct identity_id *recipient, const uint8_t kem_point[POINT_BYTES],
		    const struct trace_answers *a, struct buf *out) must_check;
/* CF_ECORRUPT: not for this key, network or patient; CF_EDECODE. What is in it is not verified. */
int trace_wrap_open(const struct trace_wrap *w, const struct crypto_key *kem, const struct hash *network,
		    const struct patient_id *p, struct trace_answers *ret_a) must_check;

#endif
