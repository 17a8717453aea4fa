/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Client: copies of data that the peer cannot read where it is.
 */
#ifndef MMBLK_BOUNCE_H
#define MMBLK_BOUNCE_H

#include <linux/types.h>

struct fido_chan;
struct fido_pages;

/**
 * struct mmblk_reserve - room for one copy, for when there is no memory
 * @pages: the room, for the largest request; NULL if there was no memory for it
 * @taken: it is in use (bit 0)
 */
struct mmblk_reserve {
	struct fido_pages *pages;
	unsigned long taken;
};

void mmblk_reserve_fill(struct mmblk_reserve *reserve, struct fido_chan *chan);
void mmblk_reserve_free(struct mmblk_reserve *reserve);
struct fido_pages *mmblk_bounce_get(struct mmblk_reserve *reserve,
				    struct fido_chan *chan, u32 bytes);
void mmblk_bounce_put(struct mmblk_reserve *reserve, struct fido_pages **pages);

#endif /* MMBLK_BOUNCE_H */
