/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chartfs-ca.c - the program: certificate authorities, offline and as servers, what applicants and managers
 * ask of them, and the maker of genesis files. A table of verbs.
 */
#include "ledger/harden.h"
#include "net/ca_cmd_net.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSPHRASE_HELP                                                                                 \
	"  --passphrase-file FILE     the passphrase of the new keys; without it CHARTFS_PASSPHRASE,\n" \
	"                             then a prompt\n"                                                  \
	"  --rounds N                 PBKDF2 rounds that protect the keys (600000)\n"
#define PKCS11_HELP                                                                                       \
	"  --pkcs11 URI               a key of P-256 in a token (RFC 7512); the passphrase is its PIN,\n" \
	"                             the URI stands in DIR/ca.pkcs11\n"
#define CA_PASSPHRASE_HELP \
	"  --ca-passphrase-file FILE  the passphrase of the authority that signs, when another one\n"

#define AUTHORITY_HELP                                                                                  \
	"  --ca AUTHORITY             its directory on this machine, or its URL: tls+tcp://HOST:PORT\n" \
	"  --root CERT.pem            the root authority's certificate\n"
#define AS_HELP                                                                          \
	"  --root CERT.pem            the root authority's certificate\n"                \
	"  --as DIR                   the manager's identity, which signs the request\n" \
	"  --passphrase-file FILE     its passphrase; without it CHARTFS_PASSPHRASE, then a prompt\n"

/* takes: the options a verb knows, by their letters in `longs`; needs: those it cannot do without. */
static const struct verb {
	const char *name;
	const char *takes;
	const char *needs;
	int (*run)(const struct ca_options *o);
	const char *usage;
	const char *summary;
	const char *help;
} verbs[] = {
	{"init", "ndlfRx", "n", ca_cmd_init, "init DIR --name NAME", "make a root authority",
	 "Makes DIR with ca.pem and ca.key. The root signs organizations' authorities and is kept offline.\n"
	 "  --name NAME                its name, also of its organization\n"
	 "  --days N                   validity (3650)\n"
	 "  --path-len N               authorities that may follow one below the other "
	 "(3)\n" PKCS11_HELP PASSPHRASE_HELP},
	{"intermediate", "nopdlfFRx", "op", ca_cmd_intermediate, "intermediate DIR --parent DIR --org ORG",
	 "make an organization's authority",
	 "Makes DIR with ca.pem and ca.key. It can name only members of ORG.\n"
	 "  --parent DIR               the authority above it: the root, or one of the same organization\n"
	 "  --org ORG                  the organization\n"
	 "  --name NAME                its name (\"ORG CA\")\n"
	 "  --days N                   validity (1825), cut to the parent's\n"
	 "  --path-len N               authorities that may follow below (what the parent "
	 "allows)\n" PKCS11_HELP PASSPHRASE_HELP CA_PASSPHRASE_HELP},
	{"issue", "nocrtdfFR", "ncr", ca_cmd_issue, "issue DIR --ca DIR --name NAME --role ROLE",
	 "make an identity's keys and certificate",
	 "Makes DIR with cert.pem, sign.key and kem.key; for a peer endorse.key; with a host also\n"
	 "tls.pem and tls.key.\n"
	 "  --ca DIR                   the authority that signs\n"
	 "  --name NAME                the identity's name, unique in its organization\n"
	 "  --org ORG                  its organization (the authority's)\n"
	 "  --role ROLE                patient, doctor, manager, governor or peer\n"
	 "  --tls-host HOST[,HOST...]  addresses or names others reach it at\n"
	 "  --days N                   validity (365), cut to the authority's\n" PASSPHRASE_HELP
		 CA_PASSPHRASE_HELP},
	{"show", "", "", ca_cmd_show, "show CERT.pem", "say what certificates say",
	 "Prints name, organization, role, validity and fingerprints of each certificate in the file.\n"},
	{"register", "cknortfFR", "cknr", ca_cmd_register,
	 "register DIR --ca AUTHORITY --root CERT.pem --name NAME --role ROLE",
	 "make keys and apply for a certificate",
	 "Makes DIR with an identity's keys, which never leave it, and sends the authority an\n"
	 "application. Prints the application's id: a manager compares it before approving.\n" AUTHORITY_HELP
	 "  --name NAME, --role ROLE   as for issue\n"
	 "  --org ORG                  its organization (the authority's)\n"
	 "  --tls-host HOST[,HOST...]  a certificate for TLS as well\n" PASSPHRASE_HELP CA_PASSPHRASE_HELP},
	{"enroll", "ckwfF", "ck", ca_cmd_enroll, "enroll DIR --ca AUTHORITY --root CERT.pem",
	 "collect the certificate that was applied for",
	 "Ends with 8 while no manager has decided, with 4 when the application was denied.\n" AUTHORITY_HELP
	 "  --wait SECONDS             ask again for so long\n" CA_PASSPHRASE_HELP},
	{"reenroll", "ckItfFR", "ck", ca_cmd_reenroll, "reenroll DIR --ca AUTHORITY --root CERT.pem",
	 "renew an identity's certificate, by its own key",
	 "Replaces DIR's certificate by a new one for the same keys.\n" AUTHORITY_HELP
	 "  --into DIR                 make a new signing key in a new directory instead\n"
	 "  --tls-host HOST[,HOST...]  renew the certificate for TLS as well\n" PASSPHRASE_HELP
		 CA_PASSPHRASE_HELP},
	{"pending", "kafF", "ka", ca_cmd_pending, "pending AUTHORITY --root CERT.pem --as DIR",
	 "list the applications that wait",
	 "Prints id, name, role and time of each application.\n" AS_HELP CA_PASSPHRASE_HELP},
	{"approve", "kaAdfF", "kaA", ca_cmd_approve,
	 "approve AUTHORITY --application ID --root CERT.pem --as DIR",
	 "let an applicant have the certificate",
	 "  --application ID           as register printed it to the applicant\n"
	 "  --days N                   validity (365), cut to the authority's\n" AS_HELP CA_PASSPHRASE_HELP},
	{"deny", "kaAmfF", "kaA", ca_cmd_deny, "deny AUTHORITY --application ID --root CERT.pem --as DIR",
	 "refuse an application",
	 "  --application ID           which one\n"
	 "  --reason TEXT              what the applicant is told\n" AS_HELP CA_PASSPHRASE_HELP},
	{"revoke", "kanmufF", "kan", ca_cmd_revoke, "revoke AUTHORITY --name NAME --root CERT.pem --as DIR",
	 "revoke an identity's certificates",
	 "All certificates of the name that are not revoked yet; it counts on the ledger once\n"
	 "`chartfs revocations` has carried the list there.\n"
	 "  --name NAME                whose\n"
	 "  --reason TEXT              for the authority's own records\n"
	 "  --out FILE                 write the new revocation list there\n" AS_HELP CA_PASSPHRASE_HELP},
	{"gencrl", "kufF", "ku", ca_cmd_gencrl, "gencrl AUTHORITY --out FILE --root CERT.pem",
	 "write the authority's revocation list",
	 "The newest one; a new one when half of its 30 days are over.\n"
	 "  --out FILE                 the list, and the authority's certificates behind it (PEM)\n"
	 "  --root CERT.pem            the root authority's certificate\n" CA_PASSPHRASE_HELP},
	{"identity", "kafF", "ka", ca_cmd_identity, "identity list AUTHORITY --root CERT.pem --as DIR",
	 "list what an authority has issued",
	 "Prints serial number, name, role, state and end of each certificate.\n" AS_HELP CA_PASSPHRASE_HELP},
	{"expiry", "W", "", ca_cmd_expiry, "expiry PATH [--within 30d]", "say when certificates end",
	 "PATH: a file of certificates, or the directory of an identity or authority. Ends with 13\n"
	 "when one has expired or is about to.\n"
	 "  --within DAYS              what counts as about to (30d)\n"},
	{"serve", "kLtdfF", "kL", ca_cmd_serve, "serve DIR --listen URL --root CERT.pem",
	 "answer applicants and managers over the network",
	 "Runs in the foreground until SIGTERM.\n"
	 "  --listen URL               tls+tcp://HOST:PORT\n"
	 "  --root CERT.pem            the root authority's certificate\n"
	 "  --tls-host HOST[,HOST...]  names of the server (the URL's)\n"
	 "  --days N                   validity of what it issues (365)\n"
	 "  --passphrase-file FILE     the authority's passphrase; without it CHARTFS_PASSPHRASE, then a "
	 "prompt\n"},
	{"contribute", "i", "i", ca_cmd_contribute, "contribute FILE --identity CERT.pem ...",
	 "deal a part of the key that guards reading",
	 "Writes a contribution to the key that the ordering peers share: whoever keeps a peer\n"
	 "makes one, and chartfs-ca genesis --contribution gathers them. Nothing of it is kept.\n"
	 "  --identity CERT.pem        a peer's certificate; once for each, in the order of --peer\n"},
	{"genesis", "nkoPisCe", "nkoP", ca_cmd_genesis,
	 "genesis FILE --name NETWORK --root CERT.pem --org ... --peer ...", "found a network",
	 "Checks every certificate's chain and writes the genesis file that all peers and\n"
	 "mounts start from.\n"
	 "  --name NETWORK             the network's name\n"
	 "  --root CERT.pem            the root authority's certificate\n"
	 "  --org NAME:CA.pem:CERT.pem an organization, its authority, its custodian (doctor or manager);\n"
	 "                             once for each\n"
	 "  --peer DIR,ORG,PEER-URL,CLIENT-URL\n"
	 "                             an ordering peer: directory with its cert.pem, organization, nng\n"
	 "                             URLs that peers and mounts dial; 4 to 16 times\n"
	 "  --identity CERT.pem        a further identity known from the start (a doctor, a governor)\n"
	 "  --contribution FILE        of chartfs-ca contribute, one from each peer's keeper; without\n"
	 "                             any this program deals itself\n"
	 "  --endorsing-orgs N         organizations that must endorse (as few as are safe)\n"
	 "  --section EMRnn=TITLE      the consortium's own title of a section\n"},
};

static const struct option longs[] = {
	{"name", required_argument, NULL, 'n'},
	{"org", required_argument, NULL, 'o'},
	{"parent", required_argument, NULL, 'p'},
	{"ca", required_argument, NULL, 'c'},
	{"role", required_argument, NULL, 'r'},
	{"tls-host", required_argument, NULL, 't'},
	{"days", required_argument, NULL, 'd'},
	{"path-len", required_argument, NULL, 'l'},
	{"rounds", required_argument, NULL, 'R'},
	{"passphrase-file", required_argument, NULL, 'f'},
	{"ca-passphrase-file", required_argument, NULL, 'F'},
	{"root", required_argument, NULL, 'k'},
	{"peer", required_argument, NULL, 'P'},
	{"identity", required_argument, NULL, 'i'},
	{"contribution", required_argument, NULL, 'C'},
	{"section", required_argument, NULL, 's'},
	{"endorsing-orgs", required_argument, NULL, 'e'},
	{"as", required_argument, NULL, 'a'},
	{"into", required_argument, NULL, 'I'},
	{"application", required_argument, NULL, 'A'},
	{"reason", required_argument, NULL, 'm'},
	{"out", required_argument, NULL, 'u'},
	{"listen", required_argument, NULL, 'L'},
	{"within", required_argument, NULL, 'W'},
	{"wait", required_argument, NULL, 'w'},
	{"pkcs11", required_argument, NULL, 'x'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const char *long_name(int letter)
{
	const struct option *o = longs;

	while (o->name && o->val != letter)
		o++;
	return o->name ? o->name : "?";
}

static int number(int letter, const char *text, unsigned *ret_number)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || end == text || text[0] == '-' || n == 0 || n > INT_MAX)
		return err_set(CF_EUSAGE, "--%s '%s' is not a number above 0", long_name(letter), text);
	*ret_number = (unsigned)n;
	return 0;
}

static int append(int letter, const char *text, struct ca_list *list)
{
	if (list->count == CA_LIST_MAX)
		return err_set(CF_EUSAGE, "--%s more than %d times", long_name(letter), CA_LIST_MAX);
	list->item[list->count++] = text;
	return 0;
}

static int set_text(int letter, const char *text, const char **ret_text)
{
	if (*ret_text)
		return err_set(CF_EUSAGE, "--%s twice", long_name(letter));
	*ret_text = text;
	return 0;
}

static int take(int letter, const char *text, struct ca_options *o)
{
	switch (letter) {
	case 'n':
		return set_text(letter, text, &o->name);
	case 'p':
		return set_text(letter, text, &o->parent);
	case 'c':
		return set_text(letter, text, &o->ca);
	case 'r':
		return set_text(letter, text, &o->role);
	case 't':
		return set_text(letter, text, &o->tls_host);
	case 'k':
		return set_text(letter, text, &o->root);
	case 'f':
		return set_text(letter, text, &o->passphrase_file);
	case 'F':
		return set_text(letter, text, &o->ca_passphrase_file);
	case 'a':
		return set_text(letter, text, &o->as);
	case 'I':
		return set_text(letter, text, &o->into);
	case 'A':
		return set_text(letter, text, &o->application);
	case 'm':
		return set_text(letter, text, &o->reason);
	case 'u':
		return set_text(letter, text, &o->out);
	case 'L':
		return set_text(letter, text, &o->listen);
	case 'W':
		return set_text(letter, text, &o->within);
	case 'x':
		return set_text(letter, text, &o->pkcs11);
	case 'w':
		return number(letter, text, &o->wait);
	case 'd':
		return number(letter, text, &o->days);
	case 'l':
		return number(letter, text, &o->path_len);
	case 'R':
		return number(letter, text, &o->rounds);
	case 'e':
		return number(letter, text, &o->endorsing_orgs);
	case 'o':
		return append(letter, text, &o->org);
	case 'P':
		return append(letter, text, &o->peer);
	case 'i':
		return append(letter, text, &o->identity);
	case 'C':
		return append(letter, text, &o->contribution);
	default:
		return append(letter, text, &o->section);
	}
}

static int check_given(const struct verb *v, const char *given)
{
	for (const char *need = v->needs; *need; need++) {
		if (!strchr(given, *need))
			return err_set(CF_EUSAGE, "--%s is missing; see chartfs-ca %s --help",
				       long_name(*need), v->name);
	}
	return 0;
}

/* *ret_help: only help is asked for. */
static int parse(const struct verb *v, int argc, char **argv, struct ca_options *ret_o, bool *ret_help)
{
	char given[sizeof(longs) / sizeof(longs[0]) + 1] = "";
	int letter, at, err = 0;

	opterr = 0;
	while (!err && (letter = getopt_long(argc, argv, ":h", longs, &at)) != -1) {
		if (letter == 'h') {
			*ret_help = true;
			return 0;
		}
		if (letter == ':')
			return err_set(CF_EUSAGE, "%s wants a value", argv[optind - 1]);
		if (letter == '?' || !strchr(v->takes, letter))
			return err_set(CF_EUSAGE, "no option %s here; see chartfs-ca %s --help",
				       letter == '?' ? argv[optind - 1] : long_name(letter), v->name);
		if (!strchr(given, letter))
			given[strlen(given)] = (char)letter;
		err = take(letter, optarg, ret_o);
	}
	if (err)
		return err;
	if (argc - optind == 2 && v->run == ca_cmd_identity)
		ret_o->word = argv[optind++];
	if (argc - optind != 1 || (v->run == ca_cmd_identity && !ret_o->word))
		return err_set(CF_EUSAGE, "usage: chartfs-ca %s", v->usage);
	ret_o->target = argv[optind];
	return check_given(v, given);
}

static void print_help(void)
{
	puts("chartfs-ca - the certificate authority of a chartfs network\n\nusage: chartfs-ca VERB ...\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		printf("  %-14s %s\n", verbs[i].name, verbs[i].summary);
	puts("\nchartfs-ca VERB --help explains a verb.");
}

static int run(const struct verb *v, int argc, char **argv)
{
	struct ca_options o = {0};
	bool help = false;
	int err = parse(v, argc, argv, &o, &help);

	if (help) {
		printf("usage: chartfs-ca %s\n\n%s", v->usage, v->help);
		return 0;
	}
	if (!err)
		err = v->run(&o);
	if (err)
		fprintf(stderr, "chartfs-ca: %s: %s\n", v->name,
			err_detail()[0] ? err_detail() : err_text(err));
	else if (fflush(stdout) != 0)
		err = CF_EIO;
	return err_exit_code(err);
}

/* nng's threads live until the end, and its own exit would wait for them. */
static int leave(int code)
{
	fflush(NULL);
	_exit(code);
}

int main(int argc, char **argv)
{
	harden_process();
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help();
		return argc < 2 ? err_exit_code(CF_EUSAGE) : 0;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[1], verbs[i].name) == 0)
			return leave(run(&verbs[i], argc - 1, argv + 1));
	}
	fprintf(stderr, "chartfs-ca: %s: no such verb; see chartfs-ca --help\n", argv[1]);
	return err_exit_code(CF_EUSAGE);
}
