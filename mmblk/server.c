// SPDX-License-Identifier: GPL-2.0
/*
 * Server: its life, from the service's point of view.
 */
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "server.h"

/* MiB; more than the ids of a queue can name, and few enough for 32 bits */
#define MAX_READ_BUFFER		1024

static unsigned int read_buffer = 16;

static int read_buffer_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, MAX_READ_BUFFER);
}

static const struct kernel_param_ops read_buffer_ops = {
	.set = read_buffer_set,
	.get = param_get_uint,
};

module_param_cb(read_buffer, &read_buffer_ops, &read_buffer, 0644);
__MODULE_PARM_TYPE(read_buffer, "uint");
MODULE_PARM_DESC(read_buffer,
		 "Server: MiB of read data that a queue keeps for its client at a time, 1 to 1024; a change is for disks that are added later (default 16)");

static void mmblk_lane_init(struct mmblk_lane *lane,
			    struct mmblk_server *server, unsigned int index)
{
	unsigned int i;

	lane->server = server;
	lane->index = index;
	spin_lock_init(&lane->tx_lock);
	INIT_LIST_HEAD(&lane->done);
	init_waitqueue_head(&lane->idle);
	mmblk_pool_init(&lane->pool,
			READ_ONCE(read_buffer) * (SZ_1M / PAGE_SIZE));
	for (i = 0; i < MMBLK_DEPTH; i++) {
		lane->job[i].lane = lane;
		lane->job[i].tag = i;
	}
}

static void mmblk_lanes_free(struct mmblk_server *server, unsigned int nr)
{
	while (nr--)
		kvfree(server->lane[nr]);
	kfree(server->lane);
}

static int mmblk_lanes_alloc(struct mmblk_server *server, unsigned int nr)
{
	unsigned int i;

	server->lane = kcalloc(nr, sizeof(*server->lane), GFP_KERNEL);
	if (!server->lane)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		server->lane[i] = kvzalloc(sizeof(**server->lane), GFP_KERNEL);
		if (!server->lane[i]) {
			mmblk_lanes_free(server, i);
			return -ENOMEM;
		}
		mmblk_lane_init(server->lane[i], server, i);
	}
	return 0;
}

/* Parameters */

static int mmblk_param_mode(struct fido_device *fdev, bool *write)
{
	char *mode = fido_param(fdev, "mode");
	int err = 0;

	*write = mode && !strcmp(mode, "w");
	if (mode && !*write && strcmp(mode, "r")) {
		err = -EINVAL;
		fido_error(fdev, err, "mode \"%s\" is neither r nor w", mode);
	}
	kfree(mode);
	return err;
}

/* Neither changes while the service lasts. */
static int mmblk_param_device(struct mmblk_server *server,
			      struct fido_device *fdev)
{
	char *keep;

	server->path = fido_param(fdev, "device");
	if (!server->path) {
		fido_error(fdev, -ENOENT, "no parameter \"device\"");
		return -ENOENT;
	}
	keep = fido_param(fdev, "keep");
	server->keep = keep;
	kfree(keep);
	return 0;
}

/* Service */

static int mmblk_server_up(struct mmblk_service *service)
{
	struct mmblk_server *server = to_mmblk_server(service);
	unsigned int i;
	int err;

	for (i = 0; i < service->nr_queues; i++) {
		server->lane[i]->chan = fido_chan(service->fdev, i);
		err = mmblk_lane_start(server->lane[i]);
		if (err)
			goto err_stop;
		fido_chan_set_priv(server->lane[i]->chan, server->lane[i]);
	}
	return 0;

err_stop:
	while (i--) {
		mmblk_lane_kill(server->lane[i]);
		mmblk_lane_stop(server->lane[i]);
	}
	return err;
}

/*
 * First nobody sends any more, in any lane, then each thread ends, and the
 * device completes what it has. Only then may the client's memory go, and only
 * then may the client come back and write the same sectors again.
 */
static void mmblk_server_down(struct mmblk_service *service)
{
	struct mmblk_server *server = to_mmblk_server(service);
	unsigned int i;

	for (i = 0; i < service->nr_queues; i++)
		mmblk_lane_kill(server->lane[i]);
	for (i = 0; i < service->nr_queues; i++)
		mmblk_lane_stop(server->lane[i]);
}

static const struct mmblk_stats *
mmblk_server_stats(struct mmblk_service *service, unsigned int queue)
{
	return &to_mmblk_server(service)->lane[queue]->stats;
}

static int mmblk_server_params(struct mmblk_server *server,
			       struct fido_device *fdev)
{
	int err;

	err = mmblk_param_mode(fdev, &server->write);
	if (err)
		return err;
	err = mmblk_limit_init(&server->limit, fdev);
	if (err)
		return err;
	server->bounce = MMBLK_BOUNCE_DEVICE;
	err = fido_param_range(fdev, "bounce", 0, 1, &server->bounce);
	if (err)
		return err;
	return mmblk_param_device(server, fdev);
}

static struct mmblk_service *mmblk_server_create(struct fido_device *fdev,
						 unsigned int nr_queues)
{
	struct mmblk_server *server = kzalloc(sizeof(*server), GFP_KERNEL);
	int err;

	if (!server)
		return ERR_PTR(-ENOMEM);
	err = mmblk_lanes_alloc(server, nr_queues);
	if (err)
		goto err_free;
	err = mmblk_server_params(server, fdev);
	if (err)
		goto err_lanes;
	mmblk_opening_init(server);
	return &server->service;

err_lanes:
	mmblk_lanes_free(server, nr_queues);
err_free:
	kfree(server);
	return ERR_PTR(err);
}

/**
 * mmblk_server_free - nobody has it any more
 * @server: server whose service has gone
 */
void mmblk_server_free(struct mmblk_server *server)
{
	mmblk_opening_close(server);
	kfree(server->path);
	mmblk_lanes_free(server, server->service.nr_queues);
	kfree(server);
}

static void mmblk_server_destroy(struct mmblk_service *service)
{
	mmblk_server_put(to_mmblk_server(service));
}

const struct mmblk_role mmblk_server_role = {
	.name = "server",
	.hold = FIDO_HOLD_PAGES,
	.create = mmblk_server_create,
	.destroy = mmblk_server_destroy,
	.start = mmblk_opening_start,
	.stop = mmblk_opening_stop,
	.up = mmblk_server_up,
	.down = mmblk_server_down,
	.event = mmblk_lane_event,
	.stats = mmblk_server_stats,
};
