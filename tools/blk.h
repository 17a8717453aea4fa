/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks.
 */
#ifndef FIDOCTL_BLK_H
#define FIDOCTL_BLK_H

#include "topology.h"

char *disk_in_use(const struct link *link, const struct service *service);

#endif /* FIDOCTL_BLK_H */
