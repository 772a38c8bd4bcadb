/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chartfs-verify.c - the program: checks a proof, a file of evidence or a certificate of destruction,
 * offline, with the genesis file alone. Talks to nobody.
 *
 *	chartfs-verify GENESIS PROOF [FILE]
 *	chartfs-verify GENESIS EVIDENCE
 *	chartfs-verify GENESIS DESTRUCTION
 *
 * Exit codes: 0 proven, 2 not proven, 1 usage, 7 a file is missing.
 */
#include "acl/destruction.h"
#include "acl/evidence_verify.h"
#include "acl/userfile.h"
#include "ledger/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES 65536

static const char *const usage =
	"usage: chartfs-verify GENESIS PROOF [FILE]\n"
	"       chartfs-verify GENESIS EVIDENCE\n"
	"       chartfs-verify GENESIS DESTRUCTION\n\n"
	"Checks that PROOF shows a transaction that the network founded by GENESIS "
	"has committed, and prints\n"
	"what it proves. With FILE: that this is the content which was committed.\n"
	"Or that EVIDENCE (chartfs evidence show -o) shows a member of that network to "
	"have lied.\n"
	"Or that DESTRUCTION (chartfs destruction -o) shows an erasure, and a quorum who "
	"have done it.\n";

static void print_time(const char *what, uint64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	char text[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	printf("%-12s %s.%03uZ\n", what, text, (unsigned)(time_ms % 1000));
}

static void print_hex(const char *what, const void *data, size_t bytes)
{
	char hex[2 * HASH_BYTES + 1];

	hex_encode(data, bytes, hex);
	printf("%-12s %s\n", what, hex);
}

static void print_facts(const struct proof_facts *f)
{
	printf("%-12s %s\n", "network", f->network_name);
	print_hex("genesis", f->network.b, HASH_BYTES);
	printf("%-12s %" PRIu64 ", certified by %u members\n", "block", f->height, f->votes);
	print_time("agreed at", f->block_time_ms);
	print_hex("transaction", f->tx_id.b, HASH_BYTES);
	printf("%-12s %s, operation %s, endorsed by %u peers\n", "type", tx_type_name(f->type),
	       op_name(f->op), f->endorsements);
	print_time("written at", f->time_ms);
	printf("%-12s %s@%s, %s\n", "author", f->author, f->author_org, role_name(f->author_role));
	print_hex("patient", f->patient.b, PATIENT_BYTES);
	if (f->op == OP_ERASE)
		return; /* it has no content */
	printf("%-12s %s\n", "section", section_name(f->section));
	print_hex("file", f->node.b, NODE_BYTES);
	printf("%-12s %" PRIu64 " bytes\n", "size", f->size);
	print_hex("commitment", f->commitment.b, HASH_BYTES);
}

static int hash_file(const char *path, struct hash *ret_hash)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct sha256_ctx *sha = NULL;
	char chunk[CHUNK_BYTES];
	ssize_t n;

	if (fd < 0)
		return err_set(err_from_errno(errno), "%s: %m", path);
	err = sha256_new(&sha);
	while (!err && (n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n > 0)
			sha256_update(sha, VIEW(chunk, (size_t)n));
		else if (errno != EINTR)
			err = err_set(err_from_errno(errno), "%s: %m", path);
	}
	close(fd);
	if (err)
		sha256_free(sha);
	else
		*ret_hash = sha256_finish(sha);
	return err;
}

static int check_file(const struct proof *p, const struct proof_facts *facts, const char *path)
{
	struct hash plain;
	int err = hash_file(path, &plain);

	if (!err)
		err = proof_check_plain(p, facts, &plain);
	if (!err)
		printf("%-12s %s is the content that was committed\n", "content", path);
	return err;
}

static int verify_evidence(struct view genesis, struct view file, const char *path)
{
	struct evidence_facts facts;
	struct hash network, own = genesis_network(genesis);
	struct view evidence;
	int err = evidence_file_decode(file, &network, &evidence);

	if (!err && !hash_equal(&network, &own))
		err = err_set(CF_EFOREIGN, "evidence of another network");
	if (!err)
		err = evidence_verify(genesis, evidence, &facts);
	if (err)
		return err_set(err, "%s: %s", path, err_detail());
	evidence_facts_print(&facts, stdout);
	return 0;
}

static void print_erased(const struct proof *p)
{
	static const uint8_t zeros[NODE_BYTES];
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct op_erase op;

	for (unsigned i = 0; tx && tx_decode(p->tx, tx) == 0 && i < tx->proposal.op_count; i++) {
		if (tx->proposal.op[i].code != OP_ERASE || op_erase_decode(tx->proposal.op[i].body, &op))
			continue;
		if (memcmp(op.node.b, zeros, NODE_BYTES) == 0)
			printf("%-12s all of the patient\n", "erased");
		else
			print_hex("erased", op.node.b, NODE_BYTES);
	}
	mem_free(tx);
}

static int verify_destruction(struct view genesis, struct view bytes, const char *path)
{
	struct proof *p = mem_alloc(sizeof(*p));
	struct proof_facts facts;
	struct destruction d;
	struct members m;
	int err = p ? 0 : CF_ENOMEM;

	if (!err && destruction_decode(bytes, &d))
		err = err_set(CF_EDECODE, "%s: no certificate of destruction, or damaged", path);
	if (!err)
		err = destruction_verify(&d, genesis, p, &facts, &m);
	if (!err) {
		print_facts(&facts);
		print_erased(p);
		for (unsigned i = 0; i < d.count; i++) {
			print_hex("destroyed by", m.member[d.said[i].member].id.b, IDENTITY_BYTES);
			printf("%-12s at block %" PRIu64 ", member %u of %u\n", "", d.said[i].height,
			       d.said[i].member, m.count);
		}
	}
	mem_free(p);
	return err;
}

static int verify_proof(struct view genesis, struct view bytes, const char *proof_path, const char *file)
{
	struct proof *p = mem_alloc(sizeof(*p));
	struct proof_facts facts;
	int err = p ? 0 : CF_ENOMEM;

	if (!err) {
		err = proof_decode(bytes, p);
		if (err)
			err = err_set(err, "%s: not a proof, or damaged", proof_path);
	}
	if (!err)
		err = proof_verify(p, genesis, &facts);
	if (!err)
		print_facts(&facts);
	if (!err && file)
		err = check_file(p, &facts, file);
	mem_free(p);
	return err;
}

static int verify(const char *genesis_path, const char *proof_path, const char *file)
{
	struct buf genesis, bytes;
	int err;

	buf_init(&genesis, GENESIS_BYTES_MAX);
	buf_init(&bytes, PROOF_BYTES_MAX);
	err = userfile_read(genesis_path, GENESIS_BYTES_MAX, false, &genesis);
	if (!err)
		err = userfile_read(proof_path, PROOF_BYTES_MAX, false, &bytes);
	if (!err && evidence_is_file(buf_view(&bytes)) && !file)
		err = verify_evidence(buf_view(&genesis), buf_view(&bytes), proof_path);
	else if (!err && destruction_is(buf_view(&bytes)) && !file)
		err = verify_destruction(buf_view(&genesis), buf_view(&bytes), proof_path);
	else if (!err)
		err = verify_proof(buf_view(&genesis), buf_view(&bytes), proof_path, file);
	buf_release(&genesis);
	buf_release_secret(&bytes);
	return err;
}

/* What was read and does not hold is 2, whatever it is; what could not be read has its own code. */
static int exit_code(int err)
{
	if (err == CF_EINVAL || err == CF_EFOREIGN || err == CF_EVERSION || err == CF_EEXPIRED ||
	    err == CF_EREVOKED || err == CF_ENOKEY || err == CF_ETOOBIG || err == CF_EUNSUPPORTED)
		return err_exit_code(CF_ECORRUPT);
	return err_exit_code(err);
}

int main(int argc, char **argv)
{
	int err;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc < 3 || argc > 4) {
		fputs(usage, stderr);
		return err_exit_code(CF_EUSAGE);
	}
	err = verify(argv[1], argv[2], argc == 4 ? argv[3] : NULL);
	if (err)
		fprintf(stderr, "chartfs-verify: %s\n", err_detail()[0] ? err_detail() : err_text(err));
	else if (fflush(stdout) != 0)
		err = CF_EIO;
	return exit_code(err);
}
