// SPDX-License-Identifier: GPL-2.0
/*
 * Hang: all processors of this domain stand still for a while, with interrupts
 * off, as in a kernel that waits for something that never comes. Then it goes
 * on: what others made of it can be asked here, too.
 *
 *   modprobe fido_hang seconds=8 && rmmod fido_hang
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/processor.h>
#include <linux/stop_machine.h>

/* Less than what lets the kernel's own watchdogs bark */
#define MAX_SECONDS	18

static unsigned int seconds = 5;
module_param(seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "How long, at most 18 (default 5)");

/* On one of the processors; the others wait for it in the same manner. */
static int hang(void *unused)
{
	u64 nsecs = (u64)min_t(unsigned int, seconds, MAX_SECONDS) * NSEC_PER_SEC;
	u64 start = ktime_get_ns();

	while (ktime_get_ns() - start < nsecs)
		cpu_relax();
	return 0;
}

static int __init hang_init(void)
{
	return stop_machine(hang, NULL, NULL);
}

static void __exit hang_exit(void)
{
}

module_init(hang_init);
module_exit(hang_exit);

MODULE_DESCRIPTION("A domain that hangs, for the tests of Fido");
MODULE_LICENSE("GPL");
