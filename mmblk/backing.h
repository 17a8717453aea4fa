/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Server: what is behind, a block device or a file.
 */
#ifndef MMBLK_BACKING_H
#define MMBLK_BACKING_H

#include <linux/types.h>

#include "blkdev.h"
#include "file.h"
#include "mmblk_proto.h"
#include "wire.h"

struct mmblk_backing;
struct mmblk_job;

/**
 * struct mmblk_backing_ops - what makes a block device or a file of it
 * @close: undo the opening; nothing is in flight
 * @look: tell what requests are checked against, now
 * @config: describe it to the client
 * @keep: from now on, nothing that the client knows to be written, or finds
 *	here, may be lost with this VM; sets @through of the backing. Returns
 *	-EOPNOTSUPP if all of it would be, or another error.
 * @submit: give it the request that the job's lane has in work. The data is in
 *	the job's buffer; without one, for a WRITE, in the lane's runs. Called
 *	by the lane's thread, may sleep. Returns 0, and mmblk_job_done() follows
 *	or has been called already; -EAGAIN if there is no memory at the moment;
 *	-EIO if data in such pieces cannot be taken: from one buffer it can.
 */
struct mmblk_backing_ops {
	void (*close)(struct mmblk_backing *backing);
	void (*look)(const struct mmblk_backing *backing,
		     struct mmblk_wire_device *device);
	void (*config)(const struct mmblk_backing *backing,
		       struct mmblk_config *config);
	int (*keep)(struct mmblk_backing *backing);
	int (*submit)(struct mmblk_job *job);
};

/**
 * struct mmblk_backing - an open block device or file
 * @ops: which of the two
 * @bounce: it is not given foreign pages, data is copied for it
 * @kept: the client's disk outlives this VM
 * @through: what is volatile behind may be this VM's memory: each write is made
 *	durable before it is completed
 * @blkdev: the block device
 * @file: the file
 */
struct mmblk_backing {
	const struct mmblk_backing_ops *ops;
	bool bounce;
	bool kept;
	bool through;
	union {
		struct mmblk_blkdev blkdev;
		struct mmblk_file file;
	};
};

int mmblk_backing_open(struct mmblk_backing *backing, const char *name,
		       bool write);
int mmblk_backing_keep(struct mmblk_backing *backing);
void mmblk_backing_config(const struct mmblk_backing *backing,
			  struct mmblk_config *config);

#endif /* MMBLK_BACKING_H */
