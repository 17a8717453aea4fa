// SPDX-License-Identifier: GPL-2.0
/*
 * Channels: allocating what the peer reads, connecting to what the peer wrote,
 * and keeping memory in flight until nobody reads it any more.
 */
#include <linux/bottom_half.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <xen/events.h>
#include <xen/xenbus.h>

#include "chan.h"
#include "export.h"
#include "link.h"
#include "seek.h"
#include "window.h"

/* Buffers */

/* Consecutive pages that a buffer is made of, at most: 128 KiB */
#define MAX_RUN_ORDER	5

/**
 * fido_pages_free - free a buffer
 * @pages: from fido_pages_alloc(), or NULL
 *
 * Context: any.
 */
void fido_pages_free(struct fido_pages *pages)
{
	unsigned int i;

	if (!pages)
		return;
	for (i = 0; i < pages->nr; i++)
		__free_page(pages->page[i]);
	kfree(pages);
}
EXPORT_SYMBOL_GPL(fido_pages_free);

/*
 * A run of consecutive pages, if there is one at hand: nobody waits for it,
 * nothing is moved or reclaimed for it, and no reserve is touched.
 */
static struct page *pages_try_run(unsigned int order, gfp_t gfp)
{
	struct page *page;

	gfp &= ~(__GFP_RECLAIM | __GFP_COMP | __GFP_NOFAIL);
	gfp |= __GFP_NORETRY | __GFP_NOMEMALLOC | __GFP_NOWARN;
	page = alloc_pages(gfp, order);
	if (page)
		split_page(page, order);
	return page;
}

static bool pages_add(struct fido_pages *pages, unsigned int order, gfp_t gfp)
{
	struct page *page;
	unsigned int i;

	page = order ? pages_try_run(order, gfp) : alloc_page(gfp);
	for (i = 0; page && i < 1U << order; i++)
		pages->page[pages->nr++] = page + i;
	return page;
}

/**
 * fido_pages_alloc - allocate a buffer that can be handed to a peer
 * @nr: pages
 * @gfp: as for alloc_page()
 *
 * Consecutive pages take fewer segments. Who may sleep gets runs of up to
 * 32 of them; other buffers mostly do not live long enough to be worth it.
 *
 * Context: as @gfp tells.
 * Return: the buffer, its content undefined, or NULL.
 */
struct fido_pages *fido_pages_alloc(unsigned int nr, gfp_t gfp)
{
	unsigned int order = gfpflags_allow_blocking(gfp) ? MAX_RUN_ORDER : 0;
	struct fido_pages *pages;

	pages = kmalloc(struct_size(pages, page, nr), gfp);
	if (!pages)
		return NULL;
	pages->nr = 0;
	while (pages->nr < nr) {
		order = min_t(unsigned int, order, ilog2(nr - pages->nr));
		if (pages_add(pages, order, gfp))
			continue;
		if (!order) {
			fido_pages_free(pages);
			return NULL;
		}
		order--;
	}
	return pages;
}
EXPORT_SYMBOL_GPL(fido_pages_alloc);

/**
 * fido_pages_show - make sure that a peer sees all pages of a buffer
 * @chan: channel of the peer
 * @pages: buffer that it does not see yet, contents will be lost
 * @gfp: how to get other pages; who may sleep finds some if there are any
 *
 * Memory that came from the balloon driver or was plugged in after the link
 * came up is not exported: such pages are replaced.
 *
 * Context: any that @gfp allows.
 * Return: 0, or -ENOMEM if there are no other pages; the buffer is complete.
 */
int fido_pages_show(struct fido_chan *chan, struct fido_pages *pages, gfp_t gfp)
{
	struct fido_seek seek;
	struct page *page;
	unsigned int i;

	fido_seek_begin(&seek, chan->link->export, gfp);
	for (i = 0; i < pages->nr; i++) {
		if (fido_export_has(chan->link->export, pages->page[i], 1))
			continue;
		page = fido_seek_page(&seek);
		if (!page)
			break;
		fido_seek_aside(&seek, pages->page[i]);
		pages->page[i] = page;
	}
	fido_seek_end(&seek);
	return i < pages->nr ? -ENOMEM : 0;
}
EXPORT_SYMBOL_GPL(fido_pages_show);

static void chan_put_cookie(enum fido_hold hold, void *cookie)
{
	switch (hold) {
	case FIDO_HOLD_NONE:
		break;
	case FIDO_HOLD_SKB:
		kfree_skb(cookie);
		break;
	case FIDO_HOLD_PAGES:
		fido_pages_free(cookie);
		break;
	}
}

/* Memory of one channel */

static void chan_free_pages(void **page, u32 nr)
{
	while (page && nr--)
		free_page((unsigned long)page[nr]);
	kfree(page);
}

static void *chan_alloc_page(struct fido_seek *seek)
{
	struct page *page = fido_seek_page(seek);

	return page ? page_address(page) : NULL;
}

/* Pages that this side writes and the peer reads, entered in @table. */
static void **chan_alloc_pages(struct fido_seek *seek, u32 nr, u64 *table)
{
	void **page = kcalloc(nr, sizeof(*page), GFP_KERNEL);
	u32 i;

	for (i = 0; page && i < nr; i++) {
		page[i] = chan_alloc_page(seek);
		if (!page[i]) {
			chan_free_pages(page, nr);
			return NULL;
		}
		if (table)
			table[i] = virt_to_phys(page[i]);
	}
	return page;
}

/* All but what is in flight. */
static void chan_free_rings(struct fido_chan *chan)
{
	struct fido_ring *ring = &chan->ring;

	kvfree(ring->free_id);
	kvfree(ring->peer_slot_page);
	kvfree(ring->peer_rel_page);
	chan_free_pages((void **)ring->rel_page,
			fido_ring_rel_pages(&ring->geom));
	chan_free_pages(ring->slot_page, fido_ring_slot_pages(&ring->geom));
	free_page((unsigned long)ring->mine);
	ring->free_id = NULL;
	ring->peer_slot_page = NULL;
	ring->peer_rel_page = NULL;
	ring->rel_page = NULL;
	ring->slot_page = NULL;
	ring->mine = NULL;
}

static void chan_free(struct fido_chan *chan)
{
	struct fido_ring *ring = &chan->ring;
	void *cookie;
	u32 id;

	for (id = 0; ring->cookie && id < ring->geom.nr_ids; id++) {
		cookie = fido_ring_steal(ring, id);
		if (cookie)
			chan_put_cookie(chan->hold, cookie);
	}
	kvfree(ring->cookie);
	chan_free_rings(chan);
	kfree(chan);
}

static int chan_alloc_shown(struct fido_chan *chan, struct fido_seek *seek)
{
	struct fido_ring *ring = &chan->ring;

	ring->mine = chan_alloc_page(seek);
	if (!ring->mine)
		return -ENOMEM;
	ring->slot_page = chan_alloc_pages(seek,
					   fido_ring_slot_pages(&ring->geom),
					   ring->mine->slot_page);
	ring->rel_page = (u32 **)
		chan_alloc_pages(seek, fido_ring_rel_pages(&ring->geom),
				 ring->mine->rel_page);
	return ring->slot_page && ring->rel_page ? 0 : -ENOMEM;
}

static int chan_alloc_memory(struct fido_chan *chan, struct fido_seek *seek)
{
	struct fido_ring *ring = &chan->ring;
	u32 nr_slot_pages = fido_ring_slot_pages(&ring->geom);
	u32 nr_rel_pages = fido_ring_rel_pages(&ring->geom);
	int err;

	err = chan_alloc_shown(chan, seek);
	if (err)
		return err;
	ring->cookie = kvcalloc(ring->geom.nr_ids, sizeof(*ring->cookie),
				GFP_KERNEL);
	ring->free_id = kvcalloc(ring->geom.nr_ids, sizeof(*ring->free_id),
				 GFP_KERNEL);
	ring->peer_slot_page = kvcalloc(nr_slot_pages,
					sizeof(*ring->peer_slot_page),
					GFP_KERNEL);
	ring->peer_rel_page = kvcalloc(nr_rel_pages,
				       sizeof(*ring->peer_rel_page),
				       GFP_KERNEL);
	if (!ring->cookie || !ring->free_id || !ring->peer_slot_page ||
	    !ring->peer_rel_page)
		return -ENOMEM;
	fido_ring_init(ring);
	return 0;
}

/* Events */

static irqreturn_t chan_interrupt(int irq, void *data)
{
	struct fido_chan *chan = data;

	set_bit(0, &chan->eoi_pending);
	/* either we see @live, or fido_chans_live() sees @eoi_pending */
	smp_mb__after_atomic();
	/*
	 * Pairs with the release in fido_chans_live(): the client is ready. If
	 * it is not, the event stays unacknowledged until the client acks the
	 * one that fido_chans_live() makes up. (The first comes while the
	 * channel is being bound, when @irq is not even known.)
	 */
	if (!smp_load_acquire(&chan->live))
		return IRQ_HANDLED;
	chan->events++;
	fido_idle_event(chan);
	chan->event(chan, chan->priv);
	return IRQ_HANDLED;
}

static int chan_bind(struct fido_chan *chan, evtchn_port_t peer_port)
{
	int irq;

	if (chan->link->is_frontend)
		irq = bind_evtchn_to_irqhandler_lateeoi(chan->port,
							chan_interrupt, 0,
							chan->name, chan);
	else
		irq = bind_interdomain_evtchn_to_irqhandler_lateeoi(
				chan->link->xbdev, peer_port, chan_interrupt, 0,
				chan->name, chan);
	if (irq < 0)
		return irq;
	chan->irq = irq;
	chan->port = 0;		/* unbinding closes it */
	return 0;
}

static void chan_unbind(struct fido_chan *chan)
{
	if (chan->irq)
		unbind_from_irqhandler(chan->irq, chan);
	chan->irq = 0;
	clear_bit(0, &chan->eoi_pending);
	if (chan->port)
		xenbus_free_evtchn(chan->link->xbdev, chan->port);
	chan->port = 0;
}

static struct fido_chan *chan_alloc(struct fido_link *link, unsigned int sid,
				    unsigned int index,
				    const struct fido_service_config *config,
				    struct fido_seek *seek)
{
	struct fido_chan *chan = kzalloc(sizeof(*chan), GFP_KERNEL);
	int err;

	if (!chan)
		return ERR_PTR(-ENOMEM);
	chan->link = link;
	chan->index = index;
	snprintf(chan->name, sizeof(chan->name), "%s.%u-%u", link->name, sid,
		 index);
	chan->hold = config->hold;
	chan->event = config->event;
	chan->ring.geom.nr_slots = config->nr_slots;
	chan->ring.geom.slot_size = config->slot_size;
	chan->ring.geom.nr_ids = config->nr_ids;

	err = chan_alloc_memory(chan, seek);
	if (!err && link->is_frontend) {
		err = xenbus_alloc_evtchn(link->xbdev, &chan->port);
		/* xenbus has set the state to Closing: follow it */
		if (err)
			fido_link_refuse(link,
					 "no event channel left: raise max_event_channels in xl.cfg");
	}
	if (err) {
		chan_free(chan);
		return ERR_PTR(err);
	}
	chan->ring.mine->event_channel = chan->port;
	return chan;
}

/* Connecting */

static int chan_connect_pages(struct fido_chan *chan,
			      const struct fido_window *window,
			      const u64 __peer *table, u32 nr,
			      const void __peer **page)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		page[i] = fido_window_peek(window, fido_peer_read64(&table[i]),
					   FIDO_PAGE_SIZE);
		if (!page[i])
			return -EPROTO;
	}
	return 0;
}

static bool chan_geometry_equal(const struct fido_ring_geom *geom,
				const struct fido_chan_ctl __peer *ctl)
{
	return fido_peer_read32(&ctl->magic) == FIDO_CHAN_MAGIC &&
	       fido_peer_read32(&ctl->slot_size) == geom->slot_size &&
	       fido_peer_read32(&ctl->nr_slots) == geom->nr_slots &&
	       fido_peer_read32(&ctl->nr_ids) == geom->nr_ids;
}

/* To Xen a port that is not there, or not for us, is an invalid argument. */
static int chan_connect_event(struct fido_chan *chan, evtchn_port_t peer_port)
{
	int err = chan_bind(chan, peer_port);

	return err == -EINVAL ? -ENXIO : err;
}

static int chan_connect(struct fido_chan *chan,
			const struct fido_window *window, u64 ctl_phys)
{
	const struct fido_chan_ctl __peer *ctl;
	struct fido_ring *ring = &chan->ring;
	int err;

	ctl = fido_window_peek(window, ctl_phys, sizeof(*ctl));
	if (!ctl)
		return -EPROTO;
	if (!chan_geometry_equal(&ring->geom, ctl))
		return -EINVAL;
	err = chan_connect_pages(chan, window, ctl->slot_page,
				 fido_ring_slot_pages(&ring->geom),
				 ring->peer_slot_page);
	if (!err)
		err = chan_connect_pages(chan, window, ctl->rel_page,
					 fido_ring_rel_pages(&ring->geom),
					 (const void __peer **)
					 ring->peer_rel_page);
	if (!err && !chan->irq)
		err = chan_connect_event(chan,
					 fido_peer_read32(&ctl->event_channel));
	if (err)
		return err;
	ring->theirs = ctl;
	chan->window = window;
	return 0;
}

/**
 * fido_chans_connect - begin to look at the peer's half of all channels
 * @chans: channels, not live
 * @window: the peer's memory
 * @table: guest-physical address of the peer's table of control pages
 *
 * Context: process, sleeps.
 * Return: 0; -EINVAL if the peer's geometry differs; -EPROTO if what it says
 * makes no sense; another error if an event channel cannot be bound.
 */
int fido_chans_connect(struct fido_chans *chans,
		       const struct fido_window *window, u64 table)
{
	const u64 __peer *ctl;
	unsigned int i;
	int err = 0;

	ctl = fido_window_peek(window, table, chans->nr * sizeof(*ctl));
	if (!ctl)
		return -EPROTO;
	for (i = 0; !err && i < chans->nr; i++)
		err = chan_connect(chans->chan[i], window,
				   fido_peer_read64(&ctl[i]));
	return err;
}

/**
 * fido_chans_disconnect - stop to look at the peer, give up the events
 * @chans: channels, not live
 * @for_good: they will not be connected again. Otherwise the frontend keeps
 *	its ports: the peer that closes its end leaves them unbound, and the
 *	next one can bind.
 *
 * The memory stays: the peer may still read it.
 *
 * Context: process, sleeps.
 */
void fido_chans_disconnect(struct fido_chans *chans, bool for_good)
{
	unsigned int i;

	for (i = 0; i < chans->nr; i++) {
		if (for_good || !chans->chan[i]->link->is_frontend)
			chan_unbind(chans->chan[i]);
		chans->chan[i]->ring.theirs = NULL;
		chans->chan[i]->window = NULL;
	}
}

/**
 * fido_chans_live - events go to the client from now on
 * @chans: connected channels whose client is up
 *
 * What was signalled before counts once, now.
 *
 * Context: process.
 */
void fido_chans_live(struct fido_chans *chans)
{
	unsigned int i;

	for (i = 0; i < chans->nr; i++) {
		/* what ->up() did is complete; pairs with chan_interrupt() */
		smp_store_release(&chans->chan[i]->live, true);
		smp_mb();	/* @live before @eoi_pending, which ack reads */
		local_bh_disable();	/* what it schedules runs at the end */
		local_irq_disable();
		chans->chan[i]->event(chans->chan[i], chans->chan[i]->priv);
		local_irq_enable();
		local_bh_enable();
	}
}

/**
 * fido_chans_quiet - no event goes to the client from now on
 * @chans: channels
 *
 * Context: process, waits for handlers that are running.
 */
void fido_chans_quiet(struct fido_chans *chans)
{
	bool watched = false;
	unsigned int i;

	for (i = 0; i < chans->nr; i++) {
		WRITE_ONCE(chans->chan[i]->live, false);
		if (chans->chan[i]->irq)
			synchronize_irq(chans->chan[i]->irq);
		watched |= fido_idle_leave(chans->chan[i]);
	}
	/* idlers may be looking at the rings, or calling the client */
	if (watched)
		synchronize_rcu();
}

static bool frags_are_foreign(const struct sk_buff *skb)
{
	unsigned int i;

	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++)
		if (fido_page_foreign(skb_frag_page(&skb_shinfo(skb)->frags[i])))
			return true;
	return false;
}

/*
 * Does an skb show memory of somebody else? That is not ours to keep: who reads
 * it on is seen by its owner, if at all. And it would keep our windows.
 */
static bool skb_is_foreign(const struct sk_buff *skb)
{
	const struct sk_buff *frag;

	if (frags_are_foreign(skb))
		return true;
	skb_walk_frags(skb, frag)
		if (frags_are_foreign(frag))
			return true;
	return false;
}

/* Gives back what is foreign. Returns true if own memory is left. */
static bool chan_keep_own(struct fido_chan *chan)
{
	struct fido_ring *ring = &chan->ring;
	bool kept = false;
	u32 id;

	if (chan->hold == FIDO_HOLD_NONE)
		return false;
	for (id = 0; id < ring->geom.nr_ids; id++) {
		if (!ring->cookie[id])
			continue;
		if (chan->hold == FIDO_HOLD_SKB &&
		    skb_is_foreign(ring->cookie[id]))
			chan_put_cookie(chan->hold, fido_ring_steal(ring, id));
		else
			kept = true;
	}
	return kept;
}

/**
 * fido_chans_strip - free all of the channels but own memory in flight
 * @chans: disconnected channels that nobody looks at
 *
 * The link may go before they do.
 *
 * Context: process, sleeps.
 * Return: true if there is such memory.
 */
bool fido_chans_strip(struct fido_chans *chans)
{
	bool kept = false;
	unsigned int i;

	for (i = 0; i < chans->nr; i++) {
		kept |= chan_keep_own(chans->chan[i]);
		chan_free_rings(chans->chan[i]);
		chans->chan[i]->link = NULL;
		cond_resched();
	}
	free_page((unsigned long)chans->table);
	chans->table = NULL;
	return kept;
}

/**
 * fido_chans_free_one - free channels that nobody looks at
 * @chans: disconnected channels, in no list
 *
 * Context: process.
 */
void fido_chans_free_one(struct fido_chans *chans)
{
	unsigned int i;

	for (i = 0; i < chans->nr; i++)
		chan_free(chans->chan[i]);
	free_page((unsigned long)chans->table);
	kfree(chans);
}

/**
 * fido_chans_free - free all channels of a list
 * @held: list of struct fido_chans; empty afterwards
 *
 * Context: process.
 */
void fido_chans_free(struct list_head *held)
{
	struct fido_chans *chans, *next;

	list_for_each_entry_safe(chans, next, held, held) {
		list_del(&chans->held);
		fido_chans_free_one(chans);
		cond_resched();
	}
}

/**
 * fido_chans_alloc - make the channels of a service
 * @link: link with an export
 * @sid: service id
 * @config: what the client wants, valid
 *
 * Context: process, sleeps.
 * Return: the channels, or an ERR_PTR.
 */
struct fido_chans *fido_chans_alloc(struct fido_link *link, unsigned int sid,
				    const struct fido_service_config *config)
{
	struct fido_chans *chans;
	struct fido_chan *chan;
	struct fido_seek seek;
	int err = -ENOMEM;

	chans = kzalloc(struct_size(chans, chan, config->nr_channels),
			GFP_KERNEL);
	if (!chans)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&chans->held);
	chans->sid = sid;
	fido_seek_begin(&seek, link->export, GFP_KERNEL | __GFP_ZERO);
	chans->table = chan_alloc_page(&seek);
	if (!chans->table)
		goto err_free;

	while (chans->nr < config->nr_channels) {
		chan = chan_alloc(link, sid, chans->nr, config, &seek);
		if (IS_ERR(chan)) {
			err = PTR_ERR(chan);
			goto err_free;
		}
		chans->table[chans->nr] = virt_to_phys(chan->ring.mine);
		chans->nr++;
		chans->chan[chans->nr - 1] = chan;
	}
	fido_seek_end(&seek);
	return chans;

err_free:
	fido_seek_end(&seek);
	fido_chans_disconnect(chans, true);
	fido_chans_free_one(chans);
	return ERR_PTR(err);
}
