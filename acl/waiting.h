/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waiting.h - a change that waits for the patient's co-signature, taken apart. ACCESS.md 2, "amend".
 */
#ifndef ACL_WAITING_H
#define ACL_WAITING_H

#include "acl/op.h"

/*
 * The save that it is, and the row that its content will have (of an empty file: nothing sealed). Views point
 * into row->save. CF_ECORRUPT.
 */
int waiting_content(const struct waiting_row *row, struct op_save *ret_save,
		    struct content_row *ret_content) must_check;

#endif
