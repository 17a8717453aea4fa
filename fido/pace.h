/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pace: how often something was done in a stretch of time, so that a peer cannot
 * have it done without end. Also compiled in user space, see tests/unit.
 */
#ifndef FIDO_PACE_H
#define FIDO_PACE_H

#include <linux/types.h>

/**
 * struct fido_pace - what was counted
 * @nr: times since @since
 * @since: beginning of the stretch, jiffies
 */
struct fido_pace {
	unsigned int nr;
	unsigned long since;
};

/* By difference, as jiffies wrap. */
static inline bool fido_pace_is_over(const struct fido_pace *pace,
				     unsigned long now, unsigned long length)
{
	return now - pace->since > length;
}

/**
 * fido_pace_count - once more
 * @pace: pace; zeroed in the beginning
 * @now: jiffies
 * @length: of a stretch; a new one begins with the first time after its end
 *
 * Return: how often in this stretch.
 */
static inline unsigned int fido_pace_count(struct fido_pace *pace,
					   unsigned long now,
					   unsigned long length)
{
	if (fido_pace_is_over(pace, now, length)) {
		pace->nr = 0;
		pace->since = now;
	}
	if (pace->nr < -1U)
		pace->nr++;
	return pace->nr;
}

/**
 * fido_pace_is_fast - is this as often as may be?
 * @pace: pace
 * @max: times in a stretch
 * @now: jiffies
 * @length: of a stretch
 *
 * Return: true if the next time has to wait for the end of the stretch.
 */
static inline bool fido_pace_is_fast(const struct fido_pace *pace,
				     unsigned int max, unsigned long now,
				     unsigned long length)
{
	return pace->nr >= max && !fido_pace_is_over(pace, now, length);
}

#endif /* FIDO_PACE_H */
