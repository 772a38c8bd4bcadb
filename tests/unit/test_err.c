/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/err.h"
#include "tests/lib/t.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>

T_TEST(names_and_texts)
{
	t_str(err_name(0), "CF_OK");
	t_str(err_name(CF_ENOMEM), "CF_ENOMEM");
	t_str(err_name(CF_EAGAIN), "CF_EAGAIN");
	t_str(err_text(CF_EROFS), "the past is read-only");
	t_eq(CF_ENOMEM, -1);
}

T_TEST(values_that_are_none_of_ours)
{
	static const int strange[] = {1, INT_MAX, INT_MIN, -CF_ERR_COUNT - 1};

	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		t_str(err_name(strange[i]), "CF_?");
		t_str(err_text(strange[i]), "unknown error");
		t_eq(err_exit_code(strange[i]), 8);
	}
}

T_TEST(exit_codes)
{
	t_eq(err_exit_code(0), 0);
	t_eq(err_exit_code(CF_ENOQUORUM), 5);
	t_eq(err_exit_code(CF_EPASS), 12);
	for (int err = -1; err >= -(int)CF_ERR_COUNT; err--)
		t_ok(err_exit_code(err) > 0 && err_exit_code(err) < 126);
}

T_TEST(detail_is_formatted_and_cleared)
{
	t_str(err_detail(), "");
	t_err(err_set(CF_ECONFIG, "%s:%d: unknown key", "a.ini", 14), CF_ECONFIG);
	t_str(err_detail(), "a.ini:14: unknown key");
	t_err(err_set(CF_EIO, "while reading: %s", err_detail()), CF_EIO);
	t_str(err_detail(), "while reading: a.ini:14: unknown key");
	err_clear();
	t_str(err_detail(), "");
}

T_TEST(detail_is_cut)
{
	err_set(CF_EIO, "%0*d", 2 * ERR_DETAIL_MAX, 0);
	t_eq(strlen(err_detail()), ERR_DETAIL_MAX - 1);
}

static void *other_thread(void *arg)
{
	(void)arg;
	err_set(CF_EIO, "other");
	return NULL;
}

T_TEST(detail_is_per_thread)
{
	pthread_t thread;

	err_set(CF_EIO, "mine");
	t_zero(pthread_create(&thread, NULL, other_thread, NULL));
	t_zero(pthread_join(thread, NULL));
	t_str(err_detail(), "mine");
}

T_TEST(errno_is_mapped)
{
	t_zero(err_from_errno(0));
	t_err(err_from_errno(ENOSPC), CF_EFULL);
	t_err(err_from_errno(EDQUOT), CF_EFULL);
	t_err(err_from_errno(ENOENT), CF_ENOTFOUND);
	t_err(err_from_errno(EACCES), CF_EDENIED);
	t_err(err_from_errno(ENOMEM), CF_ENOMEM);
	t_err(err_from_errno(ECONNREFUSED), CF_ENETWORK);
	t_err(err_from_errno(EIO), CF_EIO);
	t_err(err_from_errno(99999), CF_EIO);
}

T_MAIN
