// SPDX-License-Identifier: GPL-2.0
/*
 * The data path: what clients call for each message. No hypercall here but
 * the notification, and that only if the peer sleeps.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <xen/events.h>
#include <xen/page.h>

#include "chan.h"
#include "export.h"
#include "link.h"
#include "service.h"
#include "window.h"

/* The ring found that the peer lies: tell the link, which logs it once. */
static void chan_check(struct fido_chan *chan)
{
	const char *why = READ_ONCE(chan->ring.broken);

	if (unlikely(why))
		fido_link_break(chan->link, why);
}

static void chan_signal(struct fido_chan *chan, u64 *counter)
{
	(*counter)++;
	notify_remote_via_irq(chan->irq);
}

/**
 * fido_chan_set_priv - set the argument of the event callback
 * @chan: channel
 * @priv: argument
 *
 * Context: in ->up().
 */
void fido_chan_set_priv(struct fido_chan *chan, void *priv)
{
	chan->priv = priv;
}
EXPORT_SYMBOL_GPL(fido_chan_set_priv);

/**
 * fido_chan_ack - the event has been dealt with, let the next one come
 * @chan: channel
 * @spurious: there was nothing to do. A peer that signals without reason is
 *	slowed down by the kernel (lateeoi).
 *
 * Context: any.
 */
void fido_chan_ack(struct fido_chan *chan, bool spurious)
{
	if (!test_and_clear_bit(0, &chan->eoi_pending))
		return;
	if (xchg(&chan->idle.told, false))
		spurious = false;
	xen_irq_lateeoi(chan->irq, spurious ? XEN_EOI_FLAG_SPURIOUS : 0);
}
EXPORT_SYMBOL_GPL(fido_chan_ack);

/**
 * fido_chan_broken - has the peer violated the protocol?
 * @chan: channel
 *
 * Context: any.
 * Return: true from the first violation on, until ->down().
 */
bool fido_chan_broken(const struct fido_chan *chan)
{
	return fido_ring_is_broken(&chan->ring) ||
	       READ_ONCE(chan->link->broken);
}
EXPORT_SYMBOL_GPL(fido_chan_broken);

/**
 * fido_chan_break - the peer's message makes no sense
 * @chan: channel
 * @why: reason, a constant string
 *
 * The link logs the reason once and goes down. It stays down, whatever the peer
 * does, until the toolstack makes it anew or fido is loaded anew here.
 *
 * Context: any.
 */
void fido_chan_break(struct fido_chan *chan, const char *why)
{
	fido_ring_break(&chan->ring, why);
	fido_link_break(chan->link, why);
}
EXPORT_SYMBOL_GPL(fido_chan_break);

/**
 * fido_chan_get_stats - read the counters of a channel
 * @chan: channel
 * @stats: gets a snapshot
 *
 * Context: any.
 */
void fido_chan_get_stats(const struct fido_chan *chan,
			 struct fido_chan_stats *stats)
{
	stats->sent = READ_ONCE(chan->sent);
	stats->received = READ_ONCE(chan->received);
	stats->released = READ_ONCE(chan->released);
	stats->reaped = READ_ONCE(chan->reaped);
	stats->signals = READ_ONCE(chan->tx_signals) +
			 READ_ONCE(chan->rx_signals);
	stats->events = READ_ONCE(chan->events);
	stats->found = READ_ONCE(chan->found) + READ_ONCE(chan->spin.found);
}
EXPORT_SYMBOL_GPL(fido_chan_get_stats);

/* Transmit */

/**
 * fido_tx_room - how many messages can be pushed?
 * @chan: channel
 *
 * Context: tx.
 * Return: number of free slots, as far as known without asking the peer; it
 * is asked when there are none.
 */
u32 fido_tx_room(struct fido_chan *chan)
{
	u32 room = fido_ring_room(&chan->ring);

	if (!room)
		chan_check(chan);
	return room;
}
EXPORT_SYMBOL_GPL(fido_tx_room);

/**
 * fido_tx_slot - where the next message is to be written
 * @chan: channel
 *
 * Context: tx.
 * Return: fido_slot_room() bytes, NULL if the ring is full.
 */
void *fido_tx_slot(struct fido_chan *chan)
{
	void *slot = fido_ring_slot(&chan->ring);

	if (!slot)
		chan_check(chan);
	return slot;
}
EXPORT_SYMBOL_GPL(fido_tx_slot);

/**
 * fido_tx_id - take an id for memory that goes with the message
 * @chan: channel
 *
 * Context: tx.
 * Return: the id, FIDO_ID_NONE if all are in flight.
 */
u32 fido_tx_id(struct fido_chan *chan)
{
	return fido_ring_take_id(&chan->ring);
}
EXPORT_SYMBOL_GPL(fido_tx_id);

/**
 * fido_tx_id_cancel - the id is not needed
 * @chan: channel
 * @id: from the latest fido_tx_id()
 *
 * Context: tx.
 */
void fido_tx_id_cancel(struct fido_chan *chan, u32 id)
{
	fido_ring_cancel_id(&chan->ring, id);
}
EXPORT_SYMBOL_GPL(fido_tx_id_cancel);

/**
 * fido_tx_push - the message in fido_tx_slot() is complete
 * @chan: channel
 * @len: its bytes
 * @id: from fido_tx_id(), or FIDO_ID_NONE
 * @cookie: what the id stands for; see enum fido_hold. The peer can release
 *	it at once: do not look at it any more.
 *
 * Context: tx.
 */
void fido_tx_push(struct fido_chan *chan, u16 len, u32 id, void *cookie)
{
	fido_ring_push(&chan->ring, len, id, cookie);
	chan->sent++;
}
EXPORT_SYMBOL_GPL(fido_tx_push);

/**
 * fido_tx_publish - show the peer what was pushed, wake it if it sleeps
 * @chan: channel
 *
 * Context: tx.
 */
void fido_tx_publish(struct fido_chan *chan)
{
	if (fido_ring_publish(&chan->ring))
		chan_signal(chan, &chan->tx_signals);
}
EXPORT_SYMBOL_GPL(fido_tx_publish);

/**
 * fido_tx_arm_space - ask for an event when slots are free
 * @chan: channel, everything published
 * @nr: wanted number of free slots
 *
 * Context: tx.
 * Return: true if they are free already: go on, no event may come.
 */
bool fido_tx_arm_space(struct fido_chan *chan, u32 nr)
{
	bool ready = fido_ring_arm_space(&chan->ring, nr);

	chan_check(chan);
	return ready;
}
EXPORT_SYMBOL_GPL(fido_tx_arm_space);

/**
 * fido_tx_in_flight - how many ids has the peer not released?
 * @chan: channel
 *
 * Context: any.
 * Return: a snapshot.
 */
u32 fido_tx_in_flight(const struct fido_chan *chan)
{
	return fido_ring_in_flight(&chan->ring);
}
EXPORT_SYMBOL_GPL(fido_tx_in_flight);

/**
 * fido_tx_reap - take back what the peer has released
 * @chan: channel
 *
 * Context: reap.
 * Return: the cookie, now the caller's; NULL if there is none.
 */
void *fido_tx_reap(struct fido_chan *chan)
{
	void *cookie = fido_ring_reap(&chan->ring);

	if (cookie)
		chan->reaped++;
	else
		chan_check(chan);
	return cookie;
}
EXPORT_SYMBOL_GPL(fido_tx_reap);

/**
 * fido_tx_arm_release - ask for an event when the peer releases
 * @chan: channel
 * @nr: wanted number of releases
 *
 * Context: reap.
 * Return: true if they are there already: reap, no event may come.
 */
bool fido_tx_arm_release(struct fido_chan *chan, u32 nr)
{
	bool ready = fido_ring_arm_release(&chan->ring, nr);

	chan_check(chan);
	return ready;
}
EXPORT_SYMBOL_GPL(fido_tx_arm_release);

/* Receive */

/**
 * fido_rx_pull - copy the next message
 * @chan: channel
 * @buf: private memory
 * @size: its bytes, fido_slot_room() is enough for all
 * @id: gets the id to release, or FIDO_ID_NONE
 *
 * Context: rx.
 * Return: bytes of the message; -EAGAIN if there is none; -EPROTO if the
 * channel is broken.
 */
int fido_rx_pull(struct fido_chan *chan, void *buf, u32 size, u32 *id)
{
	int len = fido_ring_pull(&chan->ring, buf, size, id);

	if (len >= 0)
		chan->received++;
	else
		chan_check(chan);
	return len;
}
EXPORT_SYMBOL_GPL(fido_rx_pull);

/**
 * fido_rx_done - the peer may reuse the slots that were pulled
 * @chan: channel
 *
 * Context: rx.
 */
void fido_rx_done(struct fido_chan *chan)
{
	if (fido_ring_done(&chan->ring))
		chan_signal(chan, &chan->rx_signals);
}
EXPORT_SYMBOL_GPL(fido_rx_done);

/**
 * fido_rx_arm - ask for an event when messages come
 * @chan: channel
 * @nr: wanted number of messages
 *
 * Context: rx.
 * Return: true if they are there already: pull, no event may come.
 */
bool fido_rx_arm(struct fido_chan *chan, u32 nr)
{
	bool ready;

	/* who waits for the next one is glad if it is found before */
	WRITE_ONCE(chan->idle.nr, 1);
	ready = fido_ring_arm(&chan->ring, nr);
	chan_check(chan);
	return ready;
}
EXPORT_SYMBOL_GPL(fido_rx_arm);

/**
 * fido_rx_disarm - ask for no event, as somebody looks all the time
 * @chan: channel
 *
 * Context: rx; fido_rx_arm() has to follow before nobody looks any more.
 */
void fido_rx_disarm(struct fido_chan *chan)
{
	fido_ring_disarm(&chan->ring);
}
EXPORT_SYMBOL_GPL(fido_rx_disarm);

/**
 * fido_rx_arm_idle - ask for an event when messages come, or are looked for
 * @chan: channel
 * @nr: wanted number of messages
 *
 * As fido_rx_arm() with @nr as long as this CPU is busy, and with 1 when it
 * has nothing else to do: then messages are found at once. For who has time
 * while others work. Looking now and then is left to the caller.
 *
 * Context: rx.
 * Return: true if messages are there already: pull, no event may come.
 */
bool fido_rx_arm_idle(struct fido_chan *chan, u32 nr)
{
	bool ready = fido_idle_arm(chan, nr);

	chan_check(chan);
	return ready;
}
EXPORT_SYMBOL_GPL(fido_rx_arm_idle);

/**
 * fido_rx_look - say whether an idle CPU shall look for messages
 * @chan: channel
 * @look: true, as at first, if it shall; false if the time that a signal takes
 *	is small beside what a message causes, so that staying awake for it is
 *	wasted
 *
 * A hint: looking that has begun ends with the next message, or its time.
 *
 * Context: rx.
 */
void fido_rx_look(struct fido_chan *chan, bool look)
{
	WRITE_ONCE(chan->idle.unwanted, !look);
}
EXPORT_SYMBOL_GPL(fido_rx_look);

/**
 * fido_rx_is_looked_at - does this CPU look for messages when it is idle?
 * @chan: channel
 *
 * Context: rx.
 * Return: false if fido_rx_arm_idle() would be the same as fido_rx_arm() with
 * 1; this can change at any time.
 */
bool fido_rx_is_looked_at(const struct fido_chan *chan)
{
	return fido_idle_is_looked(chan);
}
EXPORT_SYMBOL_GPL(fido_rx_is_looked_at);

/**
 * fido_rx_waiting - are there messages?
 * @chan: channel
 *
 * Context: any.
 * Return: true if it is worth while to pull.
 */
bool fido_rx_waiting(const struct fido_chan *chan)
{
	return fido_ring_waiting(&chan->ring);
}
EXPORT_SYMBOL_GPL(fido_rx_waiting);

/**
 * fido_rx_release - the memory that came with a message is not used any more
 * @chan: channel
 * @id: from fido_rx_pull(), each once
 *
 * Context: rx. Takes effect with fido_rx_release_publish().
 */
void fido_rx_release(struct fido_chan *chan, u32 id)
{
	fido_ring_release(&chan->ring, id);
	chan->released++;
}
EXPORT_SYMBOL_GPL(fido_rx_release);

/**
 * fido_rx_release_publish - show the peer what was released
 * @chan: channel
 *
 * Context: rx.
 */
void fido_rx_release_publish(struct fido_chan *chan)
{
	if (fido_ring_release_publish(&chan->ring))
		chan_signal(chan, &chan->rx_signals);
}
EXPORT_SYMBOL_GPL(fido_rx_release_publish);

/* Memory */

/* Does a list in a root page name this domain? */
static bool root_names(const u32 __peer *list, domid_t domid)
{
	unsigned int i;

	for (i = 0; i < FIDO_MAX_PEERS; i++)
		if (fido_peer_read32(&list[i]) == domid)
			return true;
	return false;
}

/*
 * Pages of a third domain, which came to us as an address: hand the address
 * on, if the peer has a window onto the owner, and the owner vouches that it
 * shows the same as ours. The caller is in an RCU read section, which keeps the
 * owner's window.
 */
static int chan_addr_forward(struct fido_chan *chan, struct page *page,
			     u32 nr, u32 offset, u64 *addr)
{
	const struct fido_window *window;
	u64 frame, next;
	u32 i;

	window = fido_window_of_page(page, &frame);
	if (!window || window == chan->window)
		return -EFAULT;
	if (!root_names(fido_window_root(chan->window)->windows,
			fido_window_owner(window)))
		return -EFAULT;
	for (i = 1; i < nr; i++)
		if (!fido_window_frame(window, page + i, &next) ||
		    next != frame + i)
			return -EFAULT;
	*addr = fido_addr_make(fido_window_owner(window),
			       (frame << FIDO_PAGE_SHIFT) + offset);
	return 0;
}

/**
 * fido_addr_of - name a piece of memory for the peer
 * @chan: channel
 * @page: first page
 * @offset: of the first byte, may be beyond the first page
 * @len: bytes, not zero; consecutive pages
 * @addr: gets the address
 *
 * Own memory gets an own address. Memory of a third domain, received through
 * another channel, gets its owner's address if the peer sees the same there.
 *
 * Context: any; the pages must be held by the caller.
 * Return: 0, or -EFAULT: the peer cannot see what we see, copy it into fresh
 * pages (they may be foreign, or came back from the balloon driver).
 */
int fido_addr_of(struct fido_chan *chan, struct page *page, u32 offset,
		 u32 len, u64 *addr)
{
	const struct fido_export *export = chan->link->export;
	u32 nr;
	int err;

	page += offset >> PAGE_SHIFT;
	offset &= ~PAGE_MASK;
	nr = DIV_ROUND_UP(offset + len, PAGE_SIZE);

	if (likely(fido_export_has(export, page, nr))) {
		*addr = fido_addr_make(fido_export_domid(export),
				       page_to_phys(page) + offset);
		return 0;
	}
	rcu_read_lock();
	err = chan_addr_forward(chan, page, nr, offset, addr);
	rcu_read_unlock();
	return err;
}
EXPORT_SYMBOL_GPL(fido_addr_of);

/*
 * The window in which an address is to be looked up. The memory of a third
 * domain is accepted from the peer only if its owner lets the peer read it:
 * otherwise we would read for the peer what it must not see.
 */
static const struct fido_window *chan_window_for(struct fido_chan *chan,
						 u64 addr, int *err)
{
	domid_t owner = fido_addr_domid(addr);
	struct fido_window *window;

	if (likely(owner == fido_window_owner(chan->window)))
		return chan->window;

	window = fido_window_of(owner);
	if (!window) {
		/* it may have gone a moment ago: no reason to blame the peer */
		*err = -ENOLINK;
		return NULL;
	}
	if (!root_names(fido_window_root(window)->readers,
			fido_window_owner(chan->window))) {
		*err = -EACCES;
		return NULL;
	}
	fido_window_note_giver(window, chan->link->index);
	return window;
}

/**
 * fido_resolve - find the memory that a peer's address names
 * @chan: channel that the address came from
 * @addr: the address, anything
 * @len: bytes, anything
 * @run: gets the longest piece from @addr on, at most @len bytes, that is
 *	consecutive here. To get the rest, call again.
 *
 * Context: any, in an RCU read section (NAPI is one). Memory of the peer
 * itself stays until ->down() returns. Memory of a third domain stays after
 * the read section only where the caller has taken references to the pages
 * before it ended.
 * Return: 0; -EFAULT if the peer has no such memory: it is for the client to
 * refuse the request or to call fido_chan_break(); -ENOLINK or -EACCES if a
 * third domain's memory cannot be read (any more): drop the message.
 */
int fido_resolve(struct fido_chan *chan, u64 addr, u32 len,
		 struct fido_run *run)
{
	const struct fido_window *window;
	int err = -EFAULT;

	window = chan_window_for(chan, addr, &err);
	if (!window)
		return err;
	run->len = fido_map_run(fido_window_map(window), fido_addr_phys(addr),
				len, &run->page);
	if (unlikely(!run->len))
		/* what a third domain has, or lets us see, is not the peer's fault */
		return window == chan->window ? -EFAULT : -ENOLINK;
	run->offset = addr & (FIDO_PAGE_SIZE - 1);
	run->owner = fido_window_owner(window);
	return 0;
}
EXPORT_SYMBOL_GPL(fido_resolve);

/**
 * fido_read - copy from a peer's memory
 * @chan: channel that the address came from
 * @addr: the address, anything
 * @buf: private memory
 * @len: bytes, not zero
 *
 * Context: any.
 * Return: 0 or an error of fido_resolve().
 */
int fido_read(struct fido_chan *chan, u64 addr, void *buf, u32 len)
{
	struct fido_run run;
	int err = 0;

	rcu_read_lock();
	while (len) {
		err = fido_resolve(chan, addr, len, &run);
		if (err)
			break;
		fido_peer_copy(buf, (const void __peer __force *)
			       page_address(run.page) + run.offset, run.len);
		buf += run.len;
		addr += run.len;
		len -= run.len;
	}
	rcu_read_unlock();
	return err;
}
EXPORT_SYMBOL_GPL(fido_read);
