/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/errmap.h"

#include "ledger/err.h"

#include <errno.h>
#include <stddef.h>

static const struct {
	int err;
	int number;
} map[] = {
	{CF_ENOMEM, ENOMEM},
	{CF_EIO, EIO},
	{CF_EFULL, ENOSPC},
	{CF_EUSAGE, EINVAL},
	{CF_EINVAL, EINVAL},
	{CF_EDECODE, EIO},
	{CF_ECORRUPT, EIO},
	{CF_ESIG, EIO},
	{CF_EDENIED, EACCES},
	{CF_EPERM, EPERM},
	{CF_ENOQUORUM, ETIMEDOUT},
	{CF_ENETWORK, ETIMEDOUT},
	{CF_ECONFLICT, EBUSY},
	{CF_EEXIST, EEXIST},
	{CF_EBUSY, EBUSY},
	{CF_ENOTFOUND, ENOENT},
	{CF_ECONFIG, EINVAL},
	{CF_EFOREIGN, EACCES},
	{CF_EVERSION, EIO},
	{CF_ENOKEY, ENOKEY},
	{CF_EPASS, EKEYREJECTED},
	{CF_EEXPIRED, EKEYEXPIRED},
	{CF_EREVOKED, EKEYREVOKED},
	{CF_ETOOBIG, EFBIG},
	{CF_ENAMETOOLONG, ENAMETOOLONG},
	{CF_ENOTDIR, ENOTDIR},
	{CF_EISDIR, EISDIR},
	{CF_ENOTEMPTY, ENOTEMPTY},
	{CF_EXDEV, EXDEV},
	{CF_EROFS, EROFS},
	{CF_EUNSUPPORTED, EOPNOTSUPP},
	{CF_EINTR, EINTR},
	{CF_EAGAIN, EAGAIN},
	{CF_ELOCKED, EACCES},
};

int errmap_errno(int err)
{
	if (err == 0)
		return 0;
	for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
		if (map[i].err == err)
			return map[i].number;
	}
	return EIO;
}
