/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waiting for drivers to let go of services that are removed.
 */
#ifndef FIDOCTL_RETIRE_H
#define FIDOCTL_RETIRE_H

#include "topology.h"

const struct domain *retire_finish(struct store *store, struct link *link,
				   const bool *ids, unsigned int seconds,
				   const char *what);

#endif /* FIDOCTL_RETIRE_H */
