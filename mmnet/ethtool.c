// SPDX-License-Identifier: GPL-2.0
/*
 * What ethtool shows and sets.
 */
#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/string.h>

#include "mmnet.h"

static const char tx_names[MMNET_NR_TX_COUNTERS][ETH_GSTRING_LEN] = {
	[MMNET_TX_PACKETS] = "tx_packets",
	[MMNET_TX_BYTES] = "tx_bytes",
	[MMNET_TX_INLINE] = "tx_inline",
	[MMNET_TX_REF] = "tx_zerocopy",
	[MMNET_TX_REF_BYTES] = "tx_zerocopy_bytes",
	[MMNET_TX_BOUNCED] = "tx_bounced",
	[MMNET_TX_BOUNCED_BYTES] = "tx_bounced_bytes",
	[MMNET_TX_STOPPED] = "tx_stopped",
	[MMNET_TX_WOKEN] = "tx_woken",
	[MMNET_TX_DROP_LENGTH] = "tx_drop_length",
	[MMNET_TX_DROP_OFFLOAD] = "tx_drop_offload",
	[MMNET_TX_DROP_NOMEM] = "tx_drop_nomem",
	[MMNET_TX_DROP_UNNAMED] = "tx_drop_unnamed",
	[MMNET_TX_DROP_LINK] = "tx_drop_link",
	[MMNET_TX_XDP] = "tx_xdp",
	[MMNET_TX_DROP_XDP] = "tx_drop_xdp",
};

static const char rx_names[MMNET_NR_RX_COUNTERS][ETH_GSTRING_LEN] = {
	[MMNET_RX_PACKETS] = "rx_packets",
	[MMNET_RX_BYTES] = "rx_bytes",
	[MMNET_RX_INLINE] = "rx_inline",
	[MMNET_RX_REF] = "rx_zerocopy",
	[MMNET_RX_REF_BYTES] = "rx_zerocopy_bytes",
	[MMNET_RX_COPIED_BYTES] = "rx_copied_bytes",
	[MMNET_RX_COPY_BREAK] = "rx_copied_small",
	[MMNET_RX_COPY_SLOTS] = "rx_copied_slots",
	[MMNET_RX_COPY_BYTES] = "rx_copied_budget",
	[MMNET_RX_COPY_PIECES] = "rx_copied_pieces",
	[MMNET_RX_COPY_FORWARD] = "rx_copied_forward",
	[MMNET_RX_COPY_NOMEM] = "rx_copied_nomem",
	[MMNET_RX_COPY_XDP] = "rx_copied_xdp",
	[MMNET_RX_DROP_CLOSED] = "rx_drop_closed",
	[MMNET_RX_DROP_NOMEM] = "rx_drop_nomem",
	[MMNET_RX_DROP_UNREADABLE] = "rx_drop_unreadable",
	[MMNET_RX_DROP_XDP_LENGTH] = "rx_drop_xdp_length",
	[MMNET_RX_DROP_XDP_SEGMENT] = "rx_drop_xdp_segment",
	[MMNET_RX_XDP_PASS] = "rx_xdp_pass",
	[MMNET_RX_XDP_DROP] = "rx_xdp_drop",
	[MMNET_RX_XDP_TX] = "rx_xdp_tx",
	[MMNET_RX_XDP_REDIRECT] = "rx_xdp_redirect",
	[MMNET_RX_XDP_ERROR] = "rx_xdp_error",
	[MMNET_RX_POLLS] = "rx_polls",
	[MMNET_RX_BULK] = "rx_bulk",
	[MMNET_RX_BULK_SLOWER] = "rx_bulk_slower",
	[MMNET_RX_BULK_EMPTY] = "rx_bulk_empty",
	[MMNET_RX_LAZY] = "rx_lazy",
};

/* Of the channel, and the state at this moment; in the order of add_chan() */
static const char chan_names[][ETH_GSTRING_LEN] = {
	"sent", "received", "released", "reaped", "signals", "events",
	"found",
	"tx_in_flight", "rx_pinned", "rx_pinned_bytes",
};

/* Of all devices together, see leave.c; in the order of add_leave() */
static const char leave_names[][ETH_GSTRING_LEN] = {
	"leave_copied", "leave_copied_bytes", "leave_drop_nomem",
};

#define NR_CHAN_STATS	ARRAY_SIZE(chan_names)
#define NR_QUEUE_STATS	(MMNET_NR_TX_COUNTERS + MMNET_NR_RX_COUNTERS + \
			 NR_CHAN_STATS)

static u64 *add_tx(u64 *data, const struct mmnet_stats *stats)
{
	unsigned int i, start;

	do {
		start = u64_stats_fetch_begin(&stats->tx_sync);
		for (i = 0; i < MMNET_NR_TX_COUNTERS; i++)
			data[i] = u64_stats_read(&stats->tx[i]);
	} while (u64_stats_fetch_retry(&stats->tx_sync, start));
	return data + MMNET_NR_TX_COUNTERS;
}

static u64 *add_rx(u64 *data, const struct mmnet_stats *stats)
{
	unsigned int i, start;

	do {
		start = u64_stats_fetch_begin(&stats->rx_sync);
		for (i = 0; i < MMNET_NR_RX_COUNTERS; i++)
			data[i] = u64_stats_read(&stats->rx[i]);
	} while (u64_stats_fetch_retry(&stats->rx_sync, start));
	return data + MMNET_NR_RX_COUNTERS;
}

/* Channels come and go under RTNL, which ethtool holds. */
static u64 *add_chan(u64 *data, const struct mmnet_queue *q)
{
	struct fido_chan_stats now = {};
	u32 in_flight = 0;

	if (q->chan) {
		fido_chan_get_stats(q->chan, &now);
		in_flight = fido_tx_in_flight(q->chan);
	}
	*data++ = q->past.sent + now.sent;
	*data++ = q->past.received + now.received;
	*data++ = q->past.released + now.released;
	*data++ = q->past.reaped + now.reaped;
	*data++ = q->past.signals + now.signals;
	*data++ = q->past.events + now.events;
	*data++ = q->past.found + now.found;
	*data++ = in_flight;
	*data++ = READ_ONCE(q->pins.nr);
	*data++ = READ_ONCE(q->pins.bytes);
	return data;
}

static void add_leave(u64 *data)
{
	struct mmnet_leave_stats stats;

	mmnet_leave_get_stats(&stats);
	*data++ = stats.copied;
	*data++ = stats.copied_bytes;
	*data++ = stats.dropped;
}

static void ethtool_get_stats(struct net_device *dev,
			      struct ethtool_stats *stats, u64 *data)
{
	const struct mmnet *mm = netdev_priv(dev);
	unsigned int i;

	for (i = 0; i < mm->nr_queues; i++) {
		data = add_tx(data, &mm->queue[i].stats);
		data = add_rx(data, &mm->queue[i].stats);
		data = add_chan(data, &mm->queue[i]);
	}
	add_leave(data);
}

static int ethtool_get_sset_count(struct net_device *dev, int set)
{
	const struct mmnet *mm = netdev_priv(dev);

	if (set != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return mm->nr_queues * NR_QUEUE_STATS + ARRAY_SIZE(leave_names);
}

static void add_names(u8 **data, unsigned int queue,
		      const char (*names)[ETH_GSTRING_LEN], unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		ethtool_sprintf(data, "q%u_%s", queue, names[i]);
}

static void ethtool_get_strings(struct net_device *dev, u32 set, u8 *data)
{
	const struct mmnet *mm = netdev_priv(dev);
	unsigned int i;

	if (set != ETH_SS_STATS)
		return;
	for (i = 0; i < mm->nr_queues; i++) {
		add_names(&data, i, tx_names, MMNET_NR_TX_COUNTERS);
		add_names(&data, i, rx_names, MMNET_NR_RX_COUNTERS);
		add_names(&data, i, chan_names, NR_CHAN_STATS);
	}
	for (i = 0; i < ARRAY_SIZE(leave_names); i++)
		ethtool_sprintf(&data, "%s", leave_names[i]);
}

static void ethtool_get_drvinfo(struct net_device *dev,
				struct ethtool_drvinfo *info)
{
	const struct mmnet *mm = netdev_priv(dev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	/* none while it is parked; does not change under RTNL */
	if (mm->fdev)
		strscpy(info->bus_info, dev_name(&mm->fdev->dev),
			sizeof(info->bus_info));
}

/*
 * As fast as the memory is: no number would be right. But bonds, bridges and
 * shapers calculate with one, so that whoever uses them may set it.
 */
static int ethtool_get_link_ksettings(struct net_device *dev,
				      struct ethtool_link_ksettings *cmd)
{
	const struct mmnet *mm = netdev_priv(dev);

	cmd->base.speed = mm->speed;
	cmd->base.duplex = mm->duplex;
	cmd->base.port = PORT_OTHER;
	cmd->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

static int
ethtool_set_link_ksettings(struct net_device *dev,
			   const struct ethtool_link_ksettings *cmd)
{
	struct mmnet *mm = netdev_priv(dev);

	return ethtool_virtdev_set_link_ksettings(dev, cmd, &mm->speed,
						  &mm->duplex);
}

static void ethtool_get_ringparam(struct net_device *dev,
				  struct ethtool_ringparam *ring,
				  struct kernel_ethtool_ringparam *kernel_ring,
				  struct netlink_ext_ack *extack)
{
	const struct mmnet *mm = netdev_priv(dev);

	ring->rx_max_pending = MMNET_NR_SLOTS;
	ring->tx_max_pending = MMNET_NR_SLOTS;
	ring->rx_pending = MMNET_NR_SLOTS;
	ring->tx_pending = MMNET_NR_SLOTS - mm->queue[0].tx_spare;
}

/*
 * The rings have the size that the protocol says. Of the one that we fill we
 * can leave a part empty, which shortens the queue of those who wait for the
 * peer. How much of the other one is in use is up to the peer.
 */
static int ethtool_set_ringparam(struct net_device *dev,
				 struct ethtool_ringparam *ring,
				 struct kernel_ethtool_ringparam *kernel_ring,
				 struct netlink_ext_ack *extack)
{
	struct mmnet *mm = netdev_priv(dev);
	unsigned int i;

	if (ring->rx_pending != MMNET_NR_SLOTS) {
		NL_SET_ERR_MSG(extack,
			       "the size of the rx ring is part of the protocol: set tx in the peer");
		return -EINVAL;
	}
	if (ring->tx_pending < MMNET_MIN_TX_PENDING) {
		NL_SET_ERR_MSG(extack, "tx must be 16 to 512");
		return -EINVAL;
	}
	for (i = 0; i < mm->nr_queues; i++)
		WRITE_ONCE(mm->queue[i].tx_spare,
			   MMNET_NR_SLOTS - ring->tx_pending);
	return 0;
}

static void ethtool_get_channels(struct net_device *dev,
				 struct ethtool_channels *channels)
{
	const struct mmnet *mm = netdev_priv(dev);

	channels->max_combined = mm->nr_queues;
	channels->combined_count = dev->real_num_tx_queues;
}

/*
 * Over how many channels do we send? We receive from all of them in any case:
 * which ones the peer uses is up to the peer. Therefore the number of receive
 * queues stays; the stack would also warn about a frame of a queue beyond it.
 */
static int ethtool_set_channels(struct net_device *dev,
				struct ethtool_channels *channels)
{
	unsigned int before = dev->real_num_tx_queues;
	int err;

	err = netif_set_real_num_tx_queues(dev, channels->combined_count);
	/* the maps of queues that were taken out are gone */
	if (!err)
		mmnet_netdev_set_xps(dev, before);
	return err;
}

static int ethtool_get_tunable(struct net_device *dev,
			       const struct ethtool_tunable *tuna, void *data)
{
	const struct mmnet *mm = netdev_priv(dev);

	if (tuna->id != ETHTOOL_RX_COPYBREAK)
		return -EOPNOTSUPP;
	*(u32 *)data = mm->copybreak;
	return 0;
}

static int ethtool_set_tunable(struct net_device *dev,
			       const struct ethtool_tunable *tuna,
			       const void *data)
{
	struct mmnet *mm = netdev_priv(dev);

	if (tuna->id != ETHTOOL_RX_COPYBREAK)
		return -EOPNOTSUPP;
	WRITE_ONCE(mm->copybreak, *(const u32 *)data);
	return 0;
}

const struct ethtool_ops mmnet_ethtool_ops = {
	.get_drvinfo = ethtool_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = ethtool_get_link_ksettings,
	.set_link_ksettings = ethtool_set_link_ksettings,
	.get_ringparam = ethtool_get_ringparam,
	.set_ringparam = ethtool_set_ringparam,
	.get_channels = ethtool_get_channels,
	.set_channels = ethtool_set_channels,
	.get_strings = ethtool_get_strings,
	.get_sset_count = ethtool_get_sset_count,
	.get_ethtool_stats = ethtool_get_stats,
	.get_ts_info = ethtool_op_get_ts_info,
	.get_tunable = ethtool_get_tunable,
	.set_tunable = ethtool_set_tunable,
};
