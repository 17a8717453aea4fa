// SPDX-License-Identifier: GPL-2.0
/*
 * Function: a function of the kernel that the modules under test call to get
 * something, and that can fail. A probe at its first instruction looks who
 * calls, and may send it back with an error, before anything has been done.
 *
 * This is what CONFIG_FUNCTION_ERROR_INJECTION does, for functions that are
 * marked for it, see kernel/fail_function.c.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "faults.h"

/*
 * Names of all kernels that are supported: those that one has not are listed as
 * missing. Left out is what must not be left undone when it fails (ending a
 * transaction, unlocking), and what has no failure that a caller could see.
 */
static struct faults_function functions[] = {
	/* Memory, Linux 6.1 */
	{ "__kmalloc", 0 },
	{ "kmalloc_trace", 0 },
	{ "kmalloc_large", 0 },
	{ "kvmalloc_node", 0 },
	{ "vcalloc", 0 },
	{ "alloc_pages", 0 },
	{ "get_zeroed_page", 0 },
	{ "alloc_workqueue", 0 },
	/* Memory, newer kernels */
	{ "__kmalloc_noprof", 0 },
	{ "__kmalloc_cache_noprof", 0 },
	{ "__kmalloc_large_noprof", 0 },
	{ "__kvmalloc_node_noprof", 0 },
	{ "vcalloc_noprof", 0 },
	{ "alloc_pages_noprof", 0 },
	{ "get_zeroed_page_noprof", 0 },
	{ "alloc_workqueue_noprof", 0 },
	/* Memory, all */
	{ "kasprintf", 0 },
	{ "kvasprintf", 0 },
	{ "ida_alloc_range", -ENOMEM },
	{ "__alloc_skb", 0 },
	{ "napi_alloc_skb", 0 },
	{ "__napi_alloc_skb", 0 },
	{ "bioset_init", -ENOMEM },
	{ "bio_alloc_bioset", 0 },
	/* Driver core, debugfs, threads */
	{ "debugfs_create_dir", -ENOMEM },
	{ "debugfs_create_file", -ENOMEM },
	{ "debugfs_create_file_full", -ENOMEM },
	{ "add_uevent_var", -ENOMEM },
	{ "bus_register", -ENOMEM },
	{ "driver_register", -ENOMEM },
	{ "dev_set_name", -ENOMEM },
	{ "device_add", -ENOMEM },
	{ "__platform_driver_register", -ENOMEM },
	{ "platform_device_register_full", -ENOMEM },
	{ "smpboot_register_percpu_thread", -ENOMEM },
	{ "kthread_create_on_node", -ENOMEM },
	{ "irq_set_affinity", -ENOMEM },
	{ "register_reboot_notifier", -ENOMEM },
	/* xenstore; no space is what xenstored says when a quota is reached */
	{ "__xenbus_register_frontend", -ENOMEM },
	{ "__xenbus_register_backend", -ENOMEM },
	{ "register_xenbus_watch", -ENOMEM },
	{ "xenbus_transaction_start", -ENOMEM },
	{ "xenbus_printf", -ENOSPC },
	{ "xenbus_write", -ENOSPC },
	{ "xenbus_rm", -ENOMEM },
	{ "xenbus_scanf", -ENOMEM },
	{ "xenbus_read", -ENOMEM },
	{ "xenbus_directory", -ENOMEM },
	{ "xenbus_exists", 0 },
	/* Event channels */
	{ "xenbus_alloc_evtchn", -ENOSPC },
	{ "bind_evtchn_to_irqhandler_lateeoi", -ENOMEM },
	{ "bind_interdomain_evtchn_to_irqhandler_lateeoi", -ENOSPC },
	/* Grants */
	{ "gnttab_alloc_grant_references", -ENOSPC },
	{ "gnttab_claim_grant_reference", -ENOSPC },
	{ "gnttab_alloc_pages", -ENOMEM },
	{ "gnttab_map_refs", -ENOMEM },
	/* Network */
	{ "alloc_etherdev_mqs", 0 },
	{ "register_netdev", -ENOMEM },
	{ "register_netdevice_notifier", -ENOMEM },
	{ "nf_register_net_hook", -ENOMEM },
	{ "__netif_set_xps_queue", -ENOMEM },
	{ "__xdp_rxq_info_reg", -ENOMEM },
	{ "xdp_rxq_info_reg_mem_model", -ENOMEM },
	/* Block layer, files */
	{ "blk_mq_alloc_tag_set", -ENOMEM },
	{ "__blk_mq_alloc_disk", -ENOMEM },
	{ "device_add_disk", -ENOMEM },
	{ "blkdev_get_by_path", -ENOMEM },
	{ "bdev_file_open_by_path", -ENOMEM },
	{ "kern_path", -ENOMEM },
	{ "dentry_open", -ENOMEM },
	{ "vfs_getattr", -ENOMEM },
};

static struct kprobe *probed[ARRAY_SIZE(functions)];
static unsigned int nr_probed;

/*
 * Where a call that fails goes instead: back. In assembler, as no compiler may
 * touch the register of the result.
 */
asm(".text\n"
	".type faults_return, @function\n"
	".globl faults_return\n"
	"faults_return:\n"
		ANNOTATE_NOENDBR "\n"
		ASM_RET "\n"
	".size faults_return, .-faults_return\n"
);

/*
 * At the first instruction nothing is on the stack yet but the address that the
 * call returns to.
 */
static int function_called(struct kprobe *kp, struct pt_regs *regs)
{
	const struct faults_function *function =
		container_of(kp, struct faults_function, kp);
	unsigned long caller = *(unsigned long *)kernel_stack_pointer(regs);
	const struct faults_scope *scope = faults_scope_of(caller);

	if (!scope || !faults_site_call(function, scope, caller))
		return 0;
	regs_set_return_value(regs, function->error);
	instruction_pointer_set(regs, (unsigned long)faults_return);
	return 1;
}

NOKPROBE_SYMBOL(function_called);

/*
 * Does nothing. A probe that has one is not turned into a jump, which would not
 * look where the handler wants to go on; and one that is called by ftrace tells
 * that the address may be changed (IPMODIFY).
 */
static void function_returned(struct kprobe *kp, struct pt_regs *regs,
			      unsigned long flags)
{
}

NOKPROBE_SYMBOL(function_returned);

static void function_probe(struct faults_function *function)
{
	struct kprobe *kp = &function->kp;

	kp->symbol_name = function->name;
	kp->pre_handler = function_called;
	kp->post_handler = function_returned;
	function->missing = register_kprobe(kp);
	if (!function->missing)
		probed[nr_probed++] = kp;
}

/**
 * faults_function_find - a function by its name
 * @name: name
 *
 * Return: the function; NULL if it is not known, or not there.
 */
const struct faults_function *faults_function_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(functions); i++)
		if (!functions[i].missing && !strcmp(functions[i].name, name))
			return &functions[i];
	return NULL;
}

/**
 * faults_function_list - show all of them
 * @s: where to
 */
void faults_function_list(struct seq_file *s)
{
	const struct faults_function *function;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		function = &functions[i];
		if (function->missing)
			seq_printf(s, "%s %d %ld\n", function->name,
				   function->missing, function->error);
		else
			seq_printf(s, "%s probed %ld\n", function->name,
				   function->error);
	}
}

/**
 * faults_function_init - probe all that there are
 *
 * Return: 0, or an error if there is none at all.
 */
int faults_function_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(functions); i++)
		function_probe(&functions[i]);
	pr_info("fido_faults: %u functions can fail, %zu are not in this kernel\n",
		nr_probed, ARRAY_SIZE(functions) - nr_probed);
	return nr_probed ? 0 : functions[0].missing;
}

/**
 * faults_function_exit - end all probes; no handler runs any more
 */
void faults_function_exit(void)
{
	unregister_kprobes(probed, nr_probed);
}
