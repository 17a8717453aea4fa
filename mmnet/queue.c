// SPDX-License-Identifier: GPL-2.0
/*
 * Queue: a channel, the poll that serves both of its directions, and when to
 * sleep.
 *
 * An event tells of messages, and of room if the tx queue is stopped. Nothing
 * tells when a socket lets go of a received page, and being told of each
 * release by the peer would cost a hypercall for each: for both there is a
 * timer, which runs while something is outstanding. It also makes a stopped
 * queue look at the ring now and then. That is all the watchdog needed: the
 * one of the network core would warn about a peer that is merely paused.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/netdevice.h>
#include <linux/numa.h>
#include <linux/timer.h>

#include "compat.h"
#include "compat_net.h"
#include "mmnet.h"

#define MAX_DELAY	msecs_to_jiffies(100)

static bool queue_outstanding(const struct mmnet_queue *q)
{
	return q->pins.nr || fido_tx_in_flight(q->chan) ||
	       (netif_running(q->dev) &&
		netif_tx_queue_stopped(mmnet_txq(q)));
}

/**
 * mmnet_queue_watch - something new is outstanding: poll soon
 * @q: queue
 *
 * Context: any, while the link is up.
 */
void mmnet_queue_watch(struct mmnet_queue *q)
{
	WRITE_ONCE(q->delay, 1);
	if (!timer_pending(&q->timer))
		mod_timer(&q->timer, jiffies + 1);
}

/* Something still is outstanding: poll later and later. */
static void queue_watch_on(struct mmnet_queue *q)
{
	unsigned long delay = READ_ONCE(q->delay);

	if (timer_pending(&q->timer))
		return;
	mod_timer(&q->timer, jiffies + delay);
	WRITE_ONCE(q->delay, min(2 * delay, MAX_DELAY));
}

static void queue_timer(struct timer_list *timer)
{
	struct mmnet_queue *q = timer_container_of(q, timer, timer);

	napi_schedule(&q->napi);
}

/* The peer has to wait for its next event if it had no reason for this one. */
static void queue_ack(struct mmnet_queue *q)
{
	if (test_and_clear_bit(MMNET_QUEUE_EVENT, &q->flags))
		fido_chan_ack(q->chan, !test_and_clear_bit(MMNET_QUEUE_WORKED,
							   &q->flags));
}

/* Is the poll going to be called by a timer (napi_defer_hard_irqs)? */
static bool queue_is_deferred(const struct napi_struct *napi, int done)
{
	int nr = done ? compat_napi_defer(napi) : napi->defer_hard_irqs_count;

	return nr > 0 && compat_napi_timeout(napi);
}

/* Will napi_complete_done() refuse, because somebody looks without an event? */
static bool queue_is_polled(const struct mmnet_queue *q, int done)
{
	return READ_ONCE(q->napi.state) & NAPIF_STATE_IN_BUSY_POLL ||
	       queue_is_deferred(&q->napi, done);
}

/*
 * The peer need not signal what is looked for anyway: the threshold, which is
 * armed since the rest before, is taken back. Whoever refuses to complete the
 * poll calls it again, and at last in a way that it does not refuse: a busy
 * poller when it stops (busy_poll_stop()), itself or by the timer; the timer
 * when it has fired often enough. That poll rests as below. If we were wrong,
 * as a setting has just changed, it runs again at once, since it must not be
 * complete without a threshold.
 */
static int queue_rest_polled(struct mmnet_queue *q, int done)
{
	fido_rx_disarm(q->chan);
	if (napi_complete_done(&q->napi, done))
		napi_schedule(&q->napi);
	return done;
}

/*
 * Nothing is left to do: sleep until an event. The order keeps the wake-up from
 * getting lost. The threshold is armed while the poll still is scheduled, since
 * nobody else may look at the ring then, and before the last look, which says
 * whether messages came meanwhile: poll again then. What comes later is
 * signalled; an event before napi_complete_done() makes that return false, and
 * the poll run again.
 */
static int queue_rest(struct mmnet_queue *q, int done, int budget)
{
	if (queue_is_polled(q, done))
		return queue_rest_polled(q, done);
	if (mmnet_moder_rest(q))
		return budget;
	if (q->moder.rest == MMNET_REST_LAZY)
		timer_reduce(&q->timer, jiffies + 1);
	else if (queue_outstanding(q))
		queue_watch_on(q);
	if (napi_complete_done(&q->napi, done))
		queue_ack(q);
	return done;
}

static int queue_poll(struct napi_struct *napi, int budget)
{
	struct mmnet_queue *q = container_of(napi, struct mmnet_queue, napi);
	bool again;
	int done;

	again = mmnet_tx_poll(q, budget);
	if (!budget)	/* netpoll wants room to send, nothing else */
		return 0;
	done = mmnet_rx_poll(q, budget);

	/* ->down() will come, no event need */
	if (unlikely(fido_chan_broken(q->chan))) {
		napi_complete_done(napi, min(done, budget - 1));
		return min(done, budget - 1);
	}
	if (done == budget || again)
		return budget;
	return queue_rest(q, done, budget);
}

/**
 * mmnet_queue_event - callback of the core: the peer has signalled
 * @chan: the channel
 * @priv: its queue
 *
 * Context: hard interrupt.
 */
void mmnet_queue_event(struct fido_chan *chan, void *priv)
{
	struct mmnet_queue *q = priv;

	set_bit(MMNET_QUEUE_EVENT, &q->flags);
	napi_schedule(&q->napi);
}

/**
 * mmnet_queue_cpu - which CPU gets a queue's events by default?
 * @index: number of the queue
 *
 * Context: process, under cpus_read_lock(): a CPU that goes offline meanwhile
 * has the kernel find none.
 * Return: a CPU that is online; the queues take turns.
 */
unsigned int mmnet_queue_cpu(unsigned int index)
{
	return cpumask_local_spread(index, NUMA_NO_NODE);
}

static void queue_set_affinity(const struct mmnet_queue *q)
{
	if (q->dev->num_tx_queues == 1)
		return;
	cpus_read_lock();
	fido_chan_set_affinity(q->chan, mmnet_queue_cpu(q->index));
	cpus_read_unlock();
}

/**
 * mmnet_queue_up - the link is up
 * @q: queue
 * @chan: its channel
 *
 * Context: process, under RTNL, tx queues stopped.
 */
void mmnet_queue_up(struct mmnet_queue *q, struct fido_chan *chan)
{
	q->chan = chan;
	q->flags = 0;
	q->delay = 1;
	mmnet_moder_up(&q->moder);
	fido_chan_set_priv(chan, q);
	queue_set_affinity(q);
	napi_enable(&q->napi);
	/* it has its id now, in any case */
	mmnet_xdp_up(q);
	compat_queue_set_napi(q->dev, q->index, &q->napi);
}

/**
 * mmnet_queue_quiesce - no poll from now on
 * @q: queue that is up
 *
 * Waits for a poll that is running; that ends at its budget at the latest.
 *
 * Context: process, under RTNL.
 */
void mmnet_queue_quiesce(struct mmnet_queue *q)
{
	compat_queue_set_napi(q->dev, q->index, NULL);
	napi_disable(&q->napi);
}

static void queue_keep_stats(struct mmnet_queue *q)
{
	struct fido_chan_stats now;

	fido_chan_get_stats(q->chan, &now);
	q->past.sent += now.sent;
	q->past.received += now.received;
	q->past.released += now.released;
	q->past.reaped += now.reaped;
	q->past.signals += now.signals;
	q->past.events += now.events;
	q->past.found += now.found;
}

/**
 * mmnet_queue_down - the link is down
 * @q: queue, quiesced, its tx queue stopped
 *
 * What was received stays where it is, what was sent belongs to the core now.
 *
 * Context: process, under RTNL.
 */
void mmnet_queue_down(struct mmnet_queue *q)
{
	/* nobody arms it any more; if it runs now, the poll is disabled */
	timer_delete_sync(&q->timer);
	mmnet_moder_down(&q->moder);
	mmnet_pins_forget(&q->pins);
	mmnet_bounce_down(&q->bounce);
	queue_keep_stats(q);
	q->chan = NULL;
}

/**
 * mmnet_queue_park - let go of all that was received
 * @q: queue that is down
 *
 * With a time-out for it (gro_flush_timeout) GRO may hold back frames that the
 * next poll would have delivered. There is none for now, and they may lie in
 * the memory of a domain that is dead, and not freed as long as that is in use:
 * they go with the poll, as if the interface went.
 *
 * Context: process, under RTNL.
 */
void mmnet_queue_park(struct mmnet_queue *q)
{
	netif_napi_del(&q->napi);
	compat_napi_add(q->dev, &q->napi, queue_poll, q->index);
}

/**
 * mmnet_queue_init - initialise
 * @q: queue, zeroed
 * @dev: its device
 * @index: its number
 *
 * Context: process.
 * Return: 0 or an error.
 */
int mmnet_queue_init(struct mmnet_queue *q, struct net_device *dev,
		     unsigned int index)
{
	int err;

	err = mmnet_pins_init(&q->pins);
	if (err)
		return err;
	q->dev = dev;
	q->index = index;
	spin_lock_init(&q->reap_lock);
	u64_stats_init(&q->stats.tx_sync);
	u64_stats_init(&q->stats.rx_sync);
	timer_setup(&q->timer, queue_timer, 0);
	compat_napi_add(dev, &q->napi, queue_poll, index);
	mmnet_moder_init(&q->moder, &q->napi);
	mmnet_bounce_init(&q->bounce);
	err = mmnet_xdp_init(q);
	if (err) {
		netif_napi_del(&q->napi);
		mmnet_pins_exit(&q->pins);
	}
	return err;
}

/**
 * mmnet_queue_exit - free what mmnet_queue_init() allocated
 * @q: queue that is down
 *
 * Context: process.
 */
void mmnet_queue_exit(struct mmnet_queue *q)
{
	mmnet_xdp_exit(q);
	netif_napi_del(&q->napi);
	mmnet_pins_exit(&q->pins);
}
