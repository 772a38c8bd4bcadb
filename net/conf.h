/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.h - the only inih file: a peer's and a mount's configuration, read strictly.
 *
 * Unknown sections and keys, doubled keys, lines over 198 bytes, CR and NUL are errors that name file and
 * line (CORRECTNESS 4.5). contrib/man/chartfs.conf.5 lists every key; `chartfsd -n FILE` checks and exits.
 */
#ifndef NET_CONF_H
#define NET_CONF_H

#include "ledger/log.h"
#include "net/gateway.h"
#include "net/pbft.h"

#define CONF_PATH_MAX 4096
#define CONF_SCRUB_PERIOD_S (7 * 24 * 3600)
#define CONF_SCRUB_RATE_KIB 8192
#define CONF_UNNAMED_AGE_S (24 * 3600)
#define CONF_SNAPSHOT_BLOCKS 10000
#define CONF_BACKFILL_RATE_KIB 8192

struct conf_peer {
	char name[65];                         /* [peer] name: for logs */
	char data_dir[CONF_PATH_MAX];          /* [peer] data */
	char identity_dir[CONF_PATH_MAX];      /* [peer] identity: certificate and keys */
	char next_identity_dir[CONF_PATH_MAX]; /* [peer] next-identity: its next keys; empty: none */
	char passphrase_file[CONF_PATH_MAX];   /* [peer] passphrase-file; empty: environment or prompt */
	char genesis[CONF_PATH_MAX];           /* [peer] genesis */
	char root_cert[CONF_PATH_MAX];         /* [peer] root: PEM of the consortium's root CA, for TLS */
	char listen_peer[256];                 /* [listen] peer: URL; empty: the one of the genesis */
	char listen_client[256];               /* [listen] client */
	enum gateway client_profile;           /* [listen] client-profile: all, public or private */
	char listen_public[256];               /* [listen] public: URL of the public gateway; empty: none */
	bool endorse;                          /* [roles] endorse = yes */
	bool order;                            /* [roles] order = yes */
	uint32_t block_txs_max;                /* [consensus] block-max-txs */
	uint32_t block_bytes_max;              /* [consensus] block-max-bytes */
	struct pbft_timers
		timers; /* [consensus] request-forward-ms, request-complain-ms, view-change-ms, ... */
	uint32_t scrub_period_s;  /* [blobs] scrub-period-s */
	uint32_t scrub_rate_kib;  /* [blobs] scrub-rate-kib: KiB a second */
	uint32_t unnamed_age_s;   /* [blobs] unnamed-age-s; 0: nothing is removed */
	uint32_t snapshot_blocks; /* [catchup] snapshot-blocks: takes a state when so far behind; 0: never */
	uint32_t backfill_rate_kib; /* [catchup] backfill-rate-kib: KiB a second */
	enum log_level log_level;   /* [log] level */
};

/* Fills defaults first. Relative paths are relative to the file's directory. Errors: CF_ECONFIG with
 * file:line, CF_ENOTFOUND. */
int conf_peer_read(const char *path, struct conf_peer *ret_conf) must_check;

struct conf_mount {
	char identity_dir[CONF_PATH_MAX]; /* [mount] identity */
	char passphrase_file[CONF_PATH_MAX];
	char genesis[CONF_PATH_MAX];
	char root_cert[CONF_PATH_MAX];
	char data_dir[CONF_PATH_MAX]; /* [mount] data: own stores and spool */
	char gateways[512];           /* [mount] gateways: "URL,URL": instead of the peers' own */
	uint32_t timeout_ms;          /* [mount] timeout-ms: of a save; default 10000 */
	uint32_t snapshot_blocks;     /* [catchup], as a peer's */
	uint32_t backfill_rate_kib;
	enum log_level log_level;
};

int conf_mount_read(const char *path, struct conf_mount *ret_conf) must_check;

#endif
