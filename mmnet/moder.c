// SPDX-License-Identifier: GPL-2.0
/*
 * Moderation: how many messages to sleep for, and for how long at most.
 *
 * A peer that is asked to signal the next message signals each of them while
 * we are fast enough to sleep between two. In bulk that is a hypercall there
 * and an interrupt here for nothing: the next message comes anyway. Then we
 * ask for an event after many only, and look ourselves when a timer fires.
 *
 * Waiting must not cost those who wait for an answer. They show by the rate of
 * messages: it falls when we look later. So bulk is tried, kept while messages
 * come as fast as before, and tried again later and later where they do not.
 * What carries no memory in either direction is not bulk and never tried with.
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
/* Messages that are farther apart are no bulk */
#define MAX_GAP		(2 * NSEC_PER_MSEC)

/*
 * The rate is compared over so many rests, and from so many on: messages may
 * be a quarter farther apart
 */
#define BULK_WINDOW	16
#define BULK_LOOK	4
/* Timers in a row that find nothing, until bulk is over */
#define BULK_EMPTY	2
/* Messages until it is tried (again) */
#define MIN_TRIAL	16
#define MAX_TRIAL	1024

static enum hrtimer_restart moder_timer(struct hrtimer *timer)
{
	struct mmnet_moder *m = container_of(timer, struct mmnet_moder, timer);

	napi_schedule(m->napi);
	return HRTIMER_NORESTART;
}

/* Memory went one way or the other, with every fourth message at least. */
static bool moder_is_heavy(struct mmnet_moder *m)
{
	u32 refs = m->rx_refs + READ_ONCE(m->tx_refs);
	u32 new = refs - m->refs_seen;

	m->refs_seen = refs;
	return 4 * new >= m->got;
}

/* A pause, or messages so far apart that each may well have its event */
static bool moder_has_paused(struct mmnet_moder *m, u64 now)
{
	u64 gap = div_u64(now - m->rested, m->got ?: 1);

	m->rested = now;
	return gap >= MAX_GAP;
}

static void moder_begin_window(struct mmnet_moder *m, u64 now)
{
	m->window = now;
	m->window_got = 0;
	m->window_rests = 0;
}

static void moder_begin_bulk(struct mmnet_moder *m, u64 now)
{
	m->bulk = true;
	m->before = max_t(u32, div_u64(now - m->trial_began, m->since), 1);
	m->worth = false;
	m->empty = 0;
	moder_begin_window(m, now);
}

static void moder_begin_trial(struct mmnet_moder *m, u64 now)
{
	m->trial_began = now;
	m->since = 0;
}

static void moder_end_bulk(struct mmnet_moder *m, u64 now)
{
	m->bulk = false;
	m->trial = m->worth ? MIN_TRIAL : min(2 * m->trial, MAX_TRIAL);
	moder_begin_trial(m, now);
}

/* Do messages come as fast as they did before we slept for many? */
static bool moder_is_worth(const struct mmnet_moder *m, u64 now)
{
	return 4 * (now - m->window) <= 5ULL * m->before * m->window_got;
}

static void moder_judge_bulk(struct mmnet_moder *m, u64 now)
{
	bool worth;

	m->empty = m->got ? 0 : m->empty + 1;
	if (m->empty == BULK_EMPTY) {
		moder_end_bulk(m, now);
		return;
	}
	m->window_got += m->got;
	worth = moder_is_worth(m, now);
	/* what is not worth it shows early */
	if (++m->window_rests < BULK_LOOK ||
	    (worth && m->window_rests < BULK_WINDOW))
		return;
	m->worth = worth;
	if (worth)
		moder_begin_window(m, now);
	else
		moder_end_bulk(m, now);
}

static void moder_judge(struct mmnet_moder *m, u64 now)
{
	bool heavy = moder_is_heavy(m), paused = moder_has_paused(m, now);

	if (m->bulk) {
		moder_judge_bulk(m, now);
		return;
	}
	if (!heavy || paused) {
		moder_begin_trial(m, now);
		return;
	}
	m->since += m->got;
	if (m->since >= m->trial)
		moder_begin_bulk(m, now);
}

/**
 * mmnet_moder_rest - the ring is empty: how many messages to wait for?
 * @m: moderation
 *
 * Context: the poll.
 * Return: the number to ask the peer for. If it is more than one,
 * mmnet_moder_sleep() has to follow.
 */
u32 mmnet_moder_rest(struct mmnet_moder *m)
{
	u64 now = ktime_get_ns();

	/* a poll for another reason in the middle of a wait says nothing */
	if (!m->got && hrtimer_is_queued(&m->timer))
		return m->bulk ? BULK_MESSAGES : 1;
	moder_judge(m, now);
	m->got = 0;
	return m->bulk ? BULK_MESSAGES : 1;
}

/**
 * mmnet_moder_sleep - have the poll called in time
 * @m: moderation
 *
 * Context: the poll.
 */
void mmnet_moder_sleep(struct mmnet_moder *m)
{
	/* of the time before we waited: the one of now follows from the wait */
	u64 wait = clamp_t(u64, (u64)m->before * BULK_GAPS, MIN_WAIT, MAX_WAIT);

	if (m->bulk && !hrtimer_is_queued(&m->timer))
		hrtimer_start(&m->timer, ns_to_ktime(wait), HRTIMER_MODE_REL);
}

/**
 * mmnet_moder_up - begin
 * @m: moderation, no poll
 */
void mmnet_moder_up(struct mmnet_moder *m)
{
	m->bulk = false;
	m->got = 0;
	m->trial = MIN_TRIAL;
	m->rested = ktime_get_ns();
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
