// SPDX-License-Identifier: GPL-2.0
/*
 * Spin: a thread looks for its channel's messages before it sleeps.
 *
 * Where the consumer is a thread, it is better if the thread itself looks than
 * if an idler does (idle.c): each message is found two switches of threads
 * earlier. But a thread does not give way as an idler of the policy SCHED_IDLE
 * does. So it looks only while it is alone on its CPU. Where it mostly is not,
 * or two such threads come by turns, which would keep each other awake and get a
 * signal for each message, the idler looks, for some time.
 *
 * The peer does not signal meanwhile. The thread is rx, and arms before it
 * sleeps, as ever: nothing depends on what happens here.
 */
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/stat.h>
#include <linux/time64.h>

#include "chan.h"
#include "compat.h"
#include "crowd.h"
#include "spin.h"

/* How long the idler looks when it is not for the thread to look */
#define SHARE_NS	(20 * NSEC_PER_MSEC)
/*
 * Times in a row that somebody else wants the CPU, until it is shared. More than
 * one: an idler that has just let go of the channel is still runnable once.
 */
#define YIELDS		2

/**
 * struct spin_cpu - who looked on a CPU; changed without preemption
 * @chan: the channel, compared only: it may be gone
 * @latest: when it was, in nanoseconds of local_clock()
 */
struct spin_cpu {
	const struct fido_chan *chan;
	u64 latest;
};

static DEFINE_PER_CPU(struct spin_cpu, spin_cpus);

/**
 * fido_spin_is_enough - does a thread look, so that no idler has to?
 * @chan: channel
 * @now: local_clock()
 *
 * A hint: the clock of another CPU may be somewhat behind.
 *
 * Context: any.
 * Return: true if there is such a thread, and it has its CPU to itself.
 */
bool fido_spin_is_enough(const struct fido_chan *chan, u64 now)
{
	return READ_ONCE(chan->spin.used) &&
	       now - READ_ONCE(chan->spin.shared) >= SHARE_NS;
}

/* Has looking paid off for the message before, and is it not done already? */
static bool spin_is_due(struct fido_chan *chan, u64 now)
{
	u32 cons = READ_ONCE(chan->ring.mine->cons);
	struct fido_spin *spin = &chan->spin;
	u64 before = spin->latest;

	if (cons != spin->cons) {
		spin->cons = cons;
		spin->latest = now;
	}
	return now - before < fido_idle_window() &&
	       !READ_ONCE(chan->idle.unwanted) && !READ_ONCE(chan->idle.home) &&
	       !fido_crowd_is_here(now);
}

/* Note who looks here, and whether somebody else did a moment ago. */
static void spin_note(struct fido_chan *chan, u64 now)
{
	struct spin_cpu *cpu = this_cpu_ptr(&spin_cpus);

	if (cpu->chan != chan && now - cpu->latest < SHARE_NS)
		WRITE_ONCE(chan->spin.shared, now);
	cpu->chan = chan;
	cpu->latest = now;
}

static bool spin_is_alone(void)
{
	return !compat_need_resched() && single_task_running();
}

/* Somebody else wants the CPU. */
static void spin_yield(struct fido_spin *spin)
{
	if (++spin->yields >= YIELDS)
		WRITE_ONCE(spin->shared, local_clock());
}

/* Until a message comes, the thread is woken up or others want the CPU. */
static bool spin_look(struct fido_chan *chan)
{
	struct fido_spin *spin = &chan->spin;
	unsigned int looks = 0;

	while (get_current_state() != TASK_RUNNING) {
		if (fido_ring_waiting(&chan->ring)) {
			spin->yields = 0;
			return true;
		}
		if (!spin_is_alone()) {
			spin_yield(spin);
			return false;
		}
		if (++looks % FIDO_IDLE_LOOKS == 0 &&
		    local_clock() - spin->latest >= fido_idle_window())
			break;
		cpu_relax();
	}
	spin->yields = 0;
	return false;
}

/**
 * fido_rx_spin - look for the next message instead of sleeping
 * @chan: channel
 *
 * For a thread that takes the messages and has nothing else to do. Returns soon
 * unless they have come at short intervals, and the CPU is wanted by nobody
 * else; at the latest after the time of the parameter idle_poll_us.
 *
 * Context: rx, all that was pulled is done; a thread that has set the state in
 * which it would sleep: whoever wakes it up ends this, too. Who comes here again
 * and again does not sleep: cond_resched_tasks_rcu_qs().
 * Return: true if it is worth while to pull; false if not: then arm, and sleep.
 */
bool fido_rx_spin(struct fido_chan *chan)
{
	bool found = false;
	u64 now;

	WRITE_ONCE(chan->spin.used, true);
	preempt_disable();
	now = local_clock();
	if (spin_is_due(chan, now)) {
		spin_note(chan, now);
		fido_ring_disarm(&chan->ring);
		found = spin_look(chan);
		fido_crowd_watch(local_clock());
	}
	preempt_enable();
	chan->spin.found += found;
	return found;
}
EXPORT_SYMBOL_GPL(fido_rx_spin);
