/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_x509.c - certificates: what is issued is read back, and every wrong chain is refused for its reason.
 */
#include "acl/x509.h"
#include "tests/lib/t.h"

#define DAY ((uint64_t)86400 * 1000)
#define NOW ((uint64_t)1800000000 * 1000) /* 2027-01-15 */

/* root -> hospA CA -> hospA sub CA -> alice */
struct tree {
	struct crypto_key *root_key, *ca_key, *sub_key, *key, *kem, *endorse;
	uint8_t kem_point[POINT_BYTES], endorse_point[POINT_BYTES];
	struct buf root, ca, sub, leaf;
};

static struct cert_request request(enum cert_kind kind, const char *name, const char *org,
				   struct crypto_key *subject)
{
	return (struct cert_request){.kind = kind,
				     .name = name,
				     .org = org,
				     .subject = subject,
				     .not_before_ms = NOW - DAY,
				     .not_after_ms = NOW + 365 * DAY,
				     .path_len = 2};
}

static struct cert_request leaf_request(const struct tree *t)
{
	struct cert_request req = request(CERT_LEAF, "alice", "hospA", t->key);

	req.role = ROLE_DOCTOR;
	req.kem_point = t->kem_point;
	return req;
}

static void tree_init(struct tree *t)
{
	struct cert_request req;

	*t = (struct tree){0};
	t_zero(crypto_key_generate(&t->root_key));
	t_zero(crypto_key_generate(&t->ca_key));
	t_zero(crypto_key_generate(&t->sub_key));
	t_zero(crypto_key_generate(&t->key));
	t_zero(crypto_key_generate(&t->kem));
	t_zero(crypto_key_generate(&t->endorse));
	crypto_key_point(t->kem, t->kem_point);
	crypto_key_point(t->endorse, t->endorse_point);
	req = request(CERT_ROOT, "Consortium root", "Consortium", t->root_key);
	t_zero(cert_issue(&req, VIEW_NONE, t->root_key, &t->root));
	req = request(CERT_INTERMEDIATE, "hospA CA", "hospA", t->ca_key);
	req.path_len = 1;
	t_zero(cert_issue(&req, buf_view(&t->root), t->root_key, &t->ca));
	req = request(CERT_INTERMEDIATE, "hospA ward CA", "hospA", t->sub_key);
	req.path_len = 0;
	t_zero(cert_issue(&req, buf_view(&t->ca), t->ca_key, &t->sub));
	req = leaf_request(t);
	t_zero(cert_issue(&req, buf_view(&t->sub), t->sub_key, &t->leaf));
}

static void tree_release(struct tree *t)
{
	crypto_key_free(t->root_key);
	crypto_key_free(t->ca_key);
	crypto_key_free(t->sub_key);
	crypto_key_free(t->key);
	crypto_key_free(t->kem);
	crypto_key_free(t->endorse);
	buf_release(&t->root);
	buf_release(&t->ca);
	buf_release(&t->sub);
	buf_release(&t->leaf);
}

/* A new leaf in the place of the tree's. */
static void reissue(struct tree *t, const struct cert_request *req, const struct buf *issuer,
		    struct crypto_key *key)
{
	buf_reset(&t->leaf);
	t_zero(cert_issue(req, buf_view(issuer), key, &t->leaf));
}

static int check_at(const struct tree *t, struct view crl, uint64_t at_ms)
{
	struct view mid[2] = {buf_view(&t->sub), buf_view(&t->ca)};

	return cert_check_chain(buf_view(&t->leaf), mid, 2, buf_view(&t->root), crl, at_ms);
}

static void refused(const struct tree *t, int want, const char *reason)
{
	t_err(check_at(t, VIEW_NONE, NOW), want);
	if (!strstr(err_detail(), reason))
		t_fail("reason '%s', not '%s'", err_detail(), reason);
}

T_TEST(x509_leaf_round_trip)
{
	struct cert_info info;
	uint8_t point[POINT_BYTES], zeros[POINT_BYTES] = {0};
	struct hash h;
	struct tree t;

	tree_init(&t);
	t_zero(cert_parse(buf_view(&t.leaf), &info));
	t_str(info.name, "alice");
	t_str(info.org, "hospA");
	t_eq(info.role, ROLE_DOCTOR);
	t_ok(!info.is_ca && !info.is_root);
	crypto_key_point(t.key, point);
	t_bytes(info.sign_point, POINT_BYTES, point, POINT_BYTES);
	t_bytes(info.kem_point, POINT_BYTES, t.kem_point, POINT_BYTES);
	t_bytes(info.endorse_point, POINT_BYTES, zeros, POINT_BYTES);
	t_eq(info.not_before_ms, NOW - DAY);
	t_eq(info.not_after_ms, NOW + 365 * DAY);
	t_ok(info.serial[0] >= 0x40 && info.serial[0] < 0x80);
	h = sha256(buf_view(&t.leaf));
	t_bytes(info.fingerprint.b, HASH_BYTES, h.b, HASH_BYTES);
	tree_release(&t);
}

T_TEST(x509_peer_and_authorities_round_trip)
{
	struct cert_request req;
	struct cert_info info;
	struct tree t;

	tree_init(&t);
	req = leaf_request(&t);
	req.role = ROLE_PEER;
	req.endorse_point = t.endorse_point;
	reissue(&t, &req, &t.sub, t.sub_key);
	t_zero(cert_parse(buf_view(&t.leaf), &info));
	t_eq(info.role, ROLE_PEER);
	t_bytes(info.endorse_point, POINT_BYTES, t.endorse_point, POINT_BYTES);
	t_zero(cert_parse(buf_view(&t.root), &info));
	t_ok(info.is_ca && info.is_root);
	t_eq(info.role, 0);
	t_eq(info.path_len, 2);
	t_zero(cert_parse(buf_view(&t.sub), &info));
	t_ok(info.is_ca && !info.is_root);
	t_eq(info.path_len, 0);
	tree_release(&t);
}

T_TEST(x509_identity_ids)
{
	struct identity_id a = identity_id_of("hospA", "alice"), b = identity_id_of("hospA", "alice");
	struct identity_id c = identity_id_of("hospAa", "lice"), d = identity_id_of("hospA", "alic");
	static const char joined[] = "chartfs identity v1\0hospA\0alice";
	struct hash h = sha256(VIEW(joined, sizeof(joined) - 1));

	t_bytes(a.b, sizeof(a.b), b.b, sizeof(b.b));
	t_bytes(a.b, sizeof(a.b), h.b, IDENTITY_BYTES);
	t_ok(memcmp(a.b, c.b, sizeof(a.b)) != 0);
	t_ok(memcmp(a.b, d.b, sizeof(a.b)) != 0);
}

T_TEST(x509_names_refused)
{
	static const char *const wrong[] = {
		"",         "a/b",
		"a@b",      "tab\there",
		"nl\n",     "del\x7f",
		"\xff\xfe", "12345678901234567890123456789012345678901234567890123456789012345"};
	struct cert_request req;
	struct buf out;
	struct tree t;

	tree_init(&t);
	buf_init(&out, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		req = leaf_request(&t);
		req.name = wrong[i];
		t_err(cert_issue(&req, buf_view(&t.sub), t.sub_key, &out), CF_EINVAL);
		req = leaf_request(&t);
		req.org = wrong[i];
		t_err(cert_issue(&req, buf_view(&t.sub), t.sub_key, &out), CF_EINVAL);
	}
	req = leaf_request(&t);
	t_err(cert_issue(&req, buf_view(&t.sub), t.ca_key, &out), CF_EINVAL); /* another authority's key */
	t_err(cert_issue(&req, view_str("no certificate"), t.ca_key, &out), CF_EDECODE);
	t_eq(out.len, 0);
	buf_release(&out);
	tree_release(&t);
}

T_TEST(x509_names_in_utf8)
{
	struct cert_request req;
	struct cert_info info;
	struct tree t;

	tree_init(&t);
	req = leaf_request(&t);
	req.name = "\xe9\x83\xad\xe5\xa4\xab, Dr. M\xc3\xbcller";
	reissue(&t, &req, &t.sub, t.sub_key);
	t_zero(cert_parse(buf_view(&t.leaf), &info));
	t_str(info.name, req.name);
	t_zero(check_at(&t, VIEW_NONE, NOW));
	tree_release(&t);
}

T_TEST(x509_chain_of_depth_three)
{
	struct view mid[2];
	struct tree t;

	tree_init(&t);
	t_zero(check_at(&t, VIEW_NONE, NOW));
	mid[0] = buf_view(&t.ca); /* any order */
	mid[1] = buf_view(&t.sub);
	t_zero(cert_check_chain(buf_view(&t.leaf), mid, 2, buf_view(&t.root), VIEW_NONE, NOW));
	tree_release(&t);
}

T_TEST(x509_expired_and_not_yet_valid)
{
	struct cert_request req;
	struct tree t;

	tree_init(&t);
	req = leaf_request(&t);
	req.not_before_ms = NOW;
	req.not_after_ms = NOW + DAY;
	reissue(&t, &req, &t.sub, t.sub_key);
	t_zero(check_at(&t, VIEW_NONE, NOW));
	t_zero(check_at(&t, VIEW_NONE, NOW + DAY - 1000));
	t_err(check_at(&t, VIEW_NONE, NOW - 1000), CF_EEXPIRED);
	t_ok(strstr(err_detail(), "'alice' is not valid yet"));
	t_err(check_at(&t, VIEW_NONE, NOW + DAY + 1000), CF_EEXPIRED);
	t_ok(strstr(err_detail(), "'alice' has expired"));
	/* all of the chain */
	t_err(check_at(&t, VIEW_NONE, NOW + 400 * DAY), CF_EEXPIRED);
	t_err(check_at(&t, VIEW_NONE, 0), CF_EEXPIRED);
	tree_release(&t);
}

T_TEST(x509_authority_expired)
{
	struct cert_request req;
	struct tree t;

	tree_init(&t);
	req = request(CERT_INTERMEDIATE, "hospA ward CA", "hospA", t.sub_key);
	req.path_len = 0;
	req.not_after_ms = NOW - 1000;
	buf_reset(&t.sub);
	t_zero(cert_issue(&req, buf_view(&t.ca), t.ca_key, &t.sub));
	refused(&t, CF_EEXPIRED, "'hospA ward CA' has expired");
	tree_release(&t);
}

T_TEST(x509_another_root)
{
	struct view mid[2];
	struct tree t, other;

	tree_init(&t);
	tree_init(&other); /* the same names, other keys */
	mid[0] = buf_view(&t.sub);
	mid[1] = buf_view(&t.ca);
	t_ok(cert_check_chain(buf_view(&t.leaf), mid, 2, buf_view(&other.root), VIEW_NONE, NOW) < 0);
	t_eq(err_exit_code(CF_EFOREIGN), 10);
	/* the other's chain with its own root among the intermediates */
	mid[0] = buf_view(&other.sub);
	mid[1] = buf_view(&other.ca);
	t_err(cert_check_chain(buf_view(&other.leaf), (struct view[]){mid[0], mid[1], buf_view(&other.root)},
			       3, buf_view(&t.root), VIEW_NONE, NOW),
	      CF_EFOREIGN);
	t_ok(strstr(err_detail(), "root"));
	tree_release(&t);
	tree_release(&other);
}

T_TEST(x509_missing_intermediate)
{
	struct view mid;
	struct tree t;

	tree_init(&t);
	mid = buf_view(&t.ca);
	t_err(cert_check_chain(buf_view(&t.leaf), &mid, 1, buf_view(&t.root), VIEW_NONE, NOW), CF_EFOREIGN);
	t_ok(strstr(err_detail(), "does not lead"));
	t_err(cert_check_chain(buf_view(&t.leaf), NULL, 0, buf_view(&t.root), VIEW_NONE, NOW), CF_EFOREIGN);
	tree_release(&t);
}

T_TEST(x509_path_length_exceeded)
{
	struct cert_request req;
	struct crypto_key *key = NULL;
	struct view mid[3];
	struct buf deeper;
	struct tree t;

	tree_init(&t);
	t_zero(crypto_key_generate(&key));
	buf_init(&deeper, 0);
	req = request(CERT_INTERMEDIATE, "hospA room CA", "hospA", key);
	req.path_len = 0;
	t_zero(cert_issue(&req, buf_view(&t.sub), t.sub_key, &deeper)); /* below one of path length 0 */
	req = leaf_request(&t);
	reissue(&t, &req, &deeper, key);
	mid[0] = buf_view(&deeper);
	mid[1] = buf_view(&t.sub);
	mid[2] = buf_view(&t.ca);
	t_err(cert_check_chain(buf_view(&t.leaf), mid, 3, buf_view(&t.root), VIEW_NONE, NOW), CF_EFOREIGN);
	t_ok(strstr(err_detail(), "path length"));
	buf_release(&deeper);
	crypto_key_free(key);
	tree_release(&t);
}

T_TEST(x509_leaf_used_as_authority)
{
	struct cert_request req;
	struct crypto_key *key = NULL;
	struct view mid[3];
	struct buf forged;
	struct tree t;

	tree_init(&t);
	t_zero(crypto_key_generate(&key));
	buf_init(&forged, 0);
	req = leaf_request(&t);
	req.name = "mallory";
	req.subject = key;
	t_zero(cert_issue(&req, buf_view(&t.leaf), t.key, &forged));
	mid[0] = buf_view(&t.leaf);
	mid[1] = buf_view(&t.sub);
	mid[2] = buf_view(&t.ca);
	t_err(cert_check_chain(buf_view(&forged), mid, 3, buf_view(&t.root), VIEW_NONE, NOW), CF_EFOREIGN);
	t_str(err_detail(), "certificate of 'alice' is used as an authority and is none");
	buf_release(&forged);
	crypto_key_free(key);
	tree_release(&t);
}

T_TEST(x509_authority_used_as_leaf)
{
	struct view mid;
	struct tree t;

	tree_init(&t);
	mid = buf_view(&t.ca);
	t_err(cert_check_chain(buf_view(&t.sub), &mid, 1, buf_view(&t.root), VIEW_NONE, NOW), CF_EFOREIGN);
	t_ok(strstr(err_detail(), "is an authority's"));
	t_err(cert_check_chain(buf_view(&t.root), NULL, 0, buf_view(&t.root), VIEW_NONE, NOW), CF_EFOREIGN);
	tree_release(&t);
}

T_TEST(x509_tls_certificate_is_no_identity)
{
	struct cert_request req;
	struct cert_info info;
	struct tree t;

	tree_init(&t);
	req = request(CERT_TLS, "peer1", "hospA", t.key);
	req.tls_host = "127.0.0.1,::1,peer1.hospa.example,*.hospa.example";
	reissue(&t, &req, &t.sub, t.sub_key);
	t_zero(cert_parse(buf_view(&t.leaf), &info));
	t_eq(info.role, 0);
	refused(&t, CF_EFOREIGN, "carries no identity");
	req.tls_host = "peer 1";
	t_err(cert_issue(&req, buf_view(&t.sub), t.sub_key, &t.leaf), CF_EINVAL);
	req.tls_host = "a,,b";
	t_err(cert_issue(&req, buf_view(&t.sub), t.sub_key, &t.leaf), CF_EINVAL);
	req.tls_host = "a,DNS:b";
	t_err(cert_issue(&req, buf_view(&t.sub), t.sub_key, &t.leaf), CF_EINVAL);
	tree_release(&t);
}

T_TEST(x509_another_organizations_name)
{
	struct cert_request req;
	struct tree t;

	tree_init(&t);
	req = leaf_request(&t);
	req.org = "hospB";
	reissue(&t, &req, &t.sub, t.sub_key);
	refused(&t, CF_EFOREIGN, "names another organization");
	/* X.509 compares names without case: our own comparison must not */
	req.org = "HOSPA";
	reissue(&t, &req, &t.sub, t.sub_key);
	refused(&t, CF_EFOREIGN, "names organization 'HOSPA'");
	tree_release(&t);
}

T_TEST(x509_sub_authority_of_another_organization)
{
	struct cert_request req;
	struct tree t;

	tree_init(&t);
	req = request(CERT_INTERMEDIATE, "hospB CA", "hospB", t.sub_key);
	req.path_len = 0;
	buf_reset(&t.sub);
	t_zero(cert_issue(&req, buf_view(&t.ca), t.ca_key, &t.sub));
	req = leaf_request(&t);
	req.org = "hospB";
	reissue(&t, &req, &t.sub, t.sub_key);
	refused(&t, CF_EFOREIGN, "names another organization");
	tree_release(&t);
}

T_TEST(x509_leaf_of_the_root)
{
	struct cert_request req;
	struct tree t;

	tree_init(&t);
	req = leaf_request(&t);
	req.org = "Consortium";
	reissue(&t, &req, &t.root, t.root_key);
	t_zero(cert_check_chain(buf_view(&t.leaf), NULL, 0, buf_view(&t.root), VIEW_NONE, NOW));
	req.org = "hospA"; /* only the organization's own authority names its people */
	reissue(&t, &req, &t.root, t.root_key);
	t_err(cert_check_chain(buf_view(&t.leaf), NULL, 0, buf_view(&t.root), VIEW_NONE, NOW), CF_EFOREIGN);
	tree_release(&t);
}

T_TEST(x509_every_byte_of_the_leaf_counts)
{
	struct cert_info info;
	struct tree t;

	tree_init(&t);
	for (size_t i = 0; i < t.leaf.len; i++) {
		for (unsigned bit = 1; bit < 256; bit <<= 3) {
			t.leaf.data[i] ^= (uint8_t)bit;
			if (check_at(&t, VIEW_NONE, NOW) == 0)
				t_fail("byte %zu changed by %u is accepted", i, bit);
			(void)!cert_parse(buf_view(&t.leaf), &info);
			t.leaf.data[i] ^= (uint8_t)bit;
		}
	}
	t_zero(check_at(&t, VIEW_NONE, NOW));
	t.leaf.data[t.leaf.len - 1] ^= 1; /* within the signature */
	refused(&t, CF_ESIG, "wrong signature");
	tree_release(&t);
}

T_TEST(x509_every_byte_of_the_authority_counts)
{
	struct tree t;

	tree_init(&t);
	for (size_t i = 0; i < t.ca.len; i++) {
		t.ca.data[i] ^= 4;
		if (check_at(&t, VIEW_NONE, NOW) == 0)
			t_fail("byte %zu changed is accepted", i);
		t.ca.data[i] ^= 4;
	}
	t_zero(check_at(&t, VIEW_NONE, NOW));
	tree_release(&t);
}

T_TEST(x509_truncated_and_trailing)
{
	struct cert_info info;
	struct tree t;

	tree_init(&t);
	for (size_t len = 0; len < t.leaf.len; len++)
		t_err(cert_parse(VIEW(t.leaf.data, len), &info), CF_EDECODE);
	t_zero(buf_append(&t.leaf, "", 1));
	t_err(cert_parse(buf_view(&t.leaf), &info), CF_EDECODE);
	refused(&t, CF_EDECODE, "not a certificate");
	tree_release(&t);
}

T_TEST(x509_concatenated_der)
{
	struct view rest, one;
	struct buf both;
	struct tree t;

	tree_init(&t);
	buf_init(&both, 0);
	t_zero(buf_append_view(&both, buf_view(&t.leaf)));
	t_zero(buf_append_view(&both, buf_view(&t.sub)));
	rest = buf_view(&both);
	t_zero(cert_der_next(&rest, &one));
	t_ok(view_equal(one, buf_view(&t.leaf)));
	t_zero(cert_der_next(&rest, &one));
	t_ok(view_equal(one, buf_view(&t.sub)));
	t_eq(rest.len, 0);
	t_err(cert_der_next(&rest, &one), CF_EDECODE);
	for (size_t len = 0; len < t.leaf.len; len++) {
		rest = VIEW(t.leaf.data, len);
		t_err(cert_der_next(&rest, &one), CF_EDECODE);
	}
	buf_release(&both);
	tree_release(&t);
}

/* The lists of all three authorities; `revoked` of the one at `by` (0 root, 1 CA, 2 sub CA). */
static void make_crls(const struct tree *t, unsigned by, const struct buf *revoked, uint64_t until_ms,
		      struct buf *out)
{
	const struct buf *ders[3] = {&t->root, &t->ca, &t->sub};
	struct crypto_key *keys[3] = {t->root_key, t->ca_key, t->sub_key};
	uint8_t serials[2][20] = {{0x41}};
	struct cert_info info;

	buf_reset(out);
	if (revoked) {
		t_zero(cert_parse(buf_view(revoked), &info));
		memcpy(serials[1], info.serial, 20);
	}
	for (unsigned i = 0; i < 3; i++)
		t_zero(cert_crl_issue(buf_view(ders[i]), keys[i], (const uint8_t(*)[20])serials,
				      revoked && i == by ? 2 : 1, 1, NOW - DAY, until_ms, out));
}

T_TEST(x509_revoked)
{
	struct buf crls;
	struct tree t;

	tree_init(&t);
	buf_init(&crls, 0);
	make_crls(&t, 0, NULL, NOW + DAY, &crls);
	t_zero(check_at(&t, buf_view(&crls), NOW));
	make_crls(&t, 2, &t.leaf, NOW + DAY, &crls);
	t_err(check_at(&t, buf_view(&crls), NOW), CF_EREVOKED);
	t_ok(strstr(err_detail(), "'alice' is revoked"));
	make_crls(&t, 0, &t.ca, NOW + DAY, &crls);
	t_err(check_at(&t, buf_view(&crls), NOW), CF_EREVOKED);
	t_ok(strstr(err_detail(), "'hospA CA' is revoked"));
	make_crls(&t, 0, &t.leaf, NOW + DAY, &crls); /* another authority's list says nothing about it */
	t_zero(check_at(&t, buf_view(&crls), NOW));
	buf_release(&crls);
	tree_release(&t);
}

T_TEST(x509_revocation_lists_stale_missing_forged)
{
	struct buf crls;
	struct tree t, other;

	tree_init(&t);
	tree_init(&other);
	buf_init(&crls, 0);
	make_crls(&t, 0, NULL, NOW - 1000, &crls);
	t_err(check_at(&t, buf_view(&crls), NOW), CF_EEXPIRED);
	t_ok(strstr(err_detail(), "out of date"));
	buf_reset(&crls);
	t_zero(cert_crl_issue(buf_view(&t.sub), t.sub_key, NULL, 0, 1, NOW - DAY, NOW + DAY, &crls));
	t_err(check_at(&t, buf_view(&crls), NOW), CF_EFOREIGN); /* none of the two above */
	t_ok(strstr(err_detail(), "without a revocation list"));
	make_crls(&other, 0, NULL, NOW + DAY, &crls); /* same names, other keys */
	t_ok(check_at(&t, buf_view(&crls), NOW) < 0);
	make_crls(&t, 0, NULL, NOW + DAY, &crls);
	crls.data[crls.len - 1] ^= 1;
	t_err(check_at(&t, buf_view(&crls), NOW), CF_ESIG);
	for (size_t len = 1; len < crls.len; len += 7)
		t_ok(check_at(&t, VIEW(crls.data, len), NOW) < 0);
	t_err(cert_crl_issue(buf_view(&t.sub), t.ca_key, NULL, 0, 1, NOW, NOW + DAY, &crls), CF_EINVAL);
	buf_release(&crls);
	tree_release(&t);
	tree_release(&other);
}

T_MAIN
