/* SPDX-License-Identifier: Apache-2.0 */
/*
 * solo.h - a whole network in one directory: authority, four organizations with a peer each, one identity.
 *
 * DIR: passphrase (when it was generated), ca/, peer1/ to peer4/, who/solo (a manager, custodian of the first
 * organization), genesis, mount/ (the identity's own stores). Peers talk over inproc; the rest is as in any
 * network.
 */
#ifndef FS_SOLO_H
#define FS_SOLO_H

#include "acl/keyfile.h"
#include "acl/userfile.h"
#include "ledger/err.h"

#include <stdbool.h>

#define SOLO_PEERS 4
#define SOLO_IDENTITY "solo"

/* DIR/peer2/identity and the like. CF_ENAMETOOLONG. */
int solo_path(const char *dir, const char *below, char ret_path[USERFILE_PATH_MAX]) must_check;

/*
 * The passphrase of all keys: of this file, of CHARTFS_PASSPHRASE, or the one in DIR, made when there is
 * none. ret_made: it is a random one. The caller wipes it. Makes DIR. Errors: CF_ENOTEMPTY (DIR holds
 * something else), those of passphrase_get.
 */
int solo_passphrase(const char *dir, const char *file, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1],
		    bool *ret_made) must_check;

/*
 * Founds the network unless it is there. What an earlier run left half done is made anew.
 */
int solo_found(const char *dir, const char *passphrase, bool random_passphrase) must_check;

#endif
