/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.c - names, sentences and exit codes of the errors, and the detail text of each thread.
 */
#include "ledger/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct err_entry {
	const char *name;
	const char *text;
	int exit_code;
};

static const struct err_entry entries[CF_ERR_COUNT] = {
#define X(name, code, text) {#name, text, code},
	CF_ERR_LIST(X)
#undef X
};

static _Thread_local char detail[ERR_DETAIL_MAX];

/* NULL for a value that is none of ours; a caller may hand us any int. */
static const struct err_entry *find(int err)
{
	if (err >= 0 || err < -(int)CF_ERR_COUNT)
		return NULL;
	return &entries[-err - 1];
}

const char *err_name(int err)
{
	const struct err_entry *entry = find(err);

	if (err == CF_OK)
		return "CF_OK";
	return entry ? entry->name : "CF_?";
}

const char *err_text(int err)
{
	const struct err_entry *entry = find(err);

	if (err == CF_OK)
		return "success";
	return entry ? entry->text : "unknown error";
}

int err_exit_code(int err)
{
	const struct err_entry *entry = find(err);

	if (err == CF_OK)
		return 0;
	return entry ? entry->exit_code : err_exit_code(CF_EIO);
}

int err_set(int err, const char *fmt, ...)
{
	char text[ERR_DETAIL_MAX]; /* an argument may be the detail itself: "%s" of err_detail() */
	va_list ap;
	size_t i;

	assert(fmt);
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	for (i = 0; i < sizeof(text) - 1 && text[i]; i++)
		detail[i] = text[i];
	detail[i] = '\0';
	return err;
}

const char *err_detail(void)
{
	return detail;
}

void err_clear(void)
{
	detail[0] = '\0';
}

int err_from_errno(int saved_errno)
{
	static const struct {
		int number;
		int err;
	} table[] = {
		{0, CF_OK},
		{ENOMEM, CF_ENOMEM},
		{ENOSPC, CF_EFULL},
		{EDQUOT, CF_EFULL},
		{EINVAL, CF_EINVAL},
		{EACCES, CF_EDENIED},
		{EPERM, CF_EPERM},
		{EEXIST, CF_EEXIST},
		{EBUSY, CF_EBUSY},
		{ETXTBSY, CF_EBUSY},
		{ENOENT, CF_ENOTFOUND},
		{EFBIG, CF_ETOOBIG},
		{EOVERFLOW, CF_ETOOBIG},
		{ENAMETOOLONG, CF_ENAMETOOLONG},
		{ENOTDIR, CF_ENOTDIR},
		{EISDIR, CF_EISDIR},
		{ENOTEMPTY, CF_ENOTEMPTY},
		{EXDEV, CF_EXDEV},
		{EROFS, CF_EROFS},
		{EOPNOTSUPP, CF_EUNSUPPORTED},
		{ENOSYS, CF_EUNSUPPORTED},
		{EINTR, CF_EINTR},
		{EAGAIN, CF_EAGAIN},
		{EMFILE, CF_EAGAIN},
		{ENFILE, CF_EAGAIN},
		{ECONNREFUSED, CF_ENETWORK},
		{ECONNRESET, CF_ENETWORK},
		{EPIPE, CF_ENETWORK},
		{EHOSTUNREACH, CF_ENETWORK},
		{ENETUNREACH, CF_ENETWORK},
		{ETIMEDOUT, CF_ENETWORK},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].number == saved_errno)
			return table[i].err;
	}
	return CF_EIO;
}
