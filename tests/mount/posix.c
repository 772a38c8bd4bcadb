/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posix.c - posix DIR TEST: one property of a file system below DIR, which is empty at the first and keeps
 * what the test made, so that a caller can look at it again after a remount. Exit code 0, or 1 and what was
 * wrong.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(expr)                                                                    \
	do {                                                                           \
		if (!(expr)) {                                                         \
			printf("line %d: %s: %s\n", __LINE__, #expr, strerror(errno)); \
			exit(1);                                                       \
		}                                                                      \
	} while (0)
/* Fails with exactly this errno. */
#define REFUSED(expr, number) CHECK((errno = 0, (expr) == -1) && errno == (number))

static int make(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static void make_closed(const char *name, const char *text)
{
	CHECK(close(make(name, text)) == 0);
}

static void holds(const char *name, const char *text)
{
	char got[4096];
	int fd = open(name, O_RDONLY);
	ssize_t n;

	CHECK(fd >= 0);
	n = read(fd, got, sizeof(got));
	CHECK(n == (ssize_t)strlen(text) && memcmp(got, text, (size_t)n) == 0);
	CHECK(close(fd) == 0);
}

static void append(void)
{
	int a, b;

	make_closed("log", "");
	a = open("log", O_WRONLY | O_APPEND);
	b = open("log", O_WRONLY | O_APPEND);
	CHECK(a >= 0 && b >= 0);
	for (int i = 0; i < 5; i++)
		CHECK(write(a, "a", 1) == 1 && write(b, "b", 1) == 1);
	/* the offset does not count */
	CHECK(lseek(a, 0, SEEK_SET) == 0 && write(a, "c", 1) == 1);
	CHECK(close(a) == 0 && close(b) == 0);
	holds("log", "abababababc");
}

/* Eight processes want each name: one gets it. */
static void excl(void)
{
	enum { NAMES = 20, PROCESSES = 8 };
	int won = 0, status;
	char name[32];

	for (int p = 0; p < PROCESSES; p++) {
		if (fork() != 0)
			continue;
		for (int i = 0; i < NAMES; i++) {
			snprintf(name, sizeof(name), "excl-%d", i);
			int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

			if (fd < 0 && errno != EEXIST)
				_exit(100);
			won += fd >= 0;
			if (fd >= 0)
				close(fd);
		}
		_exit(won);
	}
	while (wait(&status) > 0) {
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 100);
		won += WEXITSTATUS(status);
	}
	CHECK(won == NAMES);
}

static void map(void)
{
	char *shared, *private;
	char got[4];
	int fd = make("map", "0123456789"), again;

	shared = mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(shared != MAP_FAILED && private != MAP_FAILED);
	private[0] = 'P';
	memcpy(shared + 2, "XYZ", 3);
	CHECK(pread(fd, got, 4, 1) == 4 && memcmp(got, "1XYZ", 4) == 0);
	CHECK(pwrite(fd, "w", 1, 9) == 1 && shared[9] == 'w');
	CHECK(close(fd) == 0);
	/* written after the descriptor is gone */
	shared[1] = 'm';
	CHECK(munmap(shared, 10) == 0 && munmap(private, 10) == 0);
	again = open("map", O_RDWR);
	CHECK(again >= 0 && fsync(again) == 0 && close(again) == 0);
	holds("map", "0mXYZ5678w");
}

static void holes(void)
{
	int fd = make("holes", "x");

	CHECK(pwrite(fd, "y", 1, 1 << 20) == 1);
	CHECK(lseek(fd, 0, SEEK_DATA) == 0);
	CHECK(lseek(fd, 0, SEEK_HOLE) > 0);
	REFUSED(lseek(fd, (1 << 20) + 1, SEEK_DATA), ENXIO);
	REFUSED(fallocate(fd, 3 /* punch a hole, keep the size */, 0, 4096), EOPNOTSUPP);
	CHECK(posix_fallocate(fd, 0, 3 << 20) == 0);
	CHECK(lseek(fd, 0, SEEK_END) == 3 << 20);
	CHECK(close(fd) == 0);
}

static int lock_of(int fd, int command, short type, off_t start)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 10};
	int rc = fcntl(fd, command, &l);

	return rc ? rc : l.l_type;
}

static void locks(void)
{
	int fd = make("locks", "0123456789012345678901234567890"), other = open("locks", O_RDWR), status;

	CHECK(other >= 0);
	CHECK(lock_of(fd, F_SETLK, F_WRLCK, 0) == F_WRLCK);
	if (fork() == 0) {
		CHECK(lock_of(other, F_GETLK, F_WRLCK, 5) == F_WRLCK);
		REFUSED(lock_of(other, F_SETLK, F_RDLCK, 5), EAGAIN);
		CHECK(lock_of(other, F_SETLK, F_RDLCK, 10) == F_RDLCK);
		_exit(0);
	}
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(lock_of(fd, F_OFD_SETLK, F_WRLCK, 20) == F_WRLCK);
	REFUSED(lock_of(other, F_OFD_SETLK, F_WRLCK, 25), EAGAIN);
	CHECK(flock(fd, LOCK_EX) == 0);
	REFUSED(flock(other, LOCK_SH | LOCK_NB), EAGAIN);
	CHECK(flock(fd, LOCK_UN) == 0 && flock(other, LOCK_SH | LOCK_NB) == 0);
	CHECK(close(other) == 0 && close(fd) == 0);
}

static void unlinked(void)
{
	struct stat st;
	char got[8];
	int fd = make("gone", "first"), old;

	make_closed("old", "committed");
	old = open("old", O_RDWR);
	CHECK(unlink("gone") == 0 && unlink("old") == 0);
	REFUSED(stat("gone", &st), ENOENT);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 5);
	CHECK(fstat(old, &st) == 0 && st.st_nlink == 0);
	CHECK(pwrite(fd, "more", 4, 5) == 4 && pread(fd, got, 8, 1) == 8);
	CHECK(memcmp(got, "irstmore", 8) == 0);
	CHECK(pwrite(old, "C", 1, 0) == 1 && pread(old, got, 3, 0) == 3 && memcmp(got, "Com", 3) == 0);
	/* the name is free for another file meanwhile */
	make_closed("gone", "second");
	CHECK(close(fd) == 0 && close(old) == 0);
	holds("gone", "second");
	REFUSED(stat("old", &st), ENOENT);
	CHECK(unlink("gone") == 0);
}

static void renames(void)
{
	struct stat a, b;

	make_closed("a", "a");
	make_closed("b", "b");
	REFUSED(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	REFUSED(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE), EINVAL);
	REFUSED(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_WHITEOUT), EINVAL);
	CHECK(stat("a", &a) == 0 && renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE) == 0);
	CHECK(stat("c", &b) == 0 && a.st_ino == b.st_ino);
	CHECK(rename("c", "b") == 0);
	holds("b", "a");
	CHECK(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0 && mkdir("d/x", 0755) == 0);
	REFUSED(rename("e", "d"), ENOTEMPTY);
	REFUSED(rename("d", "d/x/y"), EINVAL);
	REFUSED(rename("b", "e"), EISDIR);
	REFUSED(rename("e", "b"), ENOTDIR);
	CHECK(rename("d", "e") == 0 && stat("e/x", &a) == 0);
	REFUSED(rmdir("e"), ENOTEMPTY);
	REFUSED(unlink("e"), EISDIR);
	REFUSED(rmdir("b"), ENOTDIR);
}

/* On principle: a history hangs on one name, and nothing but files, directories and links is kept. */
static void refused(void)
{
	make_closed("one", "1");
	REFUSED(link("one", "two"), EPERM);
	REFUSED(mkfifo("pipe", 0600), EPERM);
	REFUSED(mknod("device", S_IFCHR | 0600, 0x103), EPERM);
	REFUSED(mkdir(".chartfs", 0700), EPERM);
}

static void times(void)
{
	struct timespec t[2] = {{1000000001, 123456789}, {1234567890, 987654321}};
	struct timespec before;
	struct stat st, again;

	make_closed("times", "t");
	CHECK(utimensat(AT_FDCWD, "times", t, 0) == 0 && stat("times", &st) == 0);
	CHECK(st.st_atim.tv_nsec == 123456789 && st.st_mtim.tv_sec == 1234567890);
	CHECK(st.st_mtim.tv_nsec == 987654321);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	clock_gettime(CLOCK_REALTIME_COARSE, &before);
	CHECK(utimensat(AT_FDCWD, "times", t, 0) == 0 && stat("times", &again) == 0);
	CHECK(again.st_atim.tv_sec == 1000000001 && again.st_mtim.tv_sec >= before.tv_sec);
	t[0] = (struct timespec){5, 6};
	t[1] = (struct timespec){7, 8};
	CHECK(utimensat(AT_FDCWD, "times", t, 0) == 0);
	CHECK(symlink("times", "link") == 0);
	CHECK(utimensat(AT_FDCWD, "link", t, AT_SYMLINK_NOFOLLOW) == 0 && lstat("link", &st) == 0);
	CHECK(st.st_mtim.tv_sec == 7 && st.st_mtim.tv_nsec == 8);
	CHECK(mkdir("timed", 0755) == 0 && utimensat(AT_FDCWD, "timed", t, 0) == 0);
	CHECK(stat("timed", &st) == 0 && st.st_mtim.tv_sec == 7);
}

static void names(void)
{
	static const char *const odd[] = {"new\nline", "\x01\x1b[31m", "\xff\xfe not utf-8", " ",
					  "-rf",       "\\*?",         "e\xcc\x81",          "\xc3\xa9",
					  "CON",       "trailing."};
	char longest[257];
	struct dirent *e;
	size_t count = 0;
	DIR *d;

	CHECK(mkdir("names", 0755) == 0 && chdir("names") == 0);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		make_closed(odd[i], odd[i]);
		holds(odd[i], odd[i]);
	}
	memset(longest, 'n', sizeof(longest));
	longest[256] = 0;
	REFUSED(open(longest, O_WRONLY | O_CREAT, 0600), ENAMETOOLONG);
	longest[255] = 0;
	make_closed(longest, "long");
	d = opendir(".");
	CHECK(d);
	while ((e = readdir(d)) != NULL)
		count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	CHECK(count == sizeof(odd) / sizeof(odd[0]) + 1);
}

static void sparse(void)
{
	char got[4];
	struct stat st;
	int fd = make("sparse", "head");

	CHECK(pwrite(fd, "tail", 4, (64 << 20) - 4) == 4 && close(fd) == 0);
	fd = open("sparse", O_RDONLY);
	CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == 64 << 20);
	CHECK(pread(fd, got, 4, 30 << 20) == 4 && memcmp(got, "\0\0\0\0", 4) == 0);
	CHECK(pread(fd, got, 4, (64 << 20) - 4) == 4 && memcmp(got, "tail", 4) == 0);
	CHECK(pread(fd, got, 4, 64 << 20) == 0);
	CHECK(close(fd) == 0);
}

static void links(void)
{
	char target[4097], got[4097];
	struct stat st;

	memset(target, 't', sizeof(target));
	target[4096] = 0;
	REFUSED(symlink(target, "toolong"), ENAMETOOLONG);
	target[4095] = 0;
	CHECK(symlink(target, "longest") == 0 && readlink("longest", got, sizeof(got)) == 4095);
	CHECK(memcmp(got, target, 4095) == 0);
	CHECK(symlink("nowhere", "dangling") == 0 && lstat("dangling", &st) == 0);
	CHECK(S_ISLNK(st.st_mode) && st.st_size == 7);
	REFUSED(open("dangling", O_RDONLY), ENOENT);
	REFUSED(open("dangling", O_RDONLY | O_NOFOLLOW), ELOOP);
	REFUSED(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK(symlink("self", "self") == 0);
	REFUSED(open("self", O_RDONLY), ELOOP);
}

static void modes(void)
{
	struct stat st;

	umask(027);
	CHECK(mkdir("sgid", 0777) == 0 && chown("sgid", 0, 54321) == 0 && chmod("sgid", 02775) == 0);
	make_closed("sgid/file", "f");
	CHECK(mkdir("sgid/sub", 0777) == 0);
	CHECK(stat("sgid/file", &st) == 0 && st.st_gid == 54321 && (st.st_mode & 07777) == 0640);
	CHECK(stat("sgid/sub", &st) == 0 && st.st_gid == 54321 && (st.st_mode & 07777) == 02750);
	CHECK(chmod("sgid/file", 06711) == 0 && stat("sgid/file", &st) == 0);
	CHECK((st.st_mode & 07777) == 06711);
	/* a save keeps what was set while it was open */
	int fd = open("sgid/file", O_WRONLY);

	CHECK(fd >= 0 && chmod("sgid/file", 0604) == 0 && write(fd, "g", 1) == 1 && close(fd) == 0);
	CHECK(stat("sgid/file", &st) == 0 && (st.st_mode & 07777) == 0604);
	CHECK(chown("sgid/file", 1000, 1001) == 0 && stat("sgid/file", &st) == 0);
	CHECK(st.st_uid == 1000 && st.st_gid == 1001);
}

/* A listing goes on where it was while entries come and go. */
static void listing(void)
{
	enum { FILES = 60 };
	int seen[FILES] = {0}, number, after = 0;
	struct dirent *e;
	char name[32];
	long at = 0;
	DIR *d;

	CHECK(mkdir("list", 0755) == 0 && chdir("list") == 0);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		CHECK(mkdir(name, 0700) == 0);
	}
	d = opendir(".");
	CHECK(d);
	for (int i = 0; i < 20 && (e = readdir(d)) != NULL; i++) {
		if (sscanf(e->d_name, "f%d", &number) == 1)
			seen[number]++;
	}
	at = telldir(d);
	CHECK(rmdir("f7") == 0 && mkdir("new", 0700) == 0);
	while ((e = readdir(d)) != NULL)
		continue;
	seekdir(d, at);
	while ((e = readdir(d)) != NULL) {
		if (sscanf(e->d_name, "f%d", &number) == 1) {
			seen[number]++;
			after++;
		}
	}
	for (int i = 0; i < FILES; i++)
		CHECK(seen[i] == 1 || i == 7);
	CHECK(after > 0);
	closedir(d);
}

static void space(void)
{
	struct statvfs v;

	CHECK(statvfs(".", &v) == 0);
	CHECK(v.f_namemax == 255 && v.f_blocks > 0 && v.f_bavail <= v.f_blocks && v.f_files > 0);
}

/* What is seen by another process of this host at any time during saves is one of the contents, whole. */
static void atomic(void)
{
	char text[3000], got[3001];
	int status;

	make_closed("atomic", "");
	if (fork() == 0) {
		for (int i = 0; i < 30; i++) {
			int fd = open("temporary.tmp", O_WRONLY | O_CREAT | O_TRUNC, 0644);

			memset(text, 'a' + i % 26, sizeof(text));
			if (fd < 0 || write(fd, text, sizeof(text)) != sizeof(text) || close(fd) != 0 ||
			    rename("temporary.tmp", "atomic") != 0)
				_exit(1);
		}
		_exit(0);
	}
	while (waitpid(-1, &status, WNOHANG) == 0) {
		int fd = open("atomic", O_RDONLY);
		ssize_t n;

		CHECK(fd >= 0);
		n = read(fd, got, sizeof(got));
		CHECK(n == 0 || n == sizeof(text));
		for (ssize_t i = 1; i < n; i++)
			CHECK(got[i] == got[0]);
		close(fd);
	}
	CHECK(status == 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"append", append}, {"excl", excl},         {"map", map},         {"holes", holes},
	{"locks", locks},   {"unlinked", unlinked}, {"renames", renames}, {"refused", refused},
	{"times", times},   {"names", names},       {"sparse", sparse},   {"links", links},
	{"modes", modes},   {"listing", listing},   {"space", space},     {"atomic", atomic},
};

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "-l") == 0) {
		for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
			puts(tests[i].name);
		return 0;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: posix DIR TEST, or posix -l\n");
		return 2;
	}
	umask(022);
	CHECK(mkdir(argv[1], 0755) == 0 || errno == EEXIST);
	CHECK(chdir(argv[1]) == 0);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (strcmp(tests[i].name, argv[2]) == 0) {
			tests[i].run();
			return 0;
		}
	}
	fprintf(stderr, "posix: no test %s\n", argv[2]);
	return 2;
}
