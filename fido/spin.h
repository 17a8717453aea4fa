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
 * @shared: when it last did not have its CPU to itself; read by interrupts
 * @yields: times in a row that somebody else wanted the CPU; belongs to rx, as
 *	all that follows
 * @cons: what it had taken when it came last
 * @latest: when that had become more, in nanoseconds of local_clock()
 * @found: times that messages were found
 */
struct fido_spin {
	bool used;
	u64 shared;
	unsigned int yields;
	u32 cons;
	u64 latest;
	u64 found;
};

bool fido_spin_is_enough(const struct fido_chan *chan, u64 now);

#endif /* FIDO_SPIN_H */
