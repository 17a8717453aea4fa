/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mmnet: an Ethernet device over the channels of Fido.
 */
#ifndef MMNET_H
#define MMNET_H

#include <linux/bitops.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>
#include <net/xdp.h>

#include "fido.h"
#include "mmnet_proto.h"

/*
 * What may be held by the sockets of one queue. The rest of the ids is never
 * held for longer than a poll takes, so the peer can always go on sending.
 */
#define MMNET_MAX_PINS		(MMNET_NR_IDS * 3 / 4)
#define MMNET_MAX_PIN_BYTES	(16U << 20)

/* Fewer slots than this do not pay for the wake-ups, see ethtool -G */
#define MMNET_MIN_TX_PENDING	16

/* Frames with no more than this in segments are copied, see ethtool */
#define MMNET_COPYBREAK		512

/* Counters of the transmit path, written under the lock of the tx queue */
enum mmnet_tx_counter {
	MMNET_TX_PACKETS,
	MMNET_TX_BYTES,
	MMNET_TX_INLINE,
	MMNET_TX_REF,
	MMNET_TX_REF_BYTES,
	MMNET_TX_BOUNCED,
	MMNET_TX_BOUNCED_BYTES,
	MMNET_TX_STOPPED,
	MMNET_TX_WOKEN,
	MMNET_TX_DROP_LENGTH,
	MMNET_TX_DROP_OFFLOAD,
	MMNET_TX_DROP_NOMEM,
	MMNET_TX_DROP_UNNAMED,
	MMNET_TX_DROP_LINK,
	MMNET_TX_XDP,
	MMNET_TX_DROP_XDP,
	MMNET_NR_TX_COUNTERS,
};

/* Counters of the receive path, written in the poll */
enum mmnet_rx_counter {
	MMNET_RX_PACKETS,
	MMNET_RX_BYTES,
	MMNET_RX_INLINE,
	MMNET_RX_REF,
	MMNET_RX_REF_BYTES,
	MMNET_RX_COPIED_BYTES,
	MMNET_RX_COPY_BREAK,
	MMNET_RX_COPY_SLOTS,
	MMNET_RX_COPY_BYTES,
	MMNET_RX_COPY_PIECES,
	MMNET_RX_COPY_FORWARD,
	MMNET_RX_COPY_NOMEM,
	MMNET_RX_COPY_XDP,
	MMNET_RX_DROP_CLOSED,
	MMNET_RX_DROP_NOMEM,
	MMNET_RX_DROP_UNREADABLE,
	MMNET_RX_DROP_XDP_LENGTH,
	MMNET_RX_DROP_XDP_SEGMENT,
	MMNET_RX_XDP_PASS,
	MMNET_RX_XDP_DROP,
	MMNET_RX_XDP_TX,
	MMNET_RX_XDP_REDIRECT,
	MMNET_RX_XDP_ERROR,
	MMNET_RX_POLLS,
	MMNET_RX_BULK,
	MMNET_RX_BULK_SLOWER,
	MMNET_RX_BULK_EMPTY,
	MMNET_RX_LAZY,
	MMNET_NR_RX_COUNTERS,
};

struct mmnet_stats {
	struct u64_stats_sync tx_sync;
	u64_stats_t tx[MMNET_NR_TX_COUNTERS];
	struct u64_stats_sync rx_sync;
	u64_stats_t rx[MMNET_NR_RX_COUNTERS];
};

/**
 * struct mmnet_pin_run - consecutive foreign pages of a received frame
 * @page: the first one
 * @nr: how many
 * @owner: domain id
 */
struct mmnet_pin_run {
	struct page *page;
	unsigned int nr;
	u16 owner;
};

/**
 * struct mmnet_pin - a received frame whose memory is in use here
 * @node: entry in the list of pins, or of free ones
 * @id: what to release
 * @bytes: of the frame's segments
 * @cpu: that built the skb
 * @since: when that was, in jiffies
 * @nr_runs: entries in @run
 * @run: the pages; released when none of them is referenced
 */
struct mmnet_pin {
	struct list_head node;
	u32 id;
	u32 bytes;
	unsigned int cpu;
	unsigned long since;
	u32 nr_runs;
	struct mmnet_pin_run run[MMNET_MAX_SEGS];
};

/**
 * struct mmnet_pins - the received frames whose memory is in use here
 * @busy: those; looked at from the head, moved to the tail if still in use
 * @free: the rest of @pin
 * @nr: length of @busy
 * @bytes: sum of what they hold
 * @pin: all of them
 *
 * Belongs to the poll, and to whoever has disabled it.
 */
struct mmnet_pins {
	struct list_head busy;
	struct list_head free;
	unsigned int nr;
	u64 bytes;
	struct mmnet_pin *pin;
};

/**
 * struct mmnet_flow - what went one way, since the beginning
 * @bytes: of frames
 * @msgs: messages
 * @refs: those with memory
 * @acks: those that acknowledge only
 *
 * One writer; differences count.
 */
struct mmnet_flow {
	unsigned long bytes;
	u32 msgs;
	u32 refs;
	u32 acks;
};

/* What the poll asks for when it has nothing left to do */
enum mmnet_rest {
	MMNET_REST_NEXT,	/* an event with the next message */
	MMNET_REST_BULK,	/* many messages, or a timer */
	MMNET_REST_LAZY,	/* some; or all that come when the CPU is idle */
};

/**
 * struct mmnet_moder - when to sleep for more than one message, see moder.c
 * @timer: schedules @napi
 * @napi: the poll
 * @rest: what the latest rest was for
 * @worth: in bulk, and data comes as fast as before
 * @empty: rests in a row before which nothing came
 * @rests: in bulk, since @window
 * @window: when we began to count these, in nanoseconds
 * @window_bytes: and how much had gone by then, both ways
 * @before: nanoseconds of the trial before bulk
 * @before_bytes: what went meanwhile, both ways
 * @gap: nanoseconds between two messages meanwhile
 * @trial_began: when @since was zero
 * @trial_bytes: what had gone by then
 * @since: messages since bulk ended
 * @trial: messages until it is tried
 * @acks: messages in a row that acknowledged only
 * @rested: time of the latest rest
 * @rx_seen: @rx at that time
 * @tx_seen: @tx at that time
 * @rx: received
 * @tx: sent; written under the lock of the tx queue. All else belongs to the
 *	poll
 */
struct mmnet_moder {
	struct hrtimer timer;
	struct napi_struct *napi;
	enum mmnet_rest rest;
	bool worth;
	u32 empty;
	u32 rests;
	u64 window;
	unsigned long window_bytes;
	u64 before;
	unsigned long before_bytes;
	u64 gap;
	u64 trial_began;
	unsigned long trial_bytes;
	u32 since;
	u32 trial;
	u32 acks;
	u64 rested;
	struct mmnet_flow rx_seen;
	struct mmnet_flow tx_seen;
	struct mmnet_flow rx;
	struct mmnet_flow tx ____cacheline_aligned_in_smp;
};

/**
 * struct mmnet_xdp - XDP on a queue
 * @rxq: what programs, and whoever gets a frame from them, know of the queue
 * @prog: runs for each frame; the same all through a poll, or NULL
 * @page: was not given away by the program, for the next frame; or NULL
 * @segments: frames that were made of longer ones in this poll, beyond one for
 *	each message
 * @redirected: in this poll; has to be flushed at its end
 * @sent: the same for what goes back on this queue
 *
 * Belongs to the poll.
 */
struct mmnet_xdp {
	struct xdp_rxq_info rxq;
	struct bpf_prog *prog;
	struct page *page;
	unsigned int segments;
	bool redirected;
	bool sent;
};

/* Bits of mmnet_queue.flags */
enum mmnet_queue_flag {
	MMNET_QUEUE_EVENT,	/* the core waits for fido_chan_ack() */
	MMNET_QUEUE_WORKED,	/* something was done since the last one */
};

/**
 * struct mmnet_bounce - pages that the peer sees, for copies
 * @pages: all of them, or NULL; set once by @work while the link is up
 * @next: the one to be tried next; under the lock of the tx queue
 * @work: looks for them, once there were none in the middle of a frame
 */
struct mmnet_bounce {
	struct fido_pages *pages;
	unsigned int next;
	struct work_struct work;
};

/**
 * struct mmnet_queue - a channel and what goes with it
 * @chan: NULL while the link is down. Changed while the poll is disabled and
 *	the tx queue is stopped
 * @dev: the net device
 * @index: number of the queue
 * @napi: poll for both directions. Enabled while the link is up, whether the
 *	interface is open or not: what comes has to be released in any case
 * @timer: polls while something is outstanding that no event will tell of
 * @delay: until the next time, in jiffies; grows while nothing changes
 * @flags: see enum mmnet_queue_flag
 * @tx_spare: slots that stay empty, see ethtool -G
 * @moder: when to sleep for more than one message
 * @reap_lock: serializes taking back what the peer released
 * @pins: received memory in use here
 * @msg: the message that is being received; the poll's
 * @xdp: see struct mmnet_xdp
 * @bounce: pages for copies, see bounce.c
 * @stats: counters
 * @past: counters of channels that are gone; under RTNL
 */
struct mmnet_queue {
	struct fido_chan *chan;
	struct net_device *dev;
	unsigned int index;
	struct napi_struct napi;
	struct timer_list timer;
	unsigned long delay;
	unsigned long flags;
	u32 tx_spare;
	struct mmnet_moder moder;
	spinlock_t reap_lock;	/* taken by trying, in any context */
	struct mmnet_pins pins;
	union {
		struct mmnet_msg head;
		u8 bytes[MMNET_MSG_SIZE];
	} msg __aligned(8);
	struct mmnet_xdp xdp;
	struct mmnet_bounce bounce;
	struct mmnet_stats stats ____cacheline_aligned_in_smp;
	struct fido_chan_stats past;
};

/**
 * struct mmnet - an interface
 * @dev: the net device that this is the private part of
 * @fdev: the service, NULL while the interface is parked; changed under RTNL
 * @up: the link is up, the polls are enabled; under RTNL
 * @served: it has been up once; under RTNL
 * @keep: what the toolstack knows the interface by, which outlives its service
 *	then; or NULL
 * @node: of an interface with @keep, in the list of them; see park.c, which
 *	guards this and the following two
 * @parked: it has no service
 * @abandoned: it is given up as soon as possible. Never reset.
 * @copybreak: see MMNET_COPYBREAK
 * @speed: what ethtool shows, as it was set there
 * @duplex: the same
 * @xdp_prog: runs for each received frame, or NULL; changed under RTNL
 * @nr_queues: entries in @queue, all of which are polled; sending uses the
 *	first dev->real_num_tx_queues
 * @queue: the queues
 */
struct mmnet {
	struct net_device *dev;
	struct fido_device *fdev;
	bool up;
	bool served;
	char *keep;
	struct list_head node;
	bool parked;
	bool abandoned;
	u32 copybreak;
	u32 speed;
	u8 duplex;
	struct bpf_prog __rcu *xdp_prog;
	unsigned int nr_queues;
	struct mmnet_queue *queue;
};

static inline struct netdev_queue *mmnet_txq(const struct mmnet_queue *q)
{
	return netdev_get_tx_queue(q->dev, q->index);
}

static inline void mmnet_tx_count(struct mmnet_queue *q,
				  enum mmnet_tx_counter counter, u64 nr)
{
	u64_stats_update_begin(&q->stats.tx_sync);
	u64_stats_add(&q->stats.tx[counter], nr);
	u64_stats_update_end(&q->stats.tx_sync);
}

static inline void mmnet_rx_count(struct mmnet_queue *q,
				  enum mmnet_rx_counter counter, u64 nr)
{
	u64_stats_update_begin(&q->stats.rx_sync);
	u64_stats_add(&q->stats.rx[counter], nr);
	u64_stats_update_end(&q->stats.rx_sync);
}

static inline void mmnet_flow_add(struct mmnet_flow *flow,
				  const struct mmnet_msg *msg)
{
	WRITE_ONCE(flow->bytes, flow->bytes + msg->len);
	WRITE_ONCE(flow->refs, flow->refs + !!msg->nr_segs);
	WRITE_ONCE(flow->acks, flow->acks + !!(msg->flags & MMNET_ACK));
	WRITE_ONCE(flow->msgs, flow->msgs + 1);
}

/* There was a reason to be called, and may soon be another one. */
static inline void mmnet_queue_worked(struct mmnet_queue *q)
{
	if (!test_bit(MMNET_QUEUE_WORKED, &q->flags))
		set_bit(MMNET_QUEUE_WORKED, &q->flags);
	WRITE_ONCE(q->delay, 1);
}

/* netdev.c */
struct net_device *mmnet_netdev_create(struct fido_device *fdev,
				       unsigned int nr_queues);
void mmnet_netdev_remove(struct net_device *dev);
void mmnet_netdev_end(struct net_device *dev);
void mmnet_netdev_up(struct net_device *dev);
void mmnet_netdev_down(struct net_device *dev);
void mmnet_netdev_silent(struct net_device *dev, bool silent);
void mmnet_netdev_set_xps(struct net_device *dev, unsigned int first);
bool mmnet_is_netdev(const struct net_device *dev);

/* queue.c */
int mmnet_queue_init(struct mmnet_queue *q, struct net_device *dev,
		     unsigned int index);
void mmnet_queue_exit(struct mmnet_queue *q);
unsigned int mmnet_queue_cpu(unsigned int index);
void mmnet_queue_up(struct mmnet_queue *q, struct fido_chan *chan);
void mmnet_queue_quiesce(struct mmnet_queue *q);
void mmnet_queue_down(struct mmnet_queue *q);
void mmnet_queue_park(struct mmnet_queue *q);
void mmnet_queue_event(struct fido_chan *chan, void *priv);
void mmnet_queue_watch(struct mmnet_queue *q);

/* tx.c */
netdev_tx_t mmnet_start_xmit(struct sk_buff *skb, struct net_device *dev);
netdev_features_t mmnet_features_check(struct sk_buff *skb,
				       struct net_device *dev,
				       netdev_features_t features);
bool mmnet_tx_poll(struct mmnet_queue *q, int budget);
bool mmnet_tx_ready(const struct mmnet_queue *q);
void mmnet_tx_frame(struct mmnet_queue *q, struct sk_buff *skb);

/* bounce.c */
struct sk_buff *mmnet_bounce(struct mmnet_queue *q, struct sk_buff *skb,
			     u32 head);
void mmnet_bounce_init(struct mmnet_bounce *bounce);
void mmnet_bounce_down(struct mmnet_bounce *bounce);

/* rx.c */
int mmnet_rx_poll(struct mmnet_queue *q, int budget);
struct sk_buff *mmnet_rx_copy(struct mmnet_queue *q);
bool mmnet_rx_set_offload(struct sk_buff *skb, const struct mmnet_msg *msg);
void mmnet_rx_deliver(struct mmnet_queue *q, struct sk_buff *skb);

/* xdp.c */
int mmnet_xdp_init(struct mmnet_queue *q);
void mmnet_xdp_exit(struct mmnet_queue *q);
void mmnet_xdp_up(struct mmnet_queue *q);
void mmnet_xdp_begin(struct mmnet_queue *q);
void mmnet_xdp_end(struct mmnet_queue *q);
int mmnet_xdp_rx(struct mmnet_queue *q);
int mmnet_xdp_xmit(struct net_device *dev, int nr, struct xdp_frame **frames,
		   u32 flags);
int mmnet_xdp_bpf(struct net_device *dev, struct netdev_bpf *bpf);
void mmnet_xdp_set_features(struct net_device *dev);

/* moder.c */
void mmnet_moder_init(struct mmnet_moder *m, struct napi_struct *napi);
void mmnet_moder_up(struct mmnet_moder *m);
void mmnet_moder_down(struct mmnet_moder *m);
bool mmnet_moder_rest(struct mmnet_queue *q);
bool mmnet_moder_look(const struct mmnet_queue *q);

/* pin.c */
int mmnet_pins_init(struct mmnet_pins *pins);
void mmnet_pins_exit(struct mmnet_pins *pins);
void mmnet_pins_forget(struct mmnet_pins *pins);
struct mmnet_pin *mmnet_pin_first_free(struct mmnet_pins *pins);
void mmnet_pin_add(struct mmnet_pins *pins, struct mmnet_pin *pin);
unsigned int mmnet_pins_release(struct mmnet_queue *q);

/* leave.c */

/**
 * struct mmnet_leave_stats - what happened to frames that left by real devices
 * @copied: skbs whose data was copied there
 * @copied_bytes: how much
 * @dropped: skbs for which there was no memory
 */
struct mmnet_leave_stats {
	u64 copied;
	u64 copied_bytes;
	u64 dropped;
};

#ifdef CONFIG_NETFILTER_EGRESS
int mmnet_leave_init(void);
void mmnet_leave_exit(void);
bool mmnet_leave_guarded(void);
void mmnet_leave_get_stats(struct mmnet_leave_stats *stats);
#else
static inline int mmnet_leave_init(void)
{
	return 0;
}

static inline void mmnet_leave_exit(void)
{
}

static inline bool mmnet_leave_guarded(void)
{
	return false;
}

static inline void mmnet_leave_get_stats(struct mmnet_leave_stats *stats)
{
	*stats = (struct mmnet_leave_stats) {};
}
#endif

/* ethtool.c */
extern const struct ethtool_ops mmnet_ethtool_ops;

#endif /* MMNET_H */
