// SPDX-License-Identifier: GPL-2.0
/*
 * Fence: memory that was in flight to a domain which is gone, and that others
 * may still read.
 *
 * When a domain dies Xen unmaps all that it had mapped, and our grants to it
 * can be revoked at once. But it may have handed on what it got from us to
 * other peers of ours, who read it through windows of their own: what came by
 * a router may wait in a socket there. So memory in flight to the dead becomes
 * an orphan. It is kept until each of the others has let go of all that it
 * could have had from there.
 *
 * The owner asks for that by a number in its root pages. By then it does not
 * name the dead among its readers any more, so that no reader takes a further
 * address from there. A reader answers with the number when it has seen each
 * page of its window idle once. Whoever handed something on holds it until it
 * comes back: of a chain of several domains the last answers first.
 *
 * A reader that goes before it has answered may itself have handed on what it
 * had. All others are asked again then.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>

#include "chan.h"
#include "export.h"
#include "fence.h"
#include "link.h"
#include "log.h"
#include "peer.h"
#include "window.h"

/*
 * Orphans of so many domains are kept. A reader that never lets go, as a
 * process there does not read its socket, must not have us keep ever more: what
 * is given up then can be wrong data for that reader alone.
 */
#define MAX_DEATHS	8

static DEFINE_MUTEX(fence_lock);	/* guards what follows */
static LIST_HEAD(fence_readers);
static LIST_HEAD(fence_orphans);	/* channels, the oldest first */
static u32 fence_seq = 1;		/* latest fence, never zero */
static u32 fence_deaths;		/* that left orphans */

/* Owner */

static bool fence_is_passed(void)
{
	const struct fido_fence_reader *reader;

	list_for_each_entry(reader, &fence_readers, node)
		if (reader->acked != fence_seq)
			return false;
	return true;
}

/* What nobody can be reading any more goes to @done. */
static void fence_look(struct list_head *done)
{
	if (fence_is_passed())
		list_splice_tail_init(&fence_orphans, done);
}

static void fence_give_up_oldest(struct list_head *done)
{
	struct fido_chans *chans, *next;
	bool any = false;

	list_for_each_entry_safe(chans, next, &fence_orphans, held) {
		if (fence_deaths - chans->death <= MAX_DEATHS)
			break;
		list_move_tail(&chans->held, done);
		any = true;
	}
	if (any)
		fido_warn("others still read what %u domains handed on to them before they were gone: memory of the first of these is not kept any longer\n",
			  MAX_DEATHS + 1);
}

/* Moves to @orphans what others may still be reading, to @done what not. */
static bool fence_take(struct list_head *held, struct list_head *done)
{
	struct fido_chans *chans, *next;
	bool any = false;

	list_for_each_entry_safe(chans, next, held, held) {
		if (!fido_chans_in_flight(chans)) {
			list_move_tail(&chans->held, done);
			continue;
		}
		fido_chans_strip(chans);
		chans->death = fence_deaths + 1;
		list_move_tail(&chans->held, &fence_orphans);
		any = true;
	}
	fence_deaths += any;
	return any;
}

static void fence_kick(struct fido_link *link, void *unused)
{
	fido_link_kick(link);
}

/**
 * fido_fence_add - somebody will be able to read our memory
 * @reader: reader; nothing that is an orphan now gets to it but from others,
 *	who hold it until it comes back
 *
 * Context: process, sleeps.
 */
void fido_fence_add(struct fido_fence_reader *reader)
{
	mutex_lock(&fence_lock);
	reader->acked = fence_seq;
	list_add_tail(&reader->node, &fence_readers);
	mutex_unlock(&fence_lock);
}

/**
 * fido_fence_del - somebody maps nothing of our memory any more
 * @reader: reader, and not one of ours any more in the root pages
 * @held: channels with memory that was in flight to it; emptied
 *
 * Context: process, sleeps.
 */
void fido_fence_del(struct fido_fence_reader *reader, struct list_head *held)
{
	bool ask, wait;
	LIST_HEAD(done);

	mutex_lock(&fence_lock);
	list_del(&reader->node);
	ask = fence_take(held, &done);
	ask |= reader->acked != fence_seq;
	if (ask)
		fence_seq = fence_seq + 1 ?: 1;
	fence_give_up_oldest(&done);
	fence_look(&done);
	wait = !list_empty(&fence_orphans);
	mutex_unlock(&fence_lock);
	fido_chans_free(&done);
	if (ask && wait)
		fido_links_for_each(fence_kick, NULL);
}

/**
 * fido_fence_orphans - of how many channels is memory kept for others?
 *
 * Context: process, sleeps.
 * Return: number of channels.
 */
unsigned int fido_fence_orphans(void)
{
	const struct fido_chans *chans;
	unsigned int nr = 0;

	mutex_lock(&fence_lock);
	list_for_each_entry(chans, &fence_orphans, held)
		nr += chans->nr;
	mutex_unlock(&fence_lock);
	return nr;
}

/* Shows the peer the latest fence, takes its answer. */
static void fence_ask(struct fido_link *link)
{
	struct fido_root *mine = fido_export_root(link->export);
	struct fido_fence_reader *reader = fido_export_reader(link->export);
	const struct fido_root __peer *theirs;
	bool is_new = false;
	LIST_HEAD(done);

	theirs = fido_window_root(fido_link_window(link));
	mutex_lock(&fence_lock);
	if (reader->acked != fence_seq) {
		is_new = mine->fence != fence_seq;
		/* the list of readers before the number; pairs with fence_begin() */
		virt_store_release(&mine->fence, fence_seq);
		/* all its reads before the answer, and the answer before reuse */
		if (fido_peer_read_index(&theirs->fenced) == fence_seq) {
			reader->acked = fence_seq;
			fence_look(&done);
		}
	}
	mutex_unlock(&fence_lock);
	fido_chans_free(&done);
	if (is_new)
		fido_link_signal(link);
}

/* Reader */

/* Returns false if memory is short. */
static bool fence_begin(struct fido_link *link, u32 asked)
{
	fido_drain_end(link->fence.drain);
	/*
	 * Who looked at the owner's list of readers before we looked at its
	 * fence may take references to pages until now, see fido_resolve().
	 */
	synchronize_rcu();
	link->fence.drain = fido_drain_begin(fido_link_window(link));
	if (!link->fence.drain)
		return false;
	link->fence.seen = asked;
	return true;
}

/* Returns true if there is more to wait for. */
static bool fence_answer(struct fido_link *link)
{
	struct fido_window *window = fido_link_window(link);
	struct fido_root *mine = fido_export_root(link->export);
	u32 asked;

	asked = fido_peer_read_index(&fido_window_root(window)->fence);
	if (asked != link->fence.seen && !fence_begin(link, asked))
		return true;
	if (!link->fence.drain)
		return false;
	if (!fido_drain_done(window, link->fence.drain))
		return true;
	fido_drain_end(link->fence.drain);
	link->fence.drain = NULL;
	/* all reads of the peer's memory before the word that allows reuse */
	virt_store_release(&mine->fenced, link->fence.seen);
	fido_link_signal(link);
	return false;
}

/**
 * fido_fence_step - ask the peer to let go, answer if we have
 * @link: link that is up
 *
 * Context: the link's work.
 * Return: true if it has to be called again soon, without an event.
 */
bool fido_fence_step(struct fido_link *link)
{
	fence_ask(link);
	return fence_answer(link);
}

/**
 * fido_fence_end - the window goes, and with it what is owed to the peer
 * @link: link
 *
 * Context: the link's work, or after its end.
 */
void fido_fence_end(struct fido_link *link)
{
	fido_drain_end(link->fence.drain);
	link->fence.drain = NULL;
	link->fence.seen = 0;
}

/**
 * fido_fence_exit - there are no links any more
 *
 * What peers still map, who did not let go before the module is unloaded, stays
 * allocated: memory that somebody may be reading is not reused.
 */
void fido_fence_exit(void)
{
	if (!list_empty(&fence_orphans))
		fido_warn("unloading while others may read memory that was handed on to them: it is lost until reboot\n");
}
