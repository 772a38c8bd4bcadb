/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/overlay.h"
#include "tests/lib/t.h"

#include <stdio.h>

static int dropped;

static void drop(struct overlay_item *item)
{
	(void)item;
	dropped++;
}

static struct place dir_of(uint8_t first)
{
	struct patient_id p = {{9}};
	struct node_id n = {{first}};

	return place_node(&p, &n, NODE_DIR, 2, 0);
}

static struct overlay_item *add(struct overlay *o, enum overlay_kind kind, const struct place *dir,
				const char *name, uint64_t cookie)
{
	struct overlay_item model = {.kind = kind, .scratch = true}, *item;

	t_zero(overlay_add(o, &model, dir, name, cookie, &item));
	return item;
}

T_TEST(overlay_names_come_move_and_go)
{
	struct place a = dir_of(1), b = dir_of(2);
	struct overlay_item *x, *y, *found, model = {.kind = OVERLAY_FILE};
	struct overlay *o;
	uint64_t number;

	dropped = 0;
	t_zero(overlay_new(drop, &o));
	t_ok(overlay_find(o, &a, "x~") == NULL);
	x = add(o, OVERLAY_FILE, &a, "x~", 100);
	number = x->number;
	t_err(overlay_add(o, &model, &a, "x~", 0, &found), CF_EEXIST);
	t_ok(overlay_find(o, &b, "x~") == NULL);
	found = overlay_find(o, &a, "x~");
	t_ok(found == x);
	overlay_put(o, found);
	/* over another: that one loses its name, and goes with its last holder */
	y = add(o, OVERLAY_FILE, &b, "y", 50);
	t_ok(overlay_move(o, x, &b, "y", 50, false));
	t_ok(!y->linked && x->linked && !x->scratch);
	t_eq(dropped, 0);
	overlay_put(o, y);
	t_eq(dropped, 1);
	t_ok(overlay_find(o, &a, "x~") == NULL);
	t_ok(overlay_unlink(o, x));
	t_ok(!overlay_unlink(o, x));
	t_ok(!overlay_move(o, x, &b, "z", 0, true));
	/* without a name it is still found by its number while somebody has it */
	found = overlay_find_number(o, number);
	t_ok(found == x);
	overlay_put(o, found);
	overlay_put(o, x);
	t_eq(dropped, 2);
	t_ok(overlay_find_number(o, number) == NULL);
	overlay_free(o);
	t_eq(dropped, 2);
}

T_TEST(overlay_lists_by_cookie)
{
	struct place a = dir_of(1), b = dir_of(2), local;
	struct overlay_item **items, *d;
	struct overlay *o;
	size_t count;
	char name[16];

	t_zero(overlay_new(drop, &o));
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "f%u", i);
		overlay_put(o, add(o, OVERLAY_FILE, &a, name, 1000 + i * 7919 % 500));
	}
	overlay_put(o, add(o, OVERLAY_FILE, &b, "other", 5));
	t_zero(overlay_list(o, &a, &items, &count));
	t_eq(count, 500);
	for (size_t i = 0; i < count; i++) {
		if (i)
			t_ok(items[i - 1]->cookie < items[i]->cookie);
		overlay_put(o, items[i]);
	}
	overlay_list_free(items);
	d = add(o, OVERLAY_DIR, &b, ".~tmp~", 6);
	local = overlay_place(d);
	t_ok(place_is_dir(&local));
	t_ok(!overlay_has_children(o, &local));
	overlay_put(o, add(o, OVERLAY_HIDDEN, &local, "hidden", 0));
	t_ok(!overlay_has_children(o, &local));
	overlay_put(o, add(o, OVERLAY_FILE, &local, "shown", 0));
	t_ok(overlay_has_children(o, &local));
	overlay_put(o, d);
	dropped = 0;
	overlay_free(o);
	t_eq(dropped, 504);
}

T_TEST(overlay_remembers_what_became_a_node)
{
	struct place a = dir_of(1), node = dir_of(7), got;
	struct overlay_item *x, *h;
	struct overlay *o;
	uint64_t number;

	t_zero(overlay_new(drop, &o));
	x = add(o, OVERLAY_FILE, &a, "new.json", 0);
	number = x->number;
	t_ok(!overlay_became(o, number, &got));
	overlay_commit(o, x, &node);
	t_ok(overlay_became(o, number, &got) && place_equal(&got, &node));
	t_ok(overlay_find(o, &a, "new.json") == NULL);
	overlay_put(o, x);
	/* hidden names are found by age and by node */
	h = add(o, OVERLAY_HIDDEN, &a, "gone.json", 0);
	h->node = node;
	overlay_put(o, h);
	t_ok(overlay_hidden_since(o, 0) == NULL);
	h = overlay_hidden_since(o, UINT64_MAX);
	t_ok(h != NULL);
	overlay_put(o, h);
	h = overlay_hidden_node(o, &node.node);
	t_ok(h != NULL);
	t_ok(overlay_unlink(o, h));
	overlay_put(o, h);
	t_ok(overlay_hidden_node(o, &node.node) == NULL);
	overlay_free(o);
}

T_MAIN
