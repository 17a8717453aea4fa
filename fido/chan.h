/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Channels: memory, event channel and life of a pair of rings.
 */
#ifndef FIDO_CHAN_H
#define FIDO_CHAN_H

#include <linux/list.h>
#include <linux/types.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/xen.h>

#include "compat.h"
#include "fido.h"
#include "idle.h"
#include "ring.h"
#include "spin.h"

struct fido_export;
struct fido_link;
struct fido_window;

#define FIDO_CHAN_NAME_LEN	40

/**
 * struct fido_chan - one channel
 * @ring: the rings
 * @link: for its export, its window, and to declare it broken; the link's
 *	services are down, and nobody uses a channel, before these go
 * @window: the peer's memory, while connected
 * @index: number of the channel in its service
 * @name: of the interrupt: link, service and channel
 * @hold: what the cookies are
 * @event: client's callback
 * @priv: client's argument
 * @port: event channel, allocated by the link's frontend
 * @irq: bound to the event channel; zero if it is not
 * @live: ->up() has been called and ->down() has not; events go to the client
 * @eoi_pending: an event has not been acknowledged (bit 0)
 * @idle: for looking while the CPU is idle
 * @spin: for a thread that looks before it sleeps
 * @tx_signals: signals sent in tx context
 * @rx_signals: signals sent in rx context
 * @events: events received
 * @found: times that messages were found without an event, by an idler
 * @sent: messages published
 * @received: messages pulled
 * @released: ids given back to the peer
 * @reaped: ids given back by the peer
 *
 * Each counter has one writer at a time, see the contexts in fido.h.
 */
struct fido_chan {
	struct fido_ring ring;
	struct fido_link *link;
	const struct fido_window *window;
	unsigned int index;
	char name[FIDO_CHAN_NAME_LEN];
	enum fido_hold hold;
	void (*event)(struct fido_chan *chan, void *priv);
	void *priv;
	evtchn_port_t port;
	int irq;
	bool live;
	unsigned long eoi_pending;
	struct fido_idle idle;
	struct fido_spin spin;
	u64 tx_signals;
	u64 rx_signals;
	u64 events;
	u64 found;
	u64 sent;
	u64 received;
	u64 released;
	u64 reaped;
};

/**
 * struct fido_chans - the channels that a service offers under one generation
 * @held: entry in the list of those whose memory the peer may still read, or,
 *	as orphans (fence.c), others to whom it was handed on
 * @gen: generation
 * @sid: service id
 * @end: of orphans: number of the reader's end that made them such
 * @domid: of orphans: that reader
 * @used: the peer was told that we are connected to it: it may use these
 * @table: page with the addresses of the control pages, for the peer
 * @nr: number of channels
 * @chan: the channels
 */
struct fido_chans {
	struct list_head held;
	u32 gen;
	unsigned int sid;
	u32 end;
	domid_t domid;
	bool used;
	u64 *table;
	unsigned int nr;
	struct fido_chan *chan[] __counted_by(nr);
};

struct fido_chans *fido_chans_alloc(struct fido_link *link, unsigned int sid,
				    const struct fido_service_config *config);
int fido_chans_connect(struct fido_chans *chans,
		       const struct fido_window *window, u64 table);
void fido_chans_disconnect(struct fido_chans *chans, bool for_good);
void fido_chans_live(struct fido_chans *chans);
void fido_chans_quiet(struct fido_chans *chans);
bool fido_chans_strip(struct fido_chans *chans);
void fido_chans_free_one(struct fido_chans *chans);
void fido_chans_free(struct list_head *held);

#endif /* FIDO_CHAN_H */
