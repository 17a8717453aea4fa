// SPDX-License-Identifier: GPL-2.0
/*
 * Client: copies of data that the peer cannot read where it is.
 *
 * They are made on the way to swap, too, when memory is short: then there is
 * room for one of the largest requests, which each disk has for itself. So
 * requests that have to be copied get on one after the other, whatever others
 * use: the next one is tried when this one is complete. While the service is
 * down, what was in flight keeps its copy, and nothing is sent.
 */
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/math.h>
#include <linux/mm.h>

#include "bounce.h"
#include "fido.h"
#include "mmblk_proto.h"
#include "segs.h"

/**
 * mmblk_reserve_fill - have the room, in pages that the peer sees
 * @reserve: reserve that is not in use
 * @chan: channel of the peer
 *
 * A disk without it is as good as any as long as there is memory, so that it
 * cannot be had is no error. Pages that the peer does not see are tried again
 * the next time, and found out when they are named.
 *
 * Context: process, sleeps.
 */
void mmblk_reserve_fill(struct mmblk_reserve *reserve, struct fido_chan *chan)
{
	/* small allocations do not fail otherwise, but wait */
	const gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY;

	if (!reserve->pages)
		reserve->pages = fido_pages_alloc(MMBLK_MAX_BYTES / PAGE_SIZE,
						  gfp);
	if (reserve->pages)
		mmblk_pages_show(chan, reserve->pages, gfp);
}

/**
 * mmblk_reserve_free - give it up
 * @reserve: reserve that is not in use
 */
void mmblk_reserve_free(struct mmblk_reserve *reserve)
{
	if (reserve->pages)
		fido_pages_free(reserve->pages);
	reserve->pages = NULL;
}

static struct fido_pages *mmblk_reserve_take(struct mmblk_reserve *reserve)
{
	if (!reserve->pages || test_and_set_bit_lock(0, &reserve->taken))
		return NULL;
	return reserve->pages;
}

/**
 * mmblk_bounce_get - get pages for a copy
 * @reserve: of the disk
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
	if (pages && !mmblk_pages_show(chan, pages, gfp))
		return pages;
	if (pages)
		fido_pages_free(pages);
	return mmblk_reserve_take(reserve);
}

/**
 * mmblk_bounce_put - a copy is not needed any more
 * @reserve: of the disk
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
	if (old == reserve->pages)
		clear_bit_unlock(0, &reserve->taken);
	else
		fido_pages_free(old);
}
