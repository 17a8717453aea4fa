// SPDX-License-Identifier: GPL-2.0
/*
 * Results of requests. The numbers of the block layer differ from kernel to
 * kernel, those of the protocol do not.
 */
#include <linux/kernel.h>

#include "compat_block.h"
#include "mmblk_proto.h"
#include "status.h"

static const blk_status_t mmblk_status[MMBLK_NR_STATUS] = {
	[MMBLK_OK] = BLK_STS_OK,
	[MMBLK_IOERR] = BLK_STS_IOERR,
	[MMBLK_NOTSUPP] = BLK_STS_NOTSUPP,
	[MMBLK_TIMEOUT] = BLK_STS_TIMEOUT,
	[MMBLK_NOSPC] = BLK_STS_NOSPC,
	[MMBLK_TRANSPORT] = BLK_STS_TRANSPORT,
	[MMBLK_TARGET] = BLK_STS_TARGET,
	[MMBLK_RESV_CONFLICT] = BLK_STS_RESV_CONFLICT,
	[MMBLK_MEDIUM] = BLK_STS_MEDIUM,
	[MMBLK_PROTECTION] = BLK_STS_PROTECTION,
	[MMBLK_RESOURCE] = BLK_STS_RESOURCE,
	[MMBLK_DEV_RESOURCE] = BLK_STS_DEV_RESOURCE,
	[MMBLK_AGAIN] = BLK_STS_AGAIN,
	[MMBLK_OFFLINE] = BLK_STS_OFFLINE,
	[MMBLK_INVAL] = BLK_STS_INVAL,
	[MMBLK_DURATION_LIMIT] = BLK_STS_DURATION_LIMIT,
	[MMBLK_ZONE_OPEN_RESOURCE] = BLK_STS_ZONE_OPEN_RESOURCE,
	[MMBLK_ZONE_ACTIVE_RESOURCE] = BLK_STS_ZONE_ACTIVE_RESOURCE,
};

/**
 * mmblk_status_to_wire - result for the peer
 * @status: of the block layer
 *
 * Return: enum mmblk_status; where this kernel has one status for several
 * codes, the first of them.
 */
u8 mmblk_status_to_wire(blk_status_t status)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mmblk_status); i++)
		if (mmblk_status[i] == status)
			return i;
	return MMBLK_IOERR;
}

/**
 * mmblk_status_from_wire - result from the peer
 * @code: anything
 *
 * Return: status of the block layer.
 */
blk_status_t mmblk_status_from_wire(u8 code)
{
	if (code >= ARRAY_SIZE(mmblk_status))
		return BLK_STS_IOERR;
	return mmblk_status[code];
}
