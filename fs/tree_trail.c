/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <patient>/ACCESS/: who read what, a file a month, as text and as FHIR. For the owner (in custody: the
 * custodian) and for governors.
 */
#include "fs/tree_private.h"

#include "fs/audit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WALK_ENDED 1
#define FORMS 2 /* of a month: place.local is FORMS * (12 * year + month) + form */

static const char *const form_suffix[FORMS] = {".txt", ".ndjson"};

static uint64_t month_of(uint64_t time_ms)
{
	time_t s = (time_t)(time_ms / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	return 12 * (uint64_t)(tm.tm_year + 1900) + (uint64_t)tm.tm_mon;
}

static uint64_t month_start_ms(uint64_t month)
{
	struct tm tm = {.tm_year = (int)(month / 12) - 1900, .tm_mon = (int)(month % 12), .tm_mday = 1};

	return (uint64_t)timegm(&tm) * 1000;
}

int tree_trail_may(struct tree_look *l, const struct patient_id *p)
{
	return audit_may(l->txn, client_identity(l->tree->client), p);
}

struct place tree_trail_place(const struct patient_id *p)
{
	struct place place = place_simple(PLACE_ACCESS, 0);

	place.patient = *p;
	return place;
}

static struct place month_place(const struct patient_id *p, uint64_t month, unsigned form)
{
	struct place place = tree_trail_place(p);

	place.kind = PLACE_ACCESS_FILE;
	place.local = FORMS * month + form;
	return place;
}

struct text {
	struct tree_look *look;
	const struct hash *network;
	unsigned form;
	struct buf *out;
	uint64_t last_ms;
};

static int add_access(void *ctx, const struct access *a)
{
	struct text *t = ctx;
	struct json *event;
	int err;

	t->last_ms = a->time_ms;
	if (t->form == 0)
		return audit_line(t->look->txn, a, t->out);
	event = audit_event(t->network, t->look->txn, a);
	err = json_format(event, t->out);
	json_free(event);
	return err ? err : buf_append(t->out, "\n", 1);
}

static int month_text(struct tree_look *l, const struct place *p, struct buf *out, uint64_t *ret_last_ms)
{
	struct text t = {l, chain_network(l->tree->chain), (unsigned)(p->local % FORMS), out, 0};
	uint64_t month = p->local / FORMS;
	int err = tree_trail_may(l, &p->patient);

	if (!err)
		err = trail_walk(l->txn, &p->patient, month_start_ms(month), month_start_ms(month + 1),
				 add_access, &t);
	if (!err && t.last_ms == 0)
		err = CF_ENOTFOUND;
	*ret_last_ms = t.last_ms;
	return err;
}

int tree_trail_text(struct tree_look *l, const struct place *p, struct buf *out)
{
	uint64_t last_ms;

	return month_text(l, p, out, &last_ms);
}

int tree_trail_attr(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr)
{
	struct chart_attr attr = {
		.place = *p, .mode = S_IFREG | 0444, .nlink = 1, .uid = geteuid(), .gid = getegid()};
	struct buf text;
	uint64_t last_ms;
	int err;

	buf_init(&text, 0);
	err = month_text(l, p, &text, &last_ms);
	if (!err) {
		attr.size = text.len;
		attr.atime_ns = attr.mtime_ns = attr.ctime_ns = last_ms * 1000000;
		*ret_attr = attr;
	}
	buf_release(&text);
	return err;
}

static void month_name(const struct place *p, char ret_name[NAME_BYTES_MAX + 1])
{
	uint64_t month = p->local / FORMS;

	snprintf(ret_name, NAME_BYTES_MAX + 1, "%04u-%02u%s", (unsigned)(month / 12),
		 (unsigned)(month % 12 + 1), form_suffix[p->local % FORMS]);
}

int tree_trail_lookup(struct tree_look *l, const struct place *dir, const char *name,
		      struct chart_attr *ret_attr)
{
	char again[NAME_BYTES_MAX + 1];
	unsigned year, month;
	struct place p;

	if (sscanf(name, "%4u-%2u", &year, &month) != 2 || year < 1970 || month < 1 || month > 12)
		return CF_ENOTFOUND;
	for (unsigned form = 0; form < FORMS; form++) {
		p = month_place(&dir->patient, 12 * (uint64_t)year + month - 1, form);
		month_name(&p, again);
		if (strcmp(again, name) == 0)
			return tree_trail_attr(l, &p, ret_attr);
	}
	return CF_ENOTFOUND;
}

static int first_time(void *ctx, const struct access *a)
{
	*(uint64_t *)ctx = a->time_ms;
	return WALK_ENDED;
}

/* From month to month: one seek each, however many accesses it has. The cookie is that of place.local. */
int tree_trail_list(struct tree_look *l, const struct place *dir, uint64_t cookie, tree_entry_fn on_entry,
		    void *ctx)
{
	uint64_t from_ms = month_start_ms(cookie ? cookie / FORMS : 12 * 1970), time_ms;
	int err = tree_trail_may(l, &dir->patient);

	while (!err) {
		uint64_t month;

		err = trail_walk(l->txn, &dir->patient, from_ms, UINT64_MAX, first_time, &time_ms);
		if (err != WALK_ENDED)
			return err;
		err = 0;
		month = month_of(time_ms);

		for (unsigned form = 0; form < FORMS && !err; form++) {
			struct place p = month_place(&dir->patient, month, form);
			char name[NAME_BYTES_MAX + 1];
			struct chart_attr attr;

			if (p.local <= cookie)
				continue;
			month_name(&p, name);
			err = tree_trail_attr(l, &p, &attr);
			if (!err && !on_entry(ctx, name, &attr, p.local))
				return 0;
		}
		from_ms = month_start_ms(month + 1);
	}
	return err;
}
