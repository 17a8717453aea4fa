/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol of service type "mmblk", version 1: a block device or a file of
 * the server, used by the client as a disk. "The device behind" is either.
 *
 * This header is the specification. It is shared with user space. The rules of
 * fido_proto.h hold: one writer per byte, little-endian, reserved fields are
 * written as zero and ignored by the reader.
 *
 * Channels
 * ========
 *
 * Every channel of the service has MMBLK_NR_SLOTS slots of MMBLK_SLOT_SIZE
 * bytes and MMBLK_NR_IDS ids. A channel is a queue: the completion of a
 * request comes on the channel of the request. Channels are independent of
 * each other, and nothing is ordered but by completion.
 *
 *   client                                server
 *   ------                                ------
 *                                         up
 *                                <-----   struct mmblk_config, on channel 0
 *   struct mmblk_request,        ----->
 *   on any channel                        reads segments, submits
 *                                <-----   struct mmblk_done
 *   reads segments, releases     ----->
 *                                         the device behind was resized
 *                                <-----   struct mmblk_config
 *
 * The client sends nothing before the first struct mmblk_config. Another one
 * can come at any time and replaces the earlier one.
 *
 * Requests
 * ========
 *
 * A request is named by its tag, 0 <= tag < MMBLK_DEPTH, chosen by the client
 * and not used again on this channel before the completion has been read.
 * As MMBLK_DEPTH is half of MMBLK_NR_SLOTS neither side meets a full ring
 * while the other one consumes what it has answered.
 *
 *   op            sector  bytes  segments
 *   READ          yes     yes    none; those of the data come with the
 *                                completion
 *   WRITE         yes     yes    the data, in the client's memory
 *   FLUSH         0       0      none
 *   DISCARD       yes     yes    none
 *   WRITE_ZEROES  yes     yes    none
 *
 * Sectors are 512 bytes; sector and bytes are multiples of the logical block
 * size; no READ or WRITE is larger than @max_bytes of the configuration.
 *
 * A write is complete when the device behind has completed it, and on stable
 * storage when MMBLK_F_FUA was set or when a FLUSH that was sent after that
 * completion is complete.
 *
 * With MMBLK_C_KEPT in the configuration the server promises more: the death of
 * its domain loses nothing of a completed write that a FLUSH sent to its
 * successor would not make durable. The client may then keep requests that are
 * in flight, and send them to that successor, on another link.
 *
 * Requests and their segments carry no id: the completion says that nothing of
 * them is read any more. A completion that carries data (a READ without error)
 * has an id, which the client releases as soon as it has copied the data;
 * every other message has FIDO_ID_NONE.
 *
 * Whatever a request asks for, the server answers it. Requests that cannot be
 * (range, alignment, segments, address, direction) get an error of their own.
 * These are violations, after which the channel is broken: a message that is
 * too short or too long for what it says, an unknown kind, a tag out of range
 * or in use, a completion for a tag that is not, or of another op or length
 * than was asked, an id where none belongs or none where one does.
 *
 * Segments
 * ========
 *
 * Up to the number that fits into the slot, segments stand in the message.
 * Else the message holds one segment, which names a list in the sender's
 * memory: @nr_segs times struct fido_seg, at most a page, not crossing a page
 * border, unchanged until the tag (or id) is given back. The sum of all @len
 * is @bytes. Address and length of each are multiples of 512.
 *
 * Losing the peer
 * ===============
 *
 * When the service goes down requests in flight have no result. The client
 * sends them again, perhaps with other tags, when the service is up and the
 * configuration has come. The server does not let the service go down, and
 * thus up again, before the device behind has completed all that it was given:
 * a write can neither be overtaken by an older one nor read memory that its
 * owner has reused after its completion.
 */
#ifndef MMBLK_PROTO_H
#define MMBLK_PROTO_H

#include <linux/types.h>

#include "fido_proto.h"

#define MMBLK_TYPE		"mmblk"
/*
 * Seen by the client alone. Not raised before the first release: until then both
 * ends must be of the same commit. (An earlier server refuses FUA for zeroes.)
 */
#define MMBLK_VERSION		1

#define MMBLK_SLOT_SIZE		512
#define MMBLK_NR_SLOTS		256
#define MMBLK_NR_IDS		256
#define MMBLK_DEPTH		128

#define MMBLK_SECTOR_SIZE	512
#define MMBLK_MAX_SEGS		256	/* fill a list page */
#define MMBLK_MAX_BYTES		1048576
#define MMBLK_SERIAL_LEN	36

#define MMBLK_MSG_SIZE		(MMBLK_SLOT_SIZE - sizeof(struct fido_slot))

/**
 * enum mmblk_op - what a request asks for
 * @MMBLK_OP_READ: read data
 * @MMBLK_OP_WRITE: write data
 * @MMBLK_OP_FLUSH: make completed writes durable
 * @MMBLK_OP_DISCARD: contents are no longer needed
 * @MMBLK_OP_WRITE_ZEROES: contents shall read as zero
 */
enum mmblk_op {
	MMBLK_OP_READ		= 1,
	MMBLK_OP_WRITE		= 2,
	MMBLK_OP_FLUSH		= 3,
	MMBLK_OP_DISCARD	= 4,
	MMBLK_OP_WRITE_ZEROES	= 5,
};

/* flags of a request */
#define MMBLK_F_FUA	0x01	/* WRITE, WRITE_ZEROES: durable at completion */
#define MMBLK_F_NOUNMAP	0x02	/* WRITE_ZEROES: keep the space allocated */

/**
 * enum mmblk_status - result of a request
 * @MMBLK_OK: done
 * @MMBLK_IOERR: input/output error; any error that has no name here
 * @MMBLK_NOTSUPP: operation not supported by the device behind
 * @MMBLK_TIMEOUT: the device behind timed out
 * @MMBLK_NOSPC: no space left in a thin device
 * @MMBLK_TRANSPORT: transport failure
 * @MMBLK_TARGET: target failure
 * @MMBLK_RESV_CONFLICT: reservation conflict
 * @MMBLK_MEDIUM: medium error
 * @MMBLK_PROTECTION: integrity check failed
 * @MMBLK_RESOURCE: out of memory or the like
 * @MMBLK_DEV_RESOURCE: the same, of the device
 * @MMBLK_AGAIN: would have had to wait
 * @MMBLK_OFFLINE: the device behind is offline
 * @MMBLK_INVAL: the request is invalid
 * @MMBLK_DURATION_LIMIT: command duration limit exceeded
 * @MMBLK_ZONE_OPEN_RESOURCE: too many open zones
 * @MMBLK_ZONE_ACTIVE_RESOURCE: too many active zones
 * @MMBLK_NR_STATUS: number of codes; a code not known is read as MMBLK_IOERR
 */
enum mmblk_status {
	MMBLK_OK,
	MMBLK_IOERR,
	MMBLK_NOTSUPP,
	MMBLK_TIMEOUT,
	MMBLK_NOSPC,
	MMBLK_TRANSPORT,
	MMBLK_TARGET,
	MMBLK_RESV_CONFLICT,
	MMBLK_MEDIUM,
	MMBLK_PROTECTION,
	MMBLK_RESOURCE,
	MMBLK_DEV_RESOURCE,
	MMBLK_AGAIN,
	MMBLK_OFFLINE,
	MMBLK_INVAL,
	MMBLK_DURATION_LIMIT,
	MMBLK_ZONE_OPEN_RESOURCE,
	MMBLK_ZONE_ACTIVE_RESOURCE,
	MMBLK_NR_STATUS,
};

/**
 * struct mmblk_request - from the client
 * @op: enum mmblk_op
 * @flags: MMBLK_F_*
 * @tag: names the request
 * @nr_segs: segments; more than MMBLK_REQUEST_SEGS are in a list
 * @reserved: zero
 * @sector: first sector
 * @bytes: length
 * @reserved2: zero
 * @seg: the segments, or one that names the list
 */
struct mmblk_request {
	__u8 op;
	__u8 flags;
	__u16 tag;
	__u16 nr_segs;
	__u16 reserved;
	__u64 sector;
	__u32 bytes;
	__u32 reserved2;
	struct fido_seg seg[];
};

#define MMBLK_REQUEST_SEGS \
	((MMBLK_MSG_SIZE - sizeof(struct mmblk_request)) / \
	 sizeof(struct fido_seg))

/**
 * enum mmblk_kind - what the server sends; first byte of its messages
 * @MMBLK_KIND_CONFIG: struct mmblk_config
 * @MMBLK_KIND_DONE: struct mmblk_done
 */
enum mmblk_kind {
	MMBLK_KIND_CONFIG	= 1,
	MMBLK_KIND_DONE		= 2,
};

/**
 * struct mmblk_done - completion, from the server
 * @kind: MMBLK_KIND_DONE
 * @op: that of the request
 * @tag: that of the request
 * @status: enum mmblk_status
 * @reserved: zero
 * @nr_segs: segments; more than MMBLK_DONE_SEGS are in a list
 * @bytes: length of the data that the segments hold: that of the request for a
 *	READ without error, else zero
 * @reserved2: zero
 * @seg: the segments, or one that names the list
 */
struct mmblk_done {
	__u8 kind;
	__u8 op;
	__u16 tag;
	__u8 status;
	__u8 reserved;
	__u16 nr_segs;
	__u32 bytes;
	__u32 reserved2;
	struct fido_seg seg[];
};

#define MMBLK_DONE_SEGS \
	((MMBLK_MSG_SIZE - sizeof(struct mmblk_done)) / \
	 sizeof(struct fido_seg))

/* flags of a configuration */
#define MMBLK_C_READ_ONLY	0x01	/* writing ops are refused */
#define MMBLK_C_WRITE_CACHE	0x02	/* FLUSH is needed for durability */
#define MMBLK_C_FUA		0x04	/* the device knows FUA itself */
#define MMBLK_C_ROTATIONAL	0x08
#define MMBLK_C_STABLE_WRITES	0x10	/* data must not change in flight */
#define MMBLK_C_KEPT		0x20	/* see above */

/**
 * struct mmblk_config - what the device is like, from the server, channel 0
 * @kind: MMBLK_KIND_CONFIG
 * @version: MMBLK_VERSION
 * @flags: MMBLK_C_*
 * @max_bytes: largest READ or WRITE, a page to MMBLK_MAX_BYTES
 * @sectors: size in units of 512 bytes
 * @logical_block_size: a power of two, 512..4096; never changes
 * @physical_block_size: a power of two, not below @logical_block_size
 * @io_min: preferred smallest request, bytes
 * @io_opt: preferred request, bytes, or zero; zero for more than 64 MiB, too
 * @alignment_offset: of sector 0 in a physical block, bytes
 * @discard_sectors: largest DISCARD, zero: not supported
 * @discard_granularity: bytes
 * @discard_alignment: bytes
 * @write_zeroes_sectors: largest WRITE_ZEROES, zero: not supported
 * @reserved: zero
 */
struct mmblk_config {
	__u8 kind;
	__u8 version;
	__u16 flags;
	__u32 max_bytes;
	__u64 sectors;
	__u32 logical_block_size;
	__u32 physical_block_size;
	__u32 io_min;
	__u32 io_opt;
	__u32 alignment_offset;
	__u32 discard_sectors;
	__u32 discard_granularity;
	__u32 discard_alignment;
	__u32 write_zeroes_sectors;
	__u32 reserved;
};

#endif /* MMBLK_PROTO_H */
