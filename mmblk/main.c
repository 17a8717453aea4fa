// SPDX-License-Identifier: GPL-2.0
/*
 * mmblk: block devices over fido. A service is a client, which makes a disk of
 * it, or a server, which has the device behind.
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "attrs.h"
#include "mmblk.h"
#include "park.h"
#include "server.h"

/* The layout is the protocol: it must not change by accident. */
static_assert(sizeof(struct mmblk_request) == 24);
static_assert(offsetof(struct mmblk_request, tag) == 2);
static_assert(offsetof(struct mmblk_request, nr_segs) == 4);
static_assert(offsetof(struct mmblk_request, sector) == 8);
static_assert(offsetof(struct mmblk_request, bytes) == 16);
static_assert(offsetof(struct mmblk_request, seg) == 24);
static_assert(MMBLK_REQUEST_SEGS == 30);
static_assert(sizeof(struct mmblk_done) == 16);
static_assert(offsetof(struct mmblk_done, tag) == 2);
static_assert(offsetof(struct mmblk_done, status) == 4);
static_assert(offsetof(struct mmblk_done, nr_segs) == 6);
static_assert(offsetof(struct mmblk_done, bytes) == 8);
static_assert(offsetof(struct mmblk_done, seg) == 16);
static_assert(MMBLK_DONE_SEGS == 30);
static_assert(sizeof(struct mmblk_config) == 56);
static_assert(offsetof(struct mmblk_config, flags) == 2);
static_assert(offsetof(struct mmblk_config, max_bytes) == 4);
static_assert(offsetof(struct mmblk_config, sectors) == 8);
static_assert(offsetof(struct mmblk_config, logical_block_size) == 16);
static_assert(offsetof(struct mmblk_config, write_zeroes_sectors) == 48);
static_assert(MMBLK_MAX_SEGS * sizeof(struct fido_seg) == FIDO_PAGE_SIZE);
static_assert(MMBLK_MAX_BYTES / FIDO_PAGE_SIZE <= MMBLK_MAX_SEGS);
static_assert(2 * MMBLK_DEPTH <= MMBLK_NR_SLOTS);
static_assert(MMBLK_DEPTH <= MMBLK_NR_IDS);

static const struct mmblk_role *mmblk_find_role(struct fido_device *fdev)
{
	const struct mmblk_role *role = NULL;
	char *name = fido_param(fdev, "role");

	if (!name)
		fido_error(fdev, -ENOENT, "no parameter \"role\"");
	else if (!strcmp(name, mmblk_client_role.name))
		role = &mmblk_client_role;
	else if (!strcmp(name, mmblk_server_role.name))
		role = &mmblk_server_role;
	else
		fido_error(fdev, -EINVAL,
			   "role \"%s\" is neither client nor server", name);
	kfree(name);
	return role;
}

/* Each queue is a channel; those that are polled come on top of the others. */
static int mmblk_nr_queues(struct fido_device *fdev, unsigned int *nr)
{
	unsigned int queues = 1, poll = 0;
	int err;

	err = fido_param_range(fdev, "queues", 1, FIDO_MAX_CHANNELS, &queues);
	if (err)
		return err;
	err = fido_param_uint(fdev, "poll-queues", &poll);
	if (err == -ENOMEM)
		return err;
	if ((err && err != -ENOENT) || poll > FIDO_MAX_CHANNELS - queues) {
		fido_error(fdev, -EINVAL,
			   "queues and poll-queues together must be 1 to %u",
			   FIDO_MAX_CHANNELS);
		return -EINVAL;
	}
	*nr = queues + poll;
	return 0;
}

/**
 * mmblk_enable - offer a service to the peer
 * @service: service that is ready to
 *
 * Context: process, sleeps.
 * Return: 0, or an error, which was reported.
 */
int mmblk_enable(struct mmblk_service *service)
{
	struct fido_service_config config = {
		.nr_channels = service->nr_queues,
		.nr_slots = MMBLK_NR_SLOTS,
		.slot_size = MMBLK_SLOT_SIZE,
		.nr_ids = MMBLK_NR_IDS,
		.hold = service->role->hold,
		.frees_memory = service->role->frees_memory,
		.event = service->role->event,
	};
	int err = fido_enable(service->fdev, &config);

	if (err)
		fido_error(service->fdev, err, "cannot enable the service");
	return err;
}

static int mmblk_probe(struct fido_device *fdev)
{
	const struct mmblk_role *role = mmblk_find_role(fdev);
	struct mmblk_service *service;
	unsigned int nr_queues;
	int err;

	if (!role)
		return -EINVAL;
	err = mmblk_nr_queues(fdev, &nr_queues);
	if (err)
		return err;

	service = role->create(fdev, nr_queues);
	if (IS_ERR(service))
		return PTR_ERR(service);
	service->fdev = fdev;
	service->role = role;
	service->nr_queues = nr_queues;
	mutex_init(&service->lock);
	fido_set_drvdata(fdev, service);

	err = role->start(service);
	if (err)
		role->destroy(service);
	return err;
}

static void mmblk_remove(struct fido_device *fdev)
{
	struct mmblk_service *service = fido_get_drvdata(fdev);

	if (service->role->stop)
		service->role->stop(service);
	fido_disable(fdev);
	service->role->destroy(service);
}

static int mmblk_up(struct fido_device *fdev)
{
	struct mmblk_service *service = fido_get_drvdata(fdev);
	int err;

	err = service->role->up(service);
	if (err)
		return err;
	mutex_lock(&service->lock);
	service->up = true;
	mutex_unlock(&service->lock);
	return 0;
}

/* The channels' counters go with the channels: keep the sums. */
static void mmblk_keep_stats(struct mmblk_service *service)
{
	struct fido_chan_stats now, *sum = &service->before;
	unsigned int i;

	for (i = 0; i < service->nr_queues; i++) {
		fido_chan_get_stats(fido_chan(service->fdev, i), &now);
		sum->sent += now.sent;
		sum->received += now.received;
		sum->released += now.released;
		sum->reaped += now.reaped;
		sum->signals += now.signals;
		sum->events += now.events;
		sum->found += now.found;
	}
}

static void mmblk_down(struct fido_device *fdev)
{
	struct mmblk_service *service = fido_get_drvdata(fdev);

	service->role->down(service);
	mutex_lock(&service->lock);
	mmblk_keep_stats(service);
	service->up = false;
	mutex_unlock(&service->lock);
}

static bool mmblk_give_up(struct fido_device *fdev)
{
	struct mmblk_service *service = fido_get_drvdata(fdev);

	return service->role->give_up(service);
}

static const struct attribute_group *mmblk_groups[] = {
	&mmblk_attr_group,
	&mmblk_client_attr_group,
	&mmblk_server_attr_group,
	&mmblk_stats_group,
	NULL,
};

static struct fido_driver mmblk_driver = {
	.type = MMBLK_TYPE,
	.probe = mmblk_probe,
	.remove = mmblk_remove,
	.up = mmblk_up,
	.down = mmblk_down,
	.give_up = mmblk_give_up,
	.driver = {
		.name = "mmblk",
		.dev_groups = mmblk_groups,
	},
};

struct workqueue_struct *mmblk_wq;
struct workqueue_struct *mmblk_end_wq;
struct workqueue_struct *mmblk_flush_wq;
struct workqueue_struct *mmblk_open_wq;

/*
 * All can still run something when there is no memory for another thread
 * (WQ_MEM_RECLAIM). mmblk_wq needs that because the link's work, which has it
 * too, waits for mmblk_wq. mmblk_end_wq needs it because swap and file systems
 * may wait for the requests that it ends. It is a queue of its own, as the one
 * thread that is left to mmblk_wq may be waiting for a peer then. So is
 * mmblk_flush_wq, as requests of other VMs wait for it: it gives flushes to
 * devices, and does not wait until they are done.
 */
static struct workqueue_struct *mmblk_alloc_wq(const char *name)
{
	return alloc_workqueue("%s", WQ_UNBOUND | WQ_MEM_RECLAIM,
			       WQ_MAX_ACTIVE, name);
}

static int mmblk_reboot(struct notifier_block *nb, unsigned long action,
			void *data)
{
	mmblk_hush();
	return NOTIFY_DONE;
}

/* Before any device is shut down, and before all other notifiers */
static struct notifier_block mmblk_reboot_nb = {
	.notifier_call = mmblk_reboot,
	.priority = INT_MAX,
};

static void mmblk_free_wqs(void)
{
	if (mmblk_open_wq)
		destroy_workqueue(mmblk_open_wq);
	if (mmblk_flush_wq)
		destroy_workqueue(mmblk_flush_wq);
	if (mmblk_end_wq)
		destroy_workqueue(mmblk_end_wq);
	if (mmblk_wq)
		destroy_workqueue(mmblk_wq);
}

/*
 * The one for opening must not have WQ_MEM_RECLAIM: opening flushes work queues
 * of the block layer and of file systems that do not have it, either.
 */
static int __init mmblk_alloc_wqs(void)
{
	mmblk_wq = mmblk_alloc_wq("mmblk");
	mmblk_end_wq = mmblk_alloc_wq("mmblk_end");
	mmblk_flush_wq = mmblk_alloc_wq("mmblk_flush");
	mmblk_open_wq = alloc_workqueue("mmblk_open", WQ_UNBOUND, 0);
	if (mmblk_wq && mmblk_end_wq && mmblk_flush_wq && mmblk_open_wq)
		return 0;
	mmblk_free_wqs();
	return -ENOMEM;
}

static int __init mmblk_init(void)
{
	int err;

	err = mmblk_alloc_wqs();
	if (err)
		return err;
	err = register_reboot_notifier(&mmblk_reboot_nb);
	if (err)
		goto err_wqs;
	err = fido_driver_register(&mmblk_driver);
	if (err)
		goto err_notifier;
	return 0;

err_notifier:
	unregister_reboot_notifier(&mmblk_reboot_nb);
err_wqs:
	mmblk_free_wqs();
	return err;
}
module_init(mmblk_init);

static void __exit mmblk_exit(void)
{
	fido_driver_unregister(&mmblk_driver);
	mmblk_park_end();
	unregister_reboot_notifier(&mmblk_reboot_nb);
	/* waits for what is still being opened for services that have gone */
	mmblk_free_wqs();
}
module_exit(mmblk_exit);

MODULE_DESCRIPTION("Block devices of other VMs, read and written by pointer");
MODULE_VERSION(FIDO_VERSION);
MODULE_LICENSE("GPL");
MODULE_ALIAS_FIDO(MMBLK_TYPE);
