// SPDX-License-Identifier: GPL-2.0
/*
 * xenbus drivers: a link's frontend and its backend. What they do is the same
 * but for the order of the handshake, see link.c.
 */
#include <linux/completion.h>
#include <linux/sched/mm.h>
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
	/* the rest is for the link's work; this thread must not be kept */
	if (link)
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

/* Mostly the same thread. */
static compat_remove_t fido_xenbus_remove(struct xenbus_device *xbdev)
{
	unsigned int noio = memalloc_noio_save();

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
	if (err)
		xenbus_unregister_driver(&fido_front_driver);
	return err;
}

static void fido_xenbus_unregister_now(void)
{
	xenbus_unregister_driver(&fido_back_driver);
	xenbus_unregister_driver(&fido_front_driver);
}

/**
 * struct fido_unregister - a call in the thread of all watches
 * @watch: fires at once, as every new one does
 * @done: the call has been made
 */
struct fido_unregister {
	struct xenbus_watch watch;
	struct completion done;
};

static void fido_unregister_cb(struct xenbus_watch *watch, const char *path,
			       const char *token)
{
	struct fido_unregister *call;

	call = container_of(watch, struct fido_unregister, watch);
	if (completion_done(&call->done))
		return;
	fido_xenbus_unregister_now();
	complete(&call->done);
}

/**
 * fido_xenbus_unregister - unregister both, which takes all links down
 *
 * Whoever unbinds a driver holds the lock of the device, and waits for the
 * watch that is being delivered just now before it gives up those of the
 * device. If that one says that the toolstack has removed the same device, it
 * waits for the lock. So this is done in the thread that delivers watches.
 *
 * Context: process, sleeps.
 */
void fido_xenbus_unregister(void)
{
	struct fido_unregister call = {
		.watch = {
			.node = "domid",
			.callback = fido_unregister_cb,
		},
	};

	init_completion(&call.done);
	if (register_xenbus_watch(&call.watch)) {
		fido_xenbus_unregister_now();
		return;
	}
	wait_for_completion(&call.done);
	unregister_xenbus_watch(&call.watch);
}
