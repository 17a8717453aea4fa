// SPDX-License-Identifier: GPL-2.0
/*
 * Drain: has everything been let go that was in use at some moment?
 *
 * Pages of a peer are in use as long as anybody holds a reference. A drain has
 * a bit for each page, which is taken away when the page has been seen idle. A
 * page that was idle once holds nothing from before. What is done with it since
 * does not matter.
 *
 * What a peer gave us lies in its memory, and perhaps in that of third domains,
 * which it only handed on: a window notes which links' peers named its pages.
 * Those are waited for with a limit. What is in use there need not have come by
 * this peer, may be in use for very long, and may be what we ourselves have
 * handed on to somebody who waits for us.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "drain.h"
#include "fido.h"
#include "window.h"

#define PAGES_AT_A_TIME	65536UL

/**
 * struct drain_part - pages of one window that have not been seen idle
 * @of_drain: entry in the list of the drain's parts
 * @of_window: entry in the list of the window's
 * @window: the window; NULL once it is gone, and all its pages with it
 * @is_third: it is that of a third domain
 * @first: no bit is set below this one
 * @busy: one bit for each page of the window
 */
struct drain_part {
	struct list_head of_drain;
	struct list_head of_window;
	struct fido_window *window;
	bool is_third;
	unsigned long first;
	unsigned long busy[];
};

/**
 * struct fido_drain - pages that have not been seen idle since the begin
 * @parts: by window; guarded by the lock of the list of windows
 * @until: jiffies until which third domains' pages are waited for
 */
struct fido_drain {
	struct list_head parts;
	unsigned long until;
};

static int drain_add(struct fido_drain *drain, struct fido_window *window,
		     bool is_third)
{
	struct drain_part *part;

	part = kvzalloc(struct_size(part, busy, BITS_TO_LONGS(window->nr)),
			GFP_KERNEL);
	if (!part)
		return -ENOMEM;
	bitmap_set(part->busy, 0, window->nr);
	part->window = window;
	part->is_third = is_third;
	list_add_tail(&part->of_drain, &drain->parts);
	list_add_tail(&part->of_window, &window->drains);
	return 0;
}

static int drain_add_all(struct fido_drain *drain, struct fido_window *window,
			 bool with_third)
{
	struct fido_window *each;
	int err;

	list_for_each_entry(each, fido_windows(), node) {
		if (each != window &&
		    (!with_third || !fido_window_is_given(each, window)))
			continue;
		err = drain_add(drain, each, each != window);
		if (err)
			return err;
	}
	return 0;
}

/**
 * fido_drain_begin - from now on nobody gets new references by an old channel
 * @window: window of that channel
 * @secs: how long, at most, pages of third domains are waited for that the
 *	owner of @window has handed on; zero: not at all
 *
 * Context: process, sleeps.
 * Return: what to give to fido_drain_done(); NULL if memory is short.
 */
struct fido_drain *fido_drain_begin(struct fido_window *window,
				    unsigned int secs)
{
	struct fido_drain *drain = kzalloc(sizeof(*drain), GFP_KERNEL);
	int err;

	if (!drain)
		return NULL;
	INIT_LIST_HEAD(&drain->parts);
	drain->until = jiffies + secs * HZ;
	fido_windows_lock();
	err = drain_add_all(drain, window, secs);
	fido_windows_unlock();
	if (!err)
		return drain;
	fido_drain_end(drain);
	return NULL;
}

static void part_look(struct drain_part *part, unsigned long begin,
		      unsigned long end)
{
	unsigned long i = begin;

	for_each_set_bit_from(i, part->busy, end)
		if (!fido_window_uses(part->window, i))
			__clear_bit(i, part->busy);
}

/* Returns true if each page has been idle once. */
static bool part_is_done(struct drain_part *part)
{
	unsigned long nr, begin, end;

	if (!part->window)
		return true;
	nr = part->window->nr;
	for (begin = part->first; begin < nr; begin = end) {
		end = min(begin + PAGES_AT_A_TIME, nr);
		part_look(part, begin, end);
		cond_resched();
	}
	part->first = find_next_bit(part->busy, nr, part->first);
	return part->first >= nr;
}

/**
 * fido_drain_done - has each page been idle once since the begin?
 * @drain: from fido_drain_begin()
 *
 * Context: process, sleeps.
 * Return: true if so.
 */
bool fido_drain_done(struct fido_drain *drain)
{
	struct drain_part *part;
	bool done = true;

	fido_windows_lock();
	list_for_each_entry(part, &drain->parts, of_drain)
		if (!part->is_third || time_before(jiffies, drain->until))
			done &= part_is_done(part);
	fido_windows_unlock();
	if (!done)
		fido_flush_all();
	return done;
}

static void part_free(struct drain_part *part)
{
	list_del(&part->of_drain);
	if (part->window)
		list_del(&part->of_window);
	kvfree(part);
}

/**
 * fido_drain_end - done with it
 * @drain: from fido_drain_begin(), or NULL
 *
 * Context: process, sleeps.
 */
void fido_drain_end(struct fido_drain *drain)
{
	struct drain_part *part, *next;

	if (!drain)
		return;
	fido_windows_lock();
	list_for_each_entry_safe(part, next, &drain->parts, of_drain)
		part_free(part);
	fido_windows_unlock();
	kfree(drain);
}

/**
 * fido_drain_window_gone - nothing of a window is in use any more
 * @window: window that is about to be freed
 *
 * Context: the list of windows is locked.
 */
void fido_drain_window_gone(struct fido_window *window)
{
	struct drain_part *part, *next;

	list_for_each_entry_safe(part, next, &window->drains, of_window) {
		list_del(&part->of_window);
		part->window = NULL;
	}
}
