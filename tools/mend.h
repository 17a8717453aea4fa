/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the supervisor changes. Each is a whole command with a connection to
 * xenstore of its own, to be done by attempt(), and looks again whether it is
 * still needed.
 */
#ifndef FIDOCTL_MEND_H
#define FIDOCTL_MEND_H

#include "config.h"
#include "topology.h"

/**
 * struct mending - what to change
 * @wish: the service to add, or NULL
 * @file: where it is named
 * @front: domid of the link's frontend
 * @back: domid of its backend
 * @id: of the service to remove
 * @park: it is one that a driver refused, and is added again: what is kept
 *	stays with its VM for that
 */
struct mending {
	const struct wish *wish;
	const char *file;
	unsigned int front;
	unsigned int back;
	unsigned int id;
	bool park;
};

int mend_add(void *mending);
int mend_broken_link(void *mending);
int mend_stale_link(void *mending);
int mend_remove_service(void *mending);
int mend_remove_link(void *mending);

bool link_is_ours(const struct link *link);

#endif /* FIDOCTL_MEND_H */
