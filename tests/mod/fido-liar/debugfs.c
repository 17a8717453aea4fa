// SPDX-License-Identifier: GPL-2.0
/*
 * The files that control the liar; main.c tells what they mean.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "../command.h"
#include "field.h"
#include "liar.h"
#include "lie.h"

static struct dentry *liar_root;

static int do_command(void *unused, char *text)
{
	return liar_do(text);
}
DEFINE_COMMAND_ATTRIBUTE(do, do_command);

static int lies_show(struct seq_file *s, void *unused)
{
	liar_lie_list(s);
	liar_draft_list(s);
	liar_field_list(s);
	seq_puts(s, "value NUMBER +NUMBER -NUMBER ones big top random\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(lies);

static int result_show(struct seq_file *s, void *unused)
{
	mutex_lock(&liar.lock);
	seq_printf(s, "%s\n", liar.result);
	mutex_unlock(&liar.lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

static int status_show(struct seq_file *s, void *unused)
{
	mutex_lock(&liar.lock);
	seq_printf(s, "up %u\nups %llu\nsent %llu\nreceived %llu\n", liar.up,
		   liar.ups, liar.sent, liar.received);
	seq_printf(s, "answers %llu\nstatus %u\nrequests %u\n", liar.answers,
		   liar.status, liar.nr_requests);
	seq_printf(s, "in_flight %u\nseed %u\n",
		   liar.up ? fido_tx_in_flight(liar.chan) : 0, liar.seed);
	mutex_unlock(&liar.lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(status);

/**
 * liar_debugfs_init - make the files
 */
void liar_debugfs_init(void)
{
	liar_root = debugfs_create_dir("fido-liar", NULL);
	debugfs_create_file("do", 0200, liar_root, NULL, &do_fops);
	debugfs_create_file("lies", 0444, liar_root, NULL, &lies_fops);
	debugfs_create_file("result", 0444, liar_root, NULL, &result_fops);
	debugfs_create_file("status", 0444, liar_root, NULL, &status_fops);
}

/**
 * liar_debugfs_exit - remove the files, wait for those who use them
 */
void liar_debugfs_exit(void)
{
	debugfs_remove_recursive(liar_root);
}
