/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/t.h"
#include "fs/extent.h"

#include <stdlib.h>

#define N 300

/* Against a row of flags: random additions and cuts, every question asked of every place. */
T_TEST(extents_agree_with_a_model)
{
	struct extents s = {0};
	bool model[N] = {false};
	unsigned seed = 3;

	for (int round = 0; round < 400; round++) {
		uint64_t from = (uint64_t)rand_r(&seed) % N,
			 to = from + (uint64_t)rand_r(&seed) % (N - from + 1), end;

		if (rand_r(&seed) % 10 == 0) {
			extents_cut(&s, from);
			memset(model + from, 0, (N - from) * sizeof *model);
		} else if (to - from < 40) {
			t_zero(extents_add(&s, from, to));
			for (uint64_t i = from; i < to; i++)
				model[i] = true;
		}
		for (uint64_t i = 0; i < N; i++) {
			t_eq(extents_run(&s, i, &end), model[i]);
			for (uint64_t j = i; j < N && j < end; j++)
				t_eq(model[j], model[i]);
			if (end < N)
				t_ok(model[end] != model[i]);
		}
		for (uint64_t a = 0; a < N; a += 17) {
			for (uint64_t b = a; b < N; b += 13) {
				bool any = false, all = true;

				for (uint64_t i = a; i < b; i++) {
					any = any || model[i];
					all = all && model[i];
				}
				t_eq(extents_touch(&s, a, b), any);
				t_eq(extents_cover(&s, a, b), all);
			}
		}
		for (size_t i = 1; i < s.count; i++)
			t_ok(s.at[i - 1].to < s.at[i].from);
	}
	extents_release(&s);
}

T_MAIN
