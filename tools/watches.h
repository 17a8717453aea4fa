/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose links are watched: what changes there is told.
 */
#ifndef FIDOCTL_WATCHES_H
#define FIDOCTL_WATCHES_H

#include "wish.h"

/**
 * struct watches - VMs whose links are watched
 * @nr: number of VMs
 * @domid: their domids
 */
struct watches {
	unsigned int nr;
	unsigned int *domid;
};

void watches_add(struct watches *watches, struct store *store,
		 unsigned int domid);
void watches_drop_dead(struct watches *watches, struct store *store,
		       const struct roster *roster);
void watches_free(struct watches *watches);

#endif /* FIDOCTL_WATCHES_H */
