/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Server: the block device behind.
 */
#ifndef MMBLK_BACKING_H
#define MMBLK_BACKING_H

#include <linux/types.h>

#include "compat_block.h"
#include "mmblk_proto.h"

/**
 * struct mmblk_backing - an open block device
 * @dev: how it was opened; gives the block device
 * @bounce: it is not given foreign pages, data is copied for it
 * @bios: where its bios come from. Not from the file systems' set: theirs may
 *	all wait for a disk of the VM that waits for one of ours.
 */
struct mmblk_backing {
	struct compat_bdev dev;
	bool bounce;
	struct bio_set bios;
};

int mmblk_backing_open(struct mmblk_backing *backing, const char *path,
		       bool write);
void mmblk_backing_close(struct mmblk_backing *backing);
void mmblk_backing_config(const struct mmblk_backing *backing,
			  struct mmblk_config *config);

static inline struct block_device *
mmblk_backing_bdev(const struct mmblk_backing *backing)
{
	return backing->dev.bdev;
}

#endif /* MMBLK_BACKING_H */
