/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Server: what a client may ask of the device, at most.
 */
#ifndef MMBLK_LIMIT_H
#define MMBLK_LIMIT_H

#include <linux/spinlock.h>
#include <linux/types.h>

struct fido_device;

/* MiB a second */
#define MMBLK_MAX_BANDWIDTH	1000000

/**
 * struct mmblk_limit - limits of a service
 * @depth: requests that the device may have at a time, for each lane; zero: as
 *	many as there are tags
 * @bandwidth: data of READs and WRITEs of all lanes, in MiB a second; zero: as
 *	much as the device takes
 * @lock: guards @due
 * @due: when all that was taken so far is paid for at this rate, in ns as of
 *	ktime_get_ns()
 *
 * This is a token bucket that holds what the rate gives in a tenth of a second,
 * told by the time at which it is full instead of by its tokens: so there is
 * nothing to be filled up, and nothing lost by rounding.
 */
struct mmblk_limit {
	unsigned int depth;
	unsigned int bandwidth;
	spinlock_t lock;	/* @due */
	u64 due;
};

int mmblk_limit_init(struct mmblk_limit *limit, struct fido_device *fdev);
u64 mmblk_limit_wait(struct mmblk_limit *limit);
void mmblk_limit_charge(struct mmblk_limit *limit, u32 bytes);

static inline bool mmblk_limit_is_deep(const struct mmblk_limit *limit,
				       unsigned int in_service)
{
	return limit->depth && in_service >= limit->depth;
}

#endif /* MMBLK_LIMIT_H */
