/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks and interfaces that outlive their service.
 */
#ifndef FIDOCTL_KEEP_H
#define FIDOCTL_KEEP_H

#include <stdbool.h>

#include "topology.h"

#define KEEP_NODE "keep"

bool service_is_kept(const struct service *service);
char *keep_name(const struct domain *peer, const char *what);
void keep_check(struct store *store, struct topology *topology,
		const struct domain *domain, const char *type,
		const char *keep);

#endif /* FIDOCTL_KEEP_H */
