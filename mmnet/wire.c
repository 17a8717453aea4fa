// SPDX-License-Identifier: GPL-2.0
/*
 * Wire format: the one place that checks what a peer's message says. It works
 * on a private copy, and is compiled in user space for the tests, too.
 *
 * Addresses are not checked here: fido_resolve() does that.
 */
#include "wire.h"

/* Offsets of the checksum in the headers of TCP and UDP */
#define TCP_CSUM_OFFSET		16
#define TCP_HLEN		20
#define UDP_CSUM_OFFSET		6
#define UDP_HLEN		8

static const char *check_size(const struct mmnet_msg *msg, __u32 size)
{
	if (size < sizeof(*msg))
		return "mmnet: message without its head";
	if (msg->nr_segs > MMNET_MAX_SEGS)
		return "mmnet: too many segments";
	if (sizeof(*msg) + msg->nr_segs * sizeof(msg->seg[0]) +
	    msg->inline_len != size)
		return "mmnet: message of a wrong length";
	if (msg->len < MMNET_MIN_LEN || msg->len > MMNET_MAX_TCP_LEN)
		return "mmnet: frame of an impossible length";
	if (msg->inline_len < MMNET_MIN_INLINE && msg->inline_len < msg->len)
		return "mmnet: frame without headers";
	return NULL;
}

/* Lengths are bounded one by one: their sum cannot overflow. */
static const char *check_segs(const struct mmnet_msg *msg, __u32 id)
{
	__u32 len = msg->inline_len;
	unsigned int i;

	if (msg->nr_segs && id == FIDO_ID_NONE)
		return "mmnet: segments without an id";
	if (!msg->nr_segs && id != FIDO_ID_NONE)
		return "mmnet: id without segments";
	for (i = 0; i < msg->nr_segs; i++) {
		if (!msg->seg[i].len || msg->seg[i].len > MMNET_MAX_TCP_LEN)
			return "mmnet: segment of an impossible length";
		len += msg->seg[i].len;
	}
	return len == msg->len ? NULL : "mmnet: parts are not the whole";
}

static const char *check_csum(const struct mmnet_msg *msg)
{
	__u32 end = (__u32)msg->csum_start + msg->csum_offset + 2;

	if (!(msg->flags & MMNET_CSUM_PARTIAL))
		return NULL;
	if (msg->csum_start < MMNET_MIN_LEN || end > msg->len ||
	    end > MMNET_MAX_CSUM)
		return "mmnet: checksum outside the frame";
	return NULL;
}

static const char *check_tcp(const struct mmnet_msg *msg)
{
	if (msg->csum_offset != TCP_CSUM_OFFSET)
		return "mmnet: TCP with a checksum elsewhere";
	if (msg->len <= (__u32)msg->csum_start + TCP_HLEN)
		return "mmnet: TCP without payload";
	if (msg->gso_size < MMNET_MIN_GSO_SIZE)
		return "mmnet: TCP segments too small";
	if (msg->len > (__u32)msg->gso_size * MMNET_MAX_TCP_GSO)
		return "mmnet: too many TCP segments";
	return NULL;
}

static const char *check_udp(const struct mmnet_msg *msg)
{
	__u32 head = (__u32)msg->csum_start + UDP_HLEN;

	if (msg->csum_offset != UDP_CSUM_OFFSET)
		return "mmnet: UDP with a checksum elsewhere";
	if (msg->len <= head)
		return "mmnet: UDP without payload";
	if (msg->len - head > (__u32)msg->gso_size * MMNET_MAX_UDP_GSO)
		return "mmnet: too many UDP segments";
	return NULL;
}

/* Nothing else has a way to say how long it is. */
static bool may_be_long(const struct mmnet_msg *msg)
{
	__u8 type = msg->gso_type & ~MMNET_GSO_ECN;

	return type == MMNET_GSO_TCPV4 || type == MMNET_GSO_TCPV6;
}

static const char *check_gso(const struct mmnet_msg *msg)
{
	if (msg->len > MMNET_MAX_LEN && !may_be_long(msg))
		return "mmnet: frame too long for its kind";
	if (msg->gso_type == MMNET_GSO_NONE)
		return msg->gso_size ? "mmnet: segment size for nothing" : NULL;
	if (!(msg->flags & MMNET_CSUM_PARTIAL))
		return "mmnet: segmentation without checksum";
	if (!msg->gso_size || msg->gso_size > MMNET_MAX_GSO_SIZE)
		return "mmnet: impossible segment size";

	switch (msg->gso_type) {
	case MMNET_GSO_TCPV4:
	case MMNET_GSO_TCPV6:
	case MMNET_GSO_TCPV4 | MMNET_GSO_ECN:
	case MMNET_GSO_TCPV6 | MMNET_GSO_ECN:
		return check_tcp(msg);
	case MMNET_GSO_UDP_L4:
		return check_udp(msg);
	default:
		return "mmnet: unknown kind of segmentation";
	}
}

/**
 * mmnet_offload_check - are length and offloads as mmnet_proto.h wants them?
 * @msg: message, private or own
 *
 * The sender asks, too: it must not send what would break the channel.
 *
 * Return: NULL if they are, else what is wrong, a constant string.
 */
const char *mmnet_offload_check(const struct mmnet_msg *msg)
{
	const char *why = check_csum(msg);

	return why ? why : check_gso(msg);
}

/**
 * mmnet_msg_check - does a message keep the rules of mmnet_proto.h?
 * @msg: private copy of the message, aligned to 8 bytes
 * @size: its bytes
 * @id: that came with it, or FIDO_ID_NONE
 *
 * Return: NULL if it does, else what is wrong, a constant string.
 */
const char *mmnet_msg_check(const struct mmnet_msg *msg, __u32 size, __u32 id)
{
	const char *why = check_size(msg, size);

	if (!why)
		why = check_segs(msg, id);
	return why ? why : mmnet_offload_check(msg);
}

/* Where to look for the headers of a frame */
#define ETHERNET_HLEN		14
#define TAG_HLEN		4
#define MAX_TAGS		2
#define IPV4_HLEN		20
#define IPV6_HLEN		40
#define PROTO_HOPOPTS		0
#define PROTO_ICMP		1
#define PROTO_TCP		6
#define PROTO_UDP		17
#define PROTO_ICMPV6		58
#define ICMP_HLEN		8

static __u16 get16(const __u8 *p)
{
	return p[0] << 8 | p[1];
}

static __u32 head_of_transport(const __u8 *frame, __u32 len, __u32 at,
			       __u8 proto)
{
	switch (proto) {
	case PROTO_TCP:
		if (len < at + TCP_HLEN)
			return MMNET_MAX_HEAD;
		return at + (frame[at + 12] >> 4) * 4;
	case PROTO_UDP:
		return at + UDP_HLEN;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return at + ICMP_HLEN;
	default:
		return MMNET_MAX_HEAD;	/* a tunnel, perhaps */
	}
}

static __u32 head_of_ipv4(const __u8 *frame, __u32 len, __u32 at)
{
	__u32 hlen;

	if (len < at + IPV4_HLEN)
		return MMNET_MAX_HEAD;
	hlen = (frame[at] & 0xf) * 4;
	return head_of_transport(frame, len, at + hlen, frame[at + 9]);
}

static __u32 head_of_ipv6(const __u8 *frame, __u32 len, __u32 at)
{
	__u8 next;

	if (len < at + IPV6_HLEN)
		return MMNET_MAX_HEAD;
	next = frame[at + 6];
	at += IPV6_HLEN;
	/* Linux puts one in front of what is too long for IPv6 */
	if (next == PROTO_HOPOPTS && len >= at + 2) {
		next = frame[at];
		at += (frame[at + 1] + 1) * 8;
	}
	return head_of_transport(frame, len, at, next);
}

/**
 * mmnet_head_len - how long are the headers of a frame?
 * @frame: private copy of the frame's beginning
 * @len: its bytes, MMNET_MIN_LEN at least
 *
 * What is not private when it is parsed could change between two looks: between
 * that of a filter for a port, and that of the socket's lookup.
 *
 * Return: bytes up to the end of TCP's, UDP's or ICMP's header; or
 * MMNET_MAX_HEAD if the copy ends before it can be told, or if there are other
 * headers. Zero if it is no IP.
 */
__u32 mmnet_head_len(const __u8 *frame, __u32 len)
{
	__u32 at = ETHERNET_HLEN - 2, tags = 0, head;
	__u16 type = get16(frame + at);

	while ((type == 0x8100 || type == 0x88a8) && tags++ < MAX_TAGS) {
		at += TAG_HLEN;
		if (len < at + 2)
			return MMNET_MAX_HEAD;
		type = get16(frame + at);
	}
	at += 2;
	switch (type) {
	case 0x0800:
		head = head_of_ipv4(frame, len, at);
		break;
	case 0x86dd:
		head = head_of_ipv6(frame, len, at);
		break;
	case 0x8100:
	case 0x88a8:
		return MMNET_MAX_HEAD;
	default:
		return 0;
	}
	return head < MMNET_MAX_HEAD ? head : MMNET_MAX_HEAD;
}
