/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_conf.c - configuration files: every key, and every way to be wrong.
 */
#include "ledger/file.h"
#include "net/conf.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>

static const char *dir;
static struct conf_peer conf;

static const char *write_conf(const char *text, size_t len)
{
	const char *path;

	if (!dir)
		dir = tmpdir_new();
	path = tmpdir_path(dir, "peer1.ini");
	t_zero(file_replace(path, VIEW(text, len)));
	return path;
}

static void refuses(const char *text, const char *detail)
{
	char want[256];

	snprintf(want, sizeof(want), "peer1.ini%s", detail);
	err_clear();
	t_err(conf_peer_read(write_conf(text, strlen(text)), &conf), CF_ECONFIG);
	if (!strstr(err_detail(), want))
		t_fail("detail \"%s\" lacks \"%s\"", err_detail(), want);
}

#define MINIMAL "[peer]\ndata = d\nidentity = /etc/id\ngenesis = g\n"

T_TEST(reads_all_keys)
{
	const char *text =
		"; a comment\n"
		"[peer]\nname = north\ndata = d/e\nidentity = /etc/id\npassphrase-file = pass\n"
		"genesis = genesis.cf\nroot = root.pem\n"
		"[listen]\npeer = tls+tcp://0.0.0.0:7001\nclient = tls+tcp://0.0.0.0:7002\n"
		"client-profile = private\npublic = tls+tcp://0.0.0.0:7003\n"
		"[roles]\nendorse = no\norder = yes\n"
		"[consensus]\nblock-max-txs = 7\nblock-max-bytes = 1000000\nrequest-forward-ms = 1\n"
		"request-complain-ms = 2\nview-change-ms = 3\nview-change-max-ms = 4\nresend-ms = 5\n"
		"status-ms = 6\nheartbeat-ms = 0\nbatch-wait-ms = 8\nrotate-blocks = 9\n"
		"[blobs]\nscrub-period-s = 10\nscrub-rate-kib = 11\nunnamed-age-s = 12\n"
		"[log]\nlevel = debug\n";
	char want[512];

	t_zero(conf_peer_read(write_conf(text, strlen(text)), &conf));
	t_str(conf.name, "north");
	t_eq(conf.client_profile, GATEWAY_PRIVATE);
	t_str(conf.listen_public, "tls+tcp://0.0.0.0:7003");
	snprintf(want, sizeof(want), "%s/d/e", dir);
	t_str(conf.data_dir, want);
	t_str(conf.identity_dir, "/etc/id");
	snprintf(want, sizeof(want), "%s/root.pem", dir);
	t_str(conf.root_cert, want);
	t_str(conf.listen_client, "tls+tcp://0.0.0.0:7002");
	t_ok(!conf.endorse && conf.order);
	t_eq(conf.block_txs_max, 7);
	t_eq(conf.block_bytes_max, 1000000);
	t_eq(conf.timers.request_forward_ms, 1);
	t_eq(conf.timers.view_change_max_ms, 4);
	t_eq(conf.timers.rotate_blocks, 9);
	t_eq(conf.scrub_period_s, 10);
	t_eq(conf.scrub_rate_kib, 11);
	t_eq(conf.unnamed_age_s, 12);
	t_eq(conf.log_level, LOG_DEBUG);
}

T_TEST(fills_defaults)
{
	t_zero(conf_peer_read(write_conf(MINIMAL, strlen(MINIMAL)), &conf));
	t_ok(conf.endorse && conf.order);
	t_str(conf.passphrase_file, "");
	t_str(conf.listen_peer, "");
	t_eq(conf.timers.request_forward_ms, PBFT_TIMERS_DEFAULT.request_forward_ms);
	t_eq(conf.scrub_period_s, 7 * 24 * 3600);
	t_ok(conf.scrub_rate_kib > 0);
	t_eq(conf.unnamed_age_s, 24 * 3600);
	t_eq(conf.log_level, LOG_INFO);
}

T_TEST(names_what_is_wrong)
{
	char line[400];

	refuses(MINIMAL "[listen]\nlistn = x\n", ":6: unknown key 'listn'");
	refuses(MINIMAL "[lisen]\npeer = x\n", ":5: unknown section 'lisen'");
	refuses(MINIMAL "[nothing]\n", ":5: unknown section 'nothing'");
	refuses("data = d\n", ":1: unknown section ''");
	refuses(MINIMAL "data = e\n", ":5: 'data' given twice");
	refuses(MINIMAL "  continued\n", ":5: 'genesis' given twice");
	refuses(MINIMAL "[consensus]\nblock-max-txs = 0\n",
		":6: 'block-max-txs' wants a number from 1 to 4096");
	refuses(MINIMAL "[consensus]\nblock-max-txs = 99999999999999999999\n", ":6: 'block-max-txs'");
	refuses(MINIMAL "[consensus]\nresend-ms = -5\n", ":6: 'resend-ms'");
	refuses(MINIMAL "[consensus]\nresend-ms = 5s\n", ":6: 'resend-ms'");
	refuses(MINIMAL "[consensus]\nresend-ms =\n", ":6: 'resend-ms'");
	refuses(MINIMAL "[roles]\norder = maybe\n", ":6: 'order' wants yes or no");
	refuses(MINIMAL "[listen]\nclient-profile = both\n",
		":6: 'client-profile' wants all, public or private");
	refuses(MINIMAL "[log]\nlevel = loud\n", ":6: 'level' wants");
	refuses(MINIMAL "nonsense\n", ":5: neither");
	refuses(MINIMAL "[peer\n", ":5: neither");
	refuses(MINIMAL "\r\n", ":5: carriage return");
	refuses("[peer]\ndata = d\nidentity = i\n", ": 'genesis' missing in [peer]");
	refuses("", ": 'data' missing in [peer]");
	snprintf(line, sizeof(line), MINIMAL "root = %0200d\n", 1);
	refuses(line, ":5: line is over 198 bytes");
	snprintf(line, sizeof(line), MINIMAL "name = %065d\n", 1);
	refuses(line, ":5: value of 'name' is too long");
}

/* The tail of a long line is a line of its own to inih: it must not become a setting. */
T_TEST(long_line_injects_nothing)
{
	char text[600];

	snprintf(text, sizeof(text), MINIMAL "; %0197d\nname=evil\n", 1);
	refuses(text, ":5: line is over 198 bytes");
	snprintf(text, sizeof(text), MINIMAL "; %0196d\nname=good\n", 1);
	t_zero(conf_peer_read(write_conf(text, strlen(text)), &conf));
	t_str(conf.name, "good");
}

T_TEST(nul_and_absence)
{
	static const char text[] = MINIMAL "name = a\0b\n";

	t_err(conf_peer_read(write_conf(text, sizeof(text) - 1), &conf), CF_ECONFIG);
	t_ok(strstr(err_detail(), ":5: NUL byte") != NULL);
	t_err(conf_peer_read("/nonexistent/peer.ini", &conf), CF_ENOTFOUND);
}

T_TEST(failure_leaves_the_result_alone)
{
	conf.block_txs_max = 42;
	refuses("[consensus]\nblock-max-txs = 7\n[x]\ny = z\n", ":3: unknown section");
	t_eq(conf.block_txs_max, 42);
}

T_TEST(mount_file)
{
	const char *text = "[mount]\nidentity = id\ngenesis = g\nroot = r\ndata = d\ntimeout-ms = 1234\n"
			   "gateways = tls+tcp://a:1,,tls+tcp://c:3\n";
	static struct conf_mount m;

	t_zero(conf_mount_read(write_conf(text, strlen(text)), &m));
	t_eq(m.timeout_ms, 1234);
	t_str(m.gateways, "tls+tcp://a:1,,tls+tcp://c:3");
	t_str(m.passphrase_file, "");
	t_err(conf_mount_read(write_conf(MINIMAL, strlen(MINIMAL)), &m), CF_ECONFIG);
}

T_MAIN
