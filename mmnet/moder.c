// SPDX-License-Identifier: GPL-2.0
/*
 * Moderation: how many messages to sleep for, and for how long at most.
 *
 * A peer that is asked to signal the next message signals each of them while
 * we are fast enough to sleep between two. In bulk that is a hypercall there
 * and an interrupt here for nothing: the next message comes anyway. So there
 * are two other ways to rest.
 *
 * Bulk: an event comes after many messages only, and we look ourselves when a
 * timer fires. Waiting must not cost those who wait for an answer. They show by
 * the rate of bytes: it falls when we look later. So bulk is tried where data
 * goes one way, or memory any way, kept while bytes come as fast as before,
 * and tried again later and later where they do not. Messages do not count,
 * since a sender that hears from us later fills them better.
 *
 * Lazy: a sender of bulk hears nothing but acknowledgements. While its CPU has
 * something to do they have time: we look with each frame that is sent, and
 * with a tick. If it has not, as the window is full and the sender sleeps, the
 * core finds them at once (fido_rx_arm_idle()).
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/minmax.h>

#include "compat.h"
#include "mmnet.h"

/* In bulk an event comes after so many messages: a timer that is late, or a
 * ring that fills faster than expected
 */
#define BULK_MESSAGES	64
/* The timer waits for this multiple of the time between two messages... */
#define BULK_GAPS	4
/* ...within these bounds: what a timer costs, and what nobody should wait */
#define MIN_WAIT	(20 * NSEC_PER_USEC)
#define MAX_WAIT	NSEC_PER_MSEC
/* Messages that are farther apart on average are no bulk */
#define MAX_GAP		(2 * NSEC_PER_MSEC)
/* A longer silence begins the measuring anew... */
#define MAX_PAUSE	(20 * NSEC_PER_MSEC)
/* ...and after one like this, what comes is something else */
#define FORGET_PAUSE	(500 * NSEC_PER_MSEC)

/*
 * Rates are compared over times that are long enough for bursts, and for
 * somebody else who had the CPU meanwhile. A third less is less...
 */
#define BULK_TIME	(20 * NSEC_PER_MSEC)
#define BULK_PERCENT	67
/* ...and what is far less shows earlier, after so many rests */
#define BULK_LOOK	8
#define LOOK_PERCENT	33
/* Timers in a row that find nothing, until bulk is over */
#define BULK_EMPTY	16
/* Messages until it is tried (again), and the least time */
#define MIN_TRIAL	16
#define MAX_TRIAL	4096
#define TRIAL_TIME	(10 * NSEC_PER_MSEC)

/* Acknowledgements in a row, until they have time */
#define LAZY_ACKS	16U
/* So many are signalled even to a CPU that has no time to look */
#define LAZY_MESSAGES	16
/* Rests without any, until it is over */
#define LAZY_EMPTY	16

static enum hrtimer_restart moder_timer(struct hrtimer *timer)
{
	struct mmnet_moder *m = container_of(timer, struct mmnet_moder, timer);

	napi_schedule(m->napi);
	return HRTIMER_NORESTART;
}

static void moder_count(struct mmnet_moder *m, enum mmnet_rx_counter counter)
{
	mmnet_rx_count(container_of(m, struct mmnet_queue, moder), counter, 1);
}

/* What went in one direction since the latest rest */
static struct mmnet_flow flow_since(struct mmnet_flow *seen,
				    const struct mmnet_flow *now)
{
	struct mmnet_flow old = *seen;

	seen->bytes = READ_ONCE(now->bytes);
	seen->refs = READ_ONCE(now->refs);
	seen->acks = READ_ONCE(now->acks);
	seen->msgs = READ_ONCE(now->msgs);
	return (struct mmnet_flow) {
		.bytes = seen->bytes - old.bytes,
		.msgs = seen->msgs - old.msgs,
		.refs = seen->refs - old.refs,
		.acks = seen->acks - old.acks,
	};
}

static unsigned long moder_bytes(const struct mmnet_moder *m)
{
	return m->rx_seen.bytes + m->tx_seen.bytes;
}

/*
 * Data goes one way, acknowledgements the other; or every fourth message, at
 * least, has memory with it.
 */
static bool moder_is_heavy(const struct mmnet_flow *rx,
			   const struct mmnet_flow *tx)
{
	return rx->acks == rx->msgs || tx->acks == tx->msgs ||
	       4 * (rx->refs + tx->refs) >= rx->msgs;
}

static bool moder_has_paused(struct mmnet_moder *m, u64 now)
{
	u64 pause = now - m->rested;

	m->rested = now;
	if (pause >= FORGET_PAUSE)
		m->trial = MIN_TRIAL;
	return pause >= MAX_PAUSE;
}

static void moder_begin_window(struct mmnet_moder *m, u64 now)
{
	m->window = now;
	m->window_bytes = moder_bytes(m);
	m->rests = 0;
}

static void moder_begin_bulk(struct mmnet_moder *m, u64 now)
{
	m->rest = MMNET_REST_BULK;
	m->before = now - m->trial_began;
	m->before_bytes = moder_bytes(m) - m->trial_bytes;
	m->worth = false;
	m->empty = 0;
	moder_begin_window(m, now);
	moder_count(m, MMNET_RX_BULK);
}

static void moder_begin_trial(struct mmnet_moder *m, u64 now)
{
	m->trial_began = now;
	m->trial_bytes = moder_bytes(m);
	m->since = 0;
}

static void moder_end_bulk(struct mmnet_moder *m, u64 now)
{
	m->rest = MMNET_REST_NEXT;
	m->trial = m->worth ? MIN_TRIAL : min(2 * m->trial, MAX_TRIAL);
	moder_begin_trial(m, now);
}

/*
 * Does data come as fast as it did before we slept for many, or at @percent of
 * that? In units of about a microsecond and of 16 bytes, so that the products
 * fit.
 */
static bool moder_is_worth(const struct mmnet_moder *m, u64 now, u32 percent)
{
	u64 bytes = (moder_bytes(m) - m->window_bytes) >> 4;
	u64 us = (now - m->window) >> 10;

	return 100 * bytes * (m->before >> 10) >=
	       percent * (u64)(m->before_bytes >> 4) * us;
}

static void moder_judge_bulk(struct mmnet_moder *m, u64 now, u32 got)
{
	bool late = now - m->window >= BULK_TIME;

	m->empty = got ? 0 : m->empty + 1;
	if (m->empty == BULK_EMPTY) {
		moder_count(m, MMNET_RX_BULK_EMPTY);
		moder_end_bulk(m, now);
		return;
	}
	if (++m->rests < BULK_LOOK)
		return;
	if (!moder_is_worth(m, now, late ? BULK_PERCENT : LOOK_PERCENT)) {
		m->worth = false;
		moder_count(m, MMNET_RX_BULK_SLOWER);
		moder_end_bulk(m, now);
	} else if (late) {
		m->worth = true;
		moder_begin_window(m, now);
	}
}

static void moder_begin_lazy(struct mmnet_moder *m)
{
	m->rest = MMNET_REST_LAZY;
	m->empty = 0;
	moder_count(m, MMNET_RX_LAZY);
}

static void moder_judge_lazy(struct mmnet_moder *m, u64 now, bool possible,
			     u32 got)
{
	m->empty = got ? 0 : m->empty + 1;
	if (possible && m->empty < LAZY_EMPTY)
		return;
	m->rest = MMNET_REST_NEXT;
	moder_begin_trial(m, now);
}

/* Nothing special so far: is this bulk? */
static void moder_judge_next(struct mmnet_moder *m, u64 now, u32 got)
{
	u64 time = now - m->trial_began;

	m->since += got;
	if (m->since < m->trial || time < TRIAL_TIME)
		return;
	m->gap = div_u64(time, m->since);
	if (m->gap < MAX_GAP)
		moder_begin_bulk(m, now);
	else
		moder_begin_trial(m, now);
}

static void moder_judge(struct mmnet_queue *q, u64 now)
{
	struct mmnet_moder *m = &q->moder;
	struct mmnet_flow rx = flow_since(&m->rx_seen, &m->rx);
	struct mmnet_flow tx = flow_since(&m->tx_seen, &m->tx);
	bool paused = moder_has_paused(m, now), lazy;

	if (rx.acks != rx.msgs)
		m->acks = 0;
	m->acks = min(m->acks + rx.acks, LAZY_ACKS);
	lazy = m->acks == LAZY_ACKS && fido_rx_is_looked_at(q->chan);
	if (m->rest == MMNET_REST_LAZY)
		moder_judge_lazy(m, now, lazy, rx.msgs);
	else if (lazy && rx.msgs)
		moder_begin_lazy(m);
	else if (m->rest == MMNET_REST_BULK)
		moder_judge_bulk(m, now, rx.msgs);
	else if (paused || !moder_is_heavy(&rx, &tx))
		moder_begin_trial(m, now);
	else
		moder_judge_next(m, now, rx.msgs);
}

/* Have the poll called in time. */
static void moder_start_timer(struct mmnet_moder *m)
{
	/* of the time before we waited: the one of now follows from the wait */
	u64 wait = clamp_t(u64, m->gap * BULK_GAPS, MIN_WAIT, MAX_WAIT);

	if (!hrtimer_is_queued(&m->timer))
		hrtimer_start(&m->timer, ns_to_ktime(wait), HRTIMER_MODE_REL);
}

/**
 * mmnet_moder_rest - the ring is empty: ask for the next event
 * @q: queue
 *
 * Context: the poll.
 * Return: true if messages are there already.
 */
bool mmnet_moder_rest(struct mmnet_queue *q)
{
	struct mmnet_moder *m = &q->moder;

	/* a poll for another reason in the middle of a wait says nothing */
	if (m->rx.msgs != m->rx_seen.msgs || !hrtimer_is_queued(&m->timer))
		moder_judge(q, ktime_get_ns());

	switch (m->rest) {
	case MMNET_REST_LAZY:
		return fido_rx_arm_idle(q->chan, LAZY_MESSAGES);
	case MMNET_REST_BULK:
		if (fido_rx_arm(q->chan, BULK_MESSAGES))
			return true;
		moder_start_timer(m);
		return false;
	default:
		return fido_rx_arm(q->chan, 1);
	}
}

/**
 * mmnet_moder_look - while sending: is it time to look for messages?
 * @q: queue that is up
 *
 * Context: under the lock of the tx queue.
 * Return: true if some are there that no event will tell of soon.
 */
bool mmnet_moder_look(const struct mmnet_queue *q)
{
	return READ_ONCE(q->moder.rest) != MMNET_REST_NEXT &&
	       fido_rx_waiting(q->chan);
}

/**
 * mmnet_moder_up - begin
 * @m: moderation, no poll
 */
void mmnet_moder_up(struct mmnet_moder *m)
{
	m->rest = MMNET_REST_NEXT;
	m->acks = 0;
	m->trial = MIN_TRIAL;
	m->rested = ktime_get_ns();
	flow_since(&m->rx_seen, &m->rx);
	flow_since(&m->tx_seen, &m->tx);
	moder_begin_trial(m, m->rested);
}

/**
 * mmnet_moder_down - no timer from now on
 * @m: moderation, no poll
 */
void mmnet_moder_down(struct mmnet_moder *m)
{
	hrtimer_cancel(&m->timer);
}

/**
 * mmnet_moder_init - initialise
 * @m: moderation, zeroed
 * @napi: what to schedule
 */
void mmnet_moder_init(struct mmnet_moder *m, struct napi_struct *napi)
{
	m->napi = napi;
	hrtimer_setup(&m->timer, moder_timer, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL);
}
