// SPDX-License-Identifier: GPL-2.0
/*
 * A peer that breaks the protocol on purpose. For tests alone: it is loaded in
 * the VM that lies, instead of mmnet.ko or mmblk.ko; the victim, another VM,
 * has the modules that are to be tested. fido.ko is the same in both.
 *
 *   modprobe fido_liar type=mmblk
 *   cd /sys/kernel/debug/fido-liar
 *
 *   cat lies                     what there is: lies, kinds of messages, fields
 *                                with their sizes, values
 *   echo "set ctl.prod big" > do
 *                                write into a field that the peer reads, and
 *                                signal; pairs are written in their order
 *   echo "flip ctl.cons ones 500" > do
 *                                change a field back and forth for 500 ms
 *   echo "send piece seg.addr +1 slot.id 7" > do
 *                                send a message that is wrong there
 *   echo "race tcp net.len ones 1000" > do
 *                                send messages of which a field changes back
 *                                and forth while they are being read
 *   echo "release 3" > do        release an id; "twice": the next one twice
 *   echo "stall 1" > do          take nothing from the peer; 0 ends it
 *   echo "hold 1" > do           as a server, answer nothing but by "send done"
 *   echo "storm link 1000" > do  send events for a second
 *   echo "irqs 23 19" > do       the numbers, from /proc/interrupts, by which
 *                                channel and link are signalled
 *   echo "seed 5" > do           what "random" begins with
 *   echo "forge 2 1 root.magic 0" > do
 *                                pages for domain 2 that an export of domain 1
 *                                would hang from; "result" has the reference.
 *                                "unforge" takes them back
 *   cat result                   what was done last
 *   cat status                   counters, "name value" a line
 *
 * A lie is told by whoever writes it down, who gets an error if it cannot be:
 * ENOLINK if the service is down, ENOENT if there is no such structure at the
 * moment, EINVAL if the command makes no sense.
 *
 * Meanwhile the liar is an honest peer, as far as needed: it takes what comes,
 * releases it, and serves a disk full of zeroes. There is one service at a time.
 */
#include <linux/build_bug.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fido.h"
#include "forge.h"
#include "liar.h"
#include "mmnet_proto.h"

static char *type = MMNET_TYPE;
module_param(type, charp, 0444);
MODULE_PARM_DESC(type, "Type of the service to lie on: mmnet (default) or mmblk");

/* There is one: what it is for is to have everything else refused. */
struct liar liar;

static void liar_event(struct fido_chan *chan, void *priv)
{
	mod_delayed_work(system_wq, &liar.work, 0);
}

/* The name of the device ends in it. */
static unsigned int liar_sid(struct fido_device *fdev)
{
	const char *dot = strrchr(dev_name(&fdev->dev), '.');
	unsigned int sid;

	return dot && !kstrtouint(dot + 1, 10, &sid) ? sid : FIDO_MAX_SERVICES;
}

static int liar_up(struct fido_device *fdev)
{
	struct fido_chan *chan = fido_chan(fdev, 0);
	int err;

	mutex_lock(&liar.lock);
	liar.chan = chan;
	fido_chan_set_priv(chan, &liar);
	err = liar_shown_find(&liar.shown, chan, liar_sid(fdev));
	liar.up = !err;
	liar.ups += liar.up;
	liar.stall = false;
	liar.hold = false;
	liar.twice = false;
	liar.nr_requests = 0;
	liar.config_due = liar.role == LIAR_SERVER;
	mutex_unlock(&liar.lock);
	return err;
}

static void liar_down(struct fido_device *fdev)
{
	mutex_lock(&liar.lock);
	liar.up = false;
	liar.chan = NULL;
	liar.irq = 0;
	liar.link_irq = 0;
	memset(&liar.shown, 0, sizeof(liar.shown));
	memset(&liar.draft, 0, sizeof(liar.draft));
	mutex_unlock(&liar.lock);
}

static enum liar_role liar_find_role(struct fido_device *fdev)
{
	char *role = fido_param(fdev, "role");
	enum liar_role found = LIAR_NET;

	if (role && !strcmp(role, "client"))
		found = LIAR_CLIENT;
	else if (role && !strcmp(role, "server"))
		found = LIAR_SERVER;
	kfree(role);
	return found;
}

/* Returns false if there is a service already. */
static bool liar_claim(struct fido_device *fdev)
{
	bool free;

	mutex_lock(&liar.lock);
	free = !liar.fdev;
	if (free) {
		liar.fdev = fdev;
		liar.role = liar_find_role(fdev);
	}
	mutex_unlock(&liar.lock);
	return free;
}

static void liar_unclaim(void)
{
	cancel_delayed_work_sync(&liar.work);
	mutex_lock(&liar.lock);
	fido_pages_free(liar.pages);
	liar.pages = NULL;
	liar.fdev = NULL;
	mutex_unlock(&liar.lock);
}

static int liar_enable(struct fido_device *fdev)
{
	bool net = liar.role == LIAR_NET;
	struct fido_service_config config = {
		.nr_channels = 1,
		.nr_slots = net ? MMNET_NR_SLOTS : MMBLK_NR_SLOTS,
		.slot_size = net ? MMNET_SLOT_SIZE : MMBLK_SLOT_SIZE,
		.nr_ids = net ? MMNET_NR_IDS : MMBLK_NR_IDS,
		.hold = FIDO_HOLD_PAGES,
		.event = liar_event,
	};

	/* data, and a page for a list of segments */
	liar.pages = fido_pages_alloc(2, GFP_KERNEL | __GFP_ZERO);
	if (!liar.pages)
		return -ENOMEM;
	return fido_enable(fdev, &config);
}

static int liar_probe(struct fido_device *fdev)
{
	int err;

	if (!liar_claim(fdev))
		return -EBUSY;
	err = liar_enable(fdev);
	if (err)
		liar_unclaim();
	else if (liar.role == LIAR_CLIENT)
		/* of whom the tool expects it */
		fido_report(fdev, "disk", "lie");
	return err;
}

static void liar_remove(struct fido_device *fdev)
{
	fido_disable(fdev);
	liar_unclaim();
}

static struct fido_driver liar_driver = {
	.probe = liar_probe,
	.remove = liar_remove,
	.up = liar_up,
	.down = liar_down,
};

static int __init liar_init(void)
{
	int err;

	BUILD_BUG_ON(MMNET_SLOT_SIZE != MMBLK_SLOT_SIZE);

	mutex_init(&liar.lock);
	INIT_DELAYED_WORK(&liar.work, liar_work_fn);
	prandom_seed_state(&liar.rnd, liar.seed);
	liar_debugfs_init();
	liar_driver.type = type;
	err = fido_driver_register(&liar_driver);
	if (err)
		liar_debugfs_exit();
	return err;
}

static void __exit liar_exit(void)
{
	liar_debugfs_exit();
	fido_driver_unregister(&liar_driver);
	liar_forge_exit();
}

module_init(liar_init);
module_exit(liar_exit);

/* no alias: it is loaded by name, and never by itself */
MODULE_DESCRIPTION("Peer of Fido that breaks the protocol, for tests");
MODULE_LICENSE("GPL");
