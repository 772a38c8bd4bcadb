/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_server.h - an authority's office behind a TLS listener.
 *
 * The listener takes strangers: an applicant has no certificate yet. Its own is made at the start, for the
 * hosts given, by the authority, with a key that never leaves the process. Questions are answered one after
 * the other on one thread.
 */
#ifndef NET_CA_SERVER_H
#define NET_CA_SERVER_H

#include "acl/ca_office.h"

struct ca_server;

struct ca_server_config {
	struct ca_office *office; /* borrowed; the server's thread uses it until ca_server_stop */
	const char *url;          /* tls+tcp://HOST:PORT */
	const char *hosts;        /* of its TLS certificate; NULL: the URL's host */
};

/* Errors: CF_ECONFIG (no TLS URL), CF_ENETWORK, CF_ENOMEM. */
int ca_server_start(const struct ca_server_config *config, struct ca_server **ret_s) must_check;
/* What nng holds lives until the process ends. */
void ca_server_stop(struct ca_server *s);

#endif
