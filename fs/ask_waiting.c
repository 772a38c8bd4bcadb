/* SPDX-License-Identifier: Apache-2.0 */
/* ask_waiting.c - the patient's co-signature: which sections demand it, what waits, what becomes of it. */
#include "fs/ask.h"

#include "fs/tree.h"

#include <string.h>

static bool add_change(void *ctx, const struct tree_waiting *w, const char *author)
{
	struct json *j = json_new_object();

	json_set(j, "name", json_text(w->name));
	json_set(j, "file", json_text(w->file));
	json_set(j, "section", json_text(section_name(w->place.section)));
	json_set(j, "author", json_text(author));
	json_set(j, "time", json_time(w->row.time_ms));
	json_set(j, "size", json_uint(w->save.size));
	json_set(j, "txid", json_hex(w->row.tx.b, HASH_BYTES));
	json_set(j, "change", json_hex(w->change.b, HASH_BYTES));
	json_set(j, "void", json_bool(w->is_void));
	json_add(ctx, j);
	return true;
}

int ask_pending(struct control *c, const struct json *request, struct json *answer)
{
	struct json *list = json_new_array();
	struct patient_id patient;
	int err = ask_patient(c, request, &patient);

	if (!err)
		err = chart_waiting(control_chart(c), &patient, add_change, list);
	json_set(answer, "pending", list);
	return err;
}

int ask_approve(struct control *c, const struct json *request, struct json *answer)
{
	const char *path = json_get_text(request, "path"), *what = json_get_text(request, "what");
	struct client_result result;
	struct chart_attr attr;
	enum approval approval;
	int err;

	if (!path || !what)
		return err_set(CF_EUSAGE, "an approval wants \"path\" and \"what\"");
	if (strcmp(what, "approve") == 0)
		approval = APPROVAL_GIVE;
	else if (strcmp(what, "refuse") == 0)
		approval = APPROVAL_REFUSE;
	else if (strcmp(what, "withdraw") == 0)
		approval = APPROVAL_WITHDRAW;
	else
		return err_set(CF_EUSAGE, "\"what\" is approve, refuse or withdraw, not '%s'", what);
	err = chart_path(control_chart(c), path, &attr);
	if (!err && attr.place.kind != PLACE_WAITING)
		err = err_set(CF_EUSAGE, "%s: no change in a patient's pending/", path);
	if (!err)
		err = chart_decide(control_chart(c), &attr.place, approval, &result);
	if (err)
		return err;
	json_set(answer, "txid", json_hex(result.id.b, HASH_BYTES));
	json_set(answer, "height", json_uint(result.height));
	return 0;
}

int ask_rule(struct control *c, const struct json *request, struct json *answer)
{
	const char *sections_text = json_get_text(request, "sections");
	const char *changes = json_get_text(request, "changes");
	struct patient_id patient;
	uint32_t sections = 0;
	int err;

	if (!sections_text || !changes)
		return err_set(CF_EUSAGE, "a rule wants \"sections\" and \"changes\"");
	if (strcmp(changes, "approved") != 0 && strcmp(changes, "granted") != 0)
		return err_set(CF_EUSAGE, "changes are approved or granted, not '%s'", changes);
	err = ask_patient(c, request, &patient);
	if (!err)
		err = sections_parse(sections_text, &sections);
	if (!err)
		err = chart_rule(control_chart(c), &patient, sections, changes[0] == 'a');
	if (!err)
		json_set(answer, "height", json_uint(client_height(chart_client(control_chart(c)))));
	return err;
}
