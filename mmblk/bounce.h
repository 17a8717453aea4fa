/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Client: copies of data that the peer cannot read where it is.
 */
#ifndef MMBLK_BOUNCE_H
#define MMBLK_BOUNCE_H

#include <linux/types.h>

struct fido_device;
struct fido_chan;
struct fido_pages;
struct mmblk_reserve;

struct mmblk_reserve *mmblk_reserve_get(struct fido_device *fdev);
void mmblk_reserve_put(struct mmblk_reserve *reserve);
void mmblk_reserve_leave(struct mmblk_reserve *reserve, struct fido_chan *chan,
			 const struct fido_pages *copy);
struct fido_pages *mmblk_bounce_get(struct mmblk_reserve *reserve,
				    struct fido_chan *chan, u32 bytes);
void mmblk_bounce_put(struct mmblk_reserve *reserve, struct fido_pages **pages);

#endif /* MMBLK_BOUNCE_H */
