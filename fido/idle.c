// SPDX-License-Identifier: GPL-2.0
/*
 * Idle: looking for messages while a CPU has nothing else to do.
 *
 * To sleep until a signal costs a hypercall of the peer, an interrupt here and,
 * above all, the way of a virtual processor to sleep and back. Where messages
 * come again and again within the time that this takes, it is cheaper to stay
 * awake and look, as long as nobody else wants the CPU: the same trade that a
 * hypervisor makes when it polls before it lets a halted processor go.
 *
 * Each CPU has an idler, a thread of the policy SCHED_IDLE. A channel joins it
 * when an event comes so soon after the message before that looking would have
 * found it, and leaves it when nothing has come for that long. While the idler
 * looks, the peer is told not to signal; before anybody else gets the CPU, the
 * threshold is armed again. So nothing depends on when the idler runs: without
 * it, and whenever it does not run, there are signals as ever. It does not where
 * the hypervisor lets others wait for the processor (crowd.c).
 *
 * What it finds it tells by the client's callback, as an interrupt would.
 */
#include <linux/bottom_half.h>
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/smp.h>
#include <linux/smpboot.h>
#include <linux/spinlock.h>
#include <uapi/linux/sched/types.h>

#include "chan.h"
#include "compat.h"
#include "crowd.h"
#include "idle.h"
#include "spin.h"

#define MAX_IDLE_POLL_US	10000

/*
 * Staying awake pays off if it takes no longer than going to sleep and coming
 * back, twice (the peer does so, too), with all that comes of it on the way:
 * caches, timers, the hypervisor's scheduler. How long that takes is measured.
 */
#define WAKE_UPS		8
#define MAX_AUTO_US		2000
#define SAMPLES			5
/* Longer than it takes to fall asleep: else no wake-up would be measured */
#define SAMPLE_NS		(500 * NSEC_PER_USEC)

static int idle_poll_us = -1;
module_param(idle_poll_us, int, 0644);
MODULE_PARM_DESC(idle_poll_us,
		 "Longest time that an idle CPU looks for the next message before it sleeps, in microseconds, at most 10000; 0: it sleeps at once; -1: as long as eight wake-ups take (default)");

/* What -1 stands for */
static unsigned int idle_auto_us;

/**
 * struct fido_idler - one CPU's
 * @lock: guards changes of @chans; taken in interrupts, too
 * @chans: channels to look at
 * @task: the thread, made and ended by smpboot
 */
struct fido_idler {
	spinlock_t lock;	/* changes of @chans, also by interrupts */
	struct list_head chans;
	struct task_struct *task;
};

static DEFINE_PER_CPU(struct fido_idler, fido_idlers);

/**
 * fido_idle_window - how long to look for the next message
 *
 * Where spinlocks and softirqs may sleep, an idler could not do what it does.
 *
 * Context: any.
 * Return: nanoseconds since the latest message; zero: never look.
 */
u64 fido_idle_window(void)
{
	int us = READ_ONCE(idle_poll_us);

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return 0;
	if (us < 0)
		us = idle_auto_us;
	return min(us, MAX_IDLE_POLL_US) * NSEC_PER_USEC;
}

/* A time that lies in the future was not noted by us: the clock went back. */
static bool idle_is_warm(const struct fido_chan *chan, u64 now)
{
	return now - READ_ONCE(chan->idle.latest) < fido_idle_window();
}

static void idle_join(struct fido_idler *idler, struct fido_chan *chan)
{
	spin_lock(&idler->lock);
	WRITE_ONCE(chan->idle.home, idler);
	chan->idle.leaving = false;
	WRITE_ONCE(chan->idle.looked, true);
	list_add_tail_rcu(&chan->idle.node, &idler->chans);
	spin_unlock(&idler->lock);
	wake_up_process(idler->task);
}

/* The lock of @idler is held. */
static void idle_take_off(struct fido_chan *chan)
{
	list_del_rcu(&chan->idle.node);
	WRITE_ONCE(chan->idle.looked, false);
	/* pairs with the acquire of those who find the channel free */
	smp_store_release(&chan->idle.home, NULL);
}

/**
 * fido_idle_event - the peer has signalled
 * @chan: live channel
 *
 * Who sleeps for many messages does not want to be woken by one, and not each
 * client wants to be looked for, or has a thread that does so (spin.c).
 *
 * Context: the channel's hard interrupt, one at a time.
 */
void fido_idle_event(struct fido_chan *chan)
{
	struct fido_idler *idler = this_cpu_ptr(&fido_idlers);
	u64 now;

	if (!fido_idle_window() || READ_ONCE(chan->idle.unwanted) ||
	    !fido_ring_wants(&chan->ring, 1))
		return;
	now = local_clock();
	/* pairs with the release in idle_take_off() */
	if (!smp_load_acquire(&chan->idle.home) && idle_is_warm(chan, now) &&
	    !fido_crowd_is_here(now) && cpu_active(smp_processor_id()) &&
	    (!list_empty(&idler->chans) || !fido_spin_is_enough(chan, now)))
		idle_join(idler, chan);
	WRITE_ONCE(chan->idle.latest, now);
}

/**
 * fido_idle_is_looked - does this CPU look for messages before it sleeps?
 * @chan: channel
 *
 * Context: rx.
 * Return: true if so.
 */
bool fido_idle_is_looked(const struct fido_chan *chan)
{
	return READ_ONCE(chan->idle.looked) &&
	       READ_ONCE(chan->idle.home) == this_cpu_ptr(&fido_idlers);
}

/**
 * fido_idle_arm - ask for an event, a late one unless the CPU becomes idle
 * @chan: channel
 * @nr: number of messages
 *
 * Context: rx.
 * Return: as fido_ring_arm().
 */
bool fido_idle_arm(struct fido_chan *chan, u32 nr)
{
	u32 cons = READ_ONCE(chan->ring.mine->cons);

	if (!fido_idle_is_looked(chan))
		return fido_ring_arm(&chan->ring, 1);
	if (cons != chan->idle.armed) {
		chan->idle.armed = cons;
		WRITE_ONCE(chan->idle.latest, local_clock());
	}
	WRITE_ONCE(chan->idle.nr, nr);
	if (fido_ring_arm(&chan->ring, nr))
		return true;
	/*
	 * The threshold before this, by the barrier in fido_ring_arm(). Pairs
	 * with the one in idler_let_go(): either we see that nobody looks any
	 * more or our threshold is overwritten there.
	 */
	if (READ_ONCE(chan->idle.looked))
		return false;
	return fido_ring_arm(&chan->ring, 1);
}

/**
 * fido_idle_leave - the channel goes down
 * @chan: channel for which no event is handled any more
 *
 * Context: process.
 * Return: true if an idler may be looking at it still, until the end of the
 * RCU read sections of now.
 */
bool fido_idle_leave(struct fido_chan *chan)
{
	/* only an idler, which takes the channel off, changes it now */
	struct fido_idler *idler = smp_load_acquire(&chan->idle.home);

	if (!idler)
		return false;
	spin_lock_irq(&idler->lock);
	if (chan->idle.home)
		idle_take_off(chan);
	spin_unlock_irq(&idler->lock);
	return true;
}

/*
 * The idler: idler_run() is one read section of RCU without preemption, so no
 * channel goes away, and interrupts alone come in between.
 */

/*
 * The peer need not signal what we look for. A channel is watched from the
 * moment on that its rx waits for the next message.
 */
static bool idler_finds(struct fido_idler *idler)
{
	struct fido_chan *chan;

	list_for_each_entry_rcu(chan, &idler->chans, idle.node) {
		if (!chan->idle.watched)
			chan->idle.watched =
				fido_ring_watch(&chan->ring,
						READ_ONCE(chan->idle.nr));
		if (chan->idle.watched && fido_ring_waiting(&chan->ring))
			return true;
	}
	return false;
}

static u64 idler_latest(struct fido_idler *idler)
{
	struct fido_chan *chan;
	u64 latest = 0;

	list_for_each_entry_rcu(chan, &idler->chans, idle.node)
		latest = max(latest, READ_ONCE(chan->idle.latest));
	return latest;
}

static void idler_look(struct fido_idler *idler)
{
	u64 latest = idler_latest(idler);
	unsigned int looks = 0;

	while (!compat_need_resched() && !idler_finds(idler)) {
		if (++looks % FIDO_IDLE_LOOKS == 0 &&
		    local_clock() - latest >= fido_idle_window())
			break;
		cpu_relax();
	}
}

/*
 * A peer that shows messages and takes them back is not listened to for longer
 * than one that sends none: what counts is what the client has taken since.
 */
static void idler_tell(struct fido_chan *chan)
{
	u32 cons = READ_ONCE(chan->ring.mine->cons);

	chan->found++;
	if (cons != chan->idle.cons) {
		chan->idle.cons = cons;
		WRITE_ONCE(chan->idle.latest, local_clock());
		/* a signal for what is told here was not without reason */
		WRITE_ONCE(chan->idle.told, true);
	}
	local_irq_disable();
	chan->event(chan, chan->priv);
	local_irq_enable();
}

static void idler_arm(struct fido_chan *chan, u32 nr)
{
	/* pairs with the release in fido_chans_live() */
	if (fido_ring_unwatch(&chan->ring, nr) && smp_load_acquire(&chan->live))
		idler_tell(chan);
}

/* First all thresholds are armed, then runs what the clients have scheduled. */
static void idler_unwatch(struct fido_idler *idler)
{
	struct fido_chan *chan;

	local_bh_disable();
	list_for_each_entry_rcu(chan, &idler->chans, idle.node) {
		if (!chan->idle.watched)
			continue;
		chan->idle.watched = false;
		idler_arm(chan, READ_ONCE(chan->idle.nr));
	}
	local_bh_enable();
}

/* Nobody looks from now on: rx, if it relied on that, gets the next event. */
static void idler_let_go(struct fido_chan *chan)
{
	chan->idle.leaving = true;
	WRITE_ONCE(chan->idle.looked, false);
	/* pairs with the one in fido_idle_arm(), see there */
	smp_mb();
	if (READ_ONCE(chan->idle.nr) > 1)
		idler_arm(chan, 1);
}

/*
 * The client does not want it, or rx sleeps for many messages, as many are on
 * their way: nothing to look for.
 */
static bool idle_is_pointless(const struct fido_chan *chan)
{
	if (READ_ONCE(chan->idle.unwanted))
		return true;
	return !fido_ring_wants(&chan->ring, READ_ONCE(chan->idle.nr)) &&
	       fido_ring_wants(&chan->ring, U32_MAX / 2);
}

static void idler_drop(struct fido_idler *idler, bool all)
{
	/* a hint: who leaves or joins meanwhile is seen at the next time */
	bool alone = data_race(list_is_singular(&idler->chans));
	struct fido_chan *chan, *next;
	u64 now = local_clock();

	local_bh_disable();
	rcu_read_lock();
	list_for_each_entry_rcu(chan, &idler->chans, idle.node)
		if (all || !idle_is_warm(chan, now) ||
		    idle_is_pointless(chan) ||
		    (alone && fido_spin_is_enough(chan, now)))
			idler_let_go(chan);
	rcu_read_unlock();
	local_bh_enable();

	spin_lock_irq(&idler->lock);
	list_for_each_entry_safe(chan, next, &idler->chans, idle.node)
		if (chan->idle.leaving)
			idle_take_off(chan);
	spin_unlock_irq(&idler->lock);
}

static void idler_run(unsigned int cpu)
{
	struct fido_idler *idler = per_cpu_ptr(&fido_idlers, cpu);
	u64 now;

	preempt_disable();
	rcu_read_lock();
	idler_look(idler);
	idler_unwatch(idler);
	now = local_clock();
	fido_crowd_watch(now);
	idler_drop(idler, fido_crowd_is_here(now));
	rcu_read_unlock();
	preempt_enable();
	/* whoever is runnable comes first; and all kinds of RCU see a switch */
	schedule();
}

/* The CPU goes offline: its channels may join elsewhere. */
static void idler_park(unsigned int cpu)
{
	idler_drop(per_cpu_ptr(&fido_idlers, cpu), true);
}

static int idler_should_run(unsigned int cpu)
{
	return !list_empty(&per_cpu_ptr(&fido_idlers, cpu)->chans);
}

/* In the thread itself, when it is made. */
static void idler_setup(unsigned int cpu)
{
	const struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = SCHED_IDLE,
	};

	if (sched_setattr_nocheck(current, &attr))
		pr_warn_once("fido: looks for messages with normal priority\n");
}

static struct smp_hotplug_thread idler_threads = {
	.store = &fido_idlers.task,
	.setup = idler_setup,
	.thread_should_run = idler_should_run,
	.thread_fn = idler_run,
	.park = idler_park,
	.thread_comm = "fido-idle/%u",
};

/* How long it takes to sleep and be woken up, beyond the sleep. */
static s64 __init idle_wake_up(void)
{
	ktime_t before = ktime_get(), sleep = ns_to_ktime(SAMPLE_NS);

	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_hrtimeout_range(&sleep, 0, HRTIMER_MODE_REL);
	return ktime_to_ns(ktime_sub(ktime_get(), before)) - SAMPLE_NS;
}

/* The least of some: whatever else the CPU does meanwhile adds to it. */
static void __init idle_measure(void)
{
	s64 least = S64_MAX;
	unsigned int i;

	for (i = 0; i < SAMPLES; i++)
		least = min(least, idle_wake_up());
	least = clamp_t(s64, WAKE_UPS * least, 0, MAX_AUTO_US * NSEC_PER_USEC);
	idle_auto_us = div_u64(least, NSEC_PER_USEC);
	if (idle_poll_us < 0)
		idle_poll_us = idle_auto_us;	/* to be seen in sysfs */
}

/**
 * fido_idle_init - start the idlers
 *
 * Return: 0 or an error.
 */
int __init fido_idle_init(void)
{
	unsigned int cpu;

	idle_measure();
	for_each_possible_cpu(cpu) {
		struct fido_idler *idler = per_cpu_ptr(&fido_idlers, cpu);

		spin_lock_init(&idler->lock);
		INIT_LIST_HEAD(&idler->chans);
	}
	return smpboot_register_percpu_thread(&idler_threads);
}

/**
 * fido_idle_exit - end them; there are no channels any more
 */
void fido_idle_exit(void)
{
	smpboot_unregister_percpu_thread(&idler_threads);
}
