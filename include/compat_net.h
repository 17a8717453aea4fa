/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that are supported, for polls of network
 * devices; see compat.h.
 */
#ifndef FIDO_COMPAT_NET_H
#define FIDO_COMPAT_NET_H

#include <linux/netdevice.h>

/*
 * What napi_complete_done() goes by when it defers events. Older kernels have
 * it for each device; the newer ones' functions for it are not for modules.
 */
#ifdef HAVE_NAPI_SETTINGS
static inline int compat_napi_defer(const struct napi_struct *napi)
{
	return READ_ONCE(napi->defer_hard_irqs);
}

static inline unsigned long compat_napi_timeout(const struct napi_struct *napi)
{
	return READ_ONCE(napi->gro_flush_timeout);
}
#else
static inline int compat_napi_defer(const struct napi_struct *napi)
{
	return READ_ONCE(napi->dev->napi_defer_hard_irqs);
}

static inline unsigned long compat_napi_timeout(const struct napi_struct *napi)
{
	return READ_ONCE(napi->dev->gro_flush_timeout);
}
#endif

/*
 * Newer kernels give a NAPI its id when it is enabled, and take it away when it
 * is disabled. As that of a certain queue it is the same each time.
 */
#ifdef HAVE_NAPI_CONFIG
static inline void compat_napi_add(struct net_device *dev,
				   struct napi_struct *napi,
				   int (*poll)(struct napi_struct *, int),
				   int index)
{
	netif_napi_add_config(dev, napi, poll, index);
}
#else
static inline void compat_napi_add(struct net_device *dev,
				   struct napi_struct *napi,
				   int (*poll)(struct napi_struct *, int),
				   int index)
{
	netif_napi_add(dev, napi, poll);
}
#endif

/* Which NAPI, or NULL, polls both directions of queue @index? Under RTNL. */
#ifdef HAVE_QUEUE_SET_NAPI
static inline void compat_queue_set_napi(struct net_device *dev,
					 unsigned int index,
					 struct napi_struct *napi)
{
	netif_queue_set_napi(dev, index, NETDEV_QUEUE_TYPE_RX, napi);
	netif_queue_set_napi(dev, index, NETDEV_QUEUE_TYPE_TX, napi);
}
#else
static inline void compat_queue_set_napi(struct net_device *dev,
					 unsigned int index,
					 struct napi_struct *napi)
{
}
#endif

#endif /* FIDO_COMPAT_NET_H */
