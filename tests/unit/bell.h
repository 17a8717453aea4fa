/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An event channel for threads: rings are latched, waiting has a limit.
 *
 * The counter is relaxed and the futex is a raw system call, so that a bell
 * orders nothing in the eyes of ThreadSanitizer: order between the sides must
 * come from the rings alone.
 */
#ifndef BELL_H
#define BELL_H

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

struct bell {
	u32 count;
	u32 waits;
} ____cacheline_aligned;

static inline u32 bell_seen(struct bell *bell)
{
	return __atomic_load_n(&bell->count, __ATOMIC_RELAXED);
}

static inline void bell_ring(struct bell *bell)
{
	__atomic_fetch_add(&bell->count, 1, __ATOMIC_RELAXED);
	syscall(SYS_futex, &bell->count, FUTEX_WAKE_PRIVATE, 64, NULL, NULL, 0);
}

/* Wait for a ring after @seen. Returns false if there was none in time. */
static inline bool bell_wait(struct bell *bell, u32 seen, unsigned int seconds)
{
	struct timespec limit = { .tv_sec = seconds };

	__atomic_fetch_add(&bell->waits, 1, __ATOMIC_RELAXED);
	while (bell_seen(bell) == seen) {
		if (syscall(SYS_futex, &bell->count, FUTEX_WAIT_PRIVATE, seen,
			    &limit, NULL, 0) && errno == ETIMEDOUT)
			return bell_seen(bell) != seen;
	}
	return true;
}

#endif /* BELL_H */
