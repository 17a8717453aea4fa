/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Server: a block device behind.
 */
#ifndef MMBLK_BLKDEV_H
#define MMBLK_BLKDEV_H

#include <linux/bio.h>
#include <linux/types.h>

#include "compat_block.h"

struct mmblk_backing;

/**
 * struct mmblk_blkdev - an open block device
 * @dev: how it was opened; gives the block device
 * @bios: where its bios come from. Not from the file systems' set: theirs may
 *	all wait for a disk of the VM that waits for one of ours.
 */
struct mmblk_blkdev {
	struct compat_bdev dev;
	struct bio_set bios;
};

int mmblk_blkdev_open(struct mmblk_backing *backing, const char *path,
		      bool write);
bool mmblk_blkdev_is_memory(const struct block_device *bdev);
bool mmblk_blkdev_needs_copy(struct block_device *bdev);

#endif /* MMBLK_BLKDEV_H */
