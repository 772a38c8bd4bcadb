/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/place.h"
#include "tests/lib/t.h"

#include <string.h>

T_TEST(name_scratch_patterns)
{
	static const char *const scratch[] = {"x.json~",
					      ".x.json.swp",
					      ".x.json.swx",
					      "4913",
					      "#x.json#",
					      ".#x.json",
					      ".goutputstream-ABC",
					      "sedAbC123",
					      ".x.json.aB3dEf",
					      ".~lock.x.odt#",
					      "~$x.docx",
					      "~WRL0001.tmp",
					      "lu12ab.tmp",
					      "x.tmp",
					      "x.json.bak",
					      "a-tmp-12",
					      "index.lock",
					      "db-journal",
					      "db-wal",
					      "db-shm",
					      "tmp_obj_AbCdEf",
					      ".nfs0001",
					      ".DS_Store",
					      "._x",
					      "Thumbs.db",
					      ".~tmp~"};
	static const char *const real[] = {"x.json",
					   "ct.dcm",
					   "4914",
					   "sedation",
					   "x.tmp.json",
					   "report~1.pdf",
					   "CT.1.2.840.113619",
					   ".hidden",
					   "lock",
					   "2026-11-22-ward-round.json"};

	for (size_t i = 0; i < sizeof scratch / sizeof scratch[0]; i++) {
		if (!name_is_scratch(scratch[i]))
			t_fail("%s is not scratch", scratch[i]);
	}
	for (size_t i = 0; i < sizeof real / sizeof real[0]; i++) {
		if (name_is_scratch(real[i]))
			t_fail("%s is scratch", real[i]);
	}
}

T_TEST(name_rules)
{
	char name[258];

	memset(name, 'n', sizeof name);
	name[255] = 0;
	t_zero(name_check(name));
	name[255] = 'n';
	name[256] = 0;
	t_err(name_check(name), CF_ENAMETOOLONG);
	t_err(name_check(""), CF_EINVAL);
	t_err(name_check("."), CF_EINVAL);
	t_err(name_check(".."), CF_EINVAL);
	t_err(name_check("a/b"), CF_EINVAL);
	t_zero(name_check("..."));
	t_ok(name_is_record("a.json") && !name_is_record(".json") && !name_is_record("a.jsonl") &&
	     !name_is_record("json"));
	t_ok(name_is_reserved(".history") && name_is_reserved(".chartfs") && !name_is_reserved("at"));
}

T_TEST(name_of_versions_sorts_and_keeps_the_extension)
{
	struct hash id = {{0x1a, 0x2b, 0x3c, 0x4d}};
	char name[NAME_BYTES_MAX + 1];

	name_of_version(7, UINT64_C(1795359791000), &id, false, "EMR.x.json", name);
	t_str(name, "0007-2026-11-22T15.03.11Z-1a2b3c4d.json");
	name_of_version(12, UINT64_C(1795359791999), &id, true, "noext", name);
	t_str(name, "0012-2026-11-22T15.03.11Z-1a2b3c4d-deleted");
	name_of_version(1, 0, &id, false, ".hidden", name);
	t_str(name, "0001-1970-01-01T00.00.00Z-1a2b3c4d");
}

T_TEST(name_of_times)
{
	uint64_t height, ms;
	bool latest;

	t_zero(name_parse_at("latest", &latest, &height, &ms));
	t_ok(latest);
	t_zero(name_parse_at("@12", &latest, &height, &ms));
	t_ok(!latest && height == 12);
	t_zero(name_parse_at("2026-11-22", &latest, &height, &ms));
	t_eq(height, 0);
	t_eq(ms, INT64_C(1795391999999));
	t_zero(name_parse_at("2026-11-22T15:03:11Z", &latest, &height, &ms));
	t_eq(ms, INT64_C(1795359791999));
	t_zero(name_parse_at("2026-11-22T15.03.11Z", &latest, &height, &ms));
	t_eq(ms, INT64_C(1795359791999));
	static const char *const bad[] = {"@",
					  "@0",
					  "@-1",
					  "@1x",
					  "2026",
					  "2026-13-01",
					  "2026-02-30",
					  "2026-1-1",
					  "today",
					  "2026-11-22T15",
					  "2026-11-22T15:03.11Z",
					  "2026-11-22T15:03:11"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		t_err(name_parse_at(bad[i], &latest, &height, &ms), CF_EINVAL);
}

T_MAIN
