// SPDX-License-Identifier: GPL-2.0
/*
 * Crowd: do other VMs want the processor that this CPU runs on?
 *
 * For the hypervisor a CPU that looks for messages is as busy as any. Where
 * more virtual processors are busy than there are real ones, it takes the time
 * from others, and maybe from the very peer that it waits for. So it looks only
 * as long as nobody else is kept waiting, and that shows in the time that it
 * waits itself: the hypervisor tells how long a CPU was ready and did not run,
 * and the kernel adds that up at its ticks, as "steal" of /proc/stat.
 *
 * Without such an account there is never a crowd.
 */
#include <linux/compiler.h>
#include <linux/kernel_stat.h>
#include <linux/percpu.h>
#include <linux/time64.h>

#include "crowd.h"

/* Some ticks, of which each adds what it finds */
#define WATCH_NS	(20 * NSEC_PER_MSEC)
/* What part of that may be stolen: other VMs have interrupts to handle */
#define STOLEN_PART	8
/* How long nobody looks; then it is tried again for WATCH_NS */
#define AVOID_NS	(200 * NSEC_PER_MSEC)

/**
 * struct fido_crowd - a CPU's
 * @since: when it was looked at the account, in nanoseconds of local_clock()
 * @stolen: what the account said then, in nanoseconds
 * @until: when the crowd is taken to be gone; read in interrupts, too
 */
struct fido_crowd {
	u64 since;
	u64 stolen;
	u64 until;
};

static DEFINE_PER_CPU(struct fido_crowd, fido_crowds);

/**
 * fido_crowd_is_here - are other VMs kept waiting by this CPU?
 * @now: local_clock()
 *
 * Context: no preemption; any.
 * Return: true if they were, up to AVOID_NS ago.
 */
bool fido_crowd_is_here(u64 now)
{
	u64 left = READ_ONCE(this_cpu_ptr(&fido_crowds)->until) - now;

	/* more is left only if the clock has gone back, or the time is over */
	return left - 1 < AVOID_NS;
}

/**
 * fido_crowd_watch - look at the account
 * @now: local_clock()
 *
 * Context: threads of this CPU that look, without preemption.
 */
void fido_crowd_watch(u64 now)
{
	struct fido_crowd *crowd = this_cpu_ptr(&fido_crowds);
	u64 elapsed = now - crowd->since, stolen;

	if (elapsed < WATCH_NS)
		return;
	stolen = READ_ONCE(kcpustat_this_cpu->cpustat[CPUTIME_STEAL]);
	if (stolen - crowd->stolen > elapsed / STOLEN_PART)
		WRITE_ONCE(crowd->until, now + AVOID_NS);
	crowd->since = now;
	crowd->stolen = stolen;
}
