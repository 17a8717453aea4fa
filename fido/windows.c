// SPDX-License-Identifier: GPL-2.0
/*
 * All windows, whether their links are up or not: whose a page is, and what
 * becomes of windows that only wait for the last users of their pages.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>

#include "drain.h"
#include "fido.h"
#include "link.h"
#include "log.h"
#include "window.h"

#define MIN_PERIOD		(HZ / 10)
#define MAX_PERIOD		HZ	/* some read on for days */
#define EXIT_TRIES		100
#define EXIT_TRY_MSECS		100

static DEFINE_MUTEX(windows_lock);	/* guards windows_list, and drains */
static LIST_HEAD(windows_list);		/* all that are complete; RCU */

static DEFINE_MUTEX(abandoned_lock);	/* guards what follows */
static LIST_HEAD(abandoned_list);
static unsigned long abandoned_period;	/* of looking, in jiffies */

static void abandoned_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(abandoned_work, abandoned_work_fn);

/**
 * fido_windows_lock - lock the list of all windows
 *
 * No window of the list is freed, and none becomes complete.
 *
 * Context: process, sleeps.
 */
void fido_windows_lock(void)
{
	mutex_lock(&windows_lock);
}

/**
 * fido_windows_unlock - unlock it
 */
void fido_windows_unlock(void)
{
	mutex_unlock(&windows_lock);
}

/**
 * fido_windows - the list of all windows
 *
 * Context: the list is locked.
 * Return: its head; entries are @node of struct fido_window.
 */
struct list_head *fido_windows(void)
{
	return &windows_list;
}

/**
 * fido_window_enlist - the window is complete: its pages can be asked for
 * @window: window
 *
 * Context: process, sleeps.
 */
void fido_window_enlist(struct fido_window *window)
{
	mutex_lock(&windows_lock);
	list_add_rcu(&window->node, &windows_list);
	mutex_unlock(&windows_lock);
}

/**
 * fido_window_delist - the window is about to be freed
 * @window: window without pages; in the list if it ever was complete
 *
 * Context: process, sleeps; waits for those who look just now.
 */
void fido_window_delist(struct fido_window *window)
{
	if (list_empty(&window->node))
		return;
	mutex_lock(&windows_lock);
	list_del_rcu(&window->node);
	fido_drain_window_gone(window);
	mutex_unlock(&windows_lock);
	synchronize_rcu();
}

/**
 * fido_page_foreign - is it a page of another domain, seen through a window?
 * @page: page that the caller holds, or any other
 *
 * Also if the link is gone: a window lasts as long as somebody holds a page.
 *
 * Context: any.
 * Return: true if so: it cannot be granted on, nor given to a device that
 * grants.
 */
bool fido_page_foreign(const struct page *page)
{
	const struct fido_window *window;
	bool found = false;

	rcu_read_lock();
	list_for_each_entry_rcu(window, &windows_list, node) {
		found = fido_window_index(window, page) < window->nr;
		if (found)
			break;
	}
	rcu_read_unlock();
	return found;
}
EXPORT_SYMBOL_GPL(fido_page_foreign);

/* Windows without a link */

static void abandoned_work_fn(struct work_struct *work)
{
	struct fido_window *window, *next;
	/* links wait for the lock, and disks for links */
	unsigned int noio = memalloc_noio_save();

	mutex_lock(&abandoned_lock);
	list_for_each_entry_safe(window, next, &abandoned_list, abandoned) {
		list_del(&window->abandoned);
		if (fido_window_shrink(window))
			list_add(&window->abandoned, &abandoned_list);
	}
	abandoned_period = min_t(unsigned long, 2 * abandoned_period,
				 MAX_PERIOD);
	if (!list_empty(&abandoned_list))
		queue_delayed_work(fido_held_wq, &abandoned_work,
				   abandoned_period);
	mutex_unlock(&abandoned_lock);
	memalloc_noio_restore(noio);
}

/**
 * fido_window_abandon - leave a window to shrink on its own
 * @window: window with pages in use; not the caller's any more
 *
 * Context: process, sleeps.
 */
void fido_window_abandon(struct fido_window *window)
{
	fido_drain_end(window->drain);
	window->drain = NULL;
	mutex_lock(&abandoned_lock);
	window->is_abandoned = true;
	list_add(&window->abandoned, &abandoned_list);
	abandoned_period = MIN_PERIOD;
	queue_delayed_work(fido_held_wq, &abandoned_work, abandoned_period);
	mutex_unlock(&abandoned_lock);
}

/**
 * fido_windows_abandoned - how many windows onto a domain shrink on their own?
 * @owner: the domain, or FIDO_NO_DOMAIN for all
 *
 * Context: process, sleeps.
 * Return: number of windows.
 */
unsigned int fido_windows_abandoned(u32 owner)
{
	struct fido_window *window;
	unsigned int nr = 0;

	mutex_lock(&abandoned_lock);
	list_for_each_entry(window, &abandoned_list, abandoned)
		nr += owner == FIDO_NO_DOMAIN || window->owner == owner;
	mutex_unlock(&abandoned_lock);
	return nr;
}

/**
 * fido_windows_exit - wait until all windows are gone, at module unload
 *
 * Ends when the last user of a foreign page lets go, or after ten seconds:
 * then the pages stay mapped, and are lost until the next boot.
 *
 * Context: process, sleeps.
 */
void fido_windows_exit(void)
{
	struct fido_window *window;
	unsigned int tries;

	for (tries = 0; tries < EXIT_TRIES; tries++) {
		flush_delayed_work(&abandoned_work);
		if (!fido_windows_abandoned(FIDO_NO_DOMAIN))
			break;
		msleep(EXIT_TRY_MSECS);
	}
	cancel_delayed_work_sync(&abandoned_work);
	list_for_each_entry(window, &abandoned_list, abandoned)
		fido_warn("pages of domain %u are still in use: they stay mapped until reboot\n",
			  window->owner);
}
