/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sizes: how large the requests of a channel are on average, and what follows.
 *
 * An idle CPU that looks for the next message saves a signal and the way out of
 * sleep. For small requests that is much of all they cost. For large ones it is
 * a small part, and the time to look is long, as the other side is busy with
 * the data: measured with looking on and off for all requests, it cost a
 * quarter of the processor time and gained a few percent of the rate
 * (docs/performance.md).
 */
#ifndef MMBLK_SIZES_H
#define MMBLK_SIZES_H

#include <linux/sizes.h>
#include <linux/types.h>

#define MMBLK_SIZES_LARGE	SZ_64K
/* Requests that the average forgets a half of, about: 2^3 * ln 2 */
#define MMBLK_SIZES_SHIFT	3

/**
 * struct mmblk_sizes - average of a channel
 * @mean: bytes, in units of 2^-MMBLK_SIZES_SHIFT
 */
struct mmblk_sizes {
	u32 mean;
};

/* @bytes: data of a request, at most MMBLK_MAX_BYTES */
static inline void mmblk_sizes_add(struct mmblk_sizes *sizes, u32 bytes)
{
	sizes->mean += bytes - (sizes->mean >> MMBLK_SIZES_SHIFT);
}

static inline bool mmblk_sizes_are_large(const struct mmblk_sizes *sizes)
{
	return sizes->mean >> MMBLK_SIZES_SHIFT >= MMBLK_SIZES_LARGE;
}

#endif /* MMBLK_SIZES_H */
