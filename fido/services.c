// SPDX-License-Identifier: GPL-2.0
/*
 * All services of a link: which ones there are, as xenstore says, and when
 * their drivers are probed again.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <xen/xenbus.h>

#include "debugfs.h"
#include "link.h"
#include "service.h"

/* No watch fires when memory comes back: then the scan has to come again. */
static void service_add_failed(struct fido_link *link, unsigned int sid,
			       int err)
{
	if (!link->slot[sid].add_failed)
		dev_err(&link->xbdev->dev, "cannot add service %u: error %d%s\n",
			sid, err, err == -ENOMEM ? ", trying again" : "");
	link->slot[sid].add_failed = true;
	if (err == -ENOMEM)
		WRITE_ONCE(link->rescan, true);
}

static void service_add(struct fido_link *link, unsigned int sid,
			const char *type)
{
	struct fido_service *service = kzalloc(sizeof(*service), GFP_KERNEL);
	struct fido_device *fdev;

	if (!service) {
		service_add_failed(link, sid, -ENOMEM);
		return;
	}
	service->link = link;
	service->sid = sid;
	mutex_init(&service->lock);
	mutex_init(&service->error_lock);
	service->attached = link->state == FIDO_LINK_UP;
	/* before anything else: nodes that are replaced later lack the mark */
	service->marked = fido_service_write(service, FIDO_XS_SERVICE_SEEN, "1");
	link->service[sid] = service;
	fdev = fido_device_add(service, type);
	if (IS_ERR(fdev)) {
		link->service[sid] = NULL;
		service_add_failed(link, sid, PTR_ERR(fdev));
		return;
	}
	link->slot[sid].add_failed = false;
	fido_debugfs_add_service(service);
}

static void service_remove(struct fido_link *link, unsigned int sid)
{
	struct fido_service *service = link->service[sid];

	fido_debugfs_remove_service(service);
	/* the driver's ->remove() is followed by fido_disable() */
	fido_device_remove(service->fdev);
	/* nobody has anything of it now: whoever removes it may wait for that */
	fido_service_clear(service, FIDO_XS_SERVICE_STATE);
	link->service[sid] = NULL;
	put_device(&service->fdev->dev);
}

/*
 * In steps: the end of one may wait for what has been asked of another, as that
 * of a disk waits for its file system, which has other disks as well. Those that
 * others go on with can be given up by the administrator once they are removed.
 * Servers come last, as they wait for devices.
 */
static void services_remove(struct fido_link *link, const unsigned long *sids)
{
	unsigned int noio = memalloc_noio_save();	/* see fido_disable() */
	DECLARE_BITMAP(stay, FIDO_MAX_SERVICES) = {};
	unsigned int i;

	for_each_set_bit(i, sids, FIDO_MAX_SERVICES)
		if (!fido_service_give_up(link->service[i]))
			__set_bit(i, stay);
	for_each_set_bit(i, stay, FIDO_MAX_SERVICES)
		service_remove(link, i);
	for_each_set_bit(i, sids, FIDO_MAX_SERVICES)
		if (link->service[i] &&
		    READ_ONCE(link->service[i]->config.frees_memory))
			service_remove(link, i);
	for_each_set_bit(i, sids, FIDO_MAX_SERVICES)
		if (link->service[i])
			service_remove(link, i);
	memalloc_noio_restore(noio);
}

static bool service_sid(struct fido_link *link, const char *name,
			unsigned int *sid)
{
	if (!kstrtouint(name, 10, sid) && *sid < FIDO_MAX_SERVICES)
		return true;
	dev_warn(&link->xbdev->dev, "ignoring service %s: ids go from 0 to %u\n",
		 name, FIDO_MAX_SERVICES - 1);
	return false;
}

/* Is it still the one that we know? */
static void service_scan_one(struct fido_link *link, const char *name,
			     unsigned long *seen, unsigned long *gone)
{
	unsigned int sid;
	char *type;

	if (!service_sid(link, name, &sid))
		return;
	type = fido_service_read_type(link, name);
	if (PTR_ERR_OR_ZERO(type) == -ENOENT)
		return;		/* being made or removed: the watch fires */
	__set_bit(sid, seen);
	if (IS_ERR(type)) {
		WRITE_ONCE(link->rescan, true);
		return;
	}
	if (link->service[sid] &&
	    (strcmp(link->service[sid]->fdev->type, type) ||
	     fido_service_is_anew(link->service[sid])))
		__set_bit(sid, gone);
	kfree(type);
}

static void service_scan_new(struct fido_link *link, unsigned int sid)
{
	char name[12];
	char *type;

	snprintf(name, sizeof(name), "%u", sid);
	type = fido_service_read_type(link, name);
	if (IS_ERR(type)) {
		if (PTR_ERR(type) != -ENOENT)
			WRITE_ONCE(link->rescan, true);
		return;
	}
	service_add(link, sid, type);
	kfree(type);
}

/**
 * fido_services_scan - add and remove services as xenstore says
 * @link: link; its @rescan is set again if something could not be read
 *
 * Context: the link's work.
 */
void fido_services_scan(struct fido_link *link)
{
	DECLARE_BITMAP(seen, FIDO_MAX_SERVICES) = {};
	DECLARE_BITMAP(gone, FIDO_MAX_SERVICES) = {};
	unsigned int i, nr = 0;
	char **name;

	name = xenbus_directory(XBT_NIL, link->xbdev->nodename,
				FIDO_XS_SERVICE, &nr);
	if (IS_ERR(name) && PTR_ERR(name) != -ENOENT) {
		WRITE_ONCE(link->rescan, true);
		return;
	}
	if (!IS_ERR(name)) {
		for (i = 0; i < nr; i++)
			service_scan_one(link, name[i], seen, gone);
		kfree(name);
	}
	for (i = 0; i < FIDO_MAX_SERVICES; i++)
		if (link->service[i] && !test_bit(i, seen))
			__set_bit(i, gone);
	services_remove(link, gone);
	/* a disk may go on under another id: it has to be let go first */
	for_each_set_bit(i, seen, FIDO_MAX_SERVICES)
		if (!link->service[i])
			service_scan_new(link, i);
}

/**
 * fido_services_remove - remove all services
 * @link: link
 *
 * Context: the link's work, or after its end.
 */
void fido_services_remove(struct fido_link *link)
{
	DECLARE_BITMAP(all, FIDO_MAX_SERVICES) = {};
	unsigned int i;

	for (i = 0; i < FIDO_MAX_SERVICES; i++)
		if (link->service[i])
			__set_bit(i, all);
	services_remove(link, all);
}

/* Returns true if it has to be called again later. */
static bool service_probe(struct fido_service *service)
{
	unsigned long at = READ_ONCE(service->probe_at);

	if (!at)
		return false;
	if (time_after_eq(jiffies, at))
		fido_device_probe(service->fdev);
	return READ_ONCE(service->probe_at);
}

/**
 * fido_services_probe - probe those again whose drivers missed something
 * @link: link
 *
 * Context: the link's work.
 * Return: true if it has to be called again, without an event.
 */
bool fido_services_probe(struct fido_link *link)
{
	bool again = false;
	unsigned int i;

	for (i = 0; i < FIDO_MAX_SERVICES; i++)
		if (link->service[i])
			again |= service_probe(link->service[i]);
	return again;
}
