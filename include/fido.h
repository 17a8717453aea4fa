/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fido: the interface of the core to its clients, and the only header that
 * they need.
 *
 * fido.ko registers a bus. A service of a link, named in xenstore, is a device
 * on that bus; a client is a driver for a type of service. Once a client has
 * enabled its service and the peer's client has done the same, the core calls
 * ->up() and the client owns a number of channels. A channel carries messages
 * of one slot each in both directions and, with them, addresses of memory that
 * the other side reads in place.
 *
 *	sender                            receiver
 *	------                            --------
 *	fido_tx_slot()                    event()
 *	fido_addr_of()  for each piece    fido_rx_pull()
 *	fido_tx_id()                      fido_resolve()  for each segment
 *	fido_tx_push()                    fido_rx_done()
 *	fido_tx_publish()                 ...the pages are used...
 *	                                  fido_pages_idle()
 *	event()                           fido_rx_release()
 *	fido_tx_reap()                    fido_rx_release_publish()
 *
 * Everything that a peer wrote is hostile. The core checks indices, ids and
 * addresses; the content of a message is for the client to check, on the
 * private copy that fido_rx_pull() makes. The bytes that an address names can
 * change at any time.
 *
 * Context: for each channel, the tx functions up to fido_tx_publish() must be
 * serialized by the client (a transmit queue lock), fido_tx_reap() must be
 * serialized against itself (NAPI does both), the fido_rx_*() functions
 * against each other. The three groups may run at the same time. None of them
 * sleeps.
 */
#ifndef FIDO_H
#define FIDO_H

#include <linux/device.h>
#include <linux/mm_types.h>
#include <linux/module.h>
#include <linux/types.h>

#include "fido_proto.h"

struct fido_chan;
struct fido_service;

/**
 * enum fido_hold - what the cookies of a channel are
 * @FIDO_HOLD_NONE: the channel never sends an id
 * @FIDO_HOLD_SKB: struct sk_buff, without owner; released by consume_skb()
 * @FIDO_HOLD_PAGES: struct fido_pages, released by fido_pages_free()
 *
 * A cookie can outlive its client: what is in flight when a service is
 * disabled stays untouched until the peer has finished reading it, and is then
 * freed by the core. Therefore the core has to know how.
 */
enum fido_hold {
	FIDO_HOLD_NONE,
	FIDO_HOLD_SKB,
	FIDO_HOLD_PAGES,
};

/**
 * struct fido_pages - a buffer of single pages that can be handed to a peer
 * @nr: number of pages
 * @page: the pages; each one's reference is owned by this structure
 */
struct fido_pages {
	unsigned int nr;
	struct page *page[];
};

struct fido_pages *fido_pages_alloc(unsigned int nr, gfp_t gfp);
void fido_pages_free(struct fido_pages *pages);
int fido_pages_show(struct fido_chan *chan, struct fido_pages *pages,
		    gfp_t gfp);

/**
 * struct fido_service_config - what a client offers under one service
 * @nr_channels: 1..FIDO_MAX_CHANNELS; both sides must offer the same
 * @nr_slots: slots in each direction, a power of two, at most FIDO_MAX_SLOTS
 * @slot_size: bytes of a slot, a power of two, FIDO_MIN_SLOT_SIZE to
 *	FIDO_MAX_SLOT_SIZE; fido_slot_room() of it are the client's
 * @nr_ids: messages in flight that wait for a release, a power of two, at
 *	most FIDO_MAX_IDS
 * @hold: what the cookies are
 * @frees_memory: memory may be freed by way of the service, as by a disk that
 *	holds swap: its rings may come out of the system's reserve, and it is
 *	taken down before those for which this is not so, as these may wait for it
 * @event: the peer has signalled a channel, or messages were found without a
 *	signal. Called in hard interrupt context, or with interrupts and bottom
 *	halves disabled as if it were one, perhaps on two CPUs at once, and
 *	once for each channel directly after ->up(). @priv is the client's,
 *	see fido_chan_set_priv(). Signals that arrive before ->up() returned
 *	are deferred to then. The next signal comes after fido_chan_ack(),
 *	which also tells whether there was a reason: a peer that signals
 *	without one is slowed down.
 */
struct fido_service_config {
	unsigned int nr_channels;
	u32 nr_slots;
	u32 slot_size;
	u32 nr_ids;
	enum fido_hold hold;
	bool frees_memory;
	void (*event)(struct fido_chan *chan, void *priv);
};

/**
 * struct fido_device - a service of a link, as a device on the fido bus
 * @dev: the device; its name is <link>.<service id>, as in "fido-3.0"
 * @type: type of the service, as in xenstore
 * @service: private to the core
 */
struct fido_device {
	struct device dev;
	char type[FIDO_TYPE_LEN];
	struct fido_service *service;
};

#define to_fido_device(d) container_of_const(d, struct fido_device, dev)

/**
 * struct fido_driver - a client
 * @type: type of the services it serves
 * @probe: a service has appeared. May sleep. Usually reads its parameters and
 *	calls fido_enable(). What cannot be yet is called again: see fido_defer().
 * @remove: the service goes away, or the client does. May sleep. Has to call
 *	fido_disable() before it takes away what ->down() needs.
 * @up: both sides are ready; fido_chan() gives the channels. May sleep.
 *	A negative return value leaves the service down and is shown as error.
 *	After -ENOMEM it is called again, with other channels, as is @probe.
 * @down: the peer or the link is gone, or about to go. May sleep. When it
 *	returns the client no longer uses the channels, nor what it got from
 *	fido_resolve() by way of them, with one exception: pages on which it
 *	holds references of its own (as the frags of an skb do) stay readable
 *	until those are dropped.
 * @silent: the peer has given no sign of life for some time (true), or gives
 *	them again (false). It may come back at any time, and goes on with what is
 *	in the rings then: nothing has to be given up. May sleep. Optional.
 * @give_up: the service is about to be removed, perhaps with others of its link,
 *	and ->down() has been called if it had to be. What waits for the peer has
 *	to fail from now on, as @remove of one service may wait for that of
 *	another: a file system can have several disks. Returns false if it is not
 *	to fail: then @remove waits for nothing, and is called before that of
 *	others. Serialized with ->up() and ->down(), none of which follows; must
 *	not wait for I/O. Only for services with @frees_memory; not called if the
 *	service is not enabled, or if it is the driver that goes. Optional.
 * @driver: for the driver core
 *
 * ->up() and ->down() strictly alternate and are serialized for a service.
 * ->silent() comes between the two, serialized with them, and alternates as
 * well: after ->up() the peer is not silent, and after ->down() nothing is said.
 */
struct fido_driver {
	const char *type;
	int (*probe)(struct fido_device *fdev);
	void (*remove)(struct fido_device *fdev);
	int (*up)(struct fido_device *fdev);
	void (*down)(struct fido_device *fdev);
	void (*silent)(struct fido_device *fdev, bool silent);
	bool (*give_up)(struct fido_device *fdev);
	struct device_driver driver;
};

int __fido_driver_register(struct fido_driver *drv, struct module *owner,
			   const char *mod_name);
void fido_driver_unregister(struct fido_driver *drv);

#define fido_driver_register(drv) \
	__fido_driver_register(drv, THIS_MODULE, KBUILD_MODNAME)

#define module_fido_driver(drv) \
	module_driver(drv, fido_driver_register, fido_driver_unregister)

#define MODULE_ALIAS_FIDO(type) MODULE_ALIAS("fido:" type)

static inline void fido_set_drvdata(struct fido_device *fdev, void *data)
{
	dev_set_drvdata(&fdev->dev, data);
}

static inline void *fido_get_drvdata(struct fido_device *fdev)
{
	return dev_get_drvdata(&fdev->dev);
}

/* Service */

int fido_enable(struct fido_device *fdev,
		const struct fido_service_config *config);
void fido_disable(struct fido_device *fdev);
int fido_defer(struct fido_device *fdev, const char *why);
u16 fido_peer_domid(const struct fido_device *fdev);
char *fido_param(struct fido_device *fdev, const char *name);
int fido_param_uint(struct fido_device *fdev, const char *name,
		    unsigned int *value);
int fido_param_range(struct fido_device *fdev, const char *name,
		     unsigned int min, unsigned int max, unsigned int *value);
__printf(3, 4)
void fido_error(struct fido_device *fdev, int err, const char *fmt, ...);
void fido_error_over(struct fido_device *fdev);
__printf(3, 4)
void fido_report(struct fido_device *fdev, const char *name,
		 const char *fmt, ...);

/* Channel */

struct fido_chan *fido_chan(struct fido_device *fdev, unsigned int index);
void fido_chan_set_priv(struct fido_chan *chan, void *priv);
void fido_chan_ack(struct fido_chan *chan, bool spurious);
int fido_chan_set_affinity(struct fido_chan *chan, unsigned int cpu);
bool fido_chan_broken(const struct fido_chan *chan);
void fido_chan_break(struct fido_chan *chan, const char *why);

/**
 * struct fido_chan_stats - counters of a channel
 * @sent: messages published
 * @received: messages pulled
 * @released: ids given back to the peer
 * @reaped: ids given back by the peer
 * @signals: signals sent
 * @events: signals received
 * @found: times that messages were found without a signal, as the CPU had
 *	nothing else to do
 */
struct fido_chan_stats {
	u64 sent;
	u64 received;
	u64 released;
	u64 reaped;
	u64 signals;
	u64 events;
	u64 found;
};

void fido_chan_get_stats(const struct fido_chan *chan,
			 struct fido_chan_stats *stats);

static inline u32 fido_slot_room(u32 slot_size)
{
	return slot_size - sizeof(struct fido_slot);
}

/* Transmit */

u32 fido_tx_room(struct fido_chan *chan);
void *fido_tx_slot(struct fido_chan *chan);
u32 fido_tx_id(struct fido_chan *chan);
void fido_tx_id_cancel(struct fido_chan *chan, u32 id);
void fido_tx_push(struct fido_chan *chan, u16 len, u32 id, void *cookie);
void fido_tx_publish(struct fido_chan *chan);
bool fido_tx_arm_space(struct fido_chan *chan, u32 nr);
void *fido_tx_reap(struct fido_chan *chan);
bool fido_tx_arm_release(struct fido_chan *chan, u32 nr);
u32 fido_tx_in_flight(const struct fido_chan *chan);

/* Receive */

int fido_rx_pull(struct fido_chan *chan, void *buf, u32 size, u32 *id);
void fido_rx_done(struct fido_chan *chan);
bool fido_rx_arm(struct fido_chan *chan, u32 nr);
void fido_rx_disarm(struct fido_chan *chan);
bool fido_rx_arm_idle(struct fido_chan *chan, u32 nr);
bool fido_rx_spin(struct fido_chan *chan);
void fido_rx_look(struct fido_chan *chan, bool look);
bool fido_rx_is_looked_at(const struct fido_chan *chan);
bool fido_rx_waiting(const struct fido_chan *chan);
void fido_rx_release(struct fido_chan *chan, u32 id);
void fido_rx_release_publish(struct fido_chan *chan);

/* Memory */

/**
 * struct fido_run - consecutive memory of another domain, readable here
 * @page: first page; the struct pages of a run are consecutive, and so are
 *	their kernel addresses. They are single pages, never compound.
 * @offset: of the first byte, in the first page
 * @len: bytes
 * @owner: id of the domain whose memory it is
 */
struct fido_run {
	struct page *page;
	u32 offset;
	u32 len;
	u16 owner;
};

int fido_addr_of(struct fido_chan *chan, struct page *page, u32 offset,
		 u32 len, u64 *addr);
int fido_resolve(struct fido_chan *chan, u64 addr, u32 len,
		 struct fido_run *run);
int fido_read(struct fido_chan *chan, u64 addr, void *buf, u32 len);
bool fido_pages_idle(struct page *page, unsigned int nr, u16 owner);
bool fido_page_foreign(const struct page *page);
void fido_flush(unsigned int cpu);
void fido_flush_all(void);

#endif /* FIDO_H */
