// SPDX-License-Identifier: GPL-2.0
/*
 * The fido bus: services are devices, clients are drivers.
 */
#include <linux/device.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "fido.h"
#include "link.h"
#include "service.h"

static struct fido_driver *to_fido_driver(const struct device_driver *drv)
{
	return container_of(drv, struct fido_driver, driver);
}

static int fido_bus_match(struct device *dev,
			  compat_match_const struct device_driver *drv)
{
	return !strcmp(to_fido_device(dev)->type, to_fido_driver(drv)->type);
}

static int fido_bus_uevent(compat_uevent_const struct device *dev,
			   struct kobj_uevent_env *env)
{
	return add_uevent_var(env, "MODALIAS=fido:%s",
			      to_fido_device(dev)->type);
}

/**
 * fido_defer - a driver's ->probe() cannot succeed yet
 * @fdev: device
 * @why: what it waits for, a constant string; it is told if that lasts
 *
 * Return: what ->probe() has to return: it is called again each second then.
 */
int fido_defer(struct fido_device *fdev, const char *why)
{
	fdev->service->probe_why = why;
	return -EAGAIN;
}
EXPORT_SYMBOL_GPL(fido_defer);

/* Whoever adds a service takes an error for the end: it is one if it lasts. */
#define PROBE_QUIET	5

/*
 * The link's work tries again. -ENODEV is the error that Linux does not log at
 * each try. With -EPROBE_DEFER it would probe at times of its own.
 */
static int fido_bus_probe_later(struct fido_service *service, int err)
{
	const char *why = service->probe_why;

	if (err == -ENOMEM)
		why = "there is no memory for it";
	if (++service->probe_tries == PROBE_QUIET)
		fido_error(service->fdev, err, "%s: trying again", why);
	WRITE_ONCE(service->probe_at, (jiffies + FIDO_STARVED_DELAY) ?: 1);
	/* the link's work knows only of its own probes, not of modprobe's */
	fido_link_kick(service->link);
	return -ENODEV;
}

/*
 * With the device locked, by whoever loads or unloads a driver as well. The
 * link's work may wait for that lock, and locks that drivers take here, and
 * disks wait for that work: no memory that has to be written out to one.
 */
static int fido_bus_call_probe(struct fido_device *fdev)
{
	const struct fido_driver *drv = to_fido_driver(fdev->dev.driver);
	struct fido_service *service = fdev->service;
	unsigned int noio = memalloc_noio_save();
	int err;

	WRITE_ONCE(service->param_lost, false);
	fido_service_expect_error(service);
	err = drv->probe(fdev);
	/* without its parameters it may be what nobody has asked for */
	if (READ_ONCE(service->param_lost)) {
		if (!err)
			drv->remove(fdev);
		err = -ENOMEM;
		/* this error is a true one: it is told if it lasts */
		WRITE_ONCE(service->param_lost, false);
	}
	if (err)
		fido_disable(fdev);
	memalloc_noio_restore(noio);
	return err;
}

static int fido_bus_probe(struct device *dev)
{
	struct fido_device *fdev = to_fido_device(dev);
	struct fido_service *service = fdev->service;
	int err;

	WRITE_ONCE(service->probe_at, 0);
	service->probe_why = NULL;
	err = fido_bus_call_probe(fdev);
	if (err == -ENOMEM || (err == -EAGAIN && service->probe_why))
		return fido_bus_probe_later(service, err);
	if (!err && service->probe_tries >= PROBE_QUIET)
		fido_service_error_over(service);
	service->probe_tries = 0;
	return err;
}

static void fido_bus_remove(struct device *dev)
{
	struct fido_device *fdev = to_fido_device(dev);
	unsigned int noio = memalloc_noio_save();

	to_fido_driver(dev->driver)->remove(fdev);
	/* a driver that forgot must not get callbacks without its code */
	fido_disable(fdev);
	memalloc_noio_restore(noio);
}

static ssize_t type_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%s\n", to_fido_device(dev)->type);
}
static DEVICE_ATTR_RO(type);

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	const struct fido_service *service = to_fido_device(dev)->service;

	return sysfs_emit(buf, "%s\n", READ_ONCE(service->up) ? "up" : "down");
}
static DEVICE_ATTR_RO(state);

static ssize_t peer_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%u\n", fido_peer_domid(to_fido_device(dev)));
}
static DEVICE_ATTR_RO(peer);

static ssize_t modalias_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "fido:%s\n", to_fido_device(dev)->type);
}
static DEVICE_ATTR_RO(modalias);

static struct attribute *fido_device_attrs[] = {
	&dev_attr_type.attr,
	&dev_attr_state.attr,
	&dev_attr_peer.attr,
	&dev_attr_modalias.attr,
	NULL
};
ATTRIBUTE_GROUPS(fido_device);

static compat_bus_const struct bus_type fido_bus_type = {
	.name = "fido",
	.match = fido_bus_match,
	.uevent = fido_bus_uevent,
	.probe = fido_bus_probe,
	.remove = fido_bus_remove,
	.dev_groups = fido_device_groups,
};

/**
 * __fido_driver_register - register a client
 * @drv: client
 * @owner: its module
 * @mod_name: its name
 *
 * Use fido_driver_register().
 *
 * The driver core allocates with devices locked, as well, which the link's work
 * waits for: see fido_bus_call_probe().
 *
 * Context: process, sleeps; may call @drv->probe().
 * Return: 0 or an error.
 */
int __fido_driver_register(struct fido_driver *drv, struct module *owner,
			   const char *mod_name)
{
	unsigned int noio = memalloc_noio_save();
	int err;

	drv->driver.name = mod_name;
	drv->driver.owner = owner;
	drv->driver.mod_name = mod_name;
	drv->driver.bus = &fido_bus_type;
	err = driver_register(&drv->driver);
	memalloc_noio_restore(noio);
	return err;
}
EXPORT_SYMBOL_GPL(__fido_driver_register);

/**
 * fido_driver_unregister - unregister a client
 * @drv: client
 *
 * Context: process, sleeps; calls @drv->remove() for each of its services.
 */
void fido_driver_unregister(struct fido_driver *drv)
{
	unsigned int noio = memalloc_noio_save();

	driver_unregister(&drv->driver);
	memalloc_noio_restore(noio);
}
EXPORT_SYMBOL_GPL(fido_driver_unregister);

static void fido_device_release(struct device *dev)
{
	struct fido_device *fdev = to_fido_device(dev);

	fido_affinity_forget(fdev->service);
	kfree(fdev->service);
	kfree(fdev);
}

/**
 * fido_device_add - make the device of a service
 * @service: service; belongs to the device from now on, also on error
 * @type: its type
 *
 * Context: process, sleeps; may call a driver's ->probe().
 * Return: the device, with a reference for the caller, or an ERR_PTR.
 */
struct fido_device *fido_device_add(struct fido_service *service,
				    const char *type)
{
	struct fido_device *fdev = kzalloc(sizeof(*fdev), GFP_KERNEL);
	int err;

	if (!fdev) {
		kfree(service);
		return ERR_PTR(-ENOMEM);
	}
	service->fdev = fdev;
	fdev->service = service;
	strscpy(fdev->type, type, sizeof(fdev->type));
	fdev->dev.bus = &fido_bus_type;
	fdev->dev.parent = &service->link->xbdev->dev;
	fdev->dev.release = fido_device_release;
	device_initialize(&fdev->dev);
	get_device(&fdev->dev);
	err = dev_set_name(&fdev->dev, "%s.%u", service->link->name,
			   service->sid);
	if (!err)
		err = device_add(&fdev->dev);
	if (err) {
		put_device(&fdev->dev);
		put_device(&fdev->dev);
		return ERR_PTR(err);
	}
	return fdev;
}

/**
 * fido_device_probe - offer a service to its driver once more
 * @fdev: device that has none as something was missing: memory, mostly
 *
 * Its driver may have gone meanwhile; a new one is offered it anyway.
 *
 * Context: process, sleeps; may call a driver's ->probe().
 */
void fido_device_probe(struct fido_device *fdev)
{
	WRITE_ONCE(fdev->service->probe_at, 0);
	if (device_attach(&fdev->dev) < 0)
		dev_dbg(&fdev->dev, "no driver takes it\n");
}

/**
 * fido_device_remove - unregister the device of a service
 * @fdev: device; the caller's reference stays
 *
 * Context: process, sleeps; calls the driver's ->remove().
 */
void fido_device_remove(struct fido_device *fdev)
{
	device_unregister(&fdev->dev);
}

/**
 * fido_bus_register - register the bus
 *
 * Return: 0 or an error.
 */
int fido_bus_register(void)
{
	return bus_register(&fido_bus_type);
}

/**
 * fido_bus_unregister - unregister the bus
 */
void fido_bus_unregister(void)
{
	bus_unregister(&fido_bus_type);
}
