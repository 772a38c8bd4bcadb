/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - one seed, one thread, a whole cluster: the real PBFT core over a simulated network, disks, clocks
 * and application.
 *
 * A run is a function of its seed. Chaos first (loss, duplication, reordering, partitions, crashes between
 * any two effects, power loss of all, up to f liars); then the network heals, everybody is up, and what is
 * pending must commit (GST of Dwork, Lynch and Stockmeyer). simcheck.h names what is asserted all the time.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "net/pbft_msg.h"

#include <stdio.h>

#define NODES_MAX 32 /* members, twins and learners */
#define REQUESTS_MAX 256
#define MSG_KINDS (MSG_REQUEST + 1)
#define KEYS_MAX 8         /* of one person */
#define CLOCK_DRIFT_MS 200 /* a fresh block may be that far from the own clock */

/* --- random numbers: xorshift64* seeded through splitmix64 --- */

struct rng {
	uint64_t s;
};

struct sim;

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* 0 for n 0 */
uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high);
bool rng_chance(struct rng *r, unsigned per_mille);

/* --- the network and the agenda (simnet.c) --- */

struct packet {
	unsigned refs;
	bool honest; /* as a correct member sent it */
	size_t len;
	uint8_t data[];
};

enum agenda_kind {
	AGENDA_PACKET = 1,
	AGENDA_WAKE,   /* PBFT_TIMEOUT of a node */
	AGENDA_ANSWER, /* to build, check or execute */
	AGENDA_STORE,  /* the stores of a node become durable */
	AGENDA_RESTART,
	AGENDA_CLIENT,  /* request `number` is sent, again if it must be */
	AGENDA_WEATHER, /* the network changes */
	AGENDA_MISHAP,  /* a crash, or power loss */
	AGENDA_POLL,    /* a node that heard nothing new asks for blocks */
};

struct agenda {
	uint64_t at_ms;
	uint64_t order; /* ties: first in, first out */
	enum agenda_kind kind;
	unsigned node;
	unsigned life; /* of the node: events of an earlier life are void */
	unsigned number;
	struct packet *packet;
};

struct simnet {
	struct agenda *heap;
	size_t count, cap;
	uint64_t order;
	bool blocked[NODES_MAX][NODES_MAX]; /* from, to */
	unsigned loss, dup;                 /* per mille */
	uint64_t delay_ms;                  /* at most */
	bool choosy;                        /* loses by kind and view, see net_send() */
	uint64_t dice;
	unsigned bar[MSG_KINDS]; /* per mille, by kind; 0: what is no message of the core */
};

/* Where a message of the core belongs. */
struct message_place {
	unsigned kind; /* 0: no such message */
	uint64_t epoch;
	uint64_t view; /* 0 when it has none */
};

void net_add(struct sim *s, struct agenda a, uint64_t delay_ms);
bool net_next(struct sim *s, struct agenda *ret_a);
void net_release(struct sim *s);
struct packet *packet_new(struct view bytes, bool honest);
void packet_drop(struct packet *p); /* accepts NULL */
/* From one node to one node; loses, doubles and delays as the weather is. */
void net_send(struct sim *s, unsigned from, unsigned to, struct packet *packet);
void net_weather(struct sim *s);
void net_heal(struct sim *s);
struct message_place message_place(struct view message);

/* --- disks (simdisk.c): a vote log that loses what was not synced --- */

struct simdisk {
	struct packet **record;
	size_t count, cap;
	size_t synced;
};

void disk_append(struct simdisk *d, struct view record);
void disk_sync(struct simdisk *d);
void disk_crash(struct sim *s, struct simdisk *d);
void disk_wipe(struct simdisk *d);
/* Atomically: these records instead of all. */
void disk_replace(struct simdisk *d, const struct pbft_record *records, size_t count);

/* --- the application (simapp.c): a block is (height, previous, time, salt, ids) --- */

struct block {
	struct hash digest;
	struct certificate certificate;
	struct packet *body;
};

struct body_view {
	uint64_t height;
	struct hash previous;
	uint64_t time_ms;
	uint32_t id_count;
	struct hash ids[REQUESTS_MAX];
};

struct hash app_request_id(unsigned number);
struct packet *app_body_encode(const struct body_view *b, uint64_t salt);
int app_body_decode(struct view body, struct body_view *ret_b) must_check;
int app_digest(struct view body, struct hash *ret_digest) must_check;
/* The number of a request; REQUESTS_MAX when it is none. */
unsigned app_request_number(const struct hash *id);
/* This request begins an epoch: alone in its block, and another core orders what comes after it. */
bool app_is_config(const struct sim *s, unsigned number);
bool app_block_is_config(const struct sim *s, const struct body_view *b);
bool app_is_censored(unsigned number);

/* --- who the members of an epoch are (simset.c) --- */

/* Members by index. A person is one replica, or a liar's two; it keeps its disk over all epochs. */
struct simset {
	unsigned n;
	uint8_t who[MEMBERS_MAX]; /* person: the place of its first node in sim->node */
	uint8_t key[MEMBERS_MAX]; /* how often it changed its key */
};

/* The members that the genesis names. */
void set_genesis(const struct sim *s, struct simset *ret_set);
/*
 * The set that this request makes of the one before it, the same for everybody who applies it: one more
 * member, one less, or a new key. Never below 4 members, never more than f liars.
 */
void set_change(const struct sim *s, unsigned number, struct simset *set);
/* The index of a person; PBFT_LEARNER: none. */
uint8_t set_index(const struct simset *set, unsigned person);
unsigned set_liars(const struct sim *s, const struct simset *set);

/* --- nodes and their signing gates (simnode.c, simgate.c): the driver of one core --- */

enum liar {
	HONEST = 0,
	LIAR_MUTE,       /* silent as a leader */
	LIAR_DEAD,       /* silent at all */
	LIAR_EQUIVOCATE, /* two proposals, votes for everything */
	LIAR_GARBLE,     /* flips bytes, sends old messages again */
	LIAR_AMNESIA,    /* loses its disk in each crash */
	LIAR_TWINS,      /* two correct replicas with one key */
	LIAR_HOLD,   /* shows old prepared certificates, or none, in its VIEW-CHANGEs, and proposes freely */
	LIAR_CENSOR, /* as a leader serves all but one client */
};

#define GATE_KINDS 6

struct gate {
	uint64_t epoch;
	struct {
		bool used;
		struct pbft_slot slot;
		struct hash digest;
	} last[GATE_KINDS];
};

bool gate_allows(const struct gate *g, const struct pbft_slot *slot, const struct hash *digest);
void gate_keep(struct gate *g, const struct pbft_slot *slot, const struct hash *digest);
/* After a restart: from the records of the disk. */
void gate_load(struct gate *g, const struct simdisk *disk, const struct hash *network);

struct node {
	struct sim *sim;
	unsigned at;       /* place in sim->node */
	uint8_t person;    /* its own place, or a twin's */
	uint8_t member;    /* index in set; PBFT_LEARNER */
	struct simset set; /* of the height above the own one */
	enum liar liar;
	bool up;
	unsigned life;
	struct pbft *core;
	struct gate gate;
	struct simdisk disk;
	struct block *chain; /* 1..height; 0 is unused */
	size_t chain_cap;
	uint64_t height; /* applied */
	uint64_t stored; /* durable */
	uint64_t epoch;  /* of what is applied */
	bool settled[REQUESTS_MAX];
	int64_t skew_ms;
	uint64_t wake_ms;
	unsigned crash_in;      /* effects until a crash; 0: none planned */
	uint64_t full_until_ms; /* nothing can be written to the disk */
	/* outstanding asks */
	bool build, check, execute;
	uint32_t batch_count;
	struct hash batch[REQUESTS_MAX];
	bool heartbeat;
	struct packet *check_body;
	struct hash check_digest;
	bool check_fresh;
	uint64_t check_height;
	struct packet *execute_body;
	struct certificate execute_certificate;
	uint64_t catchup_ms; /* last question for blocks */
	uint64_t polled;     /* height at the last AGENDA_POLL */
	struct packet *old;  /* a message of the past, for LIAR_GARBLE */
	bool has_held;       /* for LIAR_HOLD */
	struct prepared held;
};

void node_start(struct node *n);
void node_crash(struct node *n);
void node_request(struct node *n, unsigned number, bool relayed);
void node_packet(struct node *n, struct packet *packet);
void node_wake(struct node *n);
void node_link(struct node *n, uint8_t member, bool up);
void node_answer(struct node *n, unsigned what);
void node_store(struct node *n);
void node_free(struct node *n);
/* For simcatch.c. */
void node_step(struct node *n, const struct pbft_event *event);
void node_apply(struct node *n, const struct certificate *c, struct view body, struct body_view *ret_b);
void node_begin_epoch(struct node *n);

/* simcatch.c: asks a member for blocks, and hears a question or an answer */
void catch_ask(struct node *n, uint8_t from);
void catch_hear(struct node *n, struct view frame);
/* Nobody need tell a node of members that it does not know: net/replica.c asks now and then, and so it does
 * here. */
void catch_poll(struct node *n);
void catch_start(struct node *n);

/* simbyz.c: what a liar does with a message it is to send; false: nothing is sent as it is */
bool liar_sends(struct node *n, const struct pbft_send *send);
/* What a liar does on hearing a message. */
void liar_hears(struct node *n, struct view message);

/* simplan.c: everything that the seed decides before the first event */
void sim_plan(struct sim *s);

/* --- the cluster (sim.c) --- */

struct checker;

struct sim {
	uint64_t seed;
	unsigned plan; /* which form of plan the seed is for: an old seed must stay what it was */
	bool verbose;
	struct rng rng;
	struct rng plan_rng; /* for what plan 2 adds */
	struct rng link_rng; /* for what nodes are told of their links */
	struct rng set_rng;  /* for what plan 3 adds */
	int64_t age_ms;      /* a fresh block may be older by that much */
	bool epochs;         /* some requests begin an epoch */
	unsigned changes;    /* of thirteen requests so many change the members; 0: epochs keep them */
	bool choosy;         /* the network chooses what it loses */
	uint64_t now;
	unsigned n;     /* members at the genesis */
	unsigned nodes; /* with twins and learners */
	bool real_crypto;
	bool healed;
	struct crypto_key *key[NODES_MAX][KEYS_MAX]; /* made when first needed */
	struct hash network;
	struct pbft_config config;
	struct simnet net;
	struct node *node;
	unsigned requests;
	unsigned issued;
	struct checker *checker;
	char failure[256];
};

void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void sim_say(const struct sim *s, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Signs as this member of the set, gate or not. */
void sim_sign(struct sim *s, const struct simset *set, uint8_t member, const struct hash *digest,
	      uint8_t ret_sig[SIG_BYTES]);
int sim_verify(struct sim *s, const struct simset *set, uint8_t member, const struct hash *digest,
	       const uint8_t sig[SIG_BYTES]) must_check;

#endif
