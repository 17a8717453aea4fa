// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of mmnet: frames that a stack may receive, and throws away.
 */
#include <linux/etherdevice.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "liar.h"
#include "mmnet_proto.h"

#define NET_PAYLOAD	3000
#define NET_TEST_TYPE	0x88b5	/* for experiments */
#define NET_TRANSPORT	(ETH_HLEN + sizeof(struct iphdr))

static struct mmnet_msg *net_msg(struct liar *liar)
{
	return (void *)liar->draft.slot->data;
}

/* Head and inline part; the segments, of @rest bytes, are the caller's. */
static void *net_begin(struct liar *liar, u16 inline_len, u8 nr_segs, u32 rest,
		       u16 type)
{
	struct mmnet_msg *msg = net_msg(liar);
	struct ethhdr *eth = (void *)&msg->seg[nr_segs];

	msg->len = inline_len + rest;
	msg->inline_len = inline_len;
	msg->nr_segs = nr_segs;
	if (nr_segs)
		liar->draft.seg = msg->seg;
	liar->draft.len = sizeof(*msg) + nr_segs * sizeof(msg->seg[0]) +
			  inline_len;
	eth_broadcast_addr(eth->h_dest);
	eth->h_source[0] = 2;	/* a local address */
	eth->h_source[5] = 1;
	eth->h_proto = htons(type);
	return eth + 1;
}

static void net_ip(struct liar *liar, void *at, u8 protocol)
{
	struct mmnet_msg *msg = net_msg(liar);
	struct iphdr *ip = at;

	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 1;
	ip->protocol = protocol;
	ip->tot_len = htons(msg->len - ETH_HLEN);
	/* of documents, RFC 5737 */
	ip->saddr = htonl(0xc0000201);
	ip->daddr = htonl(0xc0000202);
	msg->flags = MMNET_CSUM_PARTIAL;
	msg->csum_start = NET_TRANSPORT;
}

/**
 * liar_net_frame - a short frame, all of it in the message
 * @liar: service with an empty draft
 *
 * Return: 0.
 */
int liar_net_frame(struct liar *liar)
{
	net_begin(liar, ETH_ZLEN, 0, 0, NET_TEST_TYPE);
	return 0;
}

/**
 * liar_net_piece - a frame with a segment
 * @liar: service with an empty draft
 *
 * Return: 0, or an error of liar_draft_pages().
 */
int liar_net_piece(struct liar *liar)
{
	net_begin(liar, MMNET_MIN_INLINE, 1, NET_PAYLOAD, NET_TEST_TYPE);
	return liar_draft_pages(liar, net_msg(liar)->seg, NET_PAYLOAD);
}

/**
 * liar_net_udp - a frame whose checksum is left to the receiver
 * @liar: service with an empty draft
 *
 * Return: 0.
 */
int liar_net_udp(struct liar *liar)
{
	struct iphdr *ip = net_begin(liar, 142, 0, 0, ETH_P_IP);
	struct udphdr *udp = (void *)(ip + 1);

	net_ip(liar, ip, IPPROTO_UDP);
	udp->dest = htons(9);
	udp->len = htons(142 - NET_TRANSPORT);
	net_msg(liar)->csum_offset = offsetof(struct udphdr, check);
	return 0;
}

/**
 * liar_net_tcp - a frame to be segmented
 * @liar: service with an empty draft
 *
 * Return: 0, or an error of liar_draft_pages().
 */
int liar_net_tcp(struct liar *liar)
{
	struct iphdr *ip = net_begin(liar, MMNET_MIN_INLINE, 1, NET_PAYLOAD,
				     ETH_P_IP);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct mmnet_msg *msg = net_msg(liar);

	net_ip(liar, ip, IPPROTO_TCP);
	tcp->doff = 5;
	tcp->ack = 1;
	tcp->dest = htons(9);
	msg->csum_offset = offsetof(struct tcphdr, check);
	msg->gso_type = MMNET_GSO_TCPV4;
	msg->gso_size = 1000;
	return liar_draft_pages(liar, msg->seg, NET_PAYLOAD);
}
