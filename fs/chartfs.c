/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chartfs.c - the program: a table of verbs. Each verb is a cmd_<verb> of its own file.
 */
#include "fs/cmd.h"
#include "fs/import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of a mount when a path is named, of the network when a configuration is. */
static int peers(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--config") == 0)
		return cmd_peers(argc, argv);
	return cmd_peers_of_mount(argc, argv);
}

#define VERSION "1.0"

static const struct cmd cmds[] = {
	{"solo", "DIR MNT [-f] [-o OPTIONS] [--log FILE] [--passphrase-file FILE]",
	 "a whole network in one process, mounted", cmd_solo},
	{"mount",
	 "[-f] [-o OPTIONS] [--log FILE] --config FILE MNT\n"
	 "       chartfs mount [-f] [-o OPTIONS] [--log FILE] --identity DIR --genesis FILE --root CERT.pem "
	 "--data DIR\n"
	 "       [--passphrase-file FILE] MNT",
	 "show the ledger as files", cmd_mount},
	{"umount", "MNT", "unmount, and wait until all is closed", cmd_umount},
	{"lock", "MNT", "wipe a mount's keys from memory; it shows nothing until it is unlocked", cmd_lock},
	{"unlock", "[--passphrase-file FILE] MNT", "give a locked mount its keys again", cmd_unlock},
	{"status", "[PATH]", "height, age and identity of the mount that PATH lies in", cmd_status},
	{"whoami", "[PATH]", "the identity a mount acts as", cmd_whoami},
	{"peers", "[PATH | --config FILE]", "what each peer has: heads and state roots", peers},
	{"import",
	 "[--into PATIENT] [--section EMRnn] [--grant WHO:SECTIONS:VERBS]... [--threads N] [--dry-run] "
	 "[--quiet]\n"
	 "       FILE_OR_DIR... MNT/patients",
	 "clinical data into charts: FHIR, DICOM, HL7 v2, C-CDA, PDF", cmd_import},
	{"register", "--config FILE", "put an identity's certificate on the ledger", cmd_register},
	{"renew", "--config FILE [--passphrase-file FILE] DIR",
	 "give an identity the new key in DIR (chartfs-ca reenroll --into)", cmd_renew},
	{"revocations", "--config FILE LIST.pem", "put an authority's revocation list on the ledger",
	 cmd_revocations},
	{"suspend", "--config FILE [--reason TEXT] NAME@ORGANIZATION",
	 "an identity does nothing for the time being (managers, governors)", cmd_suspend},
	{"reinstate", "--config FILE [--reason TEXT] NAME@ORGANIZATION", "end a suspension", cmd_reinstate},
	{"org", "list [PATH]", "the organizations: authority, custodian, peers, identities", cmd_org},
	{"rbac", "show", "what each role may do at all", cmd_rbac},
	{"members",
	 "add|refresh NAME@ORG --peer-address URL --client-address URL --config FILE -o CHANGE\n"
	 "       chartfs members remove|expel NAME@ORG [--evidence ID] --config FILE -o CHANGE\n"
	 "       chartfs members approve|submit CHANGE [--unseen] --config FILE\n"
	 "       chartfs members list --config FILE",
	 "change which peers vote", cmd_members},
	{"grant",
	 "DIR --to WHO --sections EMR02,EMR04 --verbs read,add,modify,delete [--until DATE]\n"
	 "       [--purpose TREAT]",
	 "grant rights on a patient's sections", cmd_grant},
	{"revoke", "DIR --from WHO [--sections EMR02,EMR04]", "take rights back", cmd_revoke},
	{"grants", "DIR", "who may do what with a patient's sections", cmd_grants},
	{"rule", "DIR --sections EMR02,EMR04 --changes approved|granted",
	 "whether changes there need the patient's co-signature", cmd_rule},
	{"pending", "DIR", "the changes that wait for the patient", cmd_pending},
	{"approve", "DIR/pending/FILE", "co-sign a change: it is made", cmd_approve},
	{"refuse", "DIR/pending/FILE", "a change is not made", cmd_refuse},
	{"withdraw", "DIR/pending/FILE", "take back a change that one proposed", cmd_withdraw},
	{"accesses", "[--patient ID] [--since DATE] [--until DATE] [--fhir] [PATH]",
	 "who read which section of a patient, when and for what purpose", cmd_accesses},
	{"consent", "--patient ID --custodian WHO [-o OUT] [PATH]",
	 "a patient agrees to take over a chart in custody", cmd_consent},
	{"claim", "DIR --consent FILE", "hand a chart in custody over to its patient", cmd_claim},
	{"replacement",
	 "begin --patient ID --old NAME@ORG --config FILE [-o FILE]\n"
	 "       chartfs replacement approve FILE --config FILE",
	 "a patient whose keys are lost asks for the chart with new ones; governors approve",
	 cmd_replacement},
	{"replace", "DIR --with FILE", "hand a chart over to its owner's new keys, as governors approved",
	 cmd_replace},
	{"erase", "FILE | --patient DIR", "destroy the keys of all versions of a file, or of a patient",
	 cmd_erase},
	{"destruction", "TRANSACTION --config FILE -o CERTIFICATE",
	 "have the peers certify that an erasure is done", cmd_destruction},
	{"log", "FILE", "every version of a file, newest first, deleted ones too", cmd_log},
	{"show", "FILE", "what the ledger knows of a file", cmd_show},
	{"diff", "FILE@v1 FILE@v2", "what changed between two versions", cmd_diff},
	{"prove", "FILE [-o OUT]", "write a proof that chartfs-verify checks offline", cmd_prove},
	{"manifest", "DIR [-o OUT]", "a signed list of what a directory holds, for backups", cmd_manifest},
	{"restore", "--manifest FILE --genesis FILE BACKUP [DIR]",
	 "compare a backup with a manifest, and bring back what is as it says", cmd_restore},
	{"block", "show HEIGHT [PATH | --data DIR --genesis FILE]",
	 "a block: header, certificate, transactions, verdicts", cmd_block},
	{"tx", "show ID [--signed-bytes] [PATH | --data DIR --genesis FILE]",
	 "a transaction: who, what, signatures, verdict; or the very bytes that were signed", cmd_tx},
	{"evidence",
	 "list [PATH | --data DIR --genesis FILE]\n"
	 "       chartfs evidence show ID [-o OUT] [PATH | --data DIR --genesis FILE]\n"
	 "       chartfs evidence report FILE [PATH]",
	 "members that lied, and the proof of it", cmd_evidence},
	{"verify", "[PATH | --data DIR --genesis FILE [--chain-only]]", "check a whole ledger", cmd_verify},
};

#define CMD_COUNT (sizeof(cmds) / sizeof(cmds[0]))

static const struct cmd *find(const char *name)
{
	for (size_t i = 0; i < CMD_COUNT; i++) {
		if (strcmp(cmds[i].name, name) == 0)
			return &cmds[i];
	}
	return NULL;
}

int cmd_usage(const char *verb, const char *fmt, ...)
{
	const struct cmd *cmd = find(verb);
	va_list args;

	fprintf(stderr, "chartfs %s: ", verb);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\nusage: chartfs %s %s\n", verb, cmd ? cmd->usage : "");
	return err_exit_code(CF_EUSAGE);
}

static bool is_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static void print_verb(const struct cmd *cmd)
{
	printf("%s: %s\n\nusage: chartfs %s %s\n\nman -l contrib/man/chartfs.1 says more.\n", cmd->name,
	       cmd->summary, cmd->name, cmd->usage);
}

static void print_help(FILE *to)
{
	fprintf(to, "chartfs - patient charts as files, on a ledger that hospitals share\n\nusage: chartfs "
		    "VERB ...\n\n");
	for (size_t i = 0; i < CMD_COUNT; i++)
		fprintf(to, "  %-10s %s\n", cmds[i].name, cmds[i].summary);
	fprintf(to,
		"\nchartfs VERB --help explains a verb. Exit codes: 0 done, 1 usage, 2 verification "
		"failed, 4 not permitted,\n5 no quorum, 6 conflict, 7 not found, 8 input or output, "
		"9 configuration, 10 not in consortium,\n11 key erased, 12 wrong passphrase, 13 certificate "
		"expired or revoked.\n");
}

int main(int argc, char **argv)
{
	const struct cmd *cmd;
	int code;

	if (argc > 0 && cmd_helper(argc, argv, &code))
		return code;
	if (argc == 3 && is_help(argv[1]) && find(argv[2])) {
		print_verb(find(argv[2]));
		return 0;
	}
	if (argc < 2 || is_help(argv[1])) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? err_exit_code(CF_EUSAGE) : 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("chartfs " VERSION);
		return 0;
	}
	cmd = find(argv[1]);
	if (!cmd) {
		fprintf(stderr, "chartfs: there is no verb '%s'; chartfs help lists them\n", argv[1]);
		return err_exit_code(CF_EUSAGE);
	}
	if (argc > 2 && (strcmp(argv[argc - 1], "--help") == 0 || strcmp(argv[argc - 1], "-h") == 0)) {
		print_verb(cmd);
		return 0;
	}
	code = cmd->run(argc - 1, argv + 1);
	if (fflush(stdout) != 0 && code == 0)
		code = err_exit_code(CF_EIO);
	return code;
}
