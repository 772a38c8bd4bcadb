/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harden.c - limits of a process with keys. Where the system refuses, the program runs all the same.
 */
#include "ledger/harden.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void harden_process(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
