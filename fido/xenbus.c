// SPDX-License-Identifier: GPL-2.0
/*
 * xenbus drivers: a link's frontend and its backend. What they do is the same
 * but for the order of the handshake, see link.c.
 */
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched/mm.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <xen/xenbus.h>

#include "compat.h"
#include "link.h"
#include "suspend.h"

/* One event in the queue is enough, as the state is read when it is served. */
static bool fido_otherend_will_handle(struct xenbus_watch *watch,
				      const char *path, const char *token)
{
	return watch->nr_pending == 0;
}

/*
 * A device that was not probed for lack of memory, of what xenstore grants a
 * domain, or of a watch on the other end, is tried again, as nobody would tell
 * that there is some: less and less often, since xenbus logs each failure.
 */
#define PROBE_MIN_SECS		1
#define PROBE_MAX_SECS		32

static unsigned int fido_probe_pause = PROBE_MIN_SECS;
static bool fido_probe_ended;	/* the drivers are about to go */

static void fido_probe_again(struct work_struct *work);
static DECLARE_DELAYED_WORK(fido_probe_work, fido_probe_again);

/* Who gets in between makes a pause shorter or longer, and no harm. */
static void fido_probe_later(void)
{
	unsigned int pause = READ_ONCE(fido_probe_pause);

	queue_delayed_work(system_long_wq, &fido_probe_work, pause * HZ);
	WRITE_ONCE(fido_probe_pause,
		   min_t(unsigned int, 2 * pause, PROBE_MAX_SECS));
}

static void fido_otherend_changed(struct xenbus_device *xbdev,
				  enum xenbus_state state)
{
	struct fido_link *link = dev_get_drvdata(&xbdev->dev);

	/*
	 * The kernel bounds the queue of this watch for backends only; a
	 * backend can be hostile, too (XSA-349).
	 */
	if (!xbdev->otherend_watch.will_handle)
		WRITE_ONCE(xbdev->otherend_watch.will_handle,
			   fido_otherend_will_handle);
	if (!link)
		return;
	/* each new watch fires at once: now the probe has succeeded as a whole */
	if (!READ_ONCE(link->watched))
		WRITE_ONCE(fido_probe_pause, PROBE_MIN_SECS);
	WRITE_ONCE(link->watched, true);
	/* the rest is for the link's work; this thread must not be kept */
	fido_link_peer_state(link, state);
}

/*
 * This thread tells all links of their peers: it must not wait for a disk that
 * waits for one of them.
 */
static int fido_probe(struct xenbus_device *xbdev, bool is_frontend)
{
	unsigned int noio = memalloc_noio_save();
	int err = fido_link_add(xbdev, is_frontend);

	/* too many links, or two with one peer, are the toolstack's to mend */
	if (err && err != -EEXIST && err != -ENOSPC)
		fido_probe_later();
	memalloc_noio_restore(noio);
	return err;
}

static int fido_front_probe(struct xenbus_device *xbdev,
			    const struct xenbus_device_id *id)
{
	return fido_probe(xbdev, true);
}

static int fido_back_probe(struct xenbus_device *xbdev,
			   const struct xenbus_device_id *id)
{
	return fido_probe(xbdev, false);
}

/*
 * Mostly the same thread. xenbus watches the other end once ->probe() has
 * succeeded. If it cannot, it calls this, and tells nobody. A device that really
 * goes so early is not found any more.
 */
static compat_remove_t fido_xenbus_remove(struct xenbus_device *xbdev)
{
	const struct fido_link *link = dev_get_drvdata(&xbdev->dev);
	unsigned int noio = memalloc_noio_save();

	if (link && !READ_ONCE(link->watched))
		fido_probe_later();
	fido_link_remove(xbdev);
	memalloc_noio_restore(noio);
	compat_remove_return();
}

static const struct xenbus_device_id fido_front_ids[] = {
	{ FIDO_XS_TYPE },
	{ "" }
};

static const struct xenbus_device_id fido_back_ids[] = {
	{ FIDO_XS_TYPE },
	{ "" }
};

static struct xenbus_driver fido_front_driver = {
	.name = "fido-front",
	.ids = fido_front_ids,
	.driver.pm = &fido_suspend_ops,
	/* remove() leaves the state that lets the other side reconnect */
	.allow_rebind = true,
	.not_essential = true,
	.probe = fido_front_probe,
	.remove = fido_xenbus_remove,
	.otherend_changed = fido_otherend_changed,
};

static struct xenbus_driver fido_back_driver = {
	.name = "fido-back",
	.ids = fido_back_ids,
	.driver.pm = &fido_suspend_ops,
	.allow_rebind = true,
	.probe = fido_back_probe,
	.remove = fido_xenbus_remove,
	.otherend_changed = fido_otherend_changed,
};

/**
 * struct fido_call - a call in the thread of all watches
 * @watch: fires at once, as every new one does
 * @fn: what is called
 * @done: it has been
 */
struct fido_call {
	struct xenbus_watch watch;
	void (*fn)(void);
	struct completion done;
};

static void fido_call_cb(struct xenbus_watch *watch, const char *path,
			 const char *token)
{
	struct fido_call *call = container_of(watch, struct fido_call, watch);

	if (completion_done(&call->done))
		return;
	call->fn();
	complete(&call->done);
}

/*
 * Whoever binds or unbinds a driver holds the lock of the device, and may wait
 * for the watch that is being delivered just now before it gives up those of
 * the device. If that one says that the toolstack has removed the same device,
 * it waits for the lock. So this is done in the thread that delivers watches.
 */
static int fido_call_in_xenwatch(void (*fn)(void))
{
	struct fido_call call = {
		.watch = {
			.node = "domid",
			.callback = fido_call_cb,
		},
		.fn = fn,
	};
	int err;

	init_completion(&call.done);
	err = register_xenbus_watch(&call.watch);
	if (err)
		return err;
	wait_for_completion(&call.done);
	unregister_xenbus_watch(&call.watch);
	return 0;
}

/* A device that has a driver may be losing it, and wait for this thread. */
static int fido_probe_one(struct device *dev, void *unused)
{
	if (!READ_ONCE(dev->driver) &&
	    !strcmp(to_xenbus_device(dev)->devicetype, FIDO_XS_TYPE) &&
	    device_attach(dev) < 0)
		dev_dbg(dev, "cannot be probed\n");
	return 0;
}

/* All devices that have no driver; what fails again comes again. */
static void fido_probe_all(void)
{
	if (READ_ONCE(fido_probe_ended))
		return;
	bus_for_each_dev(fido_front_driver.driver.bus, NULL, NULL,
			 fido_probe_one);
	bus_for_each_dev(fido_back_driver.driver.bus, NULL, NULL,
			 fido_probe_one);
}

/* To be called before the drivers go, and when no probe can fail any more. */
static void fido_probe_end(void)
{
	/* what runs now ends, and what comes later finds this: nobody binds */
	WRITE_ONCE(fido_probe_ended, true);
	cancel_delayed_work_sync(&fido_probe_work);
}

static void fido_probe_again(struct work_struct *work)
{
	if (fido_call_in_xenwatch(fido_probe_all))
		fido_probe_later();
}

/**
 * fido_xenbus_register - register both roles
 *
 * The drivers have no owner: xenbus keeps a reference to the owner of a driver
 * for each device, so that a module with links could never be unloaded. It is
 * not needed, as unregistering a driver waits until its devices are removed.
 *
 * Return: 0 or an error.
 */
int fido_xenbus_register(void)
{
	int err;

	err = __xenbus_register_frontend(&fido_front_driver, NULL,
					 KBUILD_MODNAME);
	if (err)
		return err;
	err = __xenbus_register_backend(&fido_back_driver, NULL,
					KBUILD_MODNAME);
	if (!err)
		return 0;
	fido_probe_end();
	xenbus_unregister_driver(&fido_front_driver);
	fido_probe_end();
	return err;
}

static void fido_xenbus_unregister_now(void)
{
	xenbus_unregister_driver(&fido_back_driver);
	xenbus_unregister_driver(&fido_front_driver);
}

/**
 * fido_xenbus_unregister - unregister both, which takes all links down
 *
 * Context: process, sleeps.
 */
void fido_xenbus_unregister(void)
{
	fido_probe_end();
	if (fido_call_in_xenwatch(fido_xenbus_unregister_now))
		fido_xenbus_unregister_now();
	fido_probe_end();
}
