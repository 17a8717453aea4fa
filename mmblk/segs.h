/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Segment lists, as they are built for a peer.
 */
#ifndef MMBLK_SEGS_H
#define MMBLK_SEGS_H

#include <linux/types.h>

#include "fido.h"

/**
 * struct mmblk_segs - a list under construction
 * @seg: where it is written, room for MMBLK_MAX_SEGS
 * @nr: segments so far
 */
struct mmblk_segs {
	struct fido_seg *seg;
	unsigned int nr;
};

int mmblk_segs_add(struct mmblk_segs *segs, struct fido_chan *chan,
		   struct page *page, u32 offset, u32 len);
int mmblk_segs_add_pages(struct mmblk_segs *segs, struct fido_chan *chan,
			 struct fido_pages *pages, u32 bytes);
unsigned int mmblk_segs_emit(const struct mmblk_segs *segs,
			     struct fido_chan *chan, struct page *list,
			     struct fido_seg *to, unsigned int room);

#endif /* MMBLK_SEGS_H */
