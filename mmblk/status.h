/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Results of requests, as the protocol and as the block layer names them.
 */
#ifndef MMBLK_STATUS_H
#define MMBLK_STATUS_H

#include <linux/blk_types.h>
#include <linux/types.h>

u8 mmblk_status_to_wire(blk_status_t status);
blk_status_t mmblk_status_from_wire(u8 code);

#endif /* MMBLK_STATUS_H */
