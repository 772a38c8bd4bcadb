/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/locker.h"

#include "fs/control.h"
#include "fs/notify.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define MODULE "lock"
#define TICK_MS 200
#define STEP_US 10000
#define CATCH_UP_MS 5000

enum state { OPEN, LOCKING, LOCKED };

struct locker {
	struct locker_config config;
	struct locker_keys keys;
	char mountpoint[PATH_MAX];
	pthread_t thread;

	pthread_mutex_t keys_lock; /* held while keys come and go; before lock */
	pthread_mutex_t lock;      /* all below */
	pthread_cond_t changed;
	enum state state;
	bool wanted;
	bool stop;
	int err;           /* why the last attempt came to nothing */
	uint64_t since_ms; /* wall clock, LOCKED */
};

static void set_state(struct locker *k, enum state state, int err)
{
	pthread_mutex_lock(&k->lock);
	k->state = state;
	k->err = err;
	k->wanted = k->wanted && state == LOCKING;
	k->since_ms = state == LOCKED ? ticks_wall_ms() : 0;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

static bool is_locking(struct locker *k)
{
	bool locking;

	pthread_mutex_lock(&k->lock);
	locking = k->state == LOCKING && !k->stop;
	pthread_mutex_unlock(&k->lock);
	return locking;
}

/* --- the two ways --- */

static struct client *client_of(struct locker *k)
{
	return chart_client(k->config.chart);
}

/* What the chain brought while nobody was told of it. */
static void begin_again(struct locker *k)
{
	keyring_forget(client_keyring(client_of(k)), NULL);
	chart_feed_attach(k->keys.feed, k->config.chart);
	notify_all(k->config.notify);
}

/* Alone inside, with keys_lock. CF_EBUSY: not yet. */
static int take_away(struct locker *k)
{
	int err;

	chart_feed_attach(k->keys.feed, NULL);
	err = chart_lock(k->config.chart);
	if (err) {
		begin_again(k);
		return err;
	}
	client_lock(client_of(k));
	control_forget(k->config.control);
	k->keys.lock(k->keys.ctx);
	return 0;
}

static int try_to_lock(struct locker *k)
{
	int err = CF_EBUSY;

	pthread_mutex_lock(&k->keys_lock);
	if (is_locking(k) && latch_empty(k->config.latch)) {
		err = take_away(k);
		if (err && err != CF_EBUSY)
			latch_open(k->config.latch);
		latch_settle(k->config.latch);
		if (!err)
			set_state(k, LOCKED, 0);
		else if (err != CF_EBUSY)
			set_state(k, OPEN, err);
	}
	pthread_mutex_unlock(&k->keys_lock);
	return err;
}

/* On the locker's thread. The kernel forgets twice: what calls under way gave it meanwhile, too. */
static void lock_now(struct locker *k, bool idle)
{
	char reason[PATH_MAX + 128], after[64] = "";
	int err = CF_EBUSY;

	if (idle)
		snprintf(after, sizeof(after), " after %llu s without use",
			 (unsigned long long)(k->config.idle_ms / 1000));
	snprintf(reason, sizeof(reason), "locked%s; chartfs unlock %s", after, k->mountpoint);
	set_state(k, LOCKING, 0);
	latch_close(k->config.latch, reason);
	notify_all_now(k->config.notify);
	while (is_locking(k) && latch_used(k->config.latch))
		usleep(STEP_US);
	notify_all_now(k->config.notify);
	while (is_locking(k) && err == CF_EBUSY) {
		err = chart_is_busy(k->config.chart) ? CF_EBUSY : try_to_lock(k);
		if (err == CF_EBUSY)
			usleep(STEP_US);
	}
	if (err == 0) {
		log_info(MODULE, "%s", reason);
		return;
	}
	if (err != CF_EBUSY) {
		log_error(MODULE, "cannot be locked: %s (%s) -> the keys stay", err_text(err), err_detail());
		chart_note_error(k->config.chart, "lock", err);
	}
}

static bool is_idle(struct locker *k)
{
	return k->config.idle_ms && latch_idle_ms(k->config.latch) >= k->config.idle_ms &&
	       !chart_is_busy(k->config.chart);
}

static void *run(void *ctx)
{
	struct locker *k = ctx;

	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		bool open = k->state == OPEN, wanted = k->wanted, idle;

		pthread_mutex_unlock(&k->lock);
		idle = open && !wanted && is_idle(k);
		if (open && (wanted || idle))
			lock_now(k, idle);
		pthread_mutex_lock(&k->lock);
		if (!k->stop && !(k->state == OPEN && k->wanted))
			(void)ticks_wait(&k->changed, &k->lock, ticks_ms() + TICK_MS);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

int locker_lock(struct locker *k, unsigned timeout_ms)
{
	uint64_t until = ticks_ms() + timeout_ms;
	bool in_time = true;
	int err;

	pthread_mutex_lock(&k->lock);
	k->err = 0;
	k->wanted = k->state != LOCKED;
	pthread_cond_broadcast(&k->changed);
	while ((k->wanted || k->state == LOCKING) && in_time)
		in_time = ticks_wait(&k->changed, &k->lock, until);
	err = k->state == LOCKED ? 0 : k->err ? k->err : CF_EBUSY;
	pthread_mutex_unlock(&k->lock);
	return err == CF_EBUSY
		       ? err_set(err,
				 "not everything is saved yet; the keys go when it is, and nobody is let "
				 "in meanwhile")
		       : err;
}

/* With keys_lock, and keys there. */
static int bring_back(struct locker *k)
{
	int err;

	while (!latch_empty(k->config.latch))
		usleep(STEP_US);
	err = client_unlock(client_of(k));
	if (!err)
		err = chart_unlock(k->config.chart);
	if (err) {
		client_lock(client_of(k));
		k->keys.lock(k->keys.ctx);
	} else {
		begin_again(k);
	}
	latch_settle(k->config.latch);
	return err;
}

int locker_unlock(struct locker *k, const char *passphrase)
{
	enum state state;
	int err = 0;

	pthread_mutex_lock(&k->keys_lock);
	pthread_mutex_lock(&k->lock);
	state = k->state;
	pthread_mutex_unlock(&k->lock);
	if (state == LOCKING)
		err = k->keys.check(k->keys.ctx, passphrase);
	if (state == LOCKED) {
		err = k->keys.unlock(k->keys.ctx, passphrase);
		if (!err)
			err = bring_back(k);
	}
	if (state != OPEN && err)
		log_warn(MODULE, "stays locked: %s", err_text(err));
	if (state != OPEN && !err) {
		/* what the peers have by now is shown; without them, what was there */
		if (state == LOCKED && client_wait(client_of(k), 0, CATCH_UP_MS))
			log_warn(MODULE, "no quorum of peers answers -> shows height %llu",
				 (unsigned long long)client_height(client_of(k)));
		set_state(k, OPEN, 0);
		latch_open(k->config.latch);
		log_info(MODULE, "unlocked");
	}
	pthread_mutex_unlock(&k->keys_lock);
	return err;
}

/* --- life --- */

int locker_new(const struct locker_config *config, struct locker **ret_k)
{
	struct locker *k = mem_zalloc(sizeof(*k));

	assert(config && config->chart && config->latch && config->notify && config->control && config->keys);
	if (!k)
		return CF_ENOMEM;
	if (ticks_cond_init(&k->changed)) {
		mem_free(k);
		return CF_ENOMEM;
	}
	k->config = *config;
	k->keys = *config->keys;
	snprintf(k->mountpoint, sizeof(k->mountpoint), "%s", config->mountpoint);
	pthread_mutex_init(&k->keys_lock, NULL);
	pthread_mutex_init(&k->lock, NULL);
	if (pthread_create(&k->thread, NULL, run, k) != 0) {
		mem_free(k);
		return CF_ENOMEM;
	}
	*ret_k = k;
	return 0;
}

void locker_free(struct locker *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->keys_lock);
	pthread_mutex_destroy(&k->lock);
	mem_free(k);
}

bool locker_is_locked(struct locker *k)
{
	bool locked;

	pthread_mutex_lock(&k->lock);
	locked = k->state == LOCKED;
	pthread_mutex_unlock(&k->lock);
	return locked;
}

void locker_describe(struct locker *k, struct json *j)
{
	static const char *const names[] = {[OPEN] = "open", [LOCKING] = "locking", [LOCKED] = "locked"};

	pthread_mutex_lock(&k->lock);
	json_set(j, "lock", json_text(names[k->state]));
	if (k->state == LOCKED)
		json_set(j, "locked_since", json_time(k->since_ms));
	pthread_mutex_unlock(&k->lock);
	if (k->config.idle_ms)
		json_set(j, "idle_lock_s", json_uint(k->config.idle_ms / 1000));
}
