// SPDX-License-Identifier: GPL-2.0
/*
 * Drain: has everything been let go that was in use at some moment?
 *
 * Pages of a peer are in use as long as anybody holds a reference. A drain has
 * a bit for each page, which is taken away when the page has been seen idle. A
 * page that was idle once holds nothing from before. What is done with it since
 * does not matter.
 *
 * What a peer gave us lies in its memory, and perhaps in that of third domains
 * that it only handed on. A domain that was ever given such addresses looks at
 * all its windows each time, as it does not know whence what is in use came.
 */
#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "drain.h"
#include "fido.h"
#include "window.h"

/**
 * struct drain_part - pages of one window that have not been seen idle
 * @of_drain: entry in the list of the drain's parts
 * @of_window: entry in the list of the window's
 * @window: the window; NULL once it is gone, and all its pages with it
 * @first: no bit is set below this one
 * @busy: one bit for each page of the window
 */
struct drain_part {
	struct list_head of_drain;
	struct list_head of_window;
	struct fido_window *window;
	unsigned long first;
	unsigned long busy[];
};

/**
 * struct fido_drain - pages that have not been seen idle since the begin
 * @parts: by window; guarded by the lock of the list of windows
 */
struct fido_drain {
	struct list_head parts;
};

/* Set once, when it is too late to find out whose memory was handed on. */
static bool drain_relayed;

/**
 * fido_drain_relayed - a peer has named memory of a third domain to us
 *
 * Context: any.
 */
void fido_drain_relayed(void)
{
	if (!READ_ONCE(drain_relayed))
		WRITE_ONCE(drain_relayed, true);
}

/**
 * fido_drain_all - may what a peer gave us lie in any window?
 *
 * Context: any; for what was taken in a service that is down by now, or before
 * an RCU grace period that is over.
 * Return: true if so.
 */
bool fido_drain_all(void)
{
	return READ_ONCE(drain_relayed);
}

static int drain_add(struct fido_drain *drain, struct fido_window *window)
{
	struct drain_part *part;

	part = kvzalloc(struct_size(part, busy, BITS_TO_LONGS(window->nr)),
			GFP_KERNEL);
	if (!part)
		return -ENOMEM;
	bitmap_set(part->busy, 0, window->nr);
	part->window = window;
	list_add_tail(&part->of_drain, &drain->parts);
	list_add_tail(&part->of_window, &window->drains);
	return 0;
}

/**
 * fido_drain_begin - from now on nobody gets new references by an old channel
 * @window: window of that channel
 *
 * Context: process, sleeps.
 * Return: what to give to fido_drain_done(); NULL if memory is short.
 */
struct fido_drain *fido_drain_begin(struct fido_window *window)
{
	struct fido_drain *drain = kzalloc(sizeof(*drain), GFP_KERNEL);
	struct fido_window *each;
	int err = 0;

	if (!drain)
		return NULL;
	INIT_LIST_HEAD(&drain->parts);
	fido_windows_lock();
	list_for_each_entry(each, fido_windows(), node)
		if (!err && (each == window || fido_drain_all()))
			err = drain_add(drain, each);
	fido_windows_unlock();
	if (!err)
		return drain;
	fido_drain_end(drain);
	return NULL;
}

/* Returns true if each page has been idle once. */
static bool part_is_done(struct drain_part *part)
{
	const struct fido_window *window = part->window;
	unsigned long i;

	if (!window)
		return true;
	for_each_set_bit_from(part->first, part->busy, window->nr) {
		if (fido_window_uses(window, part->first))
			break;
		__clear_bit(part->first, part->busy);
	}
	i = part->first;
	for_each_set_bit_from(i, part->busy, window->nr)
		if (!fido_window_uses(window, i))
			__clear_bit(i, part->busy);
	return bitmap_empty(part->busy, window->nr);
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
