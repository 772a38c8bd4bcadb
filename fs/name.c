/* SPDX-License-Identifier: Apache-2.0 */
/* The names of place.h: what is scratch, what is a record, how versions and times are written. */
#include "fs/place.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What editors and tools create while they save (traced: see LAYOUT.md). None is ever a clinical version. */
static const char *const scratch_patterns[] = {
	"*~",
	".*.sw?",
	".*.sw??",
	"4913",
	"#*#",
	".#*",
	".goutputstream-*",
	"sed??????",
	".*.??????",
	".~lock.*#",
	"~$*",
	"~WR[DL]*",
	"lu*.tmp",
	"*.tmp",
	"*.bak",
	"*-tmp-*",
	"*.lock",
	"*-journal",
	"*-wal",
	"*-shm",
	"tmp_obj_*",
	".nfs*",
	".fuse_hidden*",
	".smbdelete*",
	".DS_Store",
	"._*",
	"Thumbs.db",
	"desktop.ini",
	".~tmp~",
	".rsync-partial",
};

bool name_is_scratch(const char *name)
{
	for (size_t i = 0; i < sizeof scratch_patterns / sizeof scratch_patterns[0]; i++) {
		if (fnmatch(scratch_patterns[i], name, FNM_NOESCAPE) == 0)
			return true;
	}
	return false;
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n > e && strcmp(name + n - e, end) == 0;
}

bool name_is_record(const char *name)
{
	return ends_with(name, ".json");
}

bool name_is_reserved(const char *name)
{
	return strcmp(name, ".history") == 0 || strcmp(name, ".snapshots") == 0 ||
	       strcmp(name, ".chartfs") == 0;
}

int name_check(const char *name)
{
	size_t len = strlen(name);

	if (len > NAME_BYTES_MAX)
		return err_set(CF_ENAMETOOLONG, "a name of %zu bytes; at most %d", len, NAME_BYTES_MAX);
	if (len == 0 || strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(CF_EINVAL, "not a file name");
	return 0;
}

void name_of_version(unsigned number, uint64_t time_ms, const struct hash *tx_id, bool deleted,
		     const char *file_name, char ret_name[NAME_BYTES_MAX + 1])
{
	time_t seconds = (time_t)(time_ms / 1000);
	const char *dot = strrchr(file_name, '.');
	char when[32], id[9];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H.%M.%SZ", &tm);
	hex_encode(tx_id->b, 4, id);
	if (dot == NULL || dot == file_name || strlen(dot) > 32)
		dot = "";
	snprintf(ret_name, NAME_BYTES_MAX + 1, "%04u-%s-%s%s%s", number, when, id, deleted ? "-deleted" : "",
		 dot);
}

static int parse_height(const char *digits, uint64_t *ret_height)
{
	char *end;

	if (!isdigit((unsigned char)digits[0]))
		return CF_EINVAL;
	*ret_height = strtoull(digits, &end, 10);
	return *end == 0 && *ret_height > 0 ? 0 : CF_EINVAL;
}

/* A day alone means its end: "what the record said on that day". */
static int parse_time(const char *text, uint64_t *ret_time_ms)
{
	int y, mo, d, h = 23, mi = 59, s = 59, used = 0;
	uint64_t fraction_ms = 999;
	struct tm tm;
	time_t t;

	if (sscanf(text, "%4d-%2d-%2d%n", &y, &mo, &d, &used) != 3 || used != 10)
		return CF_EINVAL;
	text += used;
	if (*text != 0) {
		char a, b;

		if (sscanf(text, "T%2d%c%2d%c%2d%n", &h, &a, &mi, &b, &s, &used) != 5 || used != 9)
			return CF_EINVAL;
		if (a != b || (a != ':' && a != '.') || strcmp(text + used, "Z") != 0)
			return CF_EINVAL;
	}
	if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > 31 || h < 0 || h > 23 || mi < 0 || mi > 59 ||
	    s < 0 || s > 60)
		return CF_EINVAL;
	tm = (struct tm){
		.tm_year = y - 1900, .tm_mon = mo - 1, .tm_mday = d, .tm_hour = h, .tm_min = mi, .tm_sec = s};
	t = timegm(&tm);
	if (t < 0 || tm.tm_mday != d)
		return CF_EINVAL;
	*ret_time_ms = (uint64_t)t * 1000 + fraction_ms;
	return 0;
}

int name_parse_at(const char *name, bool *ret_latest, uint64_t *ret_height, uint64_t *ret_time_ms)
{
	bool latest = strcmp(name, "latest") == 0;
	uint64_t height = 0, time_ms = 0;
	int err = 0;

	if (!latest)
		err = name[0] == '@' ? parse_height(name + 1, &height) : parse_time(name, &time_ms);
	if (err)
		return err_set(err, "%s: neither a day, a time in UTC, @height nor latest", name);
	*ret_latest = latest;
	*ret_height = height;
	*ret_time_ms = time_ms;
	return 0;
}
