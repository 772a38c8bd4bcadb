/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/place.h"
#include "tests/lib/t.h"

T_TEST(place_numbers_are_stable_and_differ)
{
	struct patient_id p = {{1, 2, 3}};
	struct node_id n = {{0x91, 2, 3, 4, 5, 6, 7, 8}}, zero = {{0}};
	struct place live = place_node(&p, &n, NODE_RECORD, 2, 0), past = live, past2, root = place_root(0);

	past.height = 7;
	past2 = past;
	past2.local = 1;
	t_eq(place_ino(&root), 1);
	t_eq(place_ino(&live), 0x1102030405060708);
	t_ok(place_ino(&past) != place_ino(&live));
	t_ok(place_ino(&past) != place_ino(&past2));
	t_ok(place_equal(&past, &past) && !place_equal(&past, &live));
	live = place_node(&p, &zero, NODE_RECORD, 2, 0);
	t_ok(place_ino(&live) > 1);
	root.height = 3;
	t_ok(place_ino(&root) > 1);
}

T_TEST(place_kinds_that_are_directories)
{
	struct patient_id p = {{1}};
	struct node_id n = {{2}};

	for (int kind = PLACE_ROOT; kind <= PLACE_ACCESS_FILE; kind++) {
		struct place place = place_simple(kind, 0);
		bool file = kind == PLACE_PERSON || kind == PLACE_CONTROL_FILE || kind == PLACE_PROOF ||
			    kind == PLACE_NODE || kind == PLACE_LOCAL || kind == PLACE_WAITING ||
			    kind == PLACE_GRANT || kind == PLACE_ACCESS_FILE;

		t_eq(place_is_dir(&place), !file);
	}
	for (int type = NODE_DIR; type <= NODE_SYMLINK; type++) {
		struct place place = place_node(&p, &n, (enum node_type)type, 1, 0);

		t_eq(place_is_dir(&place), type == NODE_DIR);
	}
}

T_MAIN
