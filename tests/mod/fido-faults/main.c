// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that fail. For tests alone: kernels of distributions come without fault
 * injection, so this module does it by kprobes. It is loaded before fido, mmnet
 * and mmblk, which have no hook for it, and makes chosen calls of theirs fail:
 * allocations, xenstore, grants, event channels, registrations. Other callers of
 * the same functions notice nothing.
 *
 *   modprobe fido_faults; modprobe fido
 *   cd /sys/kernel/debug/fido-faults
 *
 *   cat functions                what can fail here: name, "probed" or the
 *                                error of the probe (such a function does not
 *                                exist in this kernel), what it returns then
 *   cat sites                    from where it was called since the last reset:
 *                                site, function, calls, how many of them were
 *                                made to fail, the site as a symbol
 *   echo "fail any fido+0x12ab 1 1" > do
 *                                fail the first call from this site, once
 *   echo "fail xenbus_printf any 3 2" > do
 *                                fail the third and the fourth call of it,
 *                                from wherever; a function can be "any", too
 *   echo "fail device_add any 1 0" > do
 *                                fail all calls of it
 *   echo off > do                fail nothing any more
 *   echo reset > do              forget all sites
 *   cat status                   "name value" a line: armed, calls that were
 *                                meant since then, how many of them failed, the
 *                                last one of these as in sites
 *
 * A site is an offset in a module's code, so it stays the same when the module
 * is loaded anew: "fido+0x12ab", or "fido.init+0x34" for what runs once. It is
 * the place that the function returns to. One that a module calls as the last
 * thing that it does (a jump, to the compiler) returns to that function's
 * caller, and is found there, if that is one of the modules.
 */
#include <linux/module.h>

#include "faults.h"

static int __init faults_init(void)
{
	int err;

	err = faults_scope_init();
	if (err)
		return err;
	err = faults_function_init();
	if (err)
		faults_scope_exit();
	else
		faults_debugfs_init();
	return err;
}

static void __exit faults_exit(void)
{
	faults_debugfs_exit();
	faults_site_disarm();
	faults_function_exit();
	faults_scope_exit();
}

module_init(faults_init);
module_exit(faults_exit);

/* no alias: it is loaded by name, and never by itself */
MODULE_DESCRIPTION("Calls of Fido's modules that fail, for tests");
MODULE_LICENSE("GPL");
