/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Server: buffers that reads go to and that clients copy from.
 */
#ifndef MMBLK_POOL_H
#define MMBLK_POOL_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include "fido.h"
#include "mmblk_proto.h"

/* Sizes of 1, 2, 4 ... 256 pages */
#define MMBLK_POOL_CLASSES	9
/* Free buffers of one size: as many as can be in service and unreleased */
#define MMBLK_POOL_DEPTH	(MMBLK_DEPTH + MMBLK_NR_IDS)

/**
 * struct mmblk_pool - buffers of a channel
 * @chan: channel of the client; its lane's
 * @lock: guards everything; taken in interrupts, too
 * @limit: pages that may be out at a time, so that a client that releases
 *	nothing cannot take all memory. Out and kept together exceed it by a
 *	buffer at most.
 * @out: pages that are out
 * @kept: pages of free buffers
 * @class: free buffers, by order of their size
 */
struct mmblk_pool {
	struct fido_chan *chan;
	spinlock_t lock;	/* all of it */
	unsigned int limit;
	unsigned int out;
	unsigned int kept;
	struct mmblk_pool_class {
		unsigned int nr;
		struct fido_pages *pages[MMBLK_POOL_DEPTH];
	} class[MMBLK_POOL_CLASSES];
};

void mmblk_pool_init(struct mmblk_pool *pool, unsigned int limit);
struct fido_pages *mmblk_pool_get(struct mmblk_pool *pool, u32 bytes);
void mmblk_pool_put(struct mmblk_pool *pool, struct fido_pages *pages);
void mmblk_pool_trim(struct mmblk_pool *pool);
struct page *mmblk_pool_list(const struct fido_pages *pages);

#endif /* MMBLK_POOL_H */
