/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_core.h - the state of the PBFT core and what its files offer each other. Included by net/pbft*.c only.
 *
 * Two heights matter. `height` is what the driver has executed. `open` is the height being agreed on: one
 * above the last certified one. Between them lies `queue`, certified blocks not executed yet; in the normal
 * case there is none or one. A replica votes at `open` only when it is synced: open == height + 1.
 *
 * Handlers (on_...) take an event apart and store what it says. The rules (try_...) look at the state alone
 * and act when they may; pbft_step() runs them until none acts. So the order of arrival never matters.
 *
 * Refusals are returned. What the replica cannot survive (no memory, the gate refuses) goes to p->err.
 */
#ifndef NET_PBFT_CORE_H
#define NET_PBFT_CORE_H

#include "net/pbft.h"
#include "net/pbft_msg.h"

#define BODY_MAX 4     /* bodies known at the open height */
#define QUEUE_MAX 4    /* certified heights waiting for a body or for execution, restart apart */
#define BACKOFF_MAX 16 /* doublings */
#define SETTLED_MAX 8192
#define POOL_BUCKETS 4096

/* A vote as received. Verified only when a quorum of its kind is in sight. */
struct cell {
	bool used;
	bool verified;
	uint64_t height;
	uint64_t view;
	struct hash digest;
	uint8_t sig[SIG_BYTES];
};

/* The votes of one kind: three cells a member, so memory is O(n) whatever is sent. */
struct tally {
	struct cell now[MEMBERS_MAX];   /* open height, current view */
	struct cell other[MEMBERS_MAX]; /* open height, another view, the highest */
	struct cell next[MEMBERS_MAX];  /* open height + 1 */
};

struct proposal {
	bool used;
	uint64_t height;
	uint64_t view;
	struct hash digest;
	uint8_t sig[SIG_BYTES]; /* the leader's */
	bool fresh;             /* not carried over by a NEW-VIEW */
	bool voted;             /* own PRE-PREPARE or PREPARE is logged */
	bool committed;         /* own COMMIT is logged */
	uint8_t own_sig[SIG_BYTES];
};

/* A proposal that cannot be accepted yet, with its body. */
struct early {
	struct proposal proposal;
	bool has_body;
	struct buf body;
};

struct body {
	bool used;
	struct hash digest;
	struct buf bytes;
	bool logged;
	bool checked;
	bool refused;
	uint64_t refused_view;
	uint64_t stamp; /* the oldest one goes first */
};

struct queued {
	struct certificate certificate;
	bool has_body;
	struct buf body;
};

struct change {
	bool used;
	struct buf bytes;
	struct msg_view_change msg; /* views into bytes */
};

/* A request: waiting (in order of arrival) or settled (a bounded ring of ids). */
struct request {
	struct hash id;
	struct request *bucket_next;
	struct request *prev;
	struct request *next;
	bool settled;
	uint8_t *data;
	size_t len;
	uint64_t since_ms; /* arrival or the start of the view: timers run from here */
	bool relayed;
};

struct request_list {
	struct request *first;
	struct request *last;
	size_t count;
};

struct pool {
	struct request **buckets;
	struct request_list waiting;
	struct request_list settled;
	size_t waiting_bytes;
	struct request *cursor;         /* first waiting one not yet looked at for forwarding; NULL: none */
	struct pbft_request_ref *batch; /* of the outstanding build */
	size_t batch_count;
};

struct out {
	struct pbft_record *records;
	size_t record_count, record_cap;
	struct pbft_send *sends;
	size_t send_count, send_cap;
	uint8_t **blocks; /* memory of the update, freed by the next step */
	size_t block_count, block_cap;
	bool sync;
	struct pbft_update asks; /* build, check, execute, behind, evidence */
};

/* A body that is looked for. */
struct want {
	bool used;
	bool certified;
	uint64_t height;
	struct hash digest;
	uint8_t first;
	uint32_t mask; /* members that may hold it */
	uint8_t target;
	unsigned tries;
	uint64_t next_ms;
};

struct pbft {
	struct pbft_config cfg;
	uint8_t quorum;
	uint8_t faults;
	bool learner;
	bool started;
	int err;
	uint64_t now;

	uint64_t height;
	struct hash head;
	bool has_head_body;
	struct buf head_body;
	struct queued *queue;
	size_t queue_count, queue_cap;

	uint64_t open;
	bool has_base;
	struct certificate base;  /* of open - 1 */
	struct proposal proposal; /* at open, in the current view */
	bool has_lock;
	struct prepared lock; /* at open, the highest one */
	bool has_commit;
	struct msg_vote commit; /* own last one at open */
	struct body bodies[BODY_MAX];
	uint64_t body_stamp;
	struct tally prepares;
	struct tally commits;
	struct early ahead;  /* current view, above open */
	struct early future; /* of a view not entered yet */

	uint64_t view;
	enum pbft_state state;
	uint64_t floor; /* lowest height that may be proposed in this view */
	struct change change[MEMBERS_MAX];
	struct buf new_view; /* by which the view was entered; empty in view 0 */

	bool building;
	bool checking;
	bool executing;
	uint64_t build_height, build_view;
	bool build_heartbeat;
	uint64_t check_height, check_view;
	struct hash check_digest;

	struct want want;
	uint64_t answered_ms[MEMBERS_MAX];       /* last answer to a STATUS */
	uint64_t answered_fetch_ms[MEMBERS_MAX]; /* last answer to a FETCH-BODY */
	struct hash answered_fetch[MEMBERS_MAX];

	unsigned backoff;
	uint64_t progress_ms;     /* last execution or entry to a view */
	uint64_t open_since_ms;   /* a proposal waits since then; 0: none */
	uint64_t change_since_ms; /* Q have left their views since then; 0: fewer */
	uint64_t resend_ms;
	uint64_t status_ms;
	uint64_t down_ms[MEMBERS_MAX]; /* since when it cannot be reached; 0: it can, or nobody knows */

	struct pool pool;
	struct out out;
};

/* pbft_core.c: small things all files need */
void core_fail(struct pbft *p, int err); /* keeps the first one */
uint8_t core_leader(const struct pbft *p, uint64_t view);
bool core_synced(const struct pbft *p);
bool core_leads(const struct pbft *p); /* the current view, and it is active */
/* Of a message: another epoch than this one. Views begin anew with each epoch, so nothing of it counts. */
bool core_other_epoch(const struct pbft *p, uint64_t epoch);
unsigned core_commits_needed(const struct pbft *p); /* for a certificate */
uint64_t core_backed_off(const struct pbft *p, uint64_t base_ms);
/* Signs a vote of this replica. A failure goes to p->err. */
void core_sign_vote(struct pbft *p, const struct vote *vote, uint8_t ret_sig[SIG_BYTES]);
/* Signs a message whose last 64 bytes are the place of its signature. */
void core_sign_message(struct pbft *p, enum pbft_sign_kind kind, uint64_t view, struct buf *message);
int core_verify_vote(struct pbft *p, uint8_t member, const struct vote *vote,
		     const uint8_t sig[SIG_BYTES]) must_check;
int core_verify_message(struct pbft *p, uint8_t member, struct view message) must_check;
/* Is what they sign the same? Two signatures over one message are no two messages. */
bool core_same_message(const struct pbft *p, struct view a, struct view b);

/* pbft_out.c. Buffers are taken over, whatever happens. */
void out_reset(struct pbft *p);
void out_release(struct pbft *p);
struct view out_keep(struct pbft *p, struct buf *bytes);
void out_record(struct pbft *p, struct buf *record, bool sync);
void out_send(struct pbft *p, uint8_t to, struct buf *message);
void out_send_copy(struct pbft *p, uint8_t to, struct view message);
void out_send_vote(struct pbft *p, uint8_t to, const struct msg_vote *vote);
void out_behind(struct pbft *p, uint64_t height, uint8_t from);
/* Both are of this kind, height and view, with different digests. */
void out_evidence(struct pbft *p, uint8_t member, enum vote_kind kind, const struct cell *a,
		  const struct cell *b);
/* Two VIEW-CHANGEs or two NEW-VIEWs for one view, both of this member and verified. */
void out_evidence_messages(struct pbft *p, uint8_t member, struct view a, struct view b);
void out_update(struct pbft *p, struct pbft_update *ret_update);

/* pbft_quorum.c */
int tally_add(struct pbft *p, enum vote_kind kind, uint8_t sender, const struct cell *cell) must_check;
/* After open or view changed: puts each cell where it now belongs. */
void tally_shift(struct pbft *p);
/* `needed` verified votes for (open, view, digest), ascending; the leader of the view left out for PREPARE.
 */
bool tally_collect(struct pbft *p, enum vote_kind kind, uint64_t view, const struct hash *digest,
		   unsigned needed, uint8_t ret_index[MEMBERS_MAX], uint8_t ret_sig[MEMBERS_MAX][SIG_BYTES]);
/* A view and digest that Q members seem to have committed at open. */
bool tally_commit_candidate(struct pbft *p, uint64_t *ret_view, struct hash *ret_digest);
int quorum_check_certificate(struct pbft *p, const struct certificate *c) must_check;
int quorum_check_prepared(struct pbft *p, const struct prepared *c, uint64_t height,
			  uint64_t below_view) must_check;

/* pbft_request.c */
int pool_init(struct pool *pool) must_check;
void pool_release(struct pool *pool);
int on_request(struct pbft *p, const struct pbft_event *event) must_check;
void pool_settle(struct pbft *p, const struct hash *ids, uint32_t count);
void pool_drop_batch(struct pbft *p);
void pool_restart_timers(struct pbft *p);
void pool_forward_due(struct pbft *p);
bool pool_oldest(const struct pbft *p, uint64_t *ret_since_ms);
/* The forwarding of which request is due next; false: none waits. */
bool pool_next_forward(const struct pbft *p, uint64_t *ret_since_ms);
/* Oldest first, within the limits of the configuration. False: nothing. */
bool pool_batch(struct pbft *p);
bool pool_batch_full(const struct pbft *p);

/* pbft_chain.c */
void core_open_next(struct pbft *p, const struct certificate *base);
/* A verified certificate: opens the next height, or says that this replica is behind. */
void core_certified(struct pbft *p, const struct certificate *c, uint8_t from);
int on_certificate(struct pbft *p, struct view bytes) must_check;
int on_executed(struct pbft *p, const struct pbft_event *event) must_check;
bool try_decide(struct pbft *p);
void ask_execute(struct pbft *p);

/* pbft_body.c */
struct body *body_find(struct pbft *p, const struct hash *digest);
struct body *body_put(struct pbft *p, const struct hash *digest, struct view bytes); /* NULL: p->err */
void body_forget_all(struct pbft *p);
int on_fetch(struct pbft *p, struct view bytes) must_check;
int on_body(struct pbft *p, struct view bytes) must_check;
void body_fetch_due(struct pbft *p);

/* pbft_order.c */
int on_pre_prepare(struct pbft *p, struct view bytes) must_check;
int on_vote(struct pbft *p, struct view bytes) must_check;
int on_checked(struct pbft *p, const struct pbft_event *event) must_check;
int on_built(struct pbft *p, const struct pbft_event *event) must_check;
void order_record_vote(struct pbft *p, enum vote_kind kind);
void early_drop(struct early *e);
bool try_early(struct pbft *p);
bool try_prepare(struct pbft *p);
bool try_commit(struct pbft *p);
void ask_check(struct pbft *p);
void ask_build(struct pbft *p);
bool order_heartbeat_due(const struct pbft *p);

/* pbft_viewchange.c */
void view_change_start(struct pbft *p, uint64_t view, bool regular);
int view_change_check(struct pbft *p, const struct msg_view_change *m) must_check;
void view_change_compare(struct pbft *p, const struct msg_view_change *m);
int on_view_change(struct pbft *p, struct view bytes) must_check;
bool try_join(struct pbft *p);
bool try_rotate(struct pbft *p);
void change_forget(struct change *c);

/* pbft_newview.c */
struct choice {
	uint64_t height;                /* h_max */
	const struct certificate *base; /* of h_max; NULL at the epoch's start */
	const struct prepared *best;    /* of h_max + 1, the highest view; NULL: none */
};
struct choice new_view_choose(const struct msg_view_change *const *changes, unsigned count);
int on_new_view(struct pbft *p, struct view bytes) must_check;
bool try_new_view(struct pbft *p);
void new_view_enter(struct pbft *p, uint64_t view, uint64_t floor);
/* The decoded VIEW-CHANGEs of a NEW-VIEW; list has room for MEMBERS_MAX. */
int new_view_decode_changes(const struct msg_new_view *m, struct msg_view_change *list,
			    const struct msg_view_change **ret_list) must_check;
void new_view_take_proposal(struct pbft *p, const struct msg_new_view *m);
void change_keep(struct pbft *p, uint8_t sender, struct view bytes);

/* pbft_status.c */
int on_status(struct pbft *p, struct view bytes) must_check;
void status_send(struct pbft *p, uint8_t to);
void resend_own(struct pbft *p);
bool resend_needed(const struct pbft *p);

/* pbft_timer.c */
int on_link(struct pbft *p, const struct pbft_event *event) must_check;
void timer_start(struct pbft *p);
void timer_run(struct pbft *p);
uint64_t timer_next(const struct pbft *p);

/* pbft_record.c: what goes to the vote log */
enum record_kind {
	RECORD_VOTE = 1,   /* body and own PRE-PREPARE or PREPARE, with the certificate of the height below */
	RECORD_COMMIT = 2, /* prepared certificate and own COMMIT */
	RECORD_CHANGE = 3, /* own VIEW-CHANGE */
	RECORD_NEW_VIEW = 4, /* the NEW-VIEW by which a view was entered */
};

struct record_vote {
	uint64_t epoch;
	bool has_base;
	struct certificate base;
	enum vote_kind kind;
	uint64_t height;
	uint64_t view;
	struct hash digest;
	uint8_t leader_sig[SIG_BYTES];
	uint8_t own_sig[SIG_BYTES];
	bool has_body; /* false: an earlier record of this height has it */
	struct view body;
};

struct record_commit {
	uint64_t epoch;
	struct prepared prepared;
	uint8_t own_sig[SIG_BYTES];
};

int record_vote_encode(const struct record_vote *r, struct buf *out) must_check;
int record_vote_decode(struct view in, struct record_vote *ret_r) must_check;
int record_commit_encode(const struct record_commit *r, struct buf *out) must_check;
int record_commit_decode(struct view in, struct record_commit *ret_r) must_check;
/* RECORD_CHANGE and RECORD_NEW_VIEW wrap the message. */
int record_wrap_encode(enum record_kind kind, struct view message, struct buf *out) must_check;
int record_wrap_decode(struct view in, enum record_kind kind, struct view *ret_message) must_check;
int record_kind(struct view in, enum record_kind *ret_kind) must_check;

#endif
