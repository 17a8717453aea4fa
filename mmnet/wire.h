/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Wire format: is a message what the specification allows?
 */
#ifndef MMNET_WIRE_H
#define MMNET_WIRE_H

#include "mmnet_proto.h"

const char *mmnet_msg_check(const struct mmnet_msg *msg, __u32 size, __u32 id);
const char *mmnet_offload_check(const struct mmnet_msg *msg);

/* The inline bytes of a message that was checked. */
static inline const void *mmnet_msg_inline(const struct mmnet_msg *msg)
{
	return &msg->seg[msg->nr_segs];
}

/* No header that matters is longer, but for chains of IPv6's extensions */
#define MMNET_MAX_HEAD		192

__u32 mmnet_head_len(const __u8 *frame, __u32 len);

#endif /* MMNET_WIRE_H */
