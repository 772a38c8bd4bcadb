/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors: the eight leaves, roots and paths of the Certificate Transparency reference implementation. */
#include "ledger/merkle.h"
#include "tests/lib/t.h"

#define LEAVES 40

static const struct view ct_leaves[] = {
	{(const uint8_t *)"", 0},
	{(const uint8_t *)"\x00", 1},
	{(const uint8_t *)"\x10", 1},
	{(const uint8_t *)"\x20\x21", 2},
	{(const uint8_t *)"\x30\x31", 2},
	{(const uint8_t *)"\x40\x41\x42\x43", 4},
	{(const uint8_t *)"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
	{(const uint8_t *)"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16},
};

static const char *const ct_roots[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static void t_hash(const struct hash *got, const char *want)
{
	char hex[2 * HASH_BYTES + 1];

	hex_encode(got->b, HASH_BYTES, hex);
	t_str(hex, want);
}

static void ct_hashes(struct hash ret_leaves[8])
{
	for (int i = 0; i < 8; i++)
		ret_leaves[i] = merkle_leaf(ct_leaves[i]);
}

static void numbered(struct hash ret_leaves[LEAVES])
{
	for (uint32_t i = 0; i < LEAVES; i++)
		ret_leaves[i] = merkle_leaf(VIEW(&i, sizeof(i)));
}

T_TEST(ct_reference_roots)
{
	struct hash leaves[8];

	ct_hashes(leaves);
	for (size_t count = 0; count <= 8; count++) {
		struct hash root = merkle_root(leaves, count);

		t_hash(&root, ct_roots[count]);
	}
}

T_TEST(ct_reference_paths)
{
	struct hash leaves[8], path[MERKLE_PATH_MAX];

	ct_hashes(leaves);
	t_eq(merkle_path(leaves, 1, 0, path), 0);
	t_eq(merkle_path(leaves, 8, 0, path), 3);
	t_hash(&path[0], "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
	t_hash(&path[1], "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e");
	t_hash(&path[2], "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4");
	t_eq(merkle_path(leaves, 8, 5, path), 3);
	t_hash(&path[0], "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b");
	t_hash(&path[1], "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0");
	t_hash(&path[2], "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7");
	t_eq(merkle_path(leaves, 3, 2, path), 1);
	t_hash(&path[0], "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
}

/* As the RFC defines it, by recursion. */
static struct hash slow_root(const struct hash *leaves, size_t count)
{
	struct hash left, right;
	size_t k = 1;

	if (count == 1)
		return leaves[0];
	while (2 * k < count)
		k *= 2;
	left = slow_root(leaves, k);
	right = slow_root(leaves + k, count - k);
	return merkle_node(&left, &right);
}

T_TEST(root_is_the_recursive_one)
{
	struct hash leaves[LEAVES];

	numbered(leaves);
	for (size_t count = 1; count <= LEAVES; count++) {
		struct hash fast = merkle_root(leaves, count), slow = slow_root(leaves, count);

		t_ok(hash_equal(&fast, &slow));
	}
}

T_TEST(every_path_gives_the_root)
{
	struct hash leaves[LEAVES];

	numbered(leaves);
	for (size_t count = 1; count <= LEAVES; count++) {
		struct hash root = merkle_root(leaves, count);

		for (size_t index = 0; index < count; index++) {
			struct hash path[MERKLE_PATH_MAX], got;
			size_t len = merkle_path(leaves, count, index, path);

			t_zero(merkle_path_root(&leaves[index], index, count, path, len, &got));
			t_ok(hash_equal(&got, &root));
		}
	}
}

/* Shorter, longer, another place, another leaf, a changed hash: refused, or another root. */
T_TEST(wrong_paths_do_not_give_the_root)
{
	struct hash leaves[LEAVES];

	numbered(leaves);
	for (size_t count = 1; count <= LEAVES; count++) {
		struct hash root = merkle_root(leaves, count);

		for (size_t index = 0; index < count; index++) {
			struct hash path[MERKLE_PATH_MAX] = {0}, got = {{0}};
			size_t len = merkle_path(leaves, count, index, path);

			if (len > 0)
				t_err(merkle_path_root(&leaves[index], index, count, path, len - 1, &got),
				      CF_EDECODE);
			t_err(merkle_path_root(&leaves[index], index, count, path, len + 1, &got),
			      CF_EDECODE);
			t_err(merkle_path_root(&leaves[index], count, count, path, len, &got), CF_EDECODE);
			t_ok(hash_is_zero(&got));
			for (size_t other = 0; other < count; other++) {
				if (other == index)
					continue;
				t_ok(merkle_path_root(&leaves[index], other, count, path, len, &got) ||
				     !hash_equal(&got, &root));
				t_zero(merkle_path_root(&leaves[other], index, count, path, len, &got));
				t_ok(!hash_equal(&got, &root));
			}
			for (size_t i = 0; i < len; i++) {
				path[i].b[i] ^= 1;
				t_zero(merkle_path_root(&leaves[index], index, count, path, len, &got));
				t_ok(!hash_equal(&got, &root));
				path[i].b[i] ^= 1;
			}
		}
	}
	t_err(merkle_path_root(&leaves[0], 0, 0, NULL, 0, &leaves[1]), CF_EDECODE);
}

/* CVE-2012-2459: a list whose last leaf is repeated has another root. */
T_TEST(repeated_last_leaf_is_seen)
{
	struct hash leaves[4], three, four;

	for (uint8_t i = 0; i < 4; i++)
		leaves[i] = merkle_leaf(VIEW(&i, 1));
	leaves[3] = leaves[2];
	three = merkle_root(leaves, 3);
	four = merkle_root(leaves, 4);
	t_ok(!hash_equal(&three, &four));
}

T_TEST(large_index_does_not_overflow)
{
	struct hash leaf = {{1}}, path[64] = {0}, got;

	t_err(merkle_path_root(&leaf, SIZE_MAX - 1, SIZE_MAX, path, 1, &got), CF_EDECODE);
	t_err(merkle_path_root(&leaf, SIZE_MAX, SIZE_MAX, path, 64, &got), CF_EDECODE);
	t_zero(merkle_path_root(&leaf, 0, SIZE_MAX, path, 64, &got));
}

T_MAIN
