/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_token.c - a private key that stays in a token (PKCS#11), through OpenSSL's engine of that name.
 *
 * OpenSSL 3.0 calls engines deprecated; what replaces them for PKCS#11 is not in Debian 12. The engine is
 * Debian's libengine-pkcs11-openssl; its module is that of p11-kit, or the one PKCS11_MODULE_PATH names.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "acl/x509_private.h"

#include <assert.h>
#include <openssl/ec.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define ENGINE_NAME "pkcs11"

/* Loaded once and kept: keys of it live as long as the process. */
static int open_engine(const char *pin, ENGINE **ret_engine)
{
	ENGINE *e;

	OPENSSL_init_crypto(OPENSSL_INIT_ENGINE_DYNAMIC | OPENSSL_INIT_LOAD_CONFIG, NULL);
	e = ENGINE_by_id(ENGINE_NAME);
	if (!e)
		return err_set(CF_EUNSUPPORTED,
			       "no OpenSSL engine '" ENGINE_NAME "': install libengine-pkcs11-openssl");
	if (ENGINE_ctrl_cmd_string(e, "PIN", pin, 0) != 1 || ENGINE_init(e) != 1) {
		ENGINE_free(e);
		return err_set(CF_EUNSUPPORTED, "the PKCS#11 engine does not start: no module?");
	}
	*ret_engine = e;
	return 0;
}

/* A key of P-256, and its public half: tokens hand it out. */
static int point_of(EVP_PKEY *evp, uint8_t ret_point[POINT_BYTES])
{
	const EC_KEY *ec = EVP_PKEY_get0_EC_KEY(evp);
	const EC_GROUP *group = ec ? EC_KEY_get0_group(ec) : NULL;
	const EC_POINT *point = ec ? EC_KEY_get0_public_key(ec) : NULL;

	if (!group || !point || EC_GROUP_get_curve_name(group) != NID_X9_62_prime256v1 ||
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, ret_point, POINT_BYTES, NULL) !=
		    POINT_BYTES)
		return CF_EINVAL;
	return 0;
}

int cert_key_pkcs11(const char *uri, const char *pin, struct crypto_key **ret_key)
{
	uint8_t point[POINT_BYTES];
	EVP_PKEY *evp = NULL;
	ENGINE *engine = NULL;
	int err;

	assert(uri && pin && ret_key);
	err = open_engine(pin, &engine);
	if (err)
		return x509_fail(err);
	evp = ENGINE_load_private_key(engine, uri, NULL, NULL);
	if (!evp)
		err = err_set(CF_EPASS, "%s: no such key, or a wrong PIN", uri);
	if (!err && point_of(evp, point))
		err = err_set(CF_EDECODE, "%s: not a key of P-256", uri);
	if (!err)
		err = crypto_key_in_token(evp, point, ret_key);
	if (err)
		EVP_PKEY_free(evp);
	return x509_fail(err);
}
