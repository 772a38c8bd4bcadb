/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c - LD_PRELOAD: a process whose wall clock is off by what the file CHARTFS_CLOCK holds, i64
 * milliseconds in the machine's order, read anew each time: clocks can jump while it runs. Monotonic clocks
 * are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *ret);
int gettimeofday(struct timeval *restrict ret, void *restrict zone);
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict lock,
			   const struct timespec *restrict until);

#define SLICE_MS 20
#define WAITS_MONOTONIC 2u /* glibc's bit of __wrefs, since 2.25 */

static const volatile int64_t *off_ms;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CHARTFS_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*off_ms), PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		abort(); /* a test that thinks the clock is off must not pass */
	off_ms = map;
	close(fd);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
	long rc = syscall(SYS_clock_gettime, id, ret);
	int64_t ms;

	if (rc || !off_ms || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
		return (int)rc;
	ms = ret->tv_nsec / 1000000 + *off_ms;
	ret->tv_sec += ms / 1000;
	ret->tv_nsec = ms % 1000 * 1000000 + ret->tv_nsec % 1000000;
	if (ret->tv_nsec < 0) {
		ret->tv_sec--;
		ret->tv_nsec += 1000000000;
	}
	return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec t;
	int rc = clock_gettime(CLOCK_REALTIME, &t);

	(void)zone;
	if (rc == 0)
		*ret = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
	return rc;
}

time_t time(time_t *ret)
{
	struct timespec t = {0, 0};

	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (ret)
		*ret = t.tv_sec;
	return t.tv_sec;
}

/* In slices, which the caller takes for spurious wake-ups. */
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict lock,
			   const struct timespec *restrict until)
{
	static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	struct timespec now, slice;
	int64_t left_ms;
	int rc;

	if (!real)
		real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlvsym(
			RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
	if (!off_ms || cond->__data.__wrefs & WAITS_MONOTONIC)
		return real(cond, lock, until);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	left_ms = (until->tv_sec - now.tv_sec) * 1000 + (until->tv_nsec - now.tv_nsec) / 1000000;
	if (left_ms <= 0)
		return ETIMEDOUT;
	if (left_ms > SLICE_MS)
		left_ms = SLICE_MS;
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &slice);
	slice.tv_nsec += left_ms * 1000000;
	slice.tv_sec += slice.tv_nsec / 1000000000;
	slice.tv_nsec %= 1000000000;
	rc = real(cond, lock, &slice);
	return rc == ETIMEDOUT ? 0 : rc;
}
