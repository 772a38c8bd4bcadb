/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liar.c - makes of chartfsd a member that lies with its own, real key. For tests; never installed.
 *
 * Linked with all of chartfsd, behind the linker's --wrap, so that no source of the product knows how to lie.
 * The words of CHARTFS_LIES say how:
 *
 *   votes         a second PREPARE and COMMIT for another block, behind each true one
 *   proposals     a second PRE-PREPARE, of another block
 *   changes       a second VIEW-CHANGE with nothing prepared in it
 *   endorsements  signs other writes than the contract made
 *   state         computes wrong roots of its own state
 *   blocks        changes a byte of some of the blocks that others ask for, each such member of others
 *   snapshots     changes a byte of the rows of its state that others ask for
 *   certificates  puts into each one the vote of a member who is not in it, with a signature of nobody's
 *   deals         seals to the last member something else than its share of the members' key
 */
#include "acl/contribution.h"
#include "acl/snapshot.h"
#include "ledger/state.h"
#include "net/mesh.h"
#include "net/pbft_msg.h"

#include <stdlib.h>
#include <string.h>

int __real_mesh_new(const struct mesh_config *config, struct mesh **ret_m);
int __wrap_mesh_new(const struct mesh_config *config, struct mesh **ret_m);
void __real_mesh_vote(struct mesh *m, uint8_t to, struct view message);
void __wrap_mesh_vote(struct mesh *m, uint8_t to, struct view message);
void __real_mesh_answer(struct mesh *m, struct transport_from to, enum wire_kind kind, uint64_t request,
			struct view payload);
void __wrap_mesh_answer(struct mesh *m, struct transport_from to, enum wire_kind kind, uint64_t request,
			struct view payload);
int __real_state_stage_root(struct state_stage *s, struct hash *ret_root);
int __wrap_state_stage_root(struct state_stage *s, struct hash *ret_root);
void __real_certificate_encode(const struct certificate *c, struct enc *e);
void __wrap_certificate_encode(const struct certificate *c, struct enc *e);
int __real_rwset_encode(const struct rwset_builder *b, struct buf *out);
int __wrap_rwset_encode(const struct rwset_builder *b, struct buf *out);

int __real_contribution_deal(const struct contribution_dealer *by, const struct members *m,
			     const uint8_t secret[SCALAR_BYTES], uint8_t (*ret_proof)[SIG_BYTES],
			     struct buf *out);
int __wrap_contribution_deal(const struct contribution_dealer *by, const struct members *m,
			     const uint8_t secret[SCALAR_BYTES], uint8_t (*ret_proof)[SIG_BYTES],
			     struct buf *out);

static const struct crypto_key *key;
static struct hash network;
static unsigned members, self;

static bool lies(const char *how)
{
	const char *words = getenv("CHARTFS_LIES");

	return words && strstr(words, how);
}

int __wrap_mesh_new(const struct mesh_config *config, struct mesh **ret_m)
{
	key = config->identity->sign;
	network = config->network;
	members = config->members.count;
	self = config->self;
	return __real_mesh_new(config, ret_m);
}

static bool sign_vote(const struct vote *vote, uint8_t ret_sig[SIG_BYTES])
{
	struct hash digest = vote_digest(&network, vote);

	return crypto_sign(key, &digest, ret_sig) == 0;
}

static bool other_vote(struct view message, struct buf *out)
{
	struct msg_vote m;

	if (!lies("votes") || msg_vote_decode(message, &m))
		return false;
	m.vote.digest.b[0] ^= 0xff;
	return sign_vote(&m.vote, m.sig) && msg_vote_encode(&m, out) == 0;
}

static bool other_proposal(struct view message, struct buf *out)
{
	struct msg_pre_prepare m;

	if (!lies("proposals") || msg_pre_prepare_decode(message, &m))
		return false;
	m.has_body = false;
	m.vote.digest.b[0] ^= 0xff;
	return sign_vote(&m.vote, m.sig) && msg_pre_prepare_encode(&m, out) == 0;
}

static bool other_change(struct view message, struct buf *out)
{
	struct msg_view_change m;
	struct hash digest;

	if (!lies("changes") || msg_view_change_decode(message, &m) || !m.has_base)
		return false;
	m.has_prepared = false;
	m.base.count--; /* not enough votes: another message in any case */
	if (msg_view_change_encode(&m, out))
		return false;
	digest = viewmsg_digest(&network, buf_view(out));
	return crypto_sign(key, &digest, out->data + out->len - SIG_BYTES) == 0;
}

void __wrap_mesh_vote(struct mesh *m, uint8_t to, struct view message)
{
	struct buf lie;

	__real_mesh_vote(m, to, message);
	buf_init(&lie, 0);
	if (other_vote(message, &lie) || other_proposal(message, &lie) || other_change(message, &lie))
		__real_mesh_vote(m, to, buf_view(&lie));
	buf_release(&lie);
}

/* In the first place of the ascending order that is free. */
static void forge_vote(struct certificate *c)
{
	unsigned at = 0;

	while (at < c->count && c->index[at] == at)
		at++;
	if (at >= members)
		return;
	for (unsigned i = c->count; i > at; i--) {
		c->index[i] = c->index[i - 1];
		memcpy(c->sig[i], c->sig[i - 1], SIG_BYTES);
	}
	c->index[at] = (uint8_t)at;
	memset(c->sig[at], 0x5a, SIG_BYTES);
	c->count++;
}

void __wrap_certificate_encode(const struct certificate *c, struct enc *e)
{
	struct certificate forged = *c;

	if (lies("certificates"))
		forge_vote(&forged);
	__real_certificate_encode(&forged, e);
}

/* The last byte of the last row that is written. */
int __wrap_rwset_encode(const struct rwset_builder *b, struct buf *out)
{
	int err = __real_rwset_encode(b, out);
	struct rwset set;

	if (err || !lies("endorsements") || rwset_decode(buf_view(out), &set))
		return err;
	if (set.write_count > 0 && !set.writes[set.write_count - 1].deleted)
		out->data[out->len - 1] ^= 0xff;
	rwset_release(&set);
	return 0;
}

int __wrap_state_stage_root(struct state_stage *s, struct hash *ret_root)
{
	int err = __real_state_stage_root(s, ret_root);

	if (!err && lies("state"))
		ret_root->b[0] ^= 0x01;
	return err;
}

/* Somewhere in the body: the block, or the annexes behind it. */
static bool other_block(struct view payload, struct buf *out)
{
	struct wire_block b;
	size_t at;

	if (wire_block_decode(payload, &b) || b.height % 32 != self || b.body.len == 0)
		return false;
	at = (size_t)(b.body.data - payload.data) + (size_t)(b.height * 7919 % b.body.len);
	if (buf_append_view(out, payload))
		return false;
	out->data[at] ^= 0x04;
	return true;
}

/* Somewhere in the second half: in the value of one of the rows, most likely. */
static bool other_rows(struct view payload, struct buf *out)
{
	if (payload.len < 64 || payload.data[0] != SNAPSHOT_ROWS || buf_append_view(out, payload))
		return false;
	out->data[out->len - out->len / 3] ^= 0x04;
	return true;
}

void __wrap_mesh_answer(struct mesh *m, struct transport_from to, enum wire_kind kind, uint64_t request,
			struct view payload)
{
	struct buf lie;

	buf_init(&lie, 0);
	if (kind == WIRE_BLOCK && lies("blocks") && other_block(payload, &lie))
		payload = buf_view(&lie);
	if (kind == WIRE_SNAPSHOT && lies("snapshots") && other_rows(payload, &lie))
		payload = buf_view(&lie);
	__real_mesh_answer(m, to, kind, request, payload);
	buf_release(&lie);
}

int __wrap_contribution_deal(const struct contribution_dealer *by, const struct members *m,
			     const uint8_t secret[SCALAR_BYTES], uint8_t (*ret_proof)[SIG_BYTES],
			     struct buf *out)
{
	int err = __real_contribution_deal(by, m, secret, ret_proof, out);

	if (!err && lies("deals"))
		out->data[out->len - 1] ^= 0xff;
	return err;
}
