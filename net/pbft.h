/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft.h - the PBFT core as a step function: an event goes in, an update comes out.
 *
 * Castro and Liskov, "Practical Byzantine Fault Tolerance" (OSDI '99), with every message signed, one height
 * in flight, validation before voting, and COMMIT votes as the block's certificate. net/PROTOCOL.md has the
 * protocol in numbered steps; CORRECTNESS 1.4 is its source.
 *
 * Pure: reads no clock, file, socket, random source or global; time is in the event. It signs, verifies and
 * hashes through the three functions of its configuration. Everything it hands out in an update stays valid
 * until the next call on the same core. The driver must obey the update in this order:
 *
 *   1. append `records` to the vote log and, if `sync`, make them durable;
 *   2. send `sends`;
 *   3. do `build`, `check` and `execute` (each answered by its event, at any later time).
 *
 * A driver that cannot make records durable stops the replica: no message of that update may leave.
 */
#ifndef NET_PBFT_H
#define NET_PBFT_H

#include "ledger/buf.h"
#include "ledger/certificate.h"
#include "ledger/crypto.h"

#define PBFT_ALL 0xff     /* send to every other member */
#define PBFT_LEARNER 0xff /* self: follows, never votes */

#define PBFT_REQUEST_BYTES_MAX ((size_t)8 << 20)
#define PBFT_BODY_BYTES_MAX ((size_t)32 << 20)
#define PBFT_POOL_MAX 8192                     /* requests waiting; further ones are refused with CF_EAGAIN */
#define PBFT_POOL_BYTES_MAX ((size_t)64 << 20) /* of all of them: the same */

struct pbft;

struct pbft_timers {
	uint32_t request_forward_ms;  /* forward an unexecuted request to the leader */
	uint32_t request_complain_ms; /* then leave the view */
	uint32_t view_change_ms;      /* wait for NEW-VIEW; doubles per failed view */
	uint32_t view_change_max_ms;
	uint32_t resend_ms;      /* retransmission of own last messages while a height is open */
	uint32_t status_ms;      /* gossip of (view, height) */
	uint32_t heartbeat_ms;   /* an empty block when idle for that long; 0: none */
	uint32_t batch_wait_ms;  /* wait for more requests before proposing; 0: propose at once */
	uint32_t rotate_blocks;  /* regular view change after so many blocks in a view; 0: none */
	uint32_t leader_lost_ms; /* patience with a leader that cannot be reached (PBFT_LINK); 0: as with any
				  */
};

#define PBFT_TIMERS_DEFAULT ((struct pbft_timers){1000, 2000, 2000, 60000, 500, 1000, 0, 0, 10000, 300})

/* What a signature of this replica is for. The gate refuses by it. */
enum pbft_sign_kind {
	PBFT_SIGN_PRE_PREPARE = 1,
	PBFT_SIGN_PREPARE = 2,
	PBFT_SIGN_COMMIT = 3,
	PBFT_SIGN_VIEW_CHANGE = 4, /* height 0 */
	PBFT_SIGN_NEW_VIEW = 5,    /* height 0 */
	PBFT_SIGN_OTHER = 6,       /* STATUS and FETCH-BODY: bind nothing, never refused */
};

struct pbft_slot {
	enum pbft_sign_kind kind;
	uint64_t epoch;
	uint64_t height;
	uint64_t view;
};

/*
 * The keys of this replica and of the others, and the hash of a body.
 *
 * sign: behind it stands the signing gate, the only holder of the key. Per kind of the first five it keeps
 * the last (height, view, digest) signed in the epoch and refuses with CF_EPERM
 *   - a second digest for the same epoch, height, view and kind (the same digest may be signed again);
 *   - a (height, view) below the last one of its kind, ordered by height and then view;
 *   - a PRE-PREPARE, PREPARE or COMMIT of a view below that of the last VIEW-CHANGE signed.
 * The gate outlives a restart: before pbft_new the driver fills it from every record of the vote log with
 * pbft_record_slots(). What was signed and not logged was not sent, so forgetting it is harmless.
 *
 * verify: CF_ESIG. digest: the name of a body, under which it is voted on; it binds every byte of the body.
 * CF_EDECODE for bytes that are no body at all. digest and verify are pure.
 */
struct pbft_keys {
	void *ctx;
	int (*sign)(void *ctx, const struct pbft_slot *slot, const struct hash *digest,
		    uint8_t ret_sig[SIG_BYTES]);
	int (*verify)(void *ctx, uint8_t member, const struct hash *digest, const uint8_t sig[SIG_BYTES]);
	int (*digest)(void *ctx, struct view body, struct hash *ret_digest);
};

struct pbft_config {
	struct hash network;
	uint64_t epoch;
	uint8_t n;        /* members; Q = members_quorum(n) */
	uint8_t self;     /* own index, or PBFT_LEARNER */
	uint64_t height;  /* last executed; not below the epoch */
	struct hash head; /* its digest */
	const struct certificate
		*certificate; /* of head; NULL when height is the epoch (decided by another set) */
	uint32_t batch_requests_max;
	uint32_t batch_bytes_max;
	struct pbft_timers timers;
	struct pbft_keys keys;
};

enum pbft_event_kind {
	PBFT_START = 1, /* after pbft_new and every pbft_restore */
	PBFT_MESSAGE,   /* bytes from the wire, as they came */
	PBFT_REQUEST,   /* a client's request; the driver has validated it statically */
	PBFT_BUILT,     /* answer to build */
	PBFT_CHECKED,   /* answer to check */
	PBFT_EXECUTED,  /* a block is applied: answer to execute, or learnt by catch-up */
	PBFT_TIMEOUT,   /* wake_ms has come */
	PBFT_LINK,      /* the driver's link to a member went down, or came up again */
};

struct pbft_event {
	enum pbft_event_kind kind;
	uint64_t now_ms; /* monotonic */
	union {
		struct {
			struct view bytes;
		} message;
		struct {
			struct hash id;    /* names the request for duplicates */
			struct view bytes; /* copied when kept */
			bool relayed;      /* came from a member and not from a client */
		} request;
		struct {
			struct view body;
			struct hash digest; /* of the body; ids: the requests it really holds */
			const struct hash *ids;
			uint32_t id_count;
		} built; /* id_count 0 and not a heartbeat: nothing worth proposing, the batch leaves the pool
			  */
		struct {
			struct hash digest; /* names the check answered */
			bool ok;
		} checked;
		struct {
			uint64_t height; /* any height above the last; all below it are executed too */
			struct hash digest;
			const struct certificate *certificate; /* NULL: answers execute. Learnt: needed */
			const struct hash *ids; /* requests settled by this block, valid or not */
			uint32_t id_count;
			/* A height not above the last only settles the ids: requests that expired. */
		} executed;
		struct {
			uint8_t member;
			bool up;
		} link; /* a hint: what is true, false or late of it delays and hurries, and breaks nothing */
	} u;
};

struct pbft_record {
	struct view bytes;
};

struct pbft_send {
	uint8_t to; /* member index or PBFT_ALL */
	struct view bytes;
};

struct pbft_request_ref {
	struct hash id;
	struct view bytes;
};

enum pbft_state { PBFT_NORMAL, PBFT_VIEW_CHANGE };

struct pbft_update {
	const struct pbft_record *records;
	size_t record_count;
	bool sync;
	const struct pbft_send *sends;
	size_t send_count;
	struct {
		bool wanted;
		uint64_t height; /* of the block to build */
		uint64_t view;
		bool heartbeat; /* may be empty */
		const struct pbft_request_ref *requests;
		size_t request_count;
	} build;
	struct {
		bool wanted;
		uint64_t height;
		uint64_t view;
		bool fresh; /* check the time against the clock; never for a re-proposal */
		struct hash digest;
		struct view body;
	} check;
	struct {
		bool wanted;
		struct certificate certificate;
		struct view body;
	} execute;
	struct {
		bool wanted; /* a member proves or claims a greater height: fetch certified blocks */
		uint64_t height;
		uint8_t from;
	} behind;
	struct {
		bool found; /* two votes for one place, two VIEW-CHANGEs or NEW-VIEWs for one view */
		uint8_t member;
		struct view first; /* both as messages, signed and verified (ledger/evidence.h) */
		struct view second;
	} evidence;
	uint64_t wake_ms; /* next PBFT_TIMEOUT wanted, 0: none */
};

/* Copies the configuration. Errors: CF_ENOMEM, CF_EINVAL (n, self, batch limits). */
int pbft_new(const struct pbft_config *config, struct pbft **ret_pbft) must_check;
void pbft_free(struct pbft *p); /* accepts NULL */

/*
 * Records tell the driver what they hold. slots: what its signing gate must remember of it, at most two.
 * CF_EDECODE for a malformed record.
 */
#define PBFT_RECORD_SLOTS_MAX 2
int pbft_record_slots(struct view record, const struct hash *network,
		      struct pbft_slot ret_slots[PBFT_RECORD_SLOTS_MAX],
		      struct hash ret_digests[PBFT_RECORD_SLOTS_MAX], size_t *ret_count) must_check;

/*
 * The records that must survive when the log is cut: they replace the whole log. Only to be called when the
 * stores hold the executed height durably. CF_EAGAIN while own votes of the open height are in the log: try
 * again after the next block. The gate's memory of heights not above the stores' may then go, too.
 */
int pbft_compact(struct pbft *p, struct pbft_update *ret_update) must_check;

/*
 * Before PBFT_START: takes one record of the vote log, oldest first. Records of executed heights and of
 * other epochs are skipped. CF_EDECODE for a record that is malformed: the log is damaged, do not vote.
 */
int pbft_restore(struct pbft *p, struct view record) must_check;

/*
 * One step. ret_update is filled completely, also when a message or request is refused. Errors:
 * CF_ENOMEM, CF_EPERM (the signing gate refused): stop the replica and restore it, each later step fails too;
 * CF_EDECODE, CF_ESIG, CF_EINVAL: a message or request is refused, drop it;
 * CF_EEXIST: the request is settled already; CF_EAGAIN: the pool is full.
 */
int pbft_step(struct pbft *p, const struct pbft_event *event, struct pbft_update *ret_update) must_check;

uint64_t pbft_view(const struct pbft *p);
uint64_t pbft_height(const struct pbft *p);
enum pbft_state pbft_state(const struct pbft *p);
uint8_t pbft_leader(const struct pbft *p); /* of the current view */
size_t pbft_pool_count(const struct pbft *p);

/* True when a message of these bytes may be given to the core without a decode: for the driver's routing. */
bool pbft_is_message(struct view bytes);

/*
 * A request that a member relays. True: *ret_request is a view of it; the driver validates it as one from a
 * client and hands it on as PBFT_REQUEST with `relayed` set, never as PBFT_MESSAGE.
 */
bool pbft_is_relay(struct view bytes, struct view *ret_request);

#endif
