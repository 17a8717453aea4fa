// SPDX-License-Identifier: GPL-2.0
/*
 * The driver of the service "mmnet": each service is a net device.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/netdevice.h>

#include "fido.h"
#include "mmnet.h"
#include "mmnet_proto.h"
#include "park.h"

static_assert(sizeof(struct mmnet_msg) == 24);
static_assert(offsetof(struct mmnet_msg, hash) == 4);
static_assert(offsetof(struct mmnet_msg, inline_len) == 8);
static_assert(offsetof(struct mmnet_msg, gso_size) == 14);
static_assert(offsetof(struct mmnet_msg, csum_offset) == 18);
static_assert(offsetof(struct mmnet_msg, seg) == 24);
static_assert(sizeof(struct fido_slot) == MMNET_SLOT_SIZE - MMNET_MSG_SIZE);

static int mmnet_probe(struct fido_device *fdev)
{
	struct fido_service_config config = {
		.nr_channels = 1,
		.nr_slots = MMNET_NR_SLOTS,
		.slot_size = MMNET_SLOT_SIZE,
		.nr_ids = MMNET_NR_IDS,
		.hold = FIDO_HOLD_SKB,
		.event = mmnet_queue_event,
	};
	struct net_device *dev;
	int err;

	err = fido_param_range(fdev, "queues", 1, FIDO_MAX_CHANNELS,
			       &config.nr_channels);
	if (err)
		return err;
	dev = mmnet_netdev_create(fdev, config.nr_channels);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	fido_set_drvdata(fdev, dev);

	/* from here on ->up() may come */
	err = fido_enable(fdev, &config);
	if (err) {
		fido_error(fdev, err, "offering the service");
		goto err_remove;
	}
	fido_report(fdev, "interface", "%s", netdev_name(dev));
	return 0;

err_remove:
	mmnet_netdev_remove(dev);
	return err;
}

static void mmnet_remove(struct fido_device *fdev)
{
	fido_disable(fdev);
	mmnet_netdev_remove(fido_get_drvdata(fdev));
}

static int mmnet_up(struct fido_device *fdev)
{
	mmnet_netdev_up(fido_get_drvdata(fdev));
	return 0;
}

static void mmnet_down(struct fido_device *fdev)
{
	mmnet_netdev_down(fido_get_drvdata(fdev));
}

static void mmnet_silent(struct fido_device *fdev, bool silent)
{
	mmnet_netdev_silent(fido_get_drvdata(fdev), silent);
}

static struct fido_driver mmnet_driver = {
	.type = MMNET_TYPE,
	.probe = mmnet_probe,
	.remove = mmnet_remove,
	.up = mmnet_up,
	.down = mmnet_down,
	.silent = mmnet_silent,
	.driver = { .name = "mmnet" },
};

static int __init mmnet_module_init(void)
{
	int err;

	err = mmnet_leave_init();
	if (err)
		return err;
	err = fido_driver_register(&mmnet_driver);
	if (err)
		mmnet_leave_exit();
	return err;
}
module_init(mmnet_module_init);

static void __exit mmnet_module_exit(void)
{
	fido_driver_unregister(&mmnet_driver);
	mmnet_park_end();
	mmnet_leave_exit();
}
module_exit(mmnet_module_exit);

MODULE_DESCRIPTION("Ethernet between virtual machines without copies");
MODULE_VERSION(FIDO_VERSION);
MODULE_LICENSE("GPL");
MODULE_ALIAS_FIDO(MMNET_TYPE);
