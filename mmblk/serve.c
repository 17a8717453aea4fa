// SPDX-License-Identifier: GPL-2.0
/*
 * Server: lanes. A lane is a thread, which takes the requests of one channel
 * and submits them, and the contexts in which the device completes them, which
 * send the results. What the thread itself completes (ramdisks do so in
 * submission, and so do refusals) is sent in one go at the end of a batch, or
 * when it is much; what an interrupt completes is sent at once, without waking
 * the thread.
 */
#include <linux/blkdev.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/timer.h>

#include "compat.h"
#include "segs.h"
#include "server.h"
#include "status.h"
#include "wire.h"

/*
 * Results of so much data are sent before the batch ends: while the thread
 * copies for the next ones, the client deals with these
 */
#define MMBLK_SEND_BYTES	SZ_512K

/* The VM is going down; never reset */
static bool mmblk_hushed;

/* Sending: @tx_lock is held */

static bool mmblk_is_mute(const struct mmblk_lane *lane)
{
	return lane->dead || READ_ONCE(mmblk_hushed);
}

static bool mmblk_send_config(struct mmblk_lane *lane)
{
	struct mmblk_config *slot = fido_tx_slot(lane->chan);

	if (!slot)
		return false;
	*slot = lane->server->config;
	fido_tx_push(lane->chan, sizeof(*slot), FIDO_ID_NONE, NULL);
	lane->config_due = false;
	return true;
}

/*
 * Name the data of a READ. Small buffers do it here; for large ones the list
 * was written when the request was taken, not with interrupts disabled.
 * Returns the segments in the message, zero on failure.
 */
static unsigned int mmblk_name_data(struct mmblk_lane *lane,
				    struct mmblk_job *job,
				    struct mmblk_done *slot)
{
	struct page *list = mmblk_pool_list(job->pages);
	struct mmblk_segs segs = { .seg = slot->seg };

	if (list) {
		segs.seg = page_address(list);
		segs.nr = job->nr_segs;
		slot->nr_segs = segs.nr;
		return mmblk_segs_emit(&segs, lane->chan, list, slot->seg,
				       MMBLK_DONE_SEGS);
	}
	if (mmblk_segs_add_pages(&segs, lane->chan, job->pages, job->bytes))
		return 0;
	slot->nr_segs = segs.nr;
	return segs.nr;
}

static void mmblk_fill_done(struct mmblk_done *slot,
			    const struct mmblk_job *job)
{
	*slot = (struct mmblk_done){
		.kind = MMBLK_KIND_DONE,
		.op = job->op,
		.tag = job->tag,
		.status = mmblk_status_to_wire(job->status),
	};
}

static void mmblk_count_done(struct mmblk_lane *lane,
			     const struct mmblk_done *slot)
{
	mmblk_stat_inc(&lane->stats, MMBLK_STAT_COMPLETIONS);
	mmblk_stat_add(&lane->stats, MMBLK_STAT_READ_BYTES, slot->bytes);
	if (slot->status != MMBLK_OK)
		mmblk_stat_inc(&lane->stats, MMBLK_STAT_ERRORS);
}

/*
 * The job is free before the message can be seen: the client may use the tag
 * again at once.
 */
static void mmblk_push_done(struct mmblk_lane *lane, struct mmblk_job *job,
			    struct mmblk_done *slot, unsigned int nr, u32 id,
			    struct fido_pages *pages)
{
	mmblk_count_done(lane, slot);
	list_del(&job->node);
	/* pairs with the acquire in mmblk_accept(): we are done with the job */
	smp_store_release(&job->busy, false);
	fido_tx_push(lane->chan, struct_size(slot, seg, nr), id, pages);
}

/* A READ without error: its buffer belongs to the client until released */
static bool mmblk_send_data(struct mmblk_lane *lane, struct mmblk_job *job,
			    struct mmblk_done *slot)
{
	struct fido_pages *pages = job->pages;
	u32 id = fido_tx_id(lane->chan);
	unsigned int nr;

	lane->no_id = id == FIDO_ID_NONE;
	if (lane->no_id)
		return false;
	nr = mmblk_name_data(lane, job, slot);
	if (!nr) {
		fido_tx_id_cancel(lane->chan, id);
		job->status = BLK_STS_IOERR;
		mmblk_request_put(job);
		/* again, without segments */
		mmblk_fill_done(slot, job);
		mmblk_push_done(lane, job, slot, 0, FIDO_ID_NONE, NULL);
		return true;
	}
	slot->bytes = job->bytes;
	job->pages = NULL;
	mmblk_push_done(lane, job, slot, nr, id, pages);
	return true;
}

static bool mmblk_send_one(struct mmblk_lane *lane, struct mmblk_job *job)
{
	struct mmblk_done *slot = fido_tx_slot(lane->chan);

	lane->no_id = false;
	if (!slot)
		return false;
	mmblk_fill_done(slot, job);
	if (job->op == MMBLK_OP_READ && !job->status)
		return mmblk_send_data(lane, job, slot);
	mmblk_request_put(job);
	mmblk_push_done(lane, job, slot, 0, FIDO_ID_NONE, NULL);
	return true;
}

/* Send what there is room for. Returns how many messages that were. */
static unsigned int mmblk_send(struct mmblk_lane *lane)
{
	struct mmblk_job *job, *next;
	unsigned int n = 0;

	if (mmblk_is_mute(lane))
		return 0;
	if (lane->config_due)
		n += mmblk_send_config(lane);
	list_for_each_entry_safe(job, next, &lane->done, node) {
		if (!mmblk_send_one(lane, job))
			break;
		n++;
	}
	if (n)
		fido_tx_publish(lane->chan);
	return n;
}

/*
 * An interrupt has sent what it could, which gives back the buffers of copied
 * writes: is that what the thread sleeps for? Only it knows how to wait for
 * room. Pairs with mmblk_serve_one(), by the lock of the pool, and with
 * mmblk_sleep().
 */
static void mmblk_wake_thread(struct mmblk_lane *lane)
{
	bool fed = READ_ONCE(lane->starved);

	/* the thread may try again just now: then once more, for nothing */
	if (fed)
		WRITE_ONCE(lane->starved, false);
	if (!lane->dead && (fed || !list_empty(&lane->done)))
		wake_up_process(lane->thread);
}

/**
 * mmblk_job_done - the device has completed a request, or it was refused
 * @job: job with @status
 *
 * Context: any.
 */
void mmblk_job_done(struct mmblk_job *job)
{
	struct mmblk_lane *lane = job->lane;
	unsigned long flags;

	spin_lock_irqsave(&lane->tx_lock, flags);
	list_add_tail(&job->node, &lane->done);
	if (in_task() && current == lane->thread) {
		if (!job->status && (job->op == MMBLK_OP_READ ||
				     job->op == MMBLK_OP_WRITE))
			lane->unsent += job->bytes;
	} else {
		mmblk_send(lane);
		mmblk_wake_thread(lane);
	}
	/* with the lock held: mmblk_lane_stop() frees nothing before that */
	if (!--lane->in_service && lane->dead)
		wake_up(&lane->idle);
	if (lane->crowded && !lane->dead) {
		lane->crowded = false;
		wake_up_process(lane->thread);
	}
	spin_unlock_irqrestore(&lane->tx_lock, flags);
}

/* Taking: the lane's thread */

/* Returns why the message is a violation, NULL if it is a request. */
static const char *mmblk_accept(struct mmblk_lane *lane, u32 len, u32 id)
{
	const struct mmblk_request *r = (const void *)lane->msg;
	struct mmblk_job *job;
	const char *why;

	why = mmblk_wire_request(r, len, id);
	if (why)
		return why;
	job = &lane->job[r->tag];
	/* pairs with the release in mmblk_push_done() */
	if (smp_load_acquire(&job->busy))
		return "mmblk: request with a tag in use";

	job->busy = true;
	job->op = r->op;
	job->bytes = r->bytes;
	job->status = BLK_STS_OK;
	lane->pending = job;
	lane->pending_len = len;
	return NULL;
}

static void mmblk_take_on(struct mmblk_lane *lane)
{
	spin_lock_irq(&lane->tx_lock);
	mmblk_stat_max(&lane->stats, MMBLK_STAT_DEEPEST, ++lane->in_service);
	spin_unlock_irq(&lane->tx_lock);
}

static void mmblk_give_up(struct mmblk_lane *lane)
{
	spin_lock_irq(&lane->tx_lock);
	lane->in_service--;
	spin_unlock_irq(&lane->tx_lock);
}

static u8 mmblk_refusal(int err)
{
	switch (err) {
	case -EINVAL:
		return MMBLK_INVAL;
	case -EOPNOTSUPP:
		return MMBLK_NOTSUPP;
	default:
		return MMBLK_IOERR;
	}
}

static void mmblk_refuse(struct mmblk_lane *lane, struct mmblk_job *job,
			 u8 code)
{
	mmblk_stat_inc(&lane->stats, MMBLK_STAT_REFUSED);
	job->status = mmblk_status_from_wire(code);
	mmblk_job_done(job);
}

/* Serve the request in @msg. Returns false if it must wait for memory. */
static bool mmblk_serve_one(struct mmblk_lane *lane)
{
	struct mmblk_job *job = lane->pending;
	u8 code = mmblk_request_check(lane, lane->pending_len);
	bool data = job->op == MMBLK_OP_READ || job->op == MMBLK_OP_WRITE;
	u32 bytes = job->bytes;	/* the job may be done when we look next */
	int err;

	mmblk_take_on(lane);
	if (code != MMBLK_OK) {
		lane->pending = NULL;
		mmblk_refuse(lane, job, code);
		return true;
	}
	/* before the try: what is given back from now on wakes us up */
	WRITE_ONCE(lane->starved, true);
	err = mmblk_request_start(job);
	if (err == -EAGAIN) {
		mmblk_give_up(lane);
		mmblk_stat_inc(&lane->stats, MMBLK_STAT_FULL);
		return false;
	}
	WRITE_ONCE(lane->starved, false);
	lane->pending = NULL;
	mmblk_sizes_add(&lane->sizes, data ? bytes : 0);
	if (err)
		mmblk_refuse(lane, job, mmblk_refusal(err));
	else if (data)
		mmblk_limit_charge(&lane->server->limit, bytes);
	return true;
}

/* Have a request in @msg and @pending, the one that waits or the next one. */
static bool mmblk_pull(struct mmblk_lane *lane)
{
	const char *why;
	u32 id;
	int len;

	if (lane->pending)
		return true;
	len = fido_rx_pull(lane->chan, lane->msg, sizeof(lane->msg), &id);
	if (len < 0)
		return false;
	why = mmblk_accept(lane, len, id);
	if (why)
		fido_chan_break(lane->chan, why);
	return !why;
}

static unsigned int mmblk_send_locked(struct mmblk_lane *lane)
{
	unsigned int n;

	spin_lock_irq(&lane->tx_lock);
	n = mmblk_send(lane);
	spin_unlock_irq(&lane->tx_lock);
	lane->unsent = 0;
	return n;
}

/* Has the client reached a limit? Others only lower @in_service. */
static bool mmblk_may_take(struct mmblk_lane *lane)
{
	struct mmblk_limit *limit = &lane->server->limit;

	return !mmblk_limit_is_deep(limit, READ_ONCE(lane->in_service)) &&
	       !mmblk_limit_wait(limit);
}

static unsigned int mmblk_take(struct mmblk_lane *lane)
{
	struct blk_plug plug;
	unsigned int n = 0;

	blk_start_plug(&plug);
	while (n < MMBLK_TAKE && mmblk_may_take(lane) && mmblk_pull(lane) &&
	       mmblk_serve_one(lane)) {
		n++;
		if (lane->unsent >= MMBLK_SEND_BYTES)
			mmblk_send_locked(lane);
	}
	blk_finish_plug(&plug);
	fido_rx_done(lane->chan);
	return n;
}

/* Take back the buffers that the client has copied from */
static unsigned int mmblk_reap(struct mmblk_lane *lane)
{
	struct fido_pages *pages;
	unsigned int n = 0;

	while ((pages = fido_tx_reap(lane->chan))) {
		mmblk_pool_put(&lane->pool, pages);
		n++;
	}
	return n;
}

/* The configuration that the client gets, by lane 0 */
static void mmblk_server_tell(struct mmblk_server *server,
			      const struct mmblk_config *config, bool anew)
{
	bool cached = config->flags & MMBLK_C_WRITE_CACHE;

	server->config = *config;
	/*
	 * A client that comes up makes sure itself that no flush is missing:
	 * mmblk_client_accept().
	 */
	cached = cached && (anew || server->cached);
	/* pairs with the acquire in mmblk_server_uncached() */
	smp_store_release(&server->cached, cached);
}

/* Lane 0 tells the client when the device has changed, in size mostly. */
static void mmblk_look_at_device(struct mmblk_lane *lane)
{
	struct mmblk_server *server = lane->server;
	struct mmblk_config config;

	if (lane->index)
		return;
	mmblk_backing_config(&server->backing, &config);
	if (!memcmp(&config, &server->config, sizeof(config)))
		return;
	spin_lock_irq(&lane->tx_lock);
	mmblk_server_tell(server, &config, false);
	lane->config_due = true;
	spin_unlock_irq(&lane->tx_lock);
}

/* Waiting: the lane's thread */

/* Ask for an event when there is something to send with, if that is missing. */
static bool mmblk_arm_send(struct mmblk_lane *lane)
{
	bool ready = false;

	spin_lock_irq(&lane->tx_lock);
	/* a mute lane keeps what it cannot send: no reason to stay awake */
	if (mmblk_is_mute(lane) ||
	    (list_empty(&lane->done) && !lane->config_due))
		;
	else if (lane->no_id)
		ready = fido_tx_arm_release(lane->chan, 1);
	else
		ready = fido_tx_arm_space(lane->chan, 1);
	spin_unlock_irq(&lane->tx_lock);
	return ready;
}

/*
 * Does a limit keep requests waiting? Then no event tells of them; what ends
 * the wait is a job that is done, which wakes the thread up, or the time.
 */
static bool mmblk_hold(struct mmblk_lane *lane, long *timeout)
{
	struct mmblk_limit *limit = &lane->server->limit;
	u64 ns = mmblk_limit_wait(limit);
	bool crowded;

	spin_lock_irq(&lane->tx_lock);
	crowded = mmblk_limit_is_deep(limit, lane->in_service);
	lane->crowded = crowded;
	spin_unlock_irq(&lane->tx_lock);
	if (!crowded && !ns)
		return false;
	if (!crowded)
		*timeout = nsecs_to_jiffies(ns) + 1;
	if (lane->pending || fido_rx_waiting(lane->chan)) {
		mmblk_stat_inc(&lane->stats, MMBLK_STAT_HELD);
		/* the client had a reason to signal */
		lane->worked = true;
	}
	return true;
}

static void mmblk_ack(struct mmblk_lane *lane)
{
	if (!xchg(&lane->signalled, false))
		return;
	fido_chan_ack(lane->chan, !lane->worked);
	lane->worked = false;
}

/*
 * Is there something to do, or can an event be relied on to tell? In the state
 * in which the thread would sleep.
 */
static bool mmblk_arm(struct mmblk_lane *lane, long *timeout)
{
	if (fido_chan_broken(lane->chan))
		return false;
	if (mmblk_arm_send(lane))
		return true;
	if (mmblk_hold(lane, timeout))
		return false;
	fido_rx_look(lane->chan, !mmblk_sizes_are_large(&lane->sizes));
	if (lane->pending)
		return !READ_ONCE(lane->starved) ||
		       fido_tx_arm_release(lane->chan, 1);
	/* what we wait for besides, room or releases, comes with events */
	mmblk_ack(lane);
	return fido_rx_spin(lane->chan) || fido_rx_arm(lane->chan, 1);
}

static void mmblk_lane_timer(struct timer_list *timer)
{
	struct mmblk_lane *lane = timer_container_of(lane, timer, timer);

	WRITE_ONCE(lane->look, true);
	wake_up_process(lane->thread);
}

/* One timer for many sleeps, as most of them are short. */
static void mmblk_start_timer(struct mmblk_lane *lane)
{
	mod_timer(&lane->timer, jiffies + (lane->index ? 10 * HZ : HZ));
}

/* Each time that the timer has fired: nothing of it is urgent. */
static void mmblk_look_around(struct mmblk_lane *lane)
{
	WRITE_ONCE(lane->look, false);
	if (lane->rested || lane->pending)
		mmblk_pool_trim(&lane->pool);
	lane->rested = true;
	mmblk_look_at_device(lane);
	mmblk_start_timer(lane);
}

/*
 * Sleep until there is a reason to wake up: the client's signal, an interrupt
 * that could not send, the timer, the end of the wait that a limit imposes, or
 * kthread_stop().
 */
static void mmblk_sleep(struct mmblk_lane *lane)
{
	long timeout = MAX_SCHEDULE_TIMEOUT;

	set_current_state(TASK_IDLE);
	if (!mmblk_arm(lane, &timeout) && !READ_ONCE(lane->look) &&
	    !kthread_should_stop()) {
		mmblk_ack(lane);
		/* a request that waits for memory is tried again soon */
		if (lane->pending)
			timer_reduce(&lane->timer, jiffies + HZ / 10);
		schedule_timeout(timeout);
	}
	__set_current_state(TASK_RUNNING);
}

static int mmblk_lane_thread(void *data)
{
	struct mmblk_lane *lane = data;
	unsigned int n;

	mmblk_start_timer(lane);
	while (!kthread_should_stop()) {
		n = mmblk_reap(lane);
		n += mmblk_take(lane);
		n += mmblk_send_locked(lane);
		mmblk_stat_inc(&lane->stats, MMBLK_STAT_RUNS);
		if (n) {
			lane->worked = true;
			lane->rested = false;
		}
		/* not once more for nothing: it looks for itself, too */
		if (!n || !fido_rx_waiting(lane->chan))
			mmblk_sleep(lane);
		if (READ_ONCE(lane->look))
			mmblk_look_around(lane);
		/* under load it may never sleep: fido_rx_spin() */
		cond_resched_tasks_rcu_qs();
	}
	/* it wakes us up, and nobody else starts it */
	timer_delete_sync(&lane->timer);
	return 0;
}

/**
 * mmblk_lane_event - the client has signalled
 * @chan: channel
 * @priv: lane
 */
void mmblk_lane_event(struct fido_chan *chan, void *priv)
{
	struct mmblk_lane *lane = priv;

	WRITE_ONCE(lane->signalled, true);
	wake_up_process(lane->thread);
}

/**
 * mmblk_lane_start - begin to serve
 * @lane: lane with a channel
 *
 * Return: 0 or an error.
 */
int mmblk_lane_start(struct mmblk_lane *lane)
{
	struct mmblk_server *server = lane->server;
	struct mmblk_config config;
	struct task_struct *thread;

	thread = kthread_create(mmblk_lane_thread, lane, "mmblk %s/%u",
				dev_name(&server->service.fdev->dev),
				lane->index);
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	lane->thread = thread;
	timer_setup(&lane->timer, mmblk_lane_timer, 0);
	lane->look = false;
	lane->rested = false;
	lane->unsent = 0;
	lane->pool.chan = lane->chan;
	lane->dead = false;
	lane->crowded = false;
	lane->no_id = false;
	lane->signalled = false;
	lane->worked = false;
	/* The first message of lane 0 */
	lane->config_due = !lane->index;
	if (!lane->index) {
		mmblk_backing_config(&server->backing, &config);
		mmblk_server_tell(server, &config, true);
	}
	wake_up_process(thread);
	return 0;
}

/**
 * mmblk_lane_kill - send nothing any more
 * @lane: lane that was started
 */
void mmblk_lane_kill(struct mmblk_lane *lane)
{
	spin_lock_irq(&lane->tx_lock);
	lane->dead = true;
	spin_unlock_irq(&lane->tx_lock);
}

/**
 * mmblk_hush - the VM goes down: no lane sends anything any more
 *
 * Devices go down with it, in whatever order, and some fail what comes later.
 * To the client that would be an error of the disk, with which a file system
 * gives up; it does better to wait until the server is back, as it does when
 * the VM dies all of a sudden. What is not answered is sent again then.
 *
 * Context: any.
 */
void mmblk_hush(void)
{
	WRITE_ONCE(mmblk_hushed, true);
}

/* Jobs that nobody will be told about */
static void mmblk_drop_jobs(struct mmblk_lane *lane)
{
	struct mmblk_job *job, *next;

	list_for_each_entry_safe(job, next, &lane->done, node) {
		list_del(&job->node);
		mmblk_request_put(job);
		job->busy = false;
	}
	if (lane->pending)
		lane->pending->busy = false;
	lane->pending = NULL;
}

/*
 * A device in trouble may take long: say so, rather than look like a hang. The
 * wait ends when the device has completed or failed all that it has; if it is
 * the disk of yet another VM, when that VM returns or that disk is removed.
 * Neither needs this service's work, which alone waits here.
 */
static void mmblk_wait_device(struct mmblk_lane *lane)
{
	struct device *dev = &lane->server->service.fdev->dev;

	while (!wait_event_idle_timeout(lane->idle,
					!READ_ONCE(lane->in_service), 30 * HZ))
		dev_warn(dev, "waits for the device behind: %u requests\n",
			 READ_ONCE(lane->in_service));
	/* the last one has left mmblk_job_done() */
	spin_lock_irq(&lane->tx_lock);
	spin_unlock_irq(&lane->tx_lock);
}

/**
 * mmblk_lane_stop - stop to serve
 * @lane: lane that was killed
 *
 * Waits for the device: until it has completed all that it was given, it may
 * read the client's memory.
 */
void mmblk_lane_stop(struct mmblk_lane *lane)
{
	kthread_stop(lane->thread);
	lane->thread = NULL;

	mmblk_wait_device(lane);
	mmblk_drop_jobs(lane);
	mmblk_pool_trim(&lane->pool);
	/* what the client has not released is freed by the core */
	lane->pool.out = 0;
}
