/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.c - the consent: what is signed, and its line of text.
 */
#include "acl/claim.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define TAG "chartfs claim v1"
#define WORD "chartfs-consent-v1"
#define HEX(bytes) (2 * (bytes) + 1)

static struct hash claim_digest(const struct claim *c, const struct hash *network)
{
	const struct view parts[] = {
		VIEW(TAG, sizeof(TAG)),
		VIEW(network->b, HASH_BYTES),
		VIEW(c->patient.b, PATIENT_BYTES),
		VIEW(c->custodian.b, IDENTITY_BYTES),
		VIEW(c->owner.b, IDENTITY_BYTES),
	};

	return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
}

int claim_sign(struct claim *c, const struct hash *network, const struct crypto_key *owner_key)
{
	struct hash digest = claim_digest(c, network);

	return crypto_sign(owner_key, &digest, c->sig);
}

int claim_verify(const struct claim *c, const struct hash *network, const uint8_t owner_point[POINT_BYTES])
{
	struct hash digest = claim_digest(c, network);
	struct crypto_key *key = NULL;
	int err = crypto_key_from_point(owner_point, &key);

	if (err == 0)
		err = crypto_verify(key, &digest, c->sig);
	crypto_key_free(key);
	return err;
}

void claim_format(const struct claim *c, char ret_text[CLAIM_TEXT_BYTES])
{
	char patient[HEX(PATIENT_BYTES)], custodian[HEX(IDENTITY_BYTES)], owner[HEX(IDENTITY_BYTES)];
	char sig[HEX(SIG_BYTES)];
	int len;

	hex_encode(c->patient.b, PATIENT_BYTES, patient);
	hex_encode(c->custodian.b, IDENTITY_BYTES, custodian);
	hex_encode(c->owner.b, IDENTITY_BYTES, owner);
	hex_encode(c->sig, SIG_BYTES, sig);
	len = snprintf(ret_text, CLAIM_TEXT_BYTES, WORD " %s %s %s %s", patient, custodian, owner, sig);
	assert(len > 0 && len < CLAIM_TEXT_BYTES);
}

/* The next word of a line, in hexadecimal. */
static int take_hex(const char **at, void *ret_data, size_t bytes)
{
	char word[HEX(SIG_BYTES)];
	size_t len = strcspn(*at, " \t\r\n");

	if (len != 2 * bytes)
		return CF_EINVAL;
	memcpy(word, *at, len);
	word[len] = '\0';
	*at += len;
	*at += strspn(*at, " \t\r\n");
	return hex_decode(word, ret_data, bytes) ? CF_EINVAL : 0;
}

int claim_parse(const char *text, struct claim *ret_c)
{
	const char *at = text + strspn(text, " \t\r\n");
	struct claim c;
	int err = CF_EINVAL;

	if (strncmp(at, WORD " ", sizeof(WORD)) != 0)
		return err_set(CF_EINVAL, "not a consent: it does not begin with " WORD);
	at += sizeof(WORD);
	if (take_hex(&at, c.patient.b, PATIENT_BYTES) == 0 &&
	    take_hex(&at, c.custodian.b, IDENTITY_BYTES) == 0 &&
	    take_hex(&at, c.owner.b, IDENTITY_BYTES) == 0 && take_hex(&at, c.sig, SIG_BYTES) == 0 &&
	    *at == '\0')
		err = 0;
	if (err)
		return err_set(CF_EINVAL, "a damaged consent: patient, custodian, owner and signature are "
					  "wanted, in hexadecimal");
	*ret_c = c;
	return 0;
}
