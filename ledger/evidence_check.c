/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_check.c - does a piece of evidence prove what it says?
 */
#include "ledger/evidence.h"
#include "ledger/rwset.h"

#include <string.h>

static int check_sig(const uint8_t point[POINT_BYTES], const struct hash *digest,
		     const uint8_t sig[SIG_BYTES])
{
	struct crypto_key *key = NULL;
	int err = crypto_key_from_point(point, &key);

	if (err == 0)
		err = crypto_verify(key, digest, sig);
	crypto_key_free(key);
	return err == CF_ESIG ? err_set(CF_ESIG, "the member has not signed this") : err;
}

static int check_votes(const struct evidence *e, const struct hash *network, const struct member *by)
{
	int err = 0;

	for (unsigned i = 0; i < 2 && err == 0; i++) {
		const struct vote vote = {(enum vote_kind)e->kind, e->epoch, e->height, e->view,
					  e->side[i].digest};
		const struct hash digest = vote_digest(network, &vote);

		err = check_sig(by->sign_point, &digest, e->side[i].sig);
	}
	return err;
}

/* Both say of themselves who sent them and for which view; what else they say is signed and differs. */
static int check_messages(const struct evidence *e, const struct member *by)
{
	const enum viewmsg_kind kind = e->kind == EVIDENCE_VIEW_CHANGE ? VIEWMSG_CHANGE : VIEWMSG_NEW_VIEW;
	int err = 0;

	for (unsigned i = 0; i < 2 && err == 0; i++) {
		const struct evidence_side *s = &e->side[i];
		struct viewmsg_head head;

		if (viewmsg_head(s->bytes, &head) || head.kind != kind)
			return err_set(CF_EINVAL, "no %s", evidence_kind_name(e->kind));
		if (head.sender != e->member || head.epoch != e->epoch || head.view != e->view)
			return err_set(CF_EINVAL, "messages of another member, epoch or view");
		err = check_sig(by->sign_point, &s->digest, s->bytes.data + s->bytes.len - SIG_BYTES);
	}
	return err;
}

static bool same_reads(const struct rwset *a, const struct rwset *b)
{
	if (a->read_count != b->read_count || a->empty_count != b->empty_count)
		return false;
	for (size_t i = 0; i < a->read_count; i++) {
		if (!view_equal(a->reads[i].key, b->reads[i].key) ||
		    a->reads[i].present != b->reads[i].present ||
		    !version_equal(a->reads[i].version, b->reads[i].version))
			return false;
	}
	for (size_t i = 0; i < a->empty_count; i++) {
		if (!view_equal(a->empties[i], b->empties[i]))
			return false;
	}
	return true;
}

/* The bytes differ (their hashes do), so with the same reads it is the writes that do. */
static int check_reads(const struct evidence *e)
{
	struct rwset a, b;
	int err = rwset_decode(e->side[0].bytes, &a);

	if (err == 0) {
		err = rwset_decode(e->side[1].bytes, &b);
		if (err == 0) {
			if (!same_reads(&a, &b))
				err = err_set(CF_EINVAL, "the endorsers have not read the same");
			rwset_release(&b);
		}
		rwset_release(&a);
	}
	return err == CF_EDECODE ? err_set(CF_EINVAL, "a read-write set does not decode") : err;
}

static int check_endorsed(const struct evidence *e, const struct hash *network, const struct member *by,
			  unsigned side, const struct sigpath *path)
{
	struct hash digest = tx_endorsement_digest(network, &e->tx, e->side[side].bytes);
	struct crypto_key *key = NULL;
	int err = crypto_key_from_point(by->endorse_point, &key);

	if (err == 0)
		err = sigpath_verify(path, SIG_ENDORSEMENT, network, &digest, key);
	crypto_key_free(key);
	return err == CF_ESIG ? err_set(CF_ESIG, "the member has not endorsed this") : err;
}

/* f + 1 organizations, the offender's not among them: one hospital is one voice, and one of these is honest.
 */
static int check_witnesses(const struct evidence *e, const struct hash *network, const struct members *m)
{
	int err = 0;

	if (e->witness_count != members_faults(m->count) + 1)
		return err_set(CF_EINVAL, "%u witnesses where there must be %u", e->witness_count,
			       members_faults(m->count) + 1);
	for (unsigned i = 0; i < e->witness_count && err == 0; i++) {
		const struct member *by;

		if (e->witness[i].member >= m->count)
			return err_set(CF_EINVAL, "no member %u", e->witness[i].member);
		by = &m->member[e->witness[i].member];
		if (by->org == m->member[e->member].org)
			return err_set(CF_EINVAL, "a witness of the offender's own organization");
		for (unsigned k = 0; k < i; k++) {
			if (m->member[e->witness[k].member].org == by->org)
				return err_set(CF_EINVAL, "two witnesses of one organization");
		}
		err = check_endorsed(e, network, by, 1, &e->witness[i].path);
	}
	return err;
}

int evidence_check(const struct evidence *e, const struct hash *network, const struct members *m)
{
	const struct member *by = &m->member[e->member];
	int err;

	if (e->epoch != m->epoch)
		return err_set(CF_EINVAL, "evidence of epoch %llu, the set is of epoch %llu",
			       (unsigned long long)e->epoch, (unsigned long long)m->epoch);
	if (e->member >= m->count)
		return err_set(CF_EINVAL, "no member %u in a set of %u", e->member, m->count);
	if (hash_equal(&e->side[0].digest, &e->side[1].digest))
		return err_set(CF_EINVAL, "the same thing was signed twice");
	switch (e->kind) {
	case EVIDENCE_PRE_PREPARE:
	case EVIDENCE_PREPARE:
	case EVIDENCE_COMMIT:
		return check_votes(e, network, by);
	case EVIDENCE_VIEW_CHANGE:
	case EVIDENCE_NEW_VIEW:
		return check_messages(e, by);
	case EVIDENCE_ENDORSED_TWICE:
		err = check_reads(e);
		for (unsigned i = 0; i < 2 && err == 0; i++)
			err = check_endorsed(e, network, by, i, &e->side[i].path);
		return err;
	case EVIDENCE_ENDORSED_WRONG:
		err = check_reads(e);
		if (err == 0)
			err = check_endorsed(e, network, by, 0, &e->side[0].path);
		return err ? err : check_witnesses(e, network, m);
	}
	return err_set(CF_EINVAL, "evidence of an unknown kind");
}
