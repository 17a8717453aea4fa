/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a peer wrote: is it a message, and does it make sense? Also compiled in
 * user space, see tests/unit.
 */
#ifndef MMBLK_WIRE_H
#define MMBLK_WIRE_H

#include <linux/types.h>

#include "mmblk_proto.h"

/**
 * struct mmblk_wire_device - what requests are checked against
 * @sectors: size
 * @block_size: logical block size
 * @dma_mask: bits that addresses and lengths of its data must not have
 * @read_only: what would change it is refused
 */
struct mmblk_wire_device {
	u64 sectors;
	u32 block_size;
	u32 dma_mask;
	bool read_only;
};

const char *mmblk_wire_request(const struct mmblk_request *r, u32 len, u32 id);
u8 mmblk_wire_refuse(const struct mmblk_request *r, u32 len,
		     const struct mmblk_wire_device *device);
const char *mmblk_wire_done(const struct mmblk_done *done, u32 len, u32 id);
const char *mmblk_wire_answer(const struct mmblk_done *done, u8 op, u32 bytes);
const char *mmblk_wire_config(struct mmblk_config *c, u32 len, u32 id);
bool mmblk_wire_segs(const struct fido_seg *seg, unsigned int nr, u32 bytes,
		     u32 align);
bool mmblk_wire_fits(const struct fido_seg *seg, unsigned int nr,
		     u32 block_size, u32 dma_mask);

#endif /* MMBLK_WIRE_H */
