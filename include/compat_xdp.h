/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that are supported, for XDP; see compat.h.
 */
#ifndef FIDO_COMPAT_XDP_H
#define FIDO_COMPAT_XDP_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/xdp.h>

/* skb_gso_segment() */
#ifdef HAVE_NET_GSO
#include <net/gso.h>
#endif

/* Older kernels find out by trying. */
#ifdef HAVE_XDP_FEATURES
static inline void compat_xdp_set_features(struct net_device *dev)
{
	dev->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT |
			    NETDEV_XDP_ACT_NDO_XMIT | NETDEV_XDP_ACT_RX_SG |
			    NETDEV_XDP_ACT_NDO_XMIT_SG;
}
#else
static inline void compat_xdp_set_features(struct net_device *dev)
{
}
#endif

/*
 * The id of a NAPI that is enabled, for sockets that busy-poll. Newest kernels
 * find it by the queue, see compat_queue_set_napi().
 */
#ifdef HAVE_XDP_RXQ_NAPI_ID
static inline void compat_xdp_set_napi(struct xdp_rxq_info *rxq,
				       const struct napi_struct *napi)
{
	WRITE_ONCE(rxq->napi_id, napi->napi_id);
}
#else
static inline void compat_xdp_set_napi(struct xdp_rxq_info *rxq,
				       const struct napi_struct *napi)
{
}
#endif

/* @len bytes from the start of @page on follow what is in @xdp already. */
#ifdef HAVE_XDP_BUFF_ADD_FRAG
static inline bool compat_xdp_add_page(struct xdp_buff *xdp, struct page *page,
				       u32 len)
{
	return xdp_buff_add_frag(xdp, page_to_netmem(page), 0, len, PAGE_SIZE);
}
#else
static inline bool compat_xdp_add_page(struct xdp_buff *xdp, struct page *page,
				       u32 len)
{
	struct skb_shared_info *shinfo = xdp_get_shared_info_from_buff(xdp);

	if (!xdp_buff_has_frags(xdp)) {
		xdp_buff_set_frags_flag(xdp);
		shinfo->nr_frags = 0;
		shinfo->xdp_frags_size = 0;
	}
	if (shinfo->nr_frags == MAX_SKB_FRAGS)
		return false;
	if (page_is_pfmemalloc(page))
		xdp_buff_set_frag_pfmemalloc(xdp);
	__skb_fill_page_desc_noacc(shinfo, shinfo->nr_frags++, page, 0, len);
	shinfo->xdp_frags_size += len;
	return true;
}
#endif

#endif /* FIDO_COMPAT_XDP_H */
