// SPDX-License-Identifier: GPL-2.0
/*
 * fido.ko: init, exit, and the layout of the protocol, checked once.
 */
#include <linux/build_bug.h>
#include <linux/module.h>
#include <linux/stddef.h>
#include <xen/xen.h>

#include "debugfs.h"
#include "export.h"
#include "fido_proto.h"
#include "flush.h"
#include "heart.h"
#include "idle.h"
#include "link.h"
#include "service.h"
#include "suspend.h"
#include "window.h"

/* The layout is the protocol: it must not change by accident. */
static_assert(PAGE_SIZE == FIDO_PAGE_SIZE);

static_assert(sizeof(struct fido_seg) == 16);
static_assert(offsetof(struct fido_seg, addr) == 0);
static_assert(offsetof(struct fido_seg, len) == 8);
static_assert(offsetof(struct fido_seg, reserved) == 12);

static_assert(sizeof(struct fido_service_entry) == 32);
static_assert(offsetof(struct fido_service_entry, gen) == 0);
static_assert(offsetof(struct fido_service_entry, peer_gen) == 4);
static_assert(offsetof(struct fido_service_entry, drained_gen) == 8);
static_assert(offsetof(struct fido_service_entry, nr_channels) == 12);
static_assert(offsetof(struct fido_service_entry, type) == 16);
static_assert(offsetof(struct fido_service_entry, chan_table) == 24);

static_assert(sizeof(struct fido_root) <= FIDO_PAGE_SIZE);
static_assert(offsetof(struct fido_root, magic) == 0);
static_assert(offsetof(struct fido_root, version) == 4);
static_assert(offsetof(struct fido_root, domid) == 8);
static_assert(offsetof(struct fido_root, heartbeat) == 12);
static_assert(offsetof(struct fido_root, nr_frames) == 16);
static_assert(offsetof(struct fido_root, fence) == 24);
static_assert(offsetof(struct fido_root, fenced) == 28);
static_assert(offsetof(struct fido_root, readers) == 64);
static_assert(offsetof(struct fido_root, windows) == 128);
static_assert(offsetof(struct fido_root, mid) == 192);
static_assert(offsetof(struct fido_root, service) == 1216);

static_assert(sizeof(struct fido_slot) == 8);
static_assert(offsetof(struct fido_slot, len) == 0);
static_assert(offsetof(struct fido_slot, flags) == 2);
static_assert(offsetof(struct fido_slot, id) == 4);
static_assert(offsetof(struct fido_slot, data) == 8);

static_assert(sizeof(struct fido_chan_ctl) <= FIDO_PAGE_SIZE);
static_assert(offsetof(struct fido_chan_ctl, prod) == 0);
static_assert(offsetof(struct fido_chan_ctl, space_event) == 4);
static_assert(offsetof(struct fido_chan_ctl, rel_event) == 8);
static_assert(offsetof(struct fido_chan_ctl, cons) == 64);
static_assert(offsetof(struct fido_chan_ctl, prod_event) == 68);
static_assert(offsetof(struct fido_chan_ctl, rel_prod) == 128);
static_assert(offsetof(struct fido_chan_ctl, magic) == 192);
static_assert(offsetof(struct fido_chan_ctl, slot_size) == 196);
static_assert(offsetof(struct fido_chan_ctl, nr_slots) == 200);
static_assert(offsetof(struct fido_chan_ctl, nr_ids) == 204);
static_assert(offsetof(struct fido_chan_ctl, event_channel) == 208);
static_assert(offsetof(struct fido_chan_ctl, slot_page) == 256);
static_assert(offsetof(struct fido_chan_ctl, rel_page) == 1280);

static int __init fido_init(void)
{
	int err;

	if (!xen_domain())
		return -ENODEV;
	fido_debugfs_init();
	err = fido_held_init();
	if (err)
		goto err_debugfs;
	err = fido_flush_init();
	if (err)
		goto err_held;
	err = fido_idle_init();
	if (err)
		goto err_flush;
	err = fido_heart_init();
	if (err)
		goto err_idle;
	err = fido_bus_register();
	if (err)
		goto err_heart;
	err = fido_xenbus_register();
	if (err)
		goto err_bus;
	err = fido_suspend_init();
	if (err)
		goto err_xenbus;
	return 0;

err_xenbus:
	fido_xenbus_unregister();
err_bus:
	fido_windows_exit();
	fido_quarantine_exit();
	fido_fence_exit();
	fido_bus_unregister();
err_heart:
	fido_heart_exit();
err_idle:
	fido_idle_exit();
err_flush:
	fido_flush_exit();
err_held:
	fido_held_exit();
err_debugfs:
	fido_debugfs_exit();
	return err;
}

static void __exit fido_exit(void)
{
	fido_suspend_exit();
	fido_xenbus_unregister();
	fido_windows_exit();
	fido_quarantine_exit();
	fido_fence_exit();
	fido_bus_unregister();
	fido_heart_exit();
	fido_idle_exit();
	fido_flush_exit();
	fido_held_exit();
	fido_debugfs_exit();
}

module_init(fido_init);
module_exit(fido_exit);

MODULE_DESCRIPTION("Fido: memory shared read-only between the domains of an appliance");
MODULE_VERSION(FIDO_VERSION);
MODULE_LICENSE("GPL");
MODULE_ALIAS("xen:" FIDO_XS_TYPE);
MODULE_ALIAS("xen-backend:" FIDO_XS_TYPE);
