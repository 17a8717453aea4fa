// SPDX-License-Identifier: GPL-2.0
/*
 * Suspend: mappings and grants do not survive it, so links go down before, and
 * come back after.
 *
 * That is done in ->prepare(), before any device is suspended. A refusal later
 * would have Linux resume the devices that are suspended already, and
 * do_suspend() does not know then whether to do so as after a restore. User
 * processes are frozen by then, and so are those threads and work queues of the
 * kernel that ask for it; ours do not. The thread that delivers watches is the
 * one that suspends: a link looks for its peer's state itself meanwhile.
 *
 * Afterwards the nodes tell what has happened. Where they are as before, the
 * link starts again. After a restore or a migration they belong to another
 * domain, and the toolstack of that makes new ones: the device goes, as if it
 * had been removed. xenbus takes no notice of either: it learns from watches,
 * and those that are set anew tell nothing of what was there before.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/platform_device.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <xen/xenbus.h>

#include "export.h"
#include "fido_proto.h"
#include "link.h"
#include "suspend.h"
#include "window.h"

/*
 * For all links together, as they are asked one after the other. The toolstack
 * waits for a minute, of which the processes may have taken a part.
 */
#define SUSPEND_SECS		20
#define SUSPEND_POLL_MSECS	20

/* jiffies, zero: not begun; there is one suspend at a time */
static unsigned long suspend_until;

static bool suspend_may_wait(void)
{
	if (!suspend_until)
		suspend_until = (jiffies + SUSPEND_SECS * HZ) ?: 1;
	return time_before(jiffies, suspend_until);
}

/* The link's side, for its work */

/**
 * fido_suspend_look - is the domain about to be suspended?
 * @link: link; gets its peer's state, as nobody else tells
 *
 * Context: the link's work.
 * Return: true if so: the link must go down, and stay there.
 */
bool fido_suspend_look(struct fido_link *link)
{
	int state, err;

	if (!READ_ONCE(link->suspend))
		return false;
	err = xenbus_scanf(XBT_NIL, link->xbdev->otherend, "state", "%d",
			   &state);
	if (err == 1)
		WRITE_ONCE(link->peer_state, state);
	else if (err == -ENOENT)
		WRITE_ONCE(link->peer_state, XenbusStateUnknown);
	return true;
}

/**
 * fido_suspend_step - tell whether the link has got there
 * @link: link that is about to be suspended
 *
 * Context: the link's work, at its end.
 */
void fido_suspend_step(struct fido_link *link)
{
	bool down = link->state == FIDO_LINK_INIT ||
		    link->state == FIDO_LINK_CLOSED;

	WRITE_ONCE(link->at_rest, down && !link->export && !link->unshown);
}

/* What must not be there while the domain is suspended */

static const char suspend_stays_up[] =
	"a service does not go down: what is behind a disk that is served here does not end";
static const char suspend_held_here[] =
	"processes here hold memory of a peer, by what they have received and not read perhaps";
static const char suspend_held_there[] =
	"a peer still maps memory of this domain: is it paused, or does somebody there not read?";

/* What earlier lives of links have left, of one peer or of all */
static const char *suspend_left(u32 peer)
{
	if (fido_windows_abandoned(peer))
		return suspend_held_here;
	if (peer == FIDO_NO_DOMAIN ? fido_quarantine_grants() :
				     fido_quarantine_of(peer))
		return suspend_held_there;
	return NULL;
}

static const char *suspend_link_holder(const struct fido_link *link)
{
	if (READ_ONCE(link->at_rest))
		return suspend_left(link->peer);
	switch (READ_ONCE(link->state)) {
	case FIDO_LINK_UP:
		return suspend_stays_up;
	case FIDO_LINK_CLOSING:
		return suspend_held_here;
	case FIDO_LINK_CLOSED:
		return suspend_held_there;
	case FIDO_LINK_INIT:
	case FIDO_LINK_OFFERED:
		break;
	}
	return "the link has just been about to start";
}

static const char *suspend_wait_for_link(const struct fido_link *link)
{
	const char *why;

	while ((why = suspend_link_holder(link)) && suspend_may_wait())
		msleep(SUSPEND_POLL_MSECS);
	return why;
}

/* A link */

static void suspend_set_asleep(struct fido_link *link, bool asleep)
{
	unsigned long flags;

	spin_lock_irqsave(&link->kick_lock, flags);
	link->asleep = asleep;
	spin_unlock_irqrestore(&link->kick_lock, flags);
}

/* From here on nothing changes: the work does not run. */
static void suspend_sleep(struct fido_link *link)
{
	suspend_set_asleep(link, true);
	cancel_delayed_work_sync(&link->work);
	fido_link_show_suspended(link, true);
}

static void suspend_wake(struct fido_link *link)
{
	/* the latest state may not be told again, and services have waited */
	fido_suspend_look(link);
	WRITE_ONCE(link->rescan, true);
	WRITE_ONCE(link->at_rest, false);
	WRITE_ONCE(link->suspend, false);
	suspend_set_asleep(link, false);
	fido_link_kick(link);
}

static int suspend_link(struct fido_link *link)
{
	const char *why;

	WRITE_ONCE(link->suspend, true);
	fido_link_kick(link);
	why = suspend_wait_for_link(link);
	if (!why) {
		suspend_sleep(link);
		return 0;
	}
	xenbus_dev_error(link->xbdev, -EBUSY,
			 "domain %u: cannot be suspended: %s", link->peer, why);
	suspend_wake(link);
	suspend_until = 0;
	return -EBUSY;
}

/* The device's lock keeps the link. */
static int suspend_prepare(struct device *dev)
{
	struct fido_link *link = dev_get_drvdata(dev);
	unsigned int noio;
	int err;

	if (!link)
		return 0;
	noio = memalloc_noio_save();
	err = suspend_link(link);
	memalloc_noio_restore(noio);
	return err;
}

/*
 * What is not ours any more is not written to, nor looked at: xenbus may have
 * given up the name of the other end. Nodes that were made meanwhile at the same
 * place are new, which the link sees.
 */
static bool suspend_is_lost(const struct fido_link *link)
{
	int state;

	return !link->xbdev->otherend ||
	       xenbus_scanf(XBT_NIL, link->xbdev->nodename, "state", "%d",
			    &state) == -ENOENT;
}

static void suspend_complete_link(struct fido_link *link)
{
	if (suspend_is_lost(link)) {
		/* for suspend_resumed(), or xenbus removes the device */
		WRITE_ONCE(link->lost, true);
		return;
	}
	fido_link_show_suspended(link, false);
	suspend_wake(link);
}

/* Called if ->prepare() has succeeded, whatever has become of the suspend. */
static void suspend_complete(struct device *dev)
{
	struct fido_link *link = dev_get_drvdata(dev);
	unsigned int noio;

	suspend_until = 0;
	/* it may be another one: drivers can be unbound meanwhile */
	if (!link || !READ_ONCE(link->asleep))
		return;
	noio = memalloc_noio_save();
	suspend_complete_link(link);
	memalloc_noio_restore(noio);
}

/* For both roles; their buses have no such steps. */
const struct dev_pm_ops fido_suspend_ops = {
	.prepare = suspend_prepare,
	.complete = suspend_complete,
};

/* What is left of links that are gone: a device that is always there */

static int suspend_prepare_rest(struct device *dev)
{
	const char *why;

	while ((why = suspend_left(FIDO_NO_DOMAIN)) && suspend_may_wait())
		msleep(SUSPEND_POLL_MSECS);
	if (!why)
		return 0;
	dev_err(dev, "cannot be suspended: %s\n", why);
	suspend_until = 0;
	return -EBUSY;
}

static void suspend_complete_rest(struct device *dev)
{
	suspend_until = 0;
}

static const struct dev_pm_ops suspend_rest_ops = {
	.prepare = suspend_prepare_rest,
	.complete = suspend_complete_rest,
};

static struct platform_driver suspend_driver = {
	.driver = {
		.name = "fido",
		.pm = &suspend_rest_ops,
	},
};

static struct platform_device *suspend_device;

/* After a restore */

/* A write here makes xenbus look, and probe what is new. */
static void suspend_show_xenbus(const char *dir, const char *name)
{
	char path[64];
	int state;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (xenbus_scanf(XBT_NIL, path, "state", "%d", &state) == 1 &&
	    state == XenbusStateInitialising)
		xenbus_printf(XBT_NIL, path, FIDO_XS_VERSION, "%u",
			      FIDO_PROTO_VERSION);
}

static void suspend_show_each(const char *dir, const char *name,
			      void (*show)(const char *dir, const char *name))
{
	unsigned int i, nr;
	char path[64];
	char **entry;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	entry = xenbus_directory(XBT_NIL, path, "", &nr);
	if (IS_ERR(entry))
		return;
	for (i = 0; i < nr; i++)
		show(path, entry[i]);
	kfree(entry);
}

static void suspend_show_backends(const char *dir, const char *name)
{
	suspend_show_each(dir, name, suspend_show_xenbus);
}

/*
 * This watch has been set anew, as all have, and fires before those that tell
 * of nodes that are made from now on. No watch tells of nodes that were made
 * before. It also fires when the module is loaded: there is nothing to do then.
 */
static void suspend_resumed(struct xenbus_watch *watch, const char *path,
			    const char *token)
{
	unsigned int noio = memalloc_noio_save();
	struct xenbus_device *xbdev;

	/* this is the thread that adds and removes devices */
	while ((xbdev = fido_link_get_lost())) {
		device_unregister(&xbdev->dev);
		put_device(&xbdev->dev);
	}
	suspend_show_each("device", FIDO_XS_TYPE, suspend_show_xenbus);
	suspend_show_each("backend", FIDO_XS_TYPE, suspend_show_backends);
	memalloc_noio_restore(noio);
}

static struct xenbus_watch suspend_watch = {
	.node = "domid",
	.callback = suspend_resumed,
};

/**
 * fido_suspend_init - take part in suspend and resume
 *
 * Context: process, sleeps.
 * Return: 0 or an error.
 */
int fido_suspend_init(void)
{
	int err;

	err = platform_driver_register(&suspend_driver);
	if (err)
		return err;
	suspend_device = platform_device_register_simple("fido",
							 PLATFORM_DEVID_NONE,
							 NULL, 0);
	if (IS_ERR(suspend_device)) {
		err = PTR_ERR(suspend_device);
		goto err_driver;
	}
	err = register_xenbus_watch(&suspend_watch);
	if (err)
		goto err_device;
	return 0;

err_device:
	platform_device_unregister(suspend_device);
err_driver:
	platform_driver_unregister(&suspend_driver);
	return err;
}

/**
 * fido_suspend_exit - undo fido_suspend_init()
 *
 * Context: process, sleeps.
 */
void fido_suspend_exit(void)
{
	unregister_xenbus_watch(&suspend_watch);
	platform_device_unregister(suspend_device);
	platform_driver_unregister(&suspend_driver);
}
