// SPDX-License-Identifier: GPL-2.0
/*
 * Fence: memory that was in flight to a domain which is gone, and that others
 * may still read.
 *
 * When a domain dies Xen unmaps all that it had mapped, and our grants to it
 * can be revoked then. But it may have handed on what it got from us to
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
 * A reader that goes may itself have handed on what it had. All others are asked
 * again then.
 *
 * Orphans are own memory. What we had handed on of others' is given back to
 * them at once: in a chain of four, A to D, the death of C may let A reuse what
 * D still reads, as B cannot see D. To keep it would not help D, and have domains
 * that route for each other wait in a circle.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>

#include "chan.h"
#include "drain.h"
#include "export.h"
#include "fence.h"
#include "link.h"
#include "log.h"
#include "peer.h"
#include "window.h"

/*
 * Orphans of so many ends of readers are kept, of one domain and of all. A
 * reader that never lets go, as a process there does not read its socket, must
 * not have us keep ever more. What is given up then can be wrong data for that
 * reader alone. Who ends again and again only has own orphans given up.
 */
#define MAX_ENDS_OF_ONE		2
#define MAX_ENDS		16

/* From one drain to the next for the same peer */
#define FENCE_PERIOD		HZ

static DEFINE_MUTEX(fence_lock);	/* guards what follows */
static LIST_HEAD(fence_readers);
static LIST_HEAD(fence_orphans);	/* channels, the oldest first */
static u32 fence_seq = 1;		/* latest fence, never zero */
static u32 fence_ends;			/* that left orphans */

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

static bool orphan_is_of(const struct fido_chans *chans, u32 domid)
{
	return domid == FIDO_NO_DOMAIN || chans->domid == domid;
}

/* How many ends have left orphans, of a domain or of all? @oldest gets the first. */
static unsigned int fence_count_ends(u32 domid, u32 *oldest)
{
	const struct fido_chans *chans;
	unsigned int nr = 0;
	u32 last = 0;

	list_for_each_entry(chans, &fence_orphans, held) {
		if (!orphan_is_of(chans, domid) || (nr && chans->end == last))
			continue;
		last = chans->end;
		if (!nr++)
			*oldest = last;
	}
	return nr;
}

static void fence_give_up(u32 end, struct list_head *done)
{
	struct fido_chans *chans, *next;

	list_for_each_entry_safe(chans, next, &fence_orphans, held) {
		if (chans->end != end)
			continue;
		pr_warn_ratelimited("fido: others may still read what domain %u handed on to them before its end: that memory is not kept any longer\n",
				    chans->domid);
		list_move_tail(&chans->held, done);
	}
}

static void fence_bound(u32 domid, unsigned int max, struct list_head *done)
{
	u32 oldest;

	while (fence_count_ends(domid, &oldest) > max)
		fence_give_up(oldest, done);
}

/* Moves to the orphans what others may still be reading, to @done what not. */
static void fence_take(domid_t domid, struct list_head *held,
		       struct list_head *done)
{
	struct fido_chans *chans, *next;

	fence_ends++;
	list_for_each_entry_safe(chans, next, held, held) {
		if (!fido_chans_strip(chans)) {
			list_move_tail(&chans->held, done);
			continue;
		}
		chans->end = fence_ends;
		chans->domid = domid;
		list_move_tail(&chans->held, &fence_orphans);
	}
}

/* Links that come up ask on their own, and one that is new must not work yet. */
static void fence_kick(struct fido_link *link, void *unused)
{
	if (READ_ONCE(link->state) == FIDO_LINK_UP)
		fido_link_kick(link);
}

/**
 * fido_fence_add - somebody will be able to read our memory
 * @reader: reader; what is an orphan now gets to it only from others, who hold
 *	it until it comes back
 * @domid: who it is
 *
 * Context: process, sleeps.
 */
void fido_fence_add(struct fido_fence_reader *reader, domid_t domid)
{
	reader->domid = domid;
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
 * It may have handed on orphans, too: all others are asked anew.
 *
 * Context: process, sleeps.
 */
void fido_fence_del(struct fido_fence_reader *reader, struct list_head *held)
{
	LIST_HEAD(done);
	bool wait;

	if (list_empty(&reader->node)) {	/* it never came to be */
		fido_chans_free(held);
		return;
	}
	mutex_lock(&fence_lock);
	list_del(&reader->node);
	fence_take(reader->domid, held, &done);
	if (!list_empty(&fence_orphans))
		fence_seq = fence_seq + 1 ?: 1;
	fence_bound(reader->domid, MAX_ENDS_OF_ONE, &done);
	fence_bound(FIDO_NO_DOMAIN, MAX_ENDS, &done);
	fence_look(&done);
	wait = !list_empty(&fence_orphans);
	mutex_unlock(&fence_lock);
	fido_chans_free(&done);
	if (wait)
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
		/* the list of readers before the number; see fence_answer() */
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

/* A peer that asks without end has us begin anew once a second at most. */
static bool fence_must_wait(const struct fido_fence *fence)
{
	return fence->seen && time_before(jiffies, fence->next);
}

/* Returns false if memory is short. */
static bool fence_begin(struct fido_link *link, u32 asked)
{
	fido_drain_end(link->fence.drain);
	link->fence.drain = NULL;
	/*
	 * Who looked at the owner's list of readers before we looked at its
	 * fence may take references to pages until now, see fido_resolve().
	 */
	synchronize_rcu();
	link->fence.drain = fido_drain_begin(fido_link_window(link), 0);
	if (!link->fence.drain)
		return false;
	link->fence.seen = asked;
	link->fence.next = jiffies + FENCE_PERIOD;
	return true;
}

/* Returns true if there is more to wait for. */
static bool fence_answer(struct fido_link *link)
{
	struct fido_window *window = fido_link_window(link);
	struct fido_root *mine = fido_export_root(link->export);
	u32 asked;

	asked = fido_peer_read_index(&fido_window_root(window)->fence);
	if (asked && asked != link->fence.seen &&
	    (fence_must_wait(&link->fence) || !fence_begin(link, asked)))
		return true;
	if (!link->fence.drain)
		return false;
	if (!fido_drain_done(link->fence.drain))
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
 * What peers had not let go of before the module is unloaded stays allocated:
 * memory that somebody may be reading is not reused.
 */
void fido_fence_exit(void)
{
	if (!list_empty(&fence_orphans))
		fido_warn("unloading while others may read memory that was handed on to them: it is lost until reboot\n");
}
