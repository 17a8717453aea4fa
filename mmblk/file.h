/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Server: a file behind.
 */
#ifndef MMBLK_FILE_H
#define MMBLK_FILE_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct file;
struct mmblk_backing;
struct path;

/**
 * struct mmblk_file - an open file
 * @file: the file; keeps its file system mounted
 * @wq: does what waits
 * @closing: lets go of @file, on @wq
 * @write: opened for writing
 * @direct: read and written past the page cache
 * @block_size: what requests are multiples of
 * @align: what each piece of memory must be a multiple of, address and length
 * @no_punch: the file system has refused to make a hole
 * @no_zero: the file system has refused to zero a range
 */
struct mmblk_file {
	struct file *file;
	struct workqueue_struct *wq;
	struct work_struct closing;
	bool write;
	bool direct;
	u32 block_size;
	u32 align;
	bool no_punch;
	bool no_zero;
};

int mmblk_file_open(struct mmblk_backing *backing, const struct path *path,
		    bool write);

#endif /* MMBLK_FILE_H */
