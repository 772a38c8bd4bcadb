/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of backups: entries as they come behind the head, and whole files, which nobody has signed. */
#include "fs/manifest.h"
#include "ledger/mem.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* What is read is, written again, the line that it was read from, and leads nowhere out of the directory. */
static void check_entry(const struct manifest_entry *e, struct view line)
{
	struct buf out;

	buf_init(&out, 0);
	FUZZ_CHECK(manifest_put(e, &out) == 0 && view_equal(buf_view(&out), line));
	FUZZ_CHECK(e->path[0] != '/' && strncmp(e->path, "../", 3) != 0 && strcmp(e->path, "..") != 0 &&
		   !strstr(e->path, "/../"));
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = VIEW(data, size);
	struct manifest *m = mem_zalloc(sizeof(*m));
	struct manifest_entry *e = mem_zalloc(sizeof(*e));

	FUZZ_CHECK(m && e);
	buf_init(&e->value, 0);
	FUZZ_CHECK(manifest_open(in, in, m) != 0); /* a manifest is no genesis file */
	m->entries = in;
	for (;;) {
		struct view before = m->entries;

		if (manifest_next(m, e))
			break;
		FUZZ_CHECK(m->entries.len < before.len);
		check_entry(e, VIEW(before.data, before.len - m->entries.len));
	}
	buf_release(&e->value);
	mem_free(e);
	mem_free(m);
	return 0;
}
