// SPDX-License-Identifier: GPL-2.0
/*
 * Server: what a client may ask of the device, at most.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/time64.h>

#include "fido.h"
#include "limit.h"
#include "mmblk_proto.h"

/* How far a lane may be ahead of the rate: what the bucket holds */
#define BURST_NS	(100 * NSEC_PER_MSEC)

/**
 * mmblk_limit_init - read the limits of a service
 * @limit: zeroed
 * @fdev: service
 *
 * Return: 0, -EINVAL if they make no sense, -ENOMEM if they cannot be read.
 */
int mmblk_limit_init(struct mmblk_limit *limit, struct fido_device *fdev)
{
	int err;

	spin_lock_init(&limit->lock);
	err = fido_param_range(fdev, "depth", 1, MMBLK_DEPTH, &limit->depth);
	if (err)
		return err;
	return fido_param_range(fdev, "bandwidth", 1, MMBLK_MAX_BANDWIDTH,
				&limit->bandwidth);
}

/**
 * mmblk_limit_wait - may another request be taken now?
 * @limit: limits
 *
 * Whoever may take one is not asked how large it is: it is paid for afterwards.
 * So the bucket can be in debt, by the largest request of each lane.
 *
 * Context: process.
 * Return: zero if so, else ns to wait before asking again.
 */
u64 mmblk_limit_wait(struct mmblk_limit *limit)
{
	u64 now, due;

	if (!limit->bandwidth)
		return 0;
	now = ktime_get_ns();
	spin_lock(&limit->lock);
	due = limit->due;
	spin_unlock(&limit->lock);
	return due > now + BURST_NS ? due - now - BURST_NS : 0;
}

/**
 * mmblk_limit_charge - data is on its way
 * @limit: limits
 * @bytes: of a request that was taken, at most MMBLK_MAX_BYTES
 *
 * Context: process.
 */
void mmblk_limit_charge(struct mmblk_limit *limit, u32 bytes)
{
	u64 cost;

	if (!limit->bandwidth)
		return;
	/* less than 2^62, whatever @bytes is */
	cost = DIV64_U64_ROUND_UP((u64)bytes * NSEC_PER_SEC,
				  (u64)limit->bandwidth * SZ_1M);
	spin_lock(&limit->lock);
	/* what was not used before is lost, but for what the bucket holds */
	limit->due = max(limit->due, ktime_get_ns()) + cost;
	spin_unlock(&limit->lock);
}
