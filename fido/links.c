// SPDX-License-Identifier: GPL-2.0
/*
 * All links of this domain: which windows there are, and what each peer is
 * told about the others.
 */
#include <linux/bitmap.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/string.h>

#include "export.h"
#include "heart.h"
#include "link.h"
#include "window.h"

static DEFINE_MUTEX(links_lock);	/* guards changes of the list */
static LIST_HEAD(links);		/* read under RCU */

/**
 * fido_link_enlist - add a link to the list
 * @link: link
 *
 * Two links with one peer would give two answers to "where is its memory?".
 *
 * Context: process, sleeps.
 * Return: 0, -EEXIST, or -ENOSPC if there are too many.
 */
int fido_link_enlist(struct fido_link *link)
{
	DECLARE_BITMAP(taken, FIDO_MAX_PEERS) = {};
	struct fido_link *other;
	int err = 0;

	mutex_lock(&links_lock);
	list_for_each_entry(other, &links, node) {
		if (other->peer == link->peer)
			err = -EEXIST;
		__set_bit(other->index, taken);
	}
	link->index = find_first_zero_bit(taken, FIDO_MAX_PEERS);
	if (link->index >= FIDO_MAX_PEERS)
		err = -ENOSPC;
	if (!err) {
		fido_heart_add_link(link);
		list_add_tail_rcu(&link->node, &links);
	}
	mutex_unlock(&links_lock);
	return err;
}

/**
 * fido_link_delist - remove a link from the list
 * @link: link; readers of the list may see it for one RCU grace period more
 *
 * Context: process, sleeps.
 */
void fido_link_delist(struct fido_link *link)
{
	mutex_lock(&links_lock);
	list_del_rcu(&link->node);
	mutex_unlock(&links_lock);
}

/**
 * fido_links_for_each - call a function for each link
 * @fn: function; must not wait for anybody
 * @data: passed to it
 *
 * The lock of the list is held: neither export nor window of a link goes.
 *
 * Context: process, sleeps.
 */
void fido_links_for_each(void (*fn)(struct fido_link *link, void *data),
			 void *data)
{
	struct fido_link *link;

	mutex_lock(&links_lock);
	list_for_each_entry(link, &links, node)
		fn(link, data);
	mutex_unlock(&links_lock);
}

/**
 * fido_link_get_lost - a device whose nodes have gone while nobody could be told
 *
 * Context: process, sleeps.
 * Return: the device, with a reference for the caller; NULL if there is none.
 */
struct xenbus_device *fido_link_get_lost(void)
{
	struct xenbus_device *xbdev = NULL;
	struct fido_link *link;

	mutex_lock(&links_lock);
	list_for_each_entry(link, &links, node) {
		if (!READ_ONCE(link->lost))
			continue;
		xbdev = link->xbdev;
		get_device(&xbdev->dev);
		break;
	}
	mutex_unlock(&links_lock);
	return xbdev;
}

/**
 * fido_link_window - the window of a link, for its own services
 * @link: link that is up
 *
 * Context: the link's work, or a service that is attached: the window stays
 * until services are detached. Or in fido_links_for_each().
 * Return: the window.
 */
struct fido_window *fido_link_window(const struct fido_link *link)
{
	return rcu_dereference_protected(link->window, true);
}

/**
 * fido_window_of - the window onto a domain
 * @owner: domain
 *
 * Context: RCU read section, which keeps the window.
 * Return: the window, or NULL.
 */
struct fido_window *fido_window_of(domid_t owner)
{
	struct fido_window *window;
	const struct fido_link *link;

	list_for_each_entry_rcu(link, &links, node) {
		window = rcu_dereference(link->window);
		if (window && fido_window_owner(window) == owner)
			return window;
	}
	return NULL;
}

/**
 * fido_window_of_page - the window by which a page is named to others
 * @page: any page
 * @frame: gets the owner's frame number
 *
 * Context: RCU read section, which keeps the window.
 * Return: the window, or NULL: no link shows the page, or others may see
 * something else there.
 */
const struct fido_window *fido_window_of_page(const struct page *page,
					      u64 *frame)
{
	const struct fido_window *window;
	const struct fido_link *link;

	list_for_each_entry_rcu(link, &links, node) {
		window = rcu_dereference(link->window);
		if (window && fido_window_frame(window, page, frame))
			return window;
	}
	return NULL;
}

/*
 * Who reads us, whom do we read: for the decisions about forwarding. Each link
 * has a place of its own, so that a peer that looks just now misses none.
 */
static void links_publish(void)
{
	u32 readers[FIDO_MAX_PEERS], windows[FIDO_MAX_PEERS];
	struct fido_root *root;
	unsigned int i;
	struct fido_link *link;

	memset(readers, 0xff, sizeof(readers));		/* FIDO_NO_DOMAIN */
	memset(windows, 0xff, sizeof(windows));
	list_for_each_entry(link, &links, node) {
		if (link->export)
			readers[link->index] = link->peer;
		if (rcu_access_pointer(link->window))
			windows[link->index] = link->peer;
	}
	list_for_each_entry(link, &links, node) {
		if (!link->export)
			continue;
		root = fido_export_root(link->export);
		for (i = 0; i < FIDO_MAX_PEERS; i++) {
			WRITE_ONCE(root->readers[i], readers[i]);
			WRITE_ONCE(root->windows[i], windows[i]);
		}
	}
}

/**
 * fido_link_set_window - set the window of a link, tell all peers
 * @link: link
 * @window: window, or NULL
 *
 * Context: process, sleeps.
 */
void fido_link_set_window(struct fido_link *link, struct fido_window *window)
{
	mutex_lock(&links_lock);
	if (window)
		window->index = link->index;
	rcu_assign_pointer(link->window, window);
	fido_heart_reset_link(link);
	links_publish();
	mutex_unlock(&links_lock);
}

/**
 * fido_link_set_export - set the export of a link, tell all peers
 * @link: link
 * @export: export, or NULL
 *
 * Context: process, sleeps.
 */
void fido_link_set_export(struct fido_link *link, struct fido_export *export)
{
	mutex_lock(&links_lock);
	link->export = export;
	links_publish();
	mutex_unlock(&links_lock);
	if (export)
		fido_heart_start();
}
