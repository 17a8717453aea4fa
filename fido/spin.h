/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spin: a thread looks for its channel's messages before it sleeps.
 */
#ifndef FIDO_SPIN_H
#define FIDO_SPIN_H

#include <linux/types.h>

struct fido_chan;

/**
 * struct fido_spin - what a channel has for the thread that takes its messages
 * @used: there is such a thread
 * @shared: when it last was on a CPU on which another had looked a moment before
 * @cons: what it had taken when it came last; belongs to rx, as all that
 *	follows
 * @latest: when that had become more, in nanoseconds of local_clock()
 * @found: times that messages were found
 */
struct fido_spin {
	bool used;
	u64 shared;
	u32 cons;
	u64 latest;
	u64 found;
};

bool fido_spin_is_enough(const struct fido_chan *chan, u64 now);

#endif /* FIDO_SPIN_H */
