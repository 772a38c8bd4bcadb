/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/inode.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"

static struct place node(unsigned n)
{
	struct patient_id p = {{1}};
	struct node_id id = {{0}};

	memcpy(id.b, &n, sizeof(n));
	return place_node(&p, &id, NODE_RECORD, 1, 0);
}

static uint64_t ref(struct inodes *t, unsigned n)
{
	struct place p = node(n);
	uint64_t id = 0;

	t_zero(inode_ref(t, &p, (struct version){0, 0}, INODE_ROOT, "name", &id));
	return id;
}

T_TEST(root_is_there_and_stays)
{
	struct inodes *t;
	struct place p;

	t_zero(inodes_new(&t));
	t_ok(inode_place(t, INODE_ROOT, &p));
	t_eq(p.kind, PLACE_ROOT);
	inode_forget(t, INODE_ROOT, 5);
	t_ok(inode_place(t, INODE_ROOT, &p));
	t_eq(inodes_count(t), 1);
	inodes_free(t);
}

T_TEST(a_node_id_lives_until_its_last_lookup_is_forgotten)
{
	struct inodes *t;
	struct place p;
	uint64_t id;

	t_zero(inodes_new(&t));
	id = ref(t, 1);
	t_eq(ref(t, 1), id);
	inode_forget(t, id, 1);
	t_ok(inode_place(t, id, &p));
	inode_forget(t, id, 1);
	t_ok(!inode_place(t, id, &p));
	inode_forget(t, id, 1);
	/* never given out again */
	t_ok(ref(t, 1) > id);
	t_ok(ref(t, 2) > id);
	inodes_free(t);
}

T_TEST(many_are_found_again)
{
	static uint64_t id[5000];
	struct inodes *t;
	struct place p;

	t_zero(inodes_new(&t));
	for (unsigned i = 0; i < 5000; i++)
		id[i] = ref(t, i);
	for (unsigned i = 0; i < 5000; i++) {
		struct place want = node(i);

		t_ok(inode_place(t, id[i], &p));
		t_ok(place_equal(&p, &want));
		t_eq(ref(t, i), id[i]);
	}
	for (unsigned i = 0; i < 5000; i++)
		inode_forget(t, id[i], 2);
	t_eq(inodes_count(t), 1);
	inodes_free(t);
}

T_TEST(rebound_node_ids_keep_their_number)
{
	struct place one = node(1), two = node(2), p;
	uint64_t a, b, ids[4];
	struct inodes *t;

	t_zero(inodes_new(&t));
	a = ref(t, 1);
	b = ref(t, 2);
	inode_rebind(t, a, &two);
	t_ok(inode_place(t, a, &p));
	t_ok(place_equal(&p, &two));
	t_eq(inode_find(t, &one, ids, 4), 0);
	t_eq(inode_find(t, &two, ids, 4), 2);
	t_eq(ids[0], a);
	t_eq(ids[1], b);
	t_eq(inode_find(t, &two, ids, 1), 1);
	t_eq(ref(t, 2), a);
	/* the newest stays first when the table grows */
	for (unsigned i = 10; i < 4000; i++)
		(void)ref(t, i);
	t_eq(ref(t, 2), a);
	inode_forget(t, a, 3);
	t_eq(ref(t, 2), b);
	inodes_free(t);
}

T_TEST(names_are_those_last_seen)
{
	char name[NAME_BYTES_MAX + 1];
	struct place p = node(1);
	uint64_t id, parent;
	struct inodes *t;

	t_zero(inodes_new(&t));
	t_zero(inode_ref(t, &p, (struct version){0, 0}, 1, "a.json", &id));
	t_zero(inode_ref(t, &p, (struct version){0, 0}, 1, "b.json", &id));
	t_zero(inode_name(t, id, &parent, name));
	t_eq(parent, 1);
	t_str(name, "b.json");
	t_err(inode_name(t, INODE_ROOT, &parent, name), CF_ENOTFOUND);
	t_err(inode_name(t, 99, &parent, name), CF_ENOTFOUND);
	inodes_free(t);
}

T_TEST(pages_of_two_versions_never_mix)
{
	struct chart_shown one = {.version = {1, 0}}, two = {.version = {2, 0}};
	struct inodes *t;
	uint64_t id;

	t_zero(inodes_new(&t));
	id = ref(t, 1);
	t_eq(inode_opened(t, id, &one), INODE_DROP);
	t_eq(inode_opened(t, id, &one), INODE_KEEP);
	t_eq(inode_opened(t, id, &two), INODE_BYPASS);
	inode_closed(t, id);
	inode_closed(t, id);
	inode_closed(t, id);
	t_eq(inode_opened(t, id, &one), INODE_KEEP);
	inode_closed(t, id);
	t_eq(inode_opened(t, id, &two), INODE_DROP);
	inode_closed(t, id);
	t_eq(inode_opened(t, id, &two), INODE_KEEP);
	inode_closed(t, id);
	inodes_free(t);
}

/* Somebody has the first version open while others save a second: each node id stays one of them. */
T_TEST(an_open_version_keeps_its_node_id)
{
	struct chart_shown one = {.version = {1, 0}, .size = 100, .mtime_ns = 7};
	struct chart_attr attr = {.version = {2, 0}, .size = 50, .mtime_ns = 9};
	struct place p = node(1);
	struct inodes *t;
	uint64_t old, new, again;

	t_zero(inodes_new(&t));
	t_zero(inode_ref(t, &p, one.version, 1, "a", &old));
	t_ok(!inode_told(t, old, one.version));
	t_ok(inode_told(t, old, one.version));
	t_ok(!inode_pin(t, old, &attr));
	t_eq(inode_opened(t, old, &one), INODE_DROP);
	t_zero(inode_ref(t, &p, one.version, 1, "a", &again));
	t_eq(again, old);
	t_zero(inode_ref(t, &p, attr.version, 1, "a", &new));
	t_ok(new != old);
	t_ok(!inode_pin(t, new, &attr));
	t_ok(inode_pin(t, old, &attr));
	t_eq(attr.size, 100);
	t_eq(attr.mtime_ns, 7);
	t_zero(inode_ref(t, &p, (struct version){2, 0}, 1, "a", &again));
	t_eq(again, new);
	inode_closed(t, old);
	attr.version = (struct version){2, 0};
	t_ok(!inode_pin(t, old, &attr));
	inodes_free(t);
}

T_TEST(a_save_keeps_the_writers_pages)
{
	struct chart_shown one = {.version = {1, 0}}, two = {.version = {2, 0}};
	struct inodes *t;
	uint64_t id;

	t_zero(inodes_new(&t));
	id = ref(t, 1);
	t_eq(inode_opened(t, id, &one), INODE_DROP);
	inode_saved(t, id, &two);
	t_eq(inode_opened(t, id, &two), INODE_KEEP);
	/* two handles share what was staged; what a handle beside the cache saved is not in it */
	inode_saved(t, id, &one);
	t_eq(inode_opened(t, id, &one), INODE_KEEP);
	inode_closed(t, id);
	inode_saved(t, id, NULL);
	t_eq(inode_opened(t, id, &two), INODE_BYPASS);
	for (int i = 0; i < 3; i++)
		inode_closed(t, id);
	t_eq(inode_opened(t, id, &one), INODE_DROP);
	inodes_free(t);
}

T_TEST(without_memory_nothing_is_lost)
{
	struct place p = node(7);
	struct inodes *t;
	uint64_t id;

	for (long n = 0; n < 4; n++) {
		mem_fail_after(n);
		t_err(inodes_new(&t), CF_ENOMEM);
		mem_fail_after(-1);
	}
	t_zero(inodes_new(&t));
	mem_fail_after(0);
	t_err(inode_ref(t, &p, (struct version){0, 0}, 1, "x", &id), CF_ENOMEM);
	mem_fail_after(-1);
	t_eq(inodes_count(t), 1);
	inodes_free(t);
}

T_MAIN
