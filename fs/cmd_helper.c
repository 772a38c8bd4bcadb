/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_helper.c - mount.chartfs and umount.chartfs: what mount(8) and umount(8) run for fstab's
 *
 *     /etc/chartfs/doctor1.ini  /srv/charts  chartfs  _netdev,nofail  0 0
 *
 * by the same program under these names, in /sbin. Arguments and exit codes are those of the mount(8) manual,
 * "External helpers": 1 usage, 32 the mount failed.
 */
#include "fs/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define EXIT_USAGE 1
#define EXIT_FAILED 32

/* mount.chartfs SPEC DIR [-sfnv] [-o OPTIONS] [-t TYPE] */
static int helper_mount(int argc, char **argv)
{
	char *args[] = {"mount", "--config", NULL, "-o", "rw", NULL, NULL};
	bool fake = false;
	int letter;

	opterr = 0;
	while ((letter = getopt(argc, argv, "sfnvo:t:")) != -1) {
		if (letter == '?') {
			fprintf(stderr, "mount.chartfs: unknown option -%c\n", optopt);
			return EXIT_USAGE;
		}
		fake |= letter == 'f';
		if (letter == 'o')
			args[4] = optarg;
	}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: mount.chartfs CONFIG DIR [-o OPTIONS]\n");
		return EXIT_USAGE;
	}
	args[2] = argv[optind];
	args[5] = argv[optind + 1];
	if (fake)
		return 0;
	return cmd_mount(6, args) ? EXIT_FAILED : 0;
}

/* umount.chartfs DIR [-flnrv] */
static int helper_umount(int argc, char **argv)
{
	char *args[] = {"umount", NULL, NULL};
	int letter;

	opterr = 0;
	while ((letter = getopt(argc, argv, "flnrvt:")) != -1) {
		if (letter == '?') {
			fprintf(stderr, "umount.chartfs: unknown option -%c\n", optopt);
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		fprintf(stderr, "usage: umount.chartfs DIR\n");
		return EXIT_USAGE;
	}
	args[1] = argv[optind];
	return cmd_umount(2, args) ? EXIT_FAILED : 0;
}

bool cmd_helper(int argc, char **argv, int *ret_code)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];

	if (strcmp(name, "mount.chartfs") == 0)
		*ret_code = helper_mount(argc, argv);
	else if (strcmp(name, "umount.chartfs") == 0)
		*ret_code = helper_umount(argc, argv);
	else
		return false;
	return true;
}
