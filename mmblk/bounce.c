// SPDX-License-Identifier: GPL-2.0
/*
 * Client: copies of data that the peer cannot read where it is.
 *
 * They are made on the way to swap, too, when memory is short: then there is
 * room for one of the largest requests, which the disks of a link share. So
 * requests that have to be copied get on one after the other, whatever others
 * use: who found it taken is called again by the block layer after some
 * milliseconds. A server that never completes a request stalls the disks of its
 * own link with it, and no others, until its service goes down. What was in
 * flight then keeps its copy, which the server may be reading still, and the
 * reserve gets other pages. Only if there are none, the link's other disks have
 * to wait for this one, as far as they need the reserve.
 */
#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/gfp.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "bounce.h"
#include "fido.h"
#include "mmblk_proto.h"
#include "segs.h"

/* Small allocations do not fail otherwise, but wait. */
#define MMBLK_RESERVE_GFP	(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

/**
 * struct mmblk_reserve - room for one copy, for when there is no memory
 * @ref: of each disk that uses it
 * @node: in mmblk_reserves
 * @link: device of the link, held; it may be gone otherwise, as long as a disk
 *	is parked that came up with it
 * @pages: the room, for the largest request; changed by whom @taken is set for
 * @taken: it is in use (bit 0)
 */
struct mmblk_reserve {
	struct kref ref;
	struct list_head node;
	struct device *link;
	struct fido_pages *pages;
	unsigned long taken;
};

/* Guards the list, and that nobody comes when the last one goes. */
static DEFINE_MUTEX(mmblk_reserves_lock);
static LIST_HEAD(mmblk_reserves);

static struct mmblk_reserve *mmblk_reserve_find(struct device *link)
{
	struct mmblk_reserve *reserve;

	list_for_each_entry(reserve, &mmblk_reserves, node)
		if (reserve->link == link)
			return reserve;
	return NULL;
}

/* That the peer sees, which nobody can see to later. */
static struct fido_pages *mmblk_reserve_pages(struct fido_chan *chan)
{
	struct fido_pages *pages;

	pages = fido_pages_alloc(MMBLK_MAX_BYTES / PAGE_SIZE,
				 MMBLK_RESERVE_GFP);
	if (!pages)
		return NULL;
	if (!fido_pages_show(chan, pages, MMBLK_RESERVE_GFP))
		return pages;
	fido_pages_free(pages);
	return NULL;
}

static struct mmblk_reserve *mmblk_reserve_make(struct fido_device *fdev)
{
	struct mmblk_reserve *reserve;

	reserve = kzalloc(sizeof(*reserve), MMBLK_RESERVE_GFP);
	if (!reserve)
		return NULL;
	reserve->pages = mmblk_reserve_pages(fido_chan(fdev, 0));
	if (!reserve->pages) {
		kfree(reserve);
		return NULL;
	}
	kref_init(&reserve->ref);
	reserve->link = get_device(fdev->dev.parent);
	list_add(&reserve->node, &mmblk_reserves);
	return reserve;
}

/**
 * mmblk_reserve_get - get the reserve of a link
 * @fdev: a service of the link; its channels exist
 *
 * A disk without it is as good as any as long as there is memory, so that it
 * cannot be had is no error.
 *
 * Context: process, sleeps.
 * Return: reserve, for mmblk_reserve_put(); NULL if there was no memory for it.
 */
struct mmblk_reserve *mmblk_reserve_get(struct fido_device *fdev)
{
	struct mmblk_reserve *reserve;

	mutex_lock(&mmblk_reserves_lock);
	reserve = mmblk_reserve_find(fdev->dev.parent);
	if (reserve)
		kref_get(&reserve->ref);
	else
		reserve = mmblk_reserve_make(fdev);
	mutex_unlock(&mmblk_reserves_lock);
	return reserve;
}

static void mmblk_reserve_release(struct kref *ref)
{
	struct mmblk_reserve *reserve =
		container_of(ref, struct mmblk_reserve, ref);

	list_del(&reserve->node);
	mutex_unlock(&mmblk_reserves_lock);
	put_device(reserve->link);
	fido_pages_free(reserve->pages);
	kfree(reserve);
}

/**
 * mmblk_reserve_put - a disk does not use it any more
 * @reserve: reserve, or NULL; no copy of this disk is in it
 *
 * Context: process, sleeps.
 */
void mmblk_reserve_put(struct mmblk_reserve *reserve)
{
	if (reserve)
		kref_put_mutex(&reserve->ref, mmblk_reserve_release,
			       &mmblk_reserves_lock);
}

/**
 * mmblk_reserve_leave - a copy may be needed for long: the reserve goes on
 * @reserve: that the disk uses, or NULL
 * @chan: channel of the peer
 * @copy: of this disk, may be NULL; it is not in the reserve any more when this
 *	returns, unless there was no memory for other pages
 *
 * Context: process, sleeps; nobody else uses the copy.
 */
void mmblk_reserve_leave(struct mmblk_reserve *reserve, struct fido_chan *chan,
			 const struct fido_pages *copy)
{
	struct fido_pages *pages;

	if (!reserve || !copy || copy != READ_ONCE(reserve->pages))
		return;
	pages = mmblk_reserve_pages(chan);
	if (!pages)
		return;
	/* ours as long as the bit is set; mmblk_bounce_put() looks at any time */
	WRITE_ONCE(reserve->pages, pages);
	clear_bit_unlock(0, &reserve->taken);
}

static struct fido_pages *mmblk_reserve_take(struct mmblk_reserve *reserve)
{
	if (!reserve || test_and_set_bit_lock(0, &reserve->taken))
		return NULL;
	return reserve->pages;
}

/**
 * mmblk_bounce_get - get pages for a copy
 * @reserve: that the disk uses, or NULL
 * @chan: channel of the peer
 * @bytes: at most MMBLK_MAX_BYTES
 *
 * Context: any.
 * Return: at least so many pages, for mmblk_bounce_put(); NULL if there are
 * none at the moment.
 */
struct fido_pages *mmblk_bounce_get(struct mmblk_reserve *reserve,
				    struct fido_chan *chan, u32 bytes)
{
	/* atomic: out of the kernel's reserves, as far as those go */
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct fido_pages *pages;

	pages = fido_pages_alloc(DIV_ROUND_UP(bytes, PAGE_SIZE), gfp);
	if (pages && !fido_pages_show(chan, pages, gfp))
		return pages;
	if (pages)
		fido_pages_free(pages);
	return mmblk_reserve_take(reserve);
}

/**
 * mmblk_bounce_put - a copy is not needed any more
 * @reserve: that the disk uses, or NULL
 * @pages: the copy, NULL afterwards; may be NULL
 *
 * Context: any.
 */
void mmblk_bounce_put(struct mmblk_reserve *reserve, struct fido_pages **pages)
{
	struct fido_pages *old = *pages;

	*pages = NULL;
	if (!old)
		return;
	/* who has the bit changes it, so it does not become or cease to be @old */
	if (reserve && old == READ_ONCE(reserve->pages))
		clear_bit_unlock(0, &reserve->taken);
	else
		fido_pages_free(old);
}
