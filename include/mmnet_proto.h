/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol of the service "mmnet", version 1: Ethernet frames over the
 * channels of Fido.
 *
 * This header is the specification; fido_proto.h tells about channels, slots,
 * ids and segments. It can be used in user space.
 *
 * A message is one Ethernet frame, without preamble and checksum, from the
 * destination address on; VLAN tags are in their place. A frame of more than
 * the path's MTU is one that the receiver, or a device behind it, segments as
 * @gso_type and @gso_size tell.
 *
 *   struct mmnet_msg | struct fido_seg * nr_segs | inline bytes
 *
 * The inline bytes are the beginning of the frame, the segments are the rest,
 * in their order. The receiver copies the message once, with the inline bytes,
 * and reads the segments' memory in place. All that it decides upon must come
 * from the copy: the headers of a frame belong into the inline part. If they
 * do not fit, the receiver copies more of the frame before it looks at it.
 *
 * A frame without segments carries FIDO_ID_NONE, a frame with segments carries
 * an id and is released under it. The receiver releases the id when nothing
 * points to the segments any more, which may be as late as a process wants.
 * It has to keep some ids free from that fate, by copying frames when too many
 * are held: otherwise one process that never reads would stop all others.
 *
 * Whether the receiver's interface is open makes no difference to the sender:
 * what arrives at a closed one is released and forgotten.
 *
 * The device is a link layer between two stations. Nothing is lost for lack of
 * room; a sender without a free slot or id waits.
 *
 * Reserved fields and flags are written as zero and ignored by the reader. A
 * message that violates a rule below breaks the channel.
 */
#ifndef MMNET_PROTO_H
#define MMNET_PROTO_H

#include <linux/types.h>

#include "fido_proto.h"

#define MMNET_TYPE		"mmnet"

/* Geometry of the channels: both sides must use the same */
#define MMNET_NR_SLOTS		512
#define MMNET_SLOT_SIZE		512
#define MMNET_NR_IDS		512

/* What fits into a slot behind struct fido_slot */
#define MMNET_MSG_SIZE		(MMNET_SLOT_SIZE - 8)

#define MMNET_MIN_LEN		14	/* an Ethernet header */
#define MMNET_MAX_LEN		(65536 + 128)
#define MMNET_MAX_TCP_LEN	(512 * 1024)	/* to be segmented */
#define MMNET_MIN_MTU		68
#define MMNET_MAX_MTU		65535

/*
 * Segments of a frame: one for the linear part of a Linux skb, MAX_SKB_FRAGS
 * for the rest. A frame in more pieces is copied by its sender.
 */
#define MMNET_MAX_SEGS		18

/* At least so many bytes are inline, or all of the frame if it is shorter */
#define MMNET_MIN_INLINE	64

/* @csum_start + @csum_offset + 2 is at most this */
#define MMNET_MAX_CSUM		1024

/* struct mmnet_msg.flags */
#define MMNET_CSUM_PARTIAL	0x01	/* @csum_start, @csum_offset are valid:
					 * there is the sum of the pseudo
					 * header only
					 */
#define MMNET_CSUM_VALID	0x02	/* somebody has checked the checksum */
#define MMNET_HASH		0x04	/* @hash is valid */
#define MMNET_HASH_L4		0x08	/* and made of the flow's ports, too */
#define MMNET_ACK		0x10	/* acknowledges, and carries nothing
					 * else: the receiver may take its time
					 */

/* struct mmnet_msg.gso_type */
#define MMNET_GSO_NONE		0
#define MMNET_GSO_TCPV4		1
#define MMNET_GSO_TCPV6		2
#define MMNET_GSO_UDP_L4	3
#define MMNET_GSO_ECN		0x80	/* with TCP: CWR on the first only */

#define MMNET_MIN_GSO_SIZE	8	/* TCP */
#define MMNET_MAX_GSO_SIZE	65534
#define MMNET_MAX_UDP_GSO	128	/* frames that UDP is cut into */
#define MMNET_MAX_TCP_GSO	8192	/* TCP, counting headers as payload */

/**
 * struct mmnet_msg - head of a message
 * @len: bytes of the frame, MMNET_MIN_LEN to MMNET_MAX_LEN, or with TCP in
 *	@gso_type to MMNET_MAX_TCP_LEN; the sum of @inline_len and of the
 *	segments' lengths
 * @hash: of the flow, a hint for steering
 * @inline_len: bytes of the frame that are in the message
 * @nr_segs: entries in @seg, at most MMNET_MAX_SEGS
 * @flags: MMNET_CSUM_*, MMNET_HASH*, MMNET_ACK
 * @gso_type: MMNET_GSO_*; other than MMNET_GSO_NONE only together with
 *	MMNET_CSUM_PARTIAL at the place of the protocol's checksum
 * @reserved: zero
 * @gso_size: payload bytes of each frame but the last, zero without
 *	@gso_type
 * @csum_start: the checksum covers the frame from here to its end
 * @csum_offset: and goes here, from @csum_start on
 * @reserved2: zero
 * @seg: the segments, then the inline bytes
 *
 * The message is as long as its parts, no byte more.
 */
struct mmnet_msg {
	__u32 len;
	__u32 hash;
	__u16 inline_len;
	__u8 nr_segs;
	__u8 flags;
	__u8 gso_type;
	__u8 reserved;
	__u16 gso_size;
	__u16 csum_start;
	__u16 csum_offset;
	__u32 reserved2;
	struct fido_seg seg[];
};

#endif /* MMNET_PROTO_H */
