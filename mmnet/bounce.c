// SPDX-License-Identifier: GPL-2.0
/*
 * Copies of frames that a peer cannot read where they lie.
 *
 * What was given back to the balloon driver and taken again is not exported,
 * but given out first: in the middle of a frame there may be no other page to be
 * found. Then the queue gets pages of its own, once, and keeps them until the
 * link is down. A page is free when only the queue refers to it: the skb of the
 * copy lives until the peer has let go. Frames are dropped until they are there,
 * and when all of them are in use, as at any interface.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>

#include "fido.h"
#include "mmnet.h"

/* Frames of more single pages than fit are copied into pages of this order */
#define BOUNCE_ORDER	3

/* So many pages are tried, at most, to find one that the peer can read */
#define BOUNCE_TRIES	32

/* Pages of its own that a queue gets: 2 MiB */
#define BOUNCE_PAGES	(2U << (20 - PAGE_SHIFT))

/*
 * Who takes the link down waits for it, with RTNL: it does not take that, and
 * does not wait for memory. The next frame that is dropped has it tried again.
 */
static void bounce_fill(struct work_struct *work)
{
	const gfp_t gfp = GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN;
	struct mmnet_queue *q = container_of(work, struct mmnet_queue,
					     bounce.work);
	struct fido_pages *pages;

	if (q->bounce.pages)
		return;
	pages = fido_pages_alloc(BOUNCE_PAGES, gfp);
	if (!pages)
		return;
	if (fido_pages_show(q->chan, pages, gfp)) {
		fido_pages_free(pages);
		return;
	}
	/* pairs with the acquire in bounce_take(): it finds all of them */
	smp_store_release(&q->bounce.pages, pages);
}

/*
 * The last one who let go of a page but us did so by an atomic operation that
 * orders, and the peer before that: nobody reads what is written from here on.
 */
static struct page *bounce_take(struct mmnet_bounce *bounce)
{
	struct fido_pages *pages;
	struct page *page;
	unsigned int i;

	/* pairs with the release in bounce_fill() */
	pages = smp_load_acquire(&bounce->pages);
	for (i = 0; pages && i < pages->nr; i++) {
		page = pages->page[bounce->next];
		bounce->next = (bounce->next + 1) % pages->nr;
		if (page_ref_count(page) == 1) {
			get_page(page);
			return page;
		}
	}
	return NULL;
}

/*
 * A page that the peer can read. After the memory of this domain has grown
 * there may be others; they are kept until a good one is found, so as not to
 * get them again.
 */
static struct page *bounce_seek(struct mmnet_queue *q, unsigned int order,
				struct list_head *rejects)
{
	unsigned int tries;
	struct page *page;
	u64 addr;

	for (tries = 0; tries < BOUNCE_TRIES; tries++) {
		page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN | __GFP_COMP,
				   order);
		if (!page)
			return NULL;
		if (!fido_addr_of(q->chan, page, 0, PAGE_SIZE << order, &addr))
			return page;
		list_add(&page->lru, rejects);
	}
	return NULL;
}

static struct page *bounce_page(struct mmnet_queue *q, unsigned int order,
				struct list_head *rejects)
{
	struct page *page = order ? NULL : bounce_take(&q->bounce);

	return page ? page : bounce_seek(q, order, rejects);
}

static int bounce_frags(struct mmnet_queue *q, const struct sk_buff *skb,
			struct sk_buff *copy, u32 offset)
{
	bool large = skb->len - offset > MAX_SKB_FRAGS * PAGE_SIZE;
	unsigned int order = large ? BOUNCE_ORDER : 0;
	struct page *page, *next;
	LIST_HEAD(rejects);
	int err = 0;
	u32 len;

	while (!err && offset < skb->len) {
		err = -ENOMEM;
		if (skb_shinfo(copy)->nr_frags == MAX_SKB_FRAGS)
			break;
		page = bounce_page(q, order, &rejects);
		if (!page)
			break;
		len = min_t(u32, skb->len - offset, PAGE_SIZE << order);
		skb_add_rx_frag(copy, skb_shinfo(copy)->nr_frags, page, 0, len,
				PAGE_SIZE << order);
		err = skb_copy_bits(skb, offset, page_address(page), len);
		offset += len;
	}
	list_for_each_entry_safe(page, next, &rejects, lru)
		__free_pages(page, order);
	return err;
}

/**
 * mmnet_bounce - copy a frame
 * @q: queue that is up
 * @skb: frame that the peer cannot read where it is, as it lies in a third
 *	domain or in memory that is not exported, or that has too many pieces
 * @head: length of what will not be named but be in the message
 *
 * This is the one place where transmit copies payload.
 *
 * Context: the lock of the tx queue is held.
 * Return: the copy; NULL if there is no memory that the peer sees.
 */
struct sk_buff *mmnet_bounce(struct mmnet_queue *q, struct sk_buff *skb,
			     u32 head)
{
	struct sk_buff *copy = alloc_skb(head, GFP_ATOMIC | __GFP_NOWARN);
	int err;

	if (!copy)
		return NULL;
	skb_put(copy, head);
	err = skb_copy_bits(skb, 0, copy->data, head);
	if (!err)
		err = bounce_frags(q, skb, copy, head);
	if (err) {
		kfree_skb(copy);
		if (err == -ENOMEM && !READ_ONCE(q->bounce.pages))
			schedule_work(&q->bounce.work);
		return NULL;
	}
	mmnet_tx_count(q, MMNET_TX_BOUNCED, 1);
	mmnet_tx_count(q, MMNET_TX_BOUNCED_BYTES, skb->len - head);
	return copy;
}

/**
 * mmnet_bounce_init - initialise
 * @bounce: that of a queue, zeroed
 */
void mmnet_bounce_init(struct mmnet_bounce *bounce)
{
	INIT_WORK(&bounce->work, bounce_fill);
}

/**
 * mmnet_bounce_down - the link is down
 * @bounce: that of a queue whose tx queue has stopped
 *
 * Pages that are still in flight go with the skbs that refer to them.
 *
 * Context: process, under RTNL.
 */
void mmnet_bounce_down(struct mmnet_bounce *bounce)
{
	cancel_work_sync(&bounce->work);
	fido_pages_free(bounce->pages);
	bounce->pages = NULL;
	bounce->next = 0;
}
