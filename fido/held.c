// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that outlives its channel: what we offered and the peer may still
 * read (held), and what the peer offered and we may still read (drain). Each
 * side tells the other in @drained_gen of the service table. And what outlives
 * its link: exports in quarantine, and abandoned windows. (What a peer that is
 * gone may have handed on: fence.c.)
 */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "chan.h"
#include "drain.h"
#include "export.h"
#include "fence.h"
#include "link.h"
#include "window.h"

/*
 * Runs what looks after exports in quarantine and abandoned windows. Links may
 * wait for those, and memory for links, so something can run when none is left
 * for another thread. No processor is kept: to look through a large table takes
 * its time.
 */
struct workqueue_struct *fido_held_wq;

/* How many retired sets of a service may wait for a peer that reads on? */
#define MAX_HELD	4

/*
 * So long, at most, is waited for pages of third domains that a peer handed on,
 * until it is told that nothing of a generation is used. Somebody may not read
 * his socket, and the peer have no further channels meanwhile.
 */
#define HANDED_ON_SECS	10

/* What may be left of earlier links with a peer, when one is to start? */
#define MAX_QUARANTINED	2	/* exports to it */
#define MAX_ABANDONED	2	/* windows onto it */

/**
 * fido_link_next_gen - a fresh generation
 * @link: link
 * @sid: service id
 *
 * Generations go on when a service is removed and added again: the peer's
 * drained_gen may be of an earlier life.
 *
 * Context: process, sleeps.
 * Return: the generation, not zero.
 */
u32 fido_link_next_gen(struct fido_link *link, unsigned int sid)
{
	u32 gen;

	mutex_lock(&link->held_lock);
	gen = ++link->slot[sid].last_gen;
	if (!gen)
		gen = ++link->slot[sid].last_gen;
	mutex_unlock(&link->held_lock);
	return gen;
}

/**
 * fido_link_hold - keep retired channels until the peer has let go
 * @link: link
 * @chans: disconnected channels
 *
 * Context: process, sleeps.
 */
void fido_link_hold(struct fido_link *link, struct fido_chans *chans)
{
	mutex_lock(&link->held_lock);
	list_add_tail(&chans->held, &link->held);
	mutex_unlock(&link->held_lock);
}

/**
 * fido_link_may_hold - may a service make further channels?
 * @link: link
 * @sid: service id
 *
 * What is kept for a peer that never lets go must be bounded.
 *
 * Context: process, sleeps.
 * Return: false if too many retired ones wait.
 */
bool fido_link_may_hold(struct fido_link *link, unsigned int sid)
{
	const struct fido_chans *chans;
	unsigned int nr = 0;

	mutex_lock(&link->held_lock);
	list_for_each_entry(chans, &link->held, held)
		nr += chans->sid == sid;
	mutex_unlock(&link->held_lock);
	return nr < MAX_HELD;
}

/*
 * Begin the drain that is wanted. It includes what an earlier one waits for,
 * which goes on until then. Returns false if memory is short.
 */
static bool held_begin_drain(struct fido_link *link,
			     struct fido_link_slot *slot)
{
	struct fido_drain *drain;

	if (!slot->wanted_gen)
		return true;
	drain = fido_drain_begin(fido_link_window(link), HANDED_ON_SECS);
	if (!drain)
		return false;
	fido_drain_end(slot->drain);
	slot->drain = drain;
	slot->drain_gen = slot->wanted_gen;
	slot->wanted_gen = 0;
	return true;
}

/**
 * fido_link_drain - find out when nothing of a generation is used any more
 * @link: link with a window
 * @sid: service id
 * @gen: generation of the peer, not zero; earlier ones are included
 *
 * Without memory for it the link's work begins later: nobody else would, and
 * the peer keeps its buffers meanwhile.
 *
 * Context: process, sleeps.
 */
void fido_link_drain(struct fido_link *link, unsigned int sid, u32 gen)
{
	struct fido_link_slot *slot = &link->slot[sid];

	mutex_lock(&link->held_lock);
	slot->wanted_gen = gen;
	held_begin_drain(link, slot);
	mutex_unlock(&link->held_lock);
	fido_link_kick(link);
}

/**
 * fido_link_undrain - take back that a generation is drained
 * @link: link that is up
 * @sid: service id
 * @gen: generation of the peer that is about to be connected to
 *
 * A side may connect to the same generation again, if the peer was not up with
 * it. What was said about it then must not be found when it is retired later.
 *
 * Context: process, sleeps; before the generation is echoed.
 */
void fido_link_undrain(struct fido_link *link, unsigned int sid, u32 gen)
{
	struct fido_root *root = fido_export_root(link->export);
	struct fido_link_slot *slot = &link->slot[sid];
	u32 *drained = &root->service[sid].drained_gen;

	mutex_lock(&link->held_lock);
	/* a drain that runs goes on for the generations before */
	if (slot->drain && (s32)(slot->drain_gen - gen) >= 0)
		slot->drain_gen = gen - 1;
	/* so will one that is to begin, unless there are none */
	if (slot->wanted_gen && (s32)(slot->wanted_gen - gen) >= 0)
		slot->wanted_gen = gen - 1;
	/* who sees the echo, a store-release that follows, sees this, too */
	if ((s32)(*drained - gen) >= 0)
		WRITE_ONCE(*drained, gen - 1);
	mutex_unlock(&link->held_lock);
}

/* Generations may wrap. */
static bool gen_drained(u32 gen, u32 drained)
{
	return drained && (s32)(drained - gen) >= 0;
}

static void held_free_drained(struct fido_link *link)
{
	const struct fido_root __peer *root;
	struct fido_chans *chans, *next;
	u32 drained;

	root = fido_window_root(fido_link_window(link));
	list_for_each_entry_safe(chans, next, &link->held, held) {
		drained = fido_peer_read_index(&root->service[chans->sid]
							.drained_gen);
		if (!gen_drained(chans->gen, drained))
			continue;
		list_del(&chans->held);
		fido_chans_free_one(chans);
		WRITE_ONCE(link->progress, true);
	}
}

/* Returns true if there is more to wait for. */
static bool held_step_drain(struct fido_link *link, unsigned int sid)
{
	struct fido_link_slot *slot = &link->slot[sid];
	struct fido_root *root = fido_export_root(link->export);
	bool begun = held_begin_drain(link, slot);

	if (!slot->drain)
		return !begun;
	if (!fido_drain_done(slot->drain))
		return true;
	fido_drain_end(slot->drain);
	slot->drain = NULL;
	/* all reads of the peer's memory before the word that allows reuse */
	virt_store_release(&root->service[sid].drained_gen, slot->drain_gen);
	fido_link_signal(link);
	return !begun;
}

/**
 * fido_link_step_held - free what the peer has let go, tell what we have
 * @link: link that is up
 *
 * Context: the link's work.
 * Return: true if it has to be called again soon, without an event.
 */
bool fido_link_step_held(struct fido_link *link)
{
	bool again = fido_fence_step(link);
	unsigned int sid;

	mutex_lock(&link->held_lock);
	held_free_drained(link);
	for (sid = 0; sid < FIDO_MAX_SERVICES; sid++)
		again |= held_step_drain(link, sid);
	mutex_unlock(&link->held_lock);
	return again;
}

/**
 * fido_link_end_drains - the window goes, and with it all there is to tell
 * @link: link
 *
 * Context: process, sleeps.
 */
void fido_link_end_drains(struct fido_link *link)
{
	unsigned int sid;

	fido_fence_end(link);
	mutex_lock(&link->held_lock);
	for (sid = 0; sid < FIDO_MAX_SERVICES; sid++) {
		fido_drain_end(link->slot[sid].drain);
		link->slot[sid].drain = NULL;
		link->slot[sid].wanted_gen = 0;
	}
	mutex_unlock(&link->held_lock);
}

/**
 * fido_link_waits_for - what keeps a link from starting over?
 * @link: link that is down
 *
 * A peer that lets nothing go must not get all our grants. Nor may what our
 * own processes do not let go of become more with each time that the peer
 * starts over.
 *
 * Context: process, sleeps.
 * Return: what is waited for, for people; NULL if it may start.
 */
const char *fido_link_waits_for(const struct fido_link *link)
{
	if (fido_quarantine_of(link->peer) >= MAX_QUARANTINED)
		return "the peer still maps memory of earlier links: waiting until it lets go";
	if (fido_windows_abandoned(link->peer) >= MAX_ABANDONED)
		return "processes here hold memory of earlier links: waiting until they let go";
	if (link->starved_by && fido_quarantine_grants() >= link->starved_by)
		return "too few grants while peers map earlier ones: waiting until they let go";
	if (fido_pace_is_fast(&link->starts, FIDO_MAX_STARTS, jiffies,
			      FIDO_STARTS_JIFFIES))
		return "the peer starts over without end: waiting for up to a minute";
	return NULL;
}

/**
 * fido_held_init - make the work queue
 *
 * Return: 0 or -ENOMEM.
 */
int __init fido_held_init(void)
{
	fido_held_wq = alloc_workqueue("fido", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return fido_held_wq ? 0 : -ENOMEM;
}

/**
 * fido_held_exit - end it; nothing looks after anything any more
 */
void fido_held_exit(void)
{
	destroy_workqueue(fido_held_wq);
}
