/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record that gets an attachment's name, or the other way: new under the one, gone under the other, in one
 * transaction. What somebody writes to the old one meanwhile would be lost: nobody does.
 */
#include "fs/chart_private.h"

#include <stdio.h>
#include <time.h>

#define WAIT_NS 200000
#define WRITER_WAITS 4000 /* what a person asked for fails otherwise */

static void wait_unlocked(struct stage *s)
{
	const struct timespec pause = {0, WAIT_NS};

	pthread_mutex_unlock(&s->lock);
	nanosleep(&pause, NULL);
	pthread_mutex_lock(&s->lock);
}

void chart_wait_converted(struct stage *s)
{
	while (s->converting)
		wait_unlocked(s);
}

/* Nobody opens it for writing from here on. CF_EBUSY: somebody has. */
static int begin(struct stage *s)
{
	int err = 0;

	pthread_mutex_lock(&s->lock);
	chart_wait_converted(s);
	/* whoever closed it: the kernel tells of that a little later */
	for (int i = 0; i < WRITER_WAITS && s->writers && s->closing == s->writers; i++)
		wait_unlocked(s);
	if (s->writers || s->converting)
		err = err_set(CF_EBUSY,
			      "open for writing: no record becomes an attachment, or back, before it "
			      "is closed");
	else
		s->converting = true;
	pthread_mutex_unlock(&s->lock);
	return err;
}

static void end(struct stage *s)
{
	pthread_mutex_lock(&s->lock);
	s->converting = false;
	pthread_mutex_unlock(&s->lock);
}

static int plan(struct chart *c, const struct chart_name *from, const struct place *node,
		const struct chart_name *to, struct save_target *ret_target)
{
	struct tree_look l;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	ret_target->dir = *to->dir;
	ret_target->removes = true;
	ret_target->remove.dir = from->dir->node;
	ret_target->remove.node = node->node;
	snprintf(ret_target->name, sizeof ret_target->name, "%s", to->name);
	err = tree_token(&l, from->dir, from->name, &ret_target->remove.token);
	if (!err)
		err = chart_type_of(&l, to->dir, to->name, &ret_target->type);
	tree_look_end(&l);
	return err;
}

/* What the file is now, as something that is saved under the other name. */
static int save_as(struct chart *c, const struct place *node, const struct save_target *to)
{
	struct place nowhere = place_simple(PLACE_LOCAL, 0);
	struct tree_file *file = NULL;
	struct stage *s = NULL;
	int err = tree_file_open(c->tree, node, &file);

	if (!err)
		err = stage_new(c->tree, c->spool, &nowhere, false, &s);
	if (!err) {
		pthread_mutex_lock(&s->lock);
		stage_begin(s, file, false, NULL);
		err = chart_xattr_carry(c, node, s);
		pthread_mutex_unlock(&s->lock);
	}
	if (!err)
		err = chart_save_stage(c, s, NULL, to, SAVE_FORCE);
	if (!err)
		chart_stage_idle(c, s);
	tree_file_release(file);
	stage_unref(s);
	return err;
}

int chart_convert(struct chart *c, const struct chart_name *from, const struct place *node,
		  const struct chart_name *to, const struct place *over)
{
	struct save_target target = {.over = NULL};
	struct stage *s;
	int err = chart_stage_get(c, node, &s);

	if (err)
		return err;
	err = begin(s);
	if (err)
		goto out;
	err = chart_save_stage(c, s, NULL, NULL, SAVE_FORCE);
	if (!err)
		err = plan(c, from, node, to, &target);
	if (!err && over)
		err = tree_file_open(c->tree, over, &target.over);
	if (!err && over && target.over->node.type != target.type)
		err = err_set(CF_EXDEV, "a file of another kind has the name");
	if (!err)
		err = save_as(c, node, &target);
	if (!err)
		chart_node_is_gone(c, node);
	end(s);
out:
	tree_file_release(target.over);
	chart_stage_got(c, s);
	chart_stage_idle(c, s);
	stage_unref(s);
	return err;
}
