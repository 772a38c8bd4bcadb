/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_expiry.c - the certificate that ends first, and from when on that is said.
 */
#include "acl/expiry.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

#define DAY ((uint64_t)86400 * 1000)

T_TEST(an_end_is_said_long_before)
{
	struct netfix *n;
	struct identity id;
	struct expiry e;
	char text[256];
	uint64_t end;

	t_zero(netfix_new(1, false, &n));
	t_zero(netfix_identity(n, "dr", ROLE_DOCTOR, 0, &id));
	end = id.info.not_after_ms;
	expiry_of(&id, end - 31 * DAY, &e);
	expiry_text(&e, text, sizeof(text));
	t_ok(!e.soon && !e.ended && e.days == 31);
	t_str(text, "");
	expiry_of(&id, end - 29 * DAY - 1, &e);
	expiry_text(&e, text, sizeof(text));
	t_ok(e.soon && !e.ended && e.days == 29);
	t_str(text, "the certificate of dr ends in 29 days: renew it (chartfs-ca reenroll)");
	expiry_of(&id, end + 1, &e);
	expiry_text(&e, text, sizeof(text));
	t_ok(e.soon && e.ended && e.days == 0);
	t_ok(strstr(text, "dr has expired"));
	identity_release(&id);
	netfix_free(n);
}

T_TEST(an_authority_that_ends_first_is_named)
{
	struct cert_request req = {.kind = CERT_INTERMEDIATE, .name = "short CA", .org = "Aster"};
	struct netfix *n;
	struct identity id;
	struct expiry e;

	t_zero(netfix_new(1, false, &n));
	t_zero(netfix_identity(n, "dr", ROLE_DOCTOR, 0, &id));
	req.subject = n->ca_key[0];
	req.not_before_ms = NETFIX_TIME_MS - DAY;
	req.not_after_ms = NETFIX_TIME_MS + 10 * DAY;
	buf_reset(&id.chain[1]);
	t_zero(cert_issue(&req, buf_view(&n->root_cert), n->root_key, &id.chain[1]));
	expiry_of(&id, NETFIX_TIME_MS, &e);
	t_str(e.name, "short CA");
	t_eq(e.days, 10);
	identity_release(&id);
	netfix_free(n);
}

T_MAIN
