// SPDX-License-Identifier: GPL-2.0
/*
 * The net device: its life, and the calls of the stack that are no packets.
 *
 * Three things come and go on their own: the service (the device exists, and
 * longer than that if it is kept, see park.c), the link (->up() to ->down():
 * carrier, polls, receiving) and the interface
 * (open: what is received goes to the stack, and something can be sent). The
 * last two change under RTNL:
 *
 *	link	interface	polls		tx queues
 *	down	any		disabled	stopped
 *	up	closed		enabled		stopped
 *	up	open		enabled		started
 *
 * The polls run for a closed interface, too, because the peer does not know:
 * what it sends and what it waits for has to be released.
 */
#include <linux/bitmap.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/log2.h>
#include <linux/netdevice.h>
#include <linux/overflow.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "compat.h"
#include "mmnet.h"
#include "park.h"

#define OFFLOADS	(NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | \
			 NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4)

static int netdev_open(struct net_device *dev)
{
	struct mmnet *mm = netdev_priv(dev);

	if (mm->up)
		netif_tx_start_all_queues(dev);
	return 0;
}

/*
 * Polls see that the interface is not running, start no queue again and
 * deliver no frame. What one of them is delivering just now, or GRO holds, may
 * reach the stack later: the device stays until ->down() has ended the polls.
 */
static int netdev_stop(struct net_device *dev)
{
	netif_tx_disable(dev);
	return 0;
}

static u64 stats_tx_drops(const struct mmnet_stats *stats)
{
	static const enum mmnet_tx_counter reasons[] = {
		MMNET_TX_DROP_LENGTH, MMNET_TX_DROP_OFFLOAD,
		MMNET_TX_DROP_NOMEM, MMNET_TX_DROP_UNNAMED,
		MMNET_TX_DROP_LINK, MMNET_TX_DROP_XDP,
	};
	unsigned int i;
	u64 nr = 0;

	for (i = 0; i < ARRAY_SIZE(reasons); i++)
		nr += u64_stats_read(&stats->tx[reasons[i]]);
	return nr;
}

/* Not what a program has dropped, nor what came to a closed interface. */
static u64 stats_rx_drops(const struct mmnet_stats *stats)
{
	static const enum mmnet_rx_counter reasons[] = {
		MMNET_RX_DROP_NOMEM, MMNET_RX_DROP_UNREADABLE,
		MMNET_RX_DROP_XDP_LENGTH, MMNET_RX_DROP_XDP_SEGMENT,
		MMNET_RX_XDP_ERROR,
	};
	unsigned int i;
	u64 nr = 0;

	for (i = 0; i < ARRAY_SIZE(reasons); i++)
		nr += u64_stats_read(&stats->rx[reasons[i]]);
	return nr;
}

static void stats_add_tx(const struct mmnet_stats *stats,
			 struct rtnl_link_stats64 *sum)
{
	u64 packets, bytes, drops;
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&stats->tx_sync);
		packets = u64_stats_read(&stats->tx[MMNET_TX_PACKETS]);
		bytes = u64_stats_read(&stats->tx[MMNET_TX_BYTES]);
		drops = stats_tx_drops(stats);
	} while (u64_stats_fetch_retry(&stats->tx_sync, start));
	sum->tx_packets += packets;
	sum->tx_bytes += bytes;
	sum->tx_dropped += drops;
}

static void stats_add_rx(const struct mmnet_stats *stats,
			 struct rtnl_link_stats64 *sum)
{
	u64 packets, bytes, drops;
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&stats->rx_sync);
		packets = u64_stats_read(&stats->rx[MMNET_RX_PACKETS]);
		bytes = u64_stats_read(&stats->rx[MMNET_RX_BYTES]);
		drops = stats_rx_drops(stats);
	} while (u64_stats_fetch_retry(&stats->rx_sync, start));
	sum->rx_packets += packets;
	sum->rx_bytes += bytes;
	sum->rx_dropped += drops;
}

static void netdev_get_stats64(struct net_device *dev,
			       struct rtnl_link_stats64 *sum)
{
	const struct mmnet *mm = netdev_priv(dev);
	unsigned int i;

	for (i = 0; i < mm->nr_queues; i++) {
		stats_add_tx(&mm->queue[i].stats, sum);
		stats_add_rx(&mm->queue[i].stats, sum);
	}
}

/*
 * There is no filter: whatever the peer sends arrives. The call has to exist,
 * as SIOCADDMULTI (ip maddr) asks for it.
 */
static void netdev_set_rx_mode(struct net_device *dev)
{
}

static const struct net_device_ops netdev_ops = {
	.ndo_open = netdev_open,
	.ndo_stop = netdev_stop,
	.ndo_start_xmit = mmnet_start_xmit,
	.ndo_features_check = mmnet_features_check,
	.ndo_get_stats64 = netdev_get_stats64,
	.ndo_set_rx_mode = netdev_set_rx_mode,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_bpf = mmnet_xdp_bpf,
	.ndo_xdp_xmit = mmnet_xdp_xmit,
};

/**
 * mmnet_is_netdev - is it one of ours?
 * @dev: any device
 *
 * Return: true if so.
 */
bool mmnet_is_netdev(const struct net_device *dev)
{
	return dev->netdev_ops == &netdev_ops;
}

/**
 * mmnet_netdev_up - the link is up
 * @dev: device
 *
 * Context: process.
 */
void mmnet_netdev_up(struct net_device *dev)
{
	struct mmnet *mm = netdev_priv(dev);
	unsigned int i;

	rtnl_lock();
	for (i = 0; i < mm->nr_queues; i++)
		mmnet_queue_up(&mm->queue[i], fido_chan(mm->fdev, i));
	mm->up = true;
	mm->served = true;
	netif_carrier_on(dev);
	if (netif_running(dev))
		netif_tx_wake_all_queues(dev);
	rtnl_unlock();
}

/**
 * mmnet_netdev_down - the link goes down
 * @dev: device
 *
 * When it returns nothing uses the channels any more.
 *
 * Context: process.
 */
void mmnet_netdev_down(struct net_device *dev)
{
	struct mmnet *mm = netdev_priv(dev);
	unsigned int i;

	rtnl_lock();
	mm->up = false;
	netif_carrier_off(dev);
	for (i = 0; i < mm->nr_queues; i++)
		mmnet_queue_quiesce(&mm->queue[i]);
	/* napi_disable() lets a poll that completed just now go on to its end */
	synchronize_net();
	/* after the polls, which start queues; waits for senders */
	netif_tx_disable(dev);
	for (i = 0; i < mm->nr_queues; i++)
		mmnet_queue_down(&mm->queue[i]);
	rtnl_unlock();
}

/**
 * mmnet_netdev_silent - the peer gives no sign of life, or gives them again
 * @dev: device whose link is up
 * @silent: which of the two it is
 *
 * Bonds and routes, which choose between ways, see it by the carrier. All else
 * stays: polls run, and what is in the rings is there when the peer is back.
 *
 * Context: process; between mmnet_netdev_up() and mmnet_netdev_down().
 */
void mmnet_netdev_silent(struct net_device *dev, bool silent)
{
	if (silent)
		netif_carrier_off(dev);
	else
		netif_carrier_on(dev);
}

/* Which queue sends? */

/*
 * Who begins a flow sends on the queue whose events its CPU gets. From then on
 * each side answers on the queue that the other's frames come on. So a flow
 * stays on one queue, in both directions, whether a socket sends or a poll on
 * its behalf. The CPU alone would not do: TCP chooses anew when nothing of the
 * socket is under way in the device. That is always so here, as sent frames
 * have no owner any more; and frames on two queues overtake each other.
 */
static void netdev_set_xps_queue(struct net_device *dev, unsigned int queue)
{
	DECLARE_BITMAP(rx_queues, FIDO_MAX_CHANNELS) = {};
	const struct cpumask *cpus;

	__set_bit(queue, rx_queues);
	/* without memory for it the hash decides, as without any map */
	cpus_read_lock();
	cpus = cpumask_of(mmnet_queue_cpu(queue));
	__netif_set_xps_queue(dev, cpumask_bits(cpus), queue, XPS_CPUS);
	__netif_set_xps_queue(dev, rx_queues, queue, XPS_RXQS);
	cpus_read_unlock();
}

/**
 * mmnet_netdev_set_xps - say what is sent on which queue, by default
 * @dev: device
 * @first: from this queue on, of those that are sent on
 *
 * What the administrator writes to xps_cpus and xps_rxqs of these queues later
 * stays as long as they are sent on.
 *
 * Context: process, under RTNL.
 */
void mmnet_netdev_set_xps(struct net_device *dev, unsigned int first)
{
	unsigned int queue;

	if (dev->num_tx_queues == 1)
		return;
	for (queue = first; queue < dev->real_num_tx_queues; queue++)
		netdev_set_xps_queue(dev, queue);
}

/* Life */

static const char default_name[] = "mmnet%d";

/*
 * The default name counts services as they come. One from xenstore is stable,
 * and what its administrator wants: udev leaves it alone, being told so.
 */
static void netdev_set_name(struct net_device *dev, struct fido_device *fdev)
{
	char *name = fido_param(fdev, "name");

	strscpy(dev->name, default_name, sizeof(dev->name));
	if (!IS_ERR_OR_NULL(name) && dev_valid_name(name) &&
	    !strchr(name, '%')) {
		strscpy(dev->name, name, sizeof(dev->name));
		dev->name_assign_type = NET_NAME_PREDICTABLE;
	}
	if (!IS_ERR(name))
		kfree(name);
}

/* An interface of another name is better than none. */
static int netdev_register(struct net_device *dev)
{
	int err = register_netdev(dev);

	if (err != -EEXIST || dev->name_assign_type != NET_NAME_PREDICTABLE)
		return err;
	netdev_warn(dev, "the name is taken\n");
	strscpy(dev->name, default_name, sizeof(dev->name));
	dev->name_assign_type = NET_NAME_ENUM;
	return register_netdev(dev);
}

/* With a MAC from xenstore, that one is shown as permanent (ethtool -P). */
static void netdev_set_mac(struct net_device *dev, struct fido_device *fdev)
{
	char *text = fido_param(fdev, "mac");
	u8 mac[ETH_ALEN];

	if (!IS_ERR_OR_NULL(text) && mac_pton(text, mac) &&
	    is_valid_ether_addr(mac))
		eth_hw_addr_set(dev, mac);
	else
		eth_hw_addr_random(dev);
	if (!IS_ERR(text))
		kfree(text);
}

/*
 * Nothing lies between the two that wants smaller frames, and each frame has
 * its price. So the default is the largest, as for loopback and ntb_netdev.
 */
static int netdev_set_mtu(struct net_device *dev, struct fido_device *fdev)
{
	dev->min_mtu = MMNET_MIN_MTU;
	dev->max_mtu = MMNET_MAX_MTU;
	dev->mtu = MMNET_MAX_MTU;
	return fido_param_range(fdev, "mtu", MMNET_MIN_MTU, MMNET_MAX_MTU,
				&dev->mtu);
}

/*
 * GSO_ROBUST: the receiver does not trust what we say about segments, so it
 * need not be checked here. FRAGLIST: what came from another mmnet goes on
 * without a copy.
 */
static void netdev_set_features(struct net_device *dev)
{
	dev->hw_features = OFFLOADS | NETIF_F_RXHASH;
	dev->features = dev->hw_features | NETIF_F_RXCSUM | NETIF_F_HIGHDMA |
			NETIF_F_GSO_ROBUST | NETIF_F_FRAGLIST;
	dev->vlan_features = dev->features;
	netif_set_tso_max_size(dev, MMNET_MAX_TCP_LEN);
}

static void netdev_free_queues(struct mmnet *mm)
{
	for (; mm->nr_queues; mm->nr_queues--)
		mmnet_queue_exit(&mm->queue[mm->nr_queues - 1]);
	kvfree(mm->queue);
	mm->queue = NULL;
}

static int netdev_init_queues(struct net_device *dev, unsigned int nr_queues)
{
	struct mmnet *mm = netdev_priv(dev);
	int err = 0;

	/* a power of two is aligned to itself, thus to cache lines */
	mm->queue = kvzalloc(roundup_pow_of_two(size_mul(nr_queues,
							 sizeof(*mm->queue))),
			     GFP_KERNEL);
	if (!mm->queue)
		return -ENOMEM;
	while (!err && mm->nr_queues < nr_queues) {
		err = mmnet_queue_init(&mm->queue[mm->nr_queues], dev,
				       mm->nr_queues);
		if (!err)
			mm->nr_queues++;
	}
	if (err)
		netdev_free_queues(mm);
	return err;
}

/* "no" is for services that are being removed. */
static void netdev_set_keep(struct net_device *dev, struct fido_device *fdev)
{
	struct mmnet *mm = netdev_priv(dev);

	mm->keep = fido_param(fdev, "keep");
	if (!mm->keep || (*mm->keep && strcmp(mm->keep, "no")))
		return;
	kfree(mm->keep);
	mm->keep = NULL;
}

/* An interface that outlives its service has no place in sysfs below it. */
static void netdev_set_place(struct net_device *dev, struct fido_device *fdev)
{
	struct mmnet *mm = netdev_priv(dev);

	if (mm->keep)
		mmnet_park_set_attrs(dev);
	else
		SET_NETDEV_DEV(dev, &fdev->dev);
}

static void netdev_free(struct net_device *dev)
{
	struct mmnet *mm = netdev_priv(dev);

	netdev_free_queues(mm);
	kfree(mm->keep);
	free_netdev(dev);
}

static struct net_device *netdev_alloc(struct fido_device *fdev,
				       unsigned int nr_queues)
{
	struct net_device *dev;
	struct mmnet *mm;
	int err;

	dev = alloc_etherdev_mqs(sizeof(*mm), nr_queues, nr_queues);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	mm = netdev_priv(dev);
	mm->dev = dev;
	mm->fdev = fdev;
	mm->copybreak = MMNET_COPYBREAK;
	mm->speed = SPEED_UNKNOWN;
	mm->duplex = DUPLEX_FULL;

	dev->netdev_ops = &netdev_ops;
	dev->ethtool_ops = &mmnet_ethtool_ops;
	/* further addresses, as of a macvlan, need no promiscuous mode */
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE | IFF_UNICAST_FLT;
	netdev_set_keep(dev, fdev);
	netdev_set_place(dev, fdev);
	netdev_set_features(dev);
	netdev_set_name(dev, fdev);
	mmnet_xdp_set_features(dev);
	netdev_set_mac(dev, fdev);
	err = netdev_set_mtu(dev, fdev);
	if (err) {
		netdev_free(dev);
		return ERR_PTR(err);
	}
	return dev;
}

static int netdev_build(struct net_device *dev)
{
	int err;

	err = netdev_init_queues(dev, dev->num_tx_queues);
	if (err)
		return err;
	netif_carrier_off(dev);
	err = netdev_register(dev);
	if (err)
		return err;
	rtnl_lock();
	mmnet_netdev_set_xps(dev, 0);
	rtnl_unlock();
	return 0;
}

/* One that waits is taken over: it has all that it needs. */
static void netdev_adopt(struct net_device *dev, struct fido_device *fdev)
{
	struct mmnet *mm = netdev_priv(dev);

	rtnl_lock();
	mm->fdev = fdev;
	rtnl_unlock();
	dev_info(&fdev->dev, "%s goes on here\n", netdev_name(dev));
}

/**
 * mmnet_netdev_create - make and register a net device, or take one over
 * @fdev: its service, which is told of errors but -ENOMEM
 * @nr_queues: number of channels
 *
 * Context: process.
 * Return: the device, or an ERR_PTR.
 */
struct net_device *mmnet_netdev_create(struct fido_device *fdev,
				       unsigned int nr_queues)
{
	struct net_device *dev, *kept;
	int err;

	dev = netdev_alloc(fdev, nr_queues);
	if (IS_ERR(dev))
		return dev;
	kept = mmnet_park_claim(dev);
	if (kept != dev) {
		netdev_free(dev);
		if (!IS_ERR(kept))
			netdev_adopt(kept, fdev);
		return kept;
	}
	err = netdev_build(dev);
	if (!err)
		return dev;
	mmnet_park_forget(dev);
	netdev_free(dev);
	/* the bus tells of -ENOMEM, once, as it tries again */
	if (err != -ENOMEM)
		fido_error(fdev, err, "creating the interface");
	return ERR_PTR(err);
}

/**
 * mmnet_netdev_end - unregister and free a net device
 * @dev: device whose link is down; its service is going, or has gone before
 *
 * Context: process.
 */
void mmnet_netdev_end(struct net_device *dev)
{
	unregister_netdev(dev);
	/* a service that wants its name earlier tries again */
	mmnet_park_forget(dev);
	netdev_free(dev);
}

/*
 * Does it outlive its service? One that has never been up has nothing to keep:
 * it may be that the toolstack is refused by the other side, and has removed
 * the service without another word. Whoever removes the interface, and not
 * merely the link to a VM that died, says so before.
 */
static bool netdev_stays(const struct mmnet *mm)
{
	bool stays;
	char *keep;

	if (!mm->keep || !mm->served)
		return false;
	keep = fido_param(mm->fdev, "keep");
	stays = !keep || strcmp(keep, "no");
	kfree(keep);
	return stays;
}

/* When this returns, nobody looks at the service any more. */
static void netdev_detach(struct net_device *dev)
{
	struct mmnet *mm = netdev_priv(dev);
	unsigned int i;

	rtnl_lock();
	mm->fdev = NULL;
	for (i = 0; i < mm->nr_queues; i++)
		mmnet_queue_park(&mm->queue[i]);
	rtnl_unlock();
}

/**
 * mmnet_netdev_remove - the service goes, and unless it is kept the net device
 * @dev: device whose link is down
 *
 * Context: process.
 */
void mmnet_netdev_remove(struct net_device *dev)
{
	if (!netdev_stays(netdev_priv(dev))) {
		mmnet_netdev_end(dev);
		return;
	}
	netdev_detach(dev);
	mmnet_park_add(dev);
}
