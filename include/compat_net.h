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

#endif /* FIDO_COMPAT_NET_H */
