/* SPDX-License-Identifier: Apache-2.0 */
/* expiry.c - which certificate ends first, and when. */
#include "acl/expiry.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS ((uint64_t)86400 * 1000)

void expiry_of(const struct identity *id, uint64_t now_ms, struct expiry *ret_e)
{
	struct expiry e = {.not_after_ms = id->info.not_after_ms};
	struct cert_info info;

	memcpy(e.name, id->info.name, sizeof(e.name));
	for (size_t i = 1; i < id->chain_count; i++) {
		if (cert_parse(buf_view(&id->chain[i]), &info) == 0 && info.not_after_ms < e.not_after_ms) {
			e.not_after_ms = info.not_after_ms;
			memcpy(e.name, info.name, sizeof(e.name));
		}
	}
	e.ended = now_ms > e.not_after_ms;
	e.days = e.ended ? 0 : (e.not_after_ms - now_ms) / DAY_MS;
	e.soon = e.ended || e.days < EXPIRY_WARN_DAYS;
	*ret_e = e;
}

void expiry_text(const struct expiry *e, char *ret_text, size_t bytes)
{
	ret_text[0] = '\0';
	if (e->ended)
		snprintf(ret_text, bytes, "the certificate of %s has expired: renew it (chartfs-ca reenroll)",
			 e->name);
	else if (e->soon)
		snprintf(ret_text, bytes,
			 "the certificate of %s ends in %llu days: renew it (chartfs-ca reenroll)", e->name,
			 (unsigned long long)e->days);
}
