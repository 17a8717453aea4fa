// SPDX-License-Identifier: GPL-2.0
/*
 * The files that control the tests; main.c tells what they mean.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "command.h"
#include "fido_test.h"

static struct dentry *test_root;

static int test_set_forward(struct test_service *svc, char *name)
{
	name = strim(name);
	if (strlen(name) >= sizeof(svc->forward))
		return -EINVAL;
	mutex_lock(&svc->rx_lock);
	strscpy(svc->forward, name, sizeof(svc->forward));
	mutex_unlock(&svc->rx_lock);
	return 0;
}

static int test_set_flood(struct test_service *svc, char *text)
{
	u32 pages;

	if (kstrtou32(strim(text), 0, &pages))
		return -EINVAL;
	WRITE_ONCE(svc->flood, pages);
	if (pages)
		queue_work(test_wq, &svc->flood_work);
	else
		flush_work(&svc->flood_work);
	return 0;
}

DEFINE_COMMAND_ATTRIBUTE(ping, test_ping);
DEFINE_COMMAND_ATTRIBUTE(stream, test_stream);
DEFINE_COMMAND_ATTRIBUTE(forward, test_set_forward);
DEFINE_COMMAND_ATTRIBUTE(flood, test_set_flood);

static int result_show(struct seq_file *s, void *unused)
{
	struct test_service *svc = s->private;

	seq_printf(s, "%s\n", svc->result);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

static void status_channel(struct seq_file *s, struct test_service *svc)
{
	struct fido_chan_stats stats;

	mutex_lock(&svc->tx_lock);
	if (svc->up) {
		fido_chan_get_stats(svc->chan, &stats);
		seq_printf(s, "sent %llu\nreceived %llu\n",
			   stats.sent, stats.received);
		seq_printf(s, "released %llu\nreaped %llu\n",
			   stats.released, stats.reaped);
		seq_printf(s, "signals %llu\nevents %llu\n",
			   stats.signals, stats.events);
		seq_printf(s, "in_flight %u\nbroken %u\n",
			   fido_tx_in_flight(svc->chan),
			   fido_chan_broken(svc->chan));
	}
	mutex_unlock(&svc->tx_lock);
}

static int status_show(struct seq_file *s, void *unused)
{
	struct test_service *svc = s->private;
	const struct test_count *count = &svc->count;

	mutex_lock(&svc->rx_lock);
	seq_printf(s, "up %u\nups %llu\npeer %u\n", svc->up, count->ups,
		   fido_peer_domid(svc->fdev));
	seq_printf(s, "messages %llu\nerrors %llu\nunreadable %llu\n",
		   count->messages, count->errors, count->unreadable);
	seq_printf(s, "forwarded %llu\nbounced %llu\nwrong_address %llu\n",
		   count->forwarded, count->bounced, count->wrong_address);
	seq_printf(s, "held %u\n", svc->nr_held);
	status_channel(s, svc);
	mutex_unlock(&svc->rx_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(status);

/**
 * test_debugfs_add - make the files of a service
 * @svc: service
 */
void test_debugfs_add(struct test_service *svc)
{
	struct dentry *dir;

	dir = debugfs_create_dir(dev_name(&svc->fdev->dev), test_root);
	svc->dir = dir;
	debugfs_create_file("status", 0444, dir, svc, &status_fops);
	debugfs_create_file("result", 0444, dir, svc, &result_fops);
	debugfs_create_file("ping", 0200, dir, svc, &ping_fops);
	debugfs_create_file("stream", 0200, dir, svc, &stream_fops);
	debugfs_create_file("forward", 0200, dir, svc, &forward_fops);
	debugfs_create_file("flood", 0200, dir, svc, &flood_fops);
	debugfs_create_u32("hold", 0644, dir, &svc->hold);
	debugfs_create_u32("order", 0644, dir, &svc->order);
}

/**
 * test_debugfs_remove - remove the files of a service
 * @svc: service that is down
 *
 * Waits for those who use them.
 */
void test_debugfs_remove(struct test_service *svc)
{
	debugfs_remove_recursive(svc->dir);
}

/**
 * test_debugfs_init - make the directory of the module
 */
void test_debugfs_init(void)
{
	test_root = debugfs_create_dir("fido_test", NULL);
}

/**
 * test_debugfs_exit - remove the directory of the module
 */
void test_debugfs_exit(void)
{
	debugfs_remove_recursive(test_root);
}
