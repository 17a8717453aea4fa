/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_GFP_H
#define SHIM_GFP_H

#include "shim.h"

typedef unsigned int gfp_t;

#define __GFP_DIRECT_RECLAIM	0x01U
#define __GFP_ZERO		0x02U
#define __GFP_NORETRY		0x04U
#define __GFP_NOWARN		0x08U
#define __GFP_NOMEMALLOC	0x10U
#define GFP_KERNEL		__GFP_DIRECT_RECLAIM
#define GFP_ATOMIC		0U

static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return gfp & __GFP_DIRECT_RECLAIM;
}

#endif /* SHIM_GFP_H */
