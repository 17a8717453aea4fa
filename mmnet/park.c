// SPDX-License-Identifier: GPL-2.0
/*
 * Interfaces that outlive their service.
 *
 * Such an interface is known by what the toolstack calls it, in our own nodes,
 * and its address is the toolstack's, too: nothing of this is from a peer. When
 * its service is removed, and the toolstack has not said that the interface
 * shall go as well, it is parked: without a service, and otherwise as while the
 * link is down, which is nothing new to the stack. Whatever can be done to an
 * interface whose link is down can be done to it: it is opened and closed,
 * renamed, moved to another namespace, gets another MTU or a program of XDP.
 * The next service that is called the same takes it over. There is one interface
 * of each name, so there are not more parked ones than the toolstack has made.
 *
 * Nothing here belongs to a peer: ->down() has been called, and what GRO still
 * held has been dropped.
 *
 * The lock is taken by whoever writes an attribute, and the stack waits for him
 * under RTNL before an interface goes: neither RTNL nor xenstore is waited for
 * with the lock held.
 */
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/kstrtox.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "mmnet.h"
#include "park.h"

/* Why a service cannot have an interface, for its administrator */
#define WHY_SIZE	160

/* Guards the list, and what of its members the list is for */
static DEFINE_MUTEX(park_lock);
static LIST_HEAD(park_kept);

static struct mmnet *park_find(const struct mmnet *like)
{
	struct mmnet *mm;

	list_for_each_entry(mm, &park_kept, node)
		if (!strcmp(mm->keep, like->keep))
			return mm;
	return NULL;
}

/* Was it given the same address as @dev, whatever has been set since? */
static bool park_has_mac(const struct mmnet *mm, const struct net_device *dev)
{
	return dev->addr_assign_type != NET_ADDR_PERM ||
	       ether_addr_equal(mm->dev->perm_addr, dev->dev_addr);
}

/*
 * Queues and permanent address of an interface are there as long as it is. The
 * service that has it may be on its way out, or of a VM that is dead, which the
 * toolstack sees off.
 */
static int park_fits(const struct mmnet *mm, const struct net_device *dev,
		     char *why)
{
	const struct mmnet *like = netdev_priv(dev);

	if (!mm->parked || mm->abandoned)
		return fido_defer(like->fdev,
				  "its interface is still there: remove its stale link");
	if (mm->dev->num_tx_queues != dev->num_tx_queues) {
		snprintf(why, WHY_SIZE,
			 "%s, which waits for it, has queues = %u: say so",
			 netdev_name(mm->dev), mm->dev->num_tx_queues);
		return -EINVAL;
	}
	if (!park_has_mac(mm, dev)) {
		snprintf(why, WHY_SIZE,
			 "%s, which waits for it, has the MAC %pM: say so",
			 netdev_name(mm->dev), mm->dev->perm_addr);
		return -EINVAL;
	}
	return 0;
}

/**
 * mmnet_park_claim - is this interface waiting for a service?
 * @dev: new, with its parameters, not registered
 *
 * Return: the interface that waits, not parked any more; @dev, now known by its
 * name if it has one to be kept by, if there is none; or an ERR_PTR, for
 * ->probe(): the service has been told why, or tries again.
 */
struct net_device *mmnet_park_claim(struct net_device *dev)
{
	struct mmnet *mm = netdev_priv(dev), *found;
	char why[WHY_SIZE];
	int err = 0;

	if (!mm->keep)
		return dev;
	mutex_lock(&park_lock);
	found = park_find(mm);
	if (!found) {
		found = mm;
		list_add_tail(&mm->node, &park_kept);
	} else {
		err = park_fits(found, dev, why);
	}
	if (!err)
		WRITE_ONCE(found->parked, false);
	mutex_unlock(&park_lock);
	if (!err)
		return found->dev;
	if (err != -EAGAIN)
		fido_error(mm->fdev, err, "%s", why);
	return ERR_PTR(err);
}

/**
 * mmnet_park_add - an interface has lost its service, and waits for another one
 * @dev: detached from its service
 */
void mmnet_park_add(struct net_device *dev)
{
	struct mmnet *mm = netdev_priv(dev);

	netdev_info(dev, "kept, waits for %s\n", mm->keep);
	mutex_lock(&park_lock);
	WRITE_ONCE(mm->parked, true);
	mutex_unlock(&park_lock);
}

/**
 * mmnet_park_forget - an interface has gone, its name is free
 * @dev: not known by a name any more when this returns, if it ever was
 */
void mmnet_park_forget(struct net_device *dev)
{
	struct mmnet *mm = netdev_priv(dev);

	if (!mm->keep)
		return;
	mutex_lock(&park_lock);
	list_del(&mm->node);
	mutex_unlock(&park_lock);
}

/* Nobody adopts it any more, and only the work ends it: it stays there. */
static struct net_device *park_first_abandoned(void)
{
	struct net_device *dev = NULL;
	struct mmnet *mm;

	mutex_lock(&park_lock);
	list_for_each_entry(mm, &park_kept, node) {
		if (!mm->abandoned)
			continue;
		dev = mm->dev;
		break;
	}
	mutex_unlock(&park_lock);
	return dev;
}

static void park_work_fn(struct work_struct *work)
{
	struct net_device *dev;

	while ((dev = park_first_abandoned())) {
		netdev_info(dev, "given up\n");
		mmnet_netdev_end(dev);
	}
}

static DECLARE_WORK(park_work, park_work_fn);

/* Done by a work, as the caller is an attribute of the interface. */
static int park_abandon(struct mmnet *mm)
{
	int err = -EBUSY;

	mutex_lock(&park_lock);
	if (mm->parked) {
		mm->abandoned = true;
		schedule_work(&park_work);
		err = 0;
	}
	mutex_unlock(&park_lock);
	return err;
}

/**
 * mmnet_park_end - give up all of them, the module is unloaded
 *
 * No service is there any more.
 */
void mmnet_park_end(void)
{
	struct mmnet *mm;

	mutex_lock(&park_lock);
	list_for_each_entry(mm, &park_kept, node)
		mm->abandoned = true;
	mutex_unlock(&park_lock);
	schedule_work(&park_work);
	flush_work(&park_work);
	/* after the interfaces: nobody can schedule it any more */
	cancel_work_sync(&park_work);
}

/* Attributes, in a directory of their own */

static struct mmnet *park_of(struct device *dev)
{
	return netdev_priv(to_net_dev(dev));
}

static ssize_t keep_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%s\n", park_of(dev)->keep);
}
static DEVICE_ATTR_RO(keep);

static ssize_t parked_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(park_of(dev)->parked));
}
static DEVICE_ATTR_RO(parked);

/*
 * In a container's namespace the file belongs to root there, who may set up the
 * interface, but has not made it.
 */
static ssize_t abandon_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	bool yes;
	int err;

	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	err = kstrtobool(buf, &yes);
	if (!err && yes)
		err = park_abandon(park_of(dev));
	return err ? err : count;
}
static DEVICE_ATTR_WO(abandon);

static struct attribute *park_attrs[] = {
	&dev_attr_keep.attr,
	&dev_attr_parked.attr,
	&dev_attr_abandon.attr,
	NULL,
};

static const struct attribute_group park_group = {
	.name = "mmnet",
	.attrs = park_attrs,
};

/**
 * mmnet_park_set_attrs - have an interface that is kept show that it is
 * @dev: not registered yet
 */
void mmnet_park_set_attrs(struct net_device *dev)
{
	dev->sysfs_groups[0] = &park_group;
}
