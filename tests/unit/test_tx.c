/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/mem.h"
#include "ledger/tx.h"
#include "tests/lib/t.h"

#define CREATOR 1 /* number of the creator's key; peers 2, 3, 4 */
#define PEER 2
#define PEERS 3

static const struct hash network = {"network"};

static struct crypto_key *keys[PEER + PEERS];

__attribute__((destructor)) static void keys_release(void)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		crypto_key_free(keys[i]);
}

static const struct crypto_key *key(uint8_t number)
{
	uint8_t scalar[SCALAR_BYTES] = {0};

	scalar[SCALAR_BYTES - 1] = number;
	if (!keys[number])
		t_zero(crypto_key_from_scalar(scalar, &keys[number]));
	return keys[number];
}

static struct hash hash_of(const char *s)
{
	return sha256(view_str(s));
}

static void blobs_sort(struct tx_blob *a, struct tx_blob *b)
{
	if (memcmp(a->root.b, b->root.b, HASH_BYTES) > 0) {
		struct tx_blob swap = *a;

		*a = *b;
		*b = swap;
	}
}

static void sample_proposal(struct tx_proposal *p)
{
	*p = (struct tx_proposal){
		.network = network,
		.type = TX_MEDICAL,
		.time_ms = 1780000000000,
		.nonce = "nonce",
		.valid_until = 77,
		.contract = view_str("chart"),
		.contract_version = 3,
		.policy = 2,
		.creator = {"creator"},
		.creator_key = hash_of("creator key"),
		.patient = {"patient"},
		.patient_key = hash_of("patient key"),
		.doctor_key = hash_of("doctor key"),
		.annex_hash = hash_of("annex"),
		.blob_count = 2,
		.blob = {{hash_of("one"), 1}, {hash_of("two"), 131072}},
		.op_count = 2,
		.op = {{3, view_str("body")}, {0, VIEW_NONE}},
	};
	blobs_sort(&p->blob[0], &p->blob[1]);
}

static void encode_proposal(const struct tx_proposal *p, struct buf *out)
{
	buf_init(out, 0);
	t_zero(tx_proposal_encode(p, out));
}

/* A whole transaction of the sample proposal: two endorsements, three receipts, each its own way signed. */
static void sample_tx(const struct buf *proposal, struct tx *t, struct buf *out)
{
	struct hash digests[3], id = tx_id(buf_view(proposal));
	struct sigpath s[3];
	struct tx_proposal p;

	sample_proposal(&p);
	t->proposal_bytes = buf_view(proposal);
	t->rwset_bytes = view_str("read-write set");
	digests[0] = hash_of("another save");
	digests[1] = id;
	digests[2] = hash_of("one more");
	t_zero(sigpath_sign(SIG_PROPOSAL, &network, digests, 3, key(CREATOR), s));
	t->signature = s[1];

	t->endorsement_count = 2;
	digests[1] = tx_endorsement_digest(&network, &id, t->rwset_bytes);
	for (uint8_t i = 0; i < 2; i++) {
		memset(t->endorsement[i].by.b, i, IDENTITY_BYTES);
		t_zero(sigpath_sign(SIG_ENDORSEMENT, &network, digests, 2, key((uint8_t)(PEER + i)), s));
		t->endorsement[i].sig = s[1];
	}
	t->receipt_count = PEERS;
	digests[0] = tx_receipt_digest(&network, p.time_ms, p.blob, p.blob_count);
	for (uint8_t i = 0; i < PEERS; i++) {
		memset(t->receipt[i].by.b, i, IDENTITY_BYTES);
		t_zero(sigpath_sign(SIG_RECEIPT, &network, digests, 1, key((uint8_t)(PEER + i)),
				    &t->receipt[i].sig));
	}
	buf_init(out, 0);
	t_zero(tx_encode(t, out));
}

static int verify_by(const struct endorsement *e, enum sig_kind kind, const struct hash *digest)
{
	for (size_t i = 0; i < IDENTITY_BYTES; i++) {
		if (e->by.b[i] != e->by.b[0] || e->by.b[i] >= PEERS)
			return CF_EFOREIGN;
	}
	return sigpath_verify(&e->sig, kind, &network, digest, key((uint8_t)(PEER + e->by.b[0])));
}

/* All that vouches for a transaction's bytes. */
static int verify_tx(const struct tx *t)
{
	struct hash digest;
	int err = sigpath_verify(&t->signature, SIG_PROPOSAL, &network, &t->id, key(CREATOR));

	digest = tx_endorsement_digest(&network, &t->id, t->rwset_bytes);
	for (uint8_t i = 0; i < t->endorsement_count && err == 0; i++)
		err = verify_by(&t->endorsement[i], SIG_ENDORSEMENT, &digest);
	digest = tx_receipt_digest(&network, t->proposal.time_ms, t->proposal.blob, t->proposal.blob_count);
	for (uint8_t i = 0; i < t->receipt_count && err == 0; i++)
		err = verify_by(&t->receipt[i], SIG_RECEIPT, &digest);
	return err;
}

T_TEST(tx_types)
{
	enum tx_type t;

	for (enum tx_type i = TX_PATIENT; i <= TX_CONFIG; i++) {
		t_zero(tx_type_parse(tx_type_name(i), &t));
		t_eq(t, i);
	}
	t_str(tx_type_name(0), "?");
	t_str(tx_type_name(10), "?");
	t_err(tx_type_parse("Medical", &t), CF_EINVAL);
	t_err(tx_type_parse("?", &t), CF_EINVAL);
	t_eq(tx_type_keys(TX_MEDICAL), TX_KEY_PATIENT | TX_KEY_DOCTOR);
	t_eq(tx_type_keys(TX_HEALTH), TX_KEY_PATIENT);
	t_eq(tx_type_keys(TX_DOCTOR), TX_KEY_DOCTOR);
	t_eq(tx_type_keys(TX_QUERY), 0);
}

T_TEST(tx_proposal_round_trip)
{
	struct tx_proposal p, got;
	struct buf bytes, again;
	struct hash id, want;

	sample_proposal(&p);
	encode_proposal(&p, &bytes);
	t_bytes(bytes.data, 14, "chartfs tx v1", 14);
	t_zero(tx_proposal_decode(buf_view(&bytes), &got));
	t_eq(got.type, TX_MEDICAL);
	t_eq(got.time_ms, p.time_ms);
	t_eq(got.valid_until, 77);
	t_ok(view_equal(got.contract, p.contract));
	t_eq(got.contract_version, 3);
	t_eq(got.policy, 2);
	t_bytes(got.creator.b, IDENTITY_BYTES, p.creator.b, IDENTITY_BYTES);
	t_bytes(got.patient.b, PATIENT_BYTES, p.patient.b, PATIENT_BYTES);
	t_ok(hash_equal(&got.doctor_key, &p.doctor_key) && hash_equal(&got.annex_hash, &p.annex_hash));
	t_eq(got.blob_count, 2);
	t_ok(hash_equal(&got.blob[1].root, &p.blob[1].root) && got.blob[1].bytes == p.blob[1].bytes);
	t_eq(got.op_count, 2);
	t_eq(got.op[0].code, 3);
	t_ok(view_equal(got.op[0].body, view_str("body")));
	encode_proposal(&got, &again);
	t_bytes(again.data, again.len, bytes.data, bytes.len);
	id = tx_id(buf_view(&bytes));
	want = sha256(buf_view(&bytes));
	t_ok(hash_equal(&id, &want));
	buf_release(&again);
	buf_release(&bytes);
}

T_TEST(tx_proposal_truncated_and_tampered)
{
	struct tx_proposal p, got;
	struct buf bytes, again;

	sample_proposal(&p);
	encode_proposal(&p, &bytes);
	for (size_t n = 0; n < bytes.len; n++)
		t_err(tx_proposal_decode(VIEW(bytes.data, n), &got), CF_EDECODE);
	for (size_t i = 0; i < 8 * bytes.len; i++) {
		bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
		if (tx_proposal_decode(buf_view(&bytes), &got) == 0) {
			encode_proposal(&got, &again);
			t_bytes(again.data, again.len, bytes.data, bytes.len);
			buf_release(&again);
		}
		bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	t_zero(buf_append(&bytes, "", 1));
	t_err(tx_proposal_decode(buf_view(&bytes), &got), CF_EDECODE);
	buf_release(&bytes);
}

/* Encoder and decoder refuse the same: what only a decoder can see is tried on the bytes. */
T_TEST(tx_proposal_not_well_formed)
{
	static char long_name[TX_CONTRACT_NAME_MAX + 1];
	struct tx_proposal p, got;
	struct buf bytes;

	buf_init(&bytes, 0);
#define REFUSED(change)                                           \
	do {                                                      \
		sample_proposal(&p);                              \
		change;                                           \
		t_err(tx_proposal_encode(&p, &bytes), CF_EINVAL); \
		t_eq(bytes.len, 0);                               \
	} while (0)
	REFUSED(p.type = 0);
	REFUSED(p.type = TX_CONFIG + 1);
	REFUSED(p.contract.len = 0);
	REFUSED(p.contract = VIEW(long_name, sizeof(long_name)));
	REFUSED(p.op_count = 0);
	REFUSED(p.op_count = TX_OPS_MAX + 1);
	REFUSED(p.blob_count = TX_BLOBS_MAX + 1);
	REFUSED(p.blob[1] = p.blob[0]);
	REFUSED(struct tx_blob swap = p.blob[0]; p.blob[0] = p.blob[1]; p.blob[1] = swap);

	sample_proposal(&p);
	t_zero(tx_proposal_encode(&p, &bytes));
	bytes.data[48] = 0; /* type */
	t_err(tx_proposal_decode(buf_view(&bytes), &got), CF_EDECODE);
	bytes.data[48] = TX_CONFIG + 1;
	t_err(tx_proposal_decode(buf_view(&bytes), &got), CF_EDECODE);
	bytes.data[48] = TX_CONFIG;
	t_zero(tx_proposal_decode(buf_view(&bytes), &got));
	bytes.data[47] = TX_VERSION + 1;
	t_err(tx_proposal_decode(buf_view(&bytes), &got), CF_EDECODE);
	bytes.data[47] = TX_VERSION;
	bytes.data[0] = 'C';
	t_err(tx_proposal_decode(buf_view(&bytes), &got), CF_EDECODE);
	buf_release(&bytes);
}

T_TEST(tx_proposal_too_big)
{
	static uint8_t big[TX_BYTES_MAX];
	struct tx_proposal p;
	struct buf bytes;

	buf_init(&bytes, 0);
	sample_proposal(&p);
	p.op[0].body = VIEW(big, sizeof(big));
	t_err(tx_proposal_encode(&p, &bytes), CF_ETOOBIG);
	t_eq(bytes.len, 0);
	buf_release(&bytes);
}

T_TEST(tx_round_trip)
{
	struct tx *t = mem_zalloc(sizeof(*t)), *got = mem_zalloc(sizeof(*got));
	struct buf proposal, bytes, again;
	struct tx_proposal p;

	t_ok(t && got);
	sample_proposal(&p);
	encode_proposal(&p, &proposal);
	sample_tx(&proposal, t, &bytes);
	t_zero(tx_decode(buf_view(&bytes), got));
	t_ok(view_equal(got->bytes, buf_view(&bytes)));
	t_ok(view_equal(got->proposal_bytes, buf_view(&proposal)));
	t_ok(view_equal(got->rwset_bytes, t->rwset_bytes));
	t_eq(got->endorsement_count, 2);
	t_eq(got->receipt_count, PEERS);
	t_zero(verify_tx(got));
	buf_init(&again, 0);
	t_zero(tx_encode(got, &again));
	t_bytes(again.data, again.len, bytes.data, bytes.len);
	buf_release(&again);
	buf_release(&bytes);
	buf_release(&proposal);
	mem_free(got);
	mem_free(t);
}

T_TEST(tx_truncated_and_tampered)
{
	struct tx *t = mem_zalloc(sizeof(*t)), *got = mem_zalloc(sizeof(*got));
	struct buf proposal, bytes;
	struct tx_proposal p;

	t_ok(t && got);
	sample_proposal(&p);
	encode_proposal(&p, &proposal);
	sample_tx(&proposal, t, &bytes);
	for (size_t n = 0; n < bytes.len; n++)
		t_err(tx_decode(VIEW(bytes.data, n), got), CF_EDECODE);
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.data[i] ^= 1;
		if (tx_decode(buf_view(&bytes), got) == 0)
			t_ok(verify_tx(got) != 0);
		bytes.data[i] ^= 1;
	}
	t_zero(buf_append(&bytes, "", 1));
	t_err(tx_decode(buf_view(&bytes), got), CF_EDECODE);
	buf_release(&bytes);
	buf_release(&proposal);
	mem_free(got);
	mem_free(t);
}

T_TEST(tx_endorsements_in_order)
{
	struct tx *t = mem_zalloc(sizeof(*t)), *got = mem_zalloc(sizeof(*got));
	const size_t one = IDENTITY_BYTES + 4 + 4 + 1 + SIG_BYTES;
	struct buf proposal, bytes;
	struct tx_proposal p;
	uint8_t *last;

	t_ok(t && got);
	sample_proposal(&p);
	encode_proposal(&p, &proposal);
	sample_tx(&proposal, t, &bytes);
	last = bytes.data + bytes.len - one; /* the last receipt, whose path is empty */
	memset(last, 1, IDENTITY_BYTES);
	t_err(tx_decode(buf_view(&bytes), got), CF_EDECODE); /* twice the same peer */
	memset(last, 0, IDENTITY_BYTES);
	t_err(tx_decode(buf_view(&bytes), got), CF_EDECODE);
	memset(last, 2, IDENTITY_BYTES);
	t_zero(tx_decode(buf_view(&bytes), got));

	buf_reset(&bytes);
	t->endorsement[1].by = t->endorsement[0].by;
	t_err(tx_encode(t, &bytes), CF_EINVAL);
	t->endorsement_count = MEMBERS_MAX + 1;
	t_err(tx_encode(t, &bytes), CF_EINVAL);
	t->endorsement_count = 0;
	t->receipt_count = 0;
	t_zero(tx_encode(t, &bytes)); /* whether that is enough is not the ledger's to judge */
	t_zero(tx_decode(buf_view(&bytes), got));
	buf_release(&bytes);
	buf_release(&proposal);
	mem_free(got);
	mem_free(t);
}

T_MAIN
