/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waiting for what the drivers of the two ends write.
 */
#ifndef FIDOCTL_WAIT_H
#define FIDOCTL_WAIT_H

#include "topology.h"

enum verdict { PENDING, REACHED, FAILED };

typedef enum verdict (*condition_fn)(const struct link *link,
				     const void *arg);

enum verdict wait_for_link(struct store *store, struct link *link,
			   unsigned int seconds, const char *what,
			   condition_fn condition, const void *arg);

#endif /* FIDOCTL_WAIT_H */
