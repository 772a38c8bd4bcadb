/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/file.h"
#include "net/scrub.h"
#include "tests/lib/prng.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <string.h>

#define BLOBS 300
#define BYTES 6000

struct fix {
	const char *dir;
	struct blob_store *store;
	struct scrub *scrub;
	struct hash blob[BLOBS];
	bool refuse;
	unsigned told;
	struct hash bad[8];
};

static bool on_bad(void *ctx, const struct hash *address)
{
	struct fix *f = ctx;

	if (f->refuse)
		return false;
	t_ok(f->told < 8);
	f->bad[f->told++] = *address;
	return true;
}

static void put_all(struct fix *f)
{
	struct prng p = {3};

	f->dir = tmpdir_path(tmpdir_new(), "blobs");
	t_zero(blob_dir_open(f->dir, &f->store));
	for (int i = 0; i < BLOBS; i++) {
		uint8_t bytes[BYTES];

		prng_bytes(&p, bytes, sizeof(bytes));
		bytes[0] = 'C';
		f->blob[i] = blob_address(VIEW(bytes, BYTES));
		t_zero(blob_put(f->store, &f->blob[i], VIEW(bytes, BYTES)));
	}
}

static void begin(struct fix *f, uint64_t period_ms, uint64_t bytes_per_s)
{
	struct scrub_config config = {f->store, period_ms, bytes_per_s, f, on_bad};

	t_zero(scrub_new(&config, &f->scrub));
}

static void end(struct fix *f)
{
	scrub_free(f->scrub);
	blob_close(f->store);
}

static const char *file_of(struct fix *f, const struct hash *address)
{
	static char path[FILE_PATH_MAX + 80];
	char hex[2 * HASH_BYTES + 1];

	hex_encode(address->b, HASH_BYTES, hex);
	snprintf(path, sizeof(path), "%s/%.2s/%s", f->dir, hex, hex + 2);
	t_ok(file_exists(path));
	return path;
}

/* Runs until so many passes have ended; the time that has become. */
static uint64_t passes(struct fix *f, uint64_t now_ms, unsigned count)
{
	for (unsigned i = 0; scrub_passes(f->scrub) < count; i++) {
		uint64_t next = scrub_run(f->scrub, now_ms);

		t_ok(next > 0 && i < 10 * BLOBS);
		if (next > now_ms && scrub_passes(f->scrub) < count)
			now_ms = next;
	}
	return now_ms;
}

T_TEST(a_pass_reads_each_blob_once_at_the_rate)
{
	static struct fix f;
	uint64_t took;

	memset(&f, 0, sizeof(f));
	put_all(&f);
	begin(&f, 3600000, 1000000);
	took = passes(&f, 5000, 1) - 5000;
	t_eq(scrub_blobs(f.scrub), BLOBS);
	t_eq(f.told, 0);
	/* 300 times 6000 + 4096 bytes, a megabyte a second */
	t_ok(took >= 3000 && took <= 3400);
	t_eq(scrub_run(f.scrub, 5000 + took), 5000 + 3600000);
	t_eq(scrub_blobs(f.scrub), BLOBS);
	t_ok(passes(&f, 5000 + 3600000, 2) >= 3608000);
	t_eq(scrub_blobs(f.scrub), 2 * BLOBS);
	end(&f);
}

T_TEST(no_period_is_no_pass)
{
	static struct fix f;

	memset(&f, 0, sizeof(f));
	put_all(&f);
	begin(&f, 0, 0);
	t_eq(scrub_run(f.scrub, 1), 0);
	t_eq(scrub_blobs(f.scrub), 0);
	end(&f);
}

T_TEST(damaged_and_missing_are_told)
{
	static struct fix f;
	struct hash children[3], node;
	struct buf bytes;
	uint64_t now_ms;

	memset(&f, 0, sizeof(f));
	put_all(&f);
	children[0] = f.blob[1];
	memset(&children[1], 0, sizeof(children[1])); /* a hole is not missing */
	children[2] = f.blob[2];
	buf_init(&bytes, 0);
	t_zero(blob_node_encode(1, children, 3, view_str("sealed"), &bytes));
	node = blob_address(buf_view(&bytes));
	t_zero(blob_put(f.store, &node, buf_view(&bytes)));
	buf_release(&bytes);
	begin(&f, 1000, 100000000);
	now_ms = passes(&f, 1, 1);
	t_eq(f.told, 0);

	t_zero(file_replace(file_of(&f, &f.blob[7]), view_str("Crot")));
	t_zero(blob_remove(f.store, &f.blob[2]));
	now_ms = passes(&f, now_ms, 2);
	t_eq(f.told, 2);
	t_ok((hash_equal(&f.bad[0], &f.blob[7]) && hash_equal(&f.bad[1], &f.blob[2])) ||
	     (hash_equal(&f.bad[0], &f.blob[2]) && hash_equal(&f.bad[1], &f.blob[7])));

	/* What is not taken is told again, and the pass waits for it. */
	f.refuse = true;
	for (int i = 0; i < 10 * BLOBS; i++)
		now_ms = scrub_run(f.scrub, now_ms);
	t_eq(scrub_passes(f.scrub), 2);
	f.refuse = false;
	(void)passes(&f, now_ms, 3);
	t_eq(f.told, 4);
	end(&f);
}

T_MAIN
