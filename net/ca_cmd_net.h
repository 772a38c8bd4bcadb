/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_cmd_net.h - the verbs of chartfs-ca that ask an authority or are one: an authority is a directory on
 * this machine or a URL (net/ca_desk.h).
 */
#ifndef NET_CA_CMD_NET_H
#define NET_CA_CMD_NET_H

#include "acl/ca_cmd.h"

/* net/ca_cmd_apply.c: of the applicant. */
int ca_cmd_register(const struct ca_options *o) must_check;
int ca_cmd_enroll(const struct ca_options *o) must_check;
int ca_cmd_reenroll(const struct ca_options *o) must_check;

/* net/ca_cmd_office.c: of managers, and of whoever keeps the authority. */
int ca_cmd_pending(const struct ca_options *o) must_check;
int ca_cmd_approve(const struct ca_options *o) must_check;
int ca_cmd_deny(const struct ca_options *o) must_check;
int ca_cmd_revoke(const struct ca_options *o) must_check;
int ca_cmd_gencrl(const struct ca_options *o) must_check;
int ca_cmd_identity(const struct ca_options *o) must_check;
int ca_cmd_serve(const struct ca_options *o) must_check;

#endif
