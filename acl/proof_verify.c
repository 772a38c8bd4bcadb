/* SPDX-License-Identifier: Apache-2.0 */
/* proof_verify.c - a proof against a genesis file: block, transaction, author, content. */
#include "acl/genesis.h"
#include "acl/proof.h"
#include "acl/succession.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

struct check {
	const struct proof *p;
	struct genesis g;
	struct members members; /* in force at the block */
	struct tx tx;
	struct cert_info author;
	struct proof_facts facts;
};

static bool is_zero(const uint8_t *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (data[i])
			return false;
	}
	return true;
}

/* Adds what was being checked to what is wrong with it. */
static int about(int err, const char *what)
{
	char detail[ERR_DETAIL_MAX];

	if (err == 0)
		return 0;
	memcpy(detail, err_detail(), strlen(err_detail()) + 1);
	return err_set(err, "%s: %s", what, detail[0] ? detail : err_text(err));
}

static int check_block(struct check *c)
{
	const struct proof *p = c->p;
	struct hash members;
	int err;

	c->facts.block = block_hash(p->header_bytes);
	if (!hash_equal(&p->header.network, &c->facts.network))
		return err_set(CF_EFOREIGN, "the proof is of another network than the genesis file");
	err = about(succession_verify(p->succession, &c->facts.network, &c->members),
		    "a change of the members");
	if (!err)
		err = members_hash(&c->members, &members);
	if (err)
		return err;
	if (!hash_equal(&members, &p->header.members))
		return err_set(CF_EFOREIGN,
			       "the block was decided by members that do not follow from the genesis "
			       "file");
	if (p->certificate.height != p->header.height || !hash_equal(&p->certificate.digest, &c->facts.block))
		return err_set(CF_ESIG, "the certificate is of another block");
	c->facts.votes = p->certificate.count;
	c->facts.height = p->header.height;
	c->facts.block_time_ms = p->header.time_ms;
	return 0;
}

static int check_certificate(struct check *c)
{
	struct member_keys keys;
	int err = member_keys_init(&keys, &c->members);

	if (err)
		return err;
	err = certificate_verify(&c->p->certificate, &c->facts.network, &c->members, &keys);
	member_keys_release(&keys);
	return about(err, "the members' certificate");
}

static int check_path(const struct check *c, const struct hash *leaf, const struct proof_path *path,
		      const struct hash *root, const char *what)
{
	struct hash found;
	int err = merkle_path_root(leaf, c->p->index, c->p->header.tx_count, path->hash, path->len, &found);

	if (err || !hash_equal(&found, root))
		return err_set(CF_ECORRUPT, "%s is not in the block", what);
	return 0;
}

static int check_tx(struct check *c)
{
	const struct block_header *h = &c->p->header;
	struct hash leaf;
	int err = tx_decode(c->p->tx, &c->tx);

	if (err)
		return about(err, "the transaction");
	if (c->p->index >= h->tx_count)
		return err_set(CF_ECORRUPT, "the transaction's place is not in the block");
	leaf = merkle_leaf(VIEW(c->tx.id.b, HASH_BYTES));
	err = check_path(c, &leaf, &c->p->tx_path, &h->tx_root, "the transaction's id");
	leaf = merkle_leaf(c->p->tx);
	if (!err)
		err = check_path(c, &leaf, &c->p->body_path, &h->body_root, "the transaction");
	leaf = block_verdict_leaf(&c->tx.id, c->p->verdict);
	if (!err)
		err = check_path(c, &leaf, &c->p->verdict_path, &h->verdict_root, "the verdict");
	if (!err && c->p->verdict != VERDICT_VALID)
		err = err_set(CF_EINVAL, "the transaction was refused: %s",
			      verdict_name((enum verdict)c->p->verdict));
	if (!err && !hash_equal(&c->tx.proposal.network, &c->facts.network))
		err = err_set(CF_EFOREIGN, "the transaction is of another network");
	c->facts.tx_id = c->tx.id;
	c->facts.type = c->tx.proposal.type;
	c->facts.time_ms = c->tx.proposal.time_ms;
	c->facts.patient = c->tx.proposal.patient;
	return err;
}

/* The author's certificate is in the genesis file, or leads through its organization's authority to the root.
 */
static int check_chain(const struct check *c)
{
	const struct proof *p = c->p;

	for (unsigned i = 0; i < c->g.identity_count; i++) {
		if (view_equal(c->g.identity_cert[i], p->chain[0]))
			return 0;
	}
	for (unsigned i = 0; i < c->g.org_count; i++) {
		if (strcmp(c->g.org[i].name, c->author.org) == 0)
			return about(cert_check_member(p->chain[0], p->chain + 1, p->chain_count - 1u,
						       c->g.root_cert, &c->g.org[i].ca_fingerprint,
						       p->header.time_ms),
				     "the author's certificate");
	}
	return err_set(CF_EFOREIGN, "the author's certificate: '%s' is no organization of the genesis file",
		       c->author.org);
}

static int check_author(struct check *c)
{
	const struct tx_proposal *p = &c->tx.proposal;
	struct crypto_key *key = NULL;
	struct identity_id id;
	struct hash print;
	int err = cert_parse(c->p->chain[0], &c->author);

	if (!err)
		err = check_chain(c);
	if (err)
		return err;
	id = identity_id_of(c->author.org, c->author.name);
	print = crypto_key_fingerprint(c->author.sign_point);
	if (memcmp(id.b, p->creator.b, IDENTITY_BYTES) != 0 || !hash_equal(&print, &p->creator_key))
		return err_set(CF_EFOREIGN, "the certificate is not that of the transaction's author");
	err = crypto_key_from_point(c->author.sign_point, &key);
	if (!err)
		err = sigpath_verify(&c->tx.signature, SIG_PROPOSAL, &c->facts.network, &c->tx.id, key);
	crypto_key_free(key);
	memcpy(c->facts.author, c->author.name, sizeof(c->facts.author));
	memcpy(c->facts.author_org, c->author.org, sizeof(c->facts.author_org));
	c->facts.author_role = c->author.role;
	return about(err, "the author's signature");
}

/* How many of its endorsers are members at the block whose signatures hold; the members judged the policy. */
static int count_endorsements(struct check *c)
{
	const struct hash digest = tx_endorsement_digest(&c->facts.network, &c->tx.id, c->tx.rwset_bytes);
	struct crypto_key *key;
	int err = 0;

	for (unsigned i = 0; i < c->tx.endorsement_count; i++) {
		for (unsigned m = 0; m < c->members.count; m++) {
			if (memcmp(c->members.member[m].id.b, c->tx.endorsement[i].by.b, IDENTITY_BYTES) != 0)
				continue;
			err = crypto_key_from_point(c->members.member[m].endorse_point, &key);
			if (err)
				return err;
			err = sigpath_verify(&c->tx.endorsement[i].sig, SIG_ENDORSEMENT, &c->facts.network,
					     &digest, key);
			crypto_key_free(key);
			if (err)
				return about(err, "an endorsement");
			c->facts.endorsements++;
		}
	}
	return 0;
}

/* The node, and the commitment as the operation itself has it. */
static int check_op(struct check *c)
{
	const struct tx_proposal *p = &c->tx.proposal;
	struct op_approve approve;
	struct op_create create;
	struct op_erase erase;
	struct op_save save;
	int err;

	if (c->p->op_index >= p->op_count)
		return err_set(CF_EINVAL, "the transaction has no operation %u", c->p->op_index);
	c->facts.op = (enum op_code)p->op[c->p->op_index].code;
	switch (c->facts.op) {
	case OP_CREATE:
		err = op_create_decode(p->op[c->p->op_index].body, &create);
		c->facts.node = op_new_node(&c->tx.id, c->p->op_index);
		c->facts.commitment = create.commitment;
		break;
	case OP_SAVE:
		err = op_save_decode(p->op[c->p->op_index].body, &save);
		c->facts.node = save.node;
		c->facts.commitment = save.commitment;
		break;
	case OP_APPROVE:
		err = op_approve_decode(p->op[c->p->op_index].body, &approve);
		if (!err && approve.what != APPROVAL_GIVE)
			err = err_set(CF_EINVAL, "operation %u writes no content", c->p->op_index);
		c->facts.node = approve.node;
		return about(err, "the operation");
	case OP_ERASE:
		err = op_erase_decode(p->op[c->p->op_index].body, &erase);
		c->facts.node = erase.node;
		return about(err, "the operation");
	default:
		return err_set(CF_EINVAL, "operation %u (%s) writes no content", c->p->op_index,
			       op_name(c->facts.op));
	}
	if (!err && is_zero(c->facts.commitment.b, HASH_BYTES))
		err = err_set(CF_EINVAL, "operation %u writes no content", c->p->op_index);
	return about(err, "the operation");
}

/* Section and size stand in the row that the endorsers agreed on; its commitment must be the operation's. An
 * approval names the change by its hash, so that the endorsers' row says what it commits to. */
static int check_row(struct check *c)
{
	struct statekey key = statekey_node(&c->facts.patient, SKP_NODE, &c->facts.node);
	struct node_row row;
	struct rwset set;
	int err = rwset_decode(c->tx.rwset_bytes, &set);

	if (err)
		return about(err, "the read-write set");
	err = CF_EINVAL;
	for (size_t i = 0; i < set.write_count && err; i++) {
		if (!set.writes[i].deleted && view_equal(set.writes[i].key, statekey_view(&key)))
			err = node_row_decode(set.writes[i].value, &row);
	}
	rwset_release(&set);
	if (!err && c->facts.op == OP_APPROVE)
		c->facts.commitment = row.commitment;
	if (!err &&
	    (!hash_equal(&row.commitment, &c->facts.commitment) || is_zero(row.commitment.b, HASH_BYTES)))
		err = CF_EINVAL;
	if (err)
		return err_set(CF_EINVAL, "the transaction does not write this file");
	c->facts.section = row.section;
	c->facts.size = row.size;
	return 0;
}

int proof_verify(const struct proof *p, struct view genesis, struct proof_facts *ret_facts)
{
	struct check *c = mem_zalloc(sizeof(*c));
	int err;

	assert(p && ret_facts);
	if (!c)
		return CF_ENOMEM;
	err_clear();
	c->p = p;
	err = about(genesis_decode(genesis, &c->g), "the genesis file");
	c->facts.network = genesis_network(genesis);
	c->members = c->g.members;
	if (!err)
		err = check_block(c);
	if (!err)
		err = check_tx(c);
	/* signatures last: hashes are cheaper */
	if (!err)
		err = check_certificate(c);
	if (!err)
		err = check_author(c);
	if (!err)
		err = count_endorsements(c);
	if (!err)
		err = check_op(c);
	if (!err && c->facts.op != OP_ERASE)
		err = check_row(c);
	if (!err) {
		memcpy(c->facts.network_name, c->g.name, sizeof(c->facts.network_name));
		*ret_facts = c->facts;
	}
	mem_free(c);
	return err;
}
