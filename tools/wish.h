/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What there is of a service that the configuration names.
 */
#ifndef FIDOCTL_WISH_H
#define FIDOCTL_WISH_H

#include "config.h"
#include "topology.h"

/**
 * enum found - what there is of a service
 * @FOUND_NO_VM: one of the two VMs does not run
 * @FOUND_NOTHING: both run, but there is no service
 * @FOUND_BROKEN_LINK: a driver has given up the link
 * @FOUND_REFUSED: a driver has refused the service, and has nothing of it
 * @FOUND_BY_HAND: somebody else has made it
 * @FOUND_DIFFERENT: it has other parameters
 * @FOUND_DOWN: it is there; drivers are missing, or on their way
 * @FOUND_UP: it works
 */
enum found {
	FOUND_NO_VM,
	FOUND_NOTHING,
	FOUND_BROKEN_LINK,
	FOUND_REFUSED,
	FOUND_BY_HAND,
	FOUND_DIFFERENT,
	FOUND_DOWN,
	FOUND_UP,
};

/**
 * struct roster - the VMs that run
 * @nr: number of them
 * @domain: the VMs
 */
struct roster {
	unsigned int nr;
	struct domain *domain;
};

/**
 * struct look - what was seen when looking for a service
 * @found: in short
 * @missing: the VM that does not run, or NULL
 * @link: the live link between the two, or NULL
 * @service: the service, or NULL
 */
struct look {
	enum found found;
	const char *missing;
	const struct link *link;
	const struct service *service;
};

void roster_read(struct store *store, struct roster *roster);
void roster_free(struct roster *roster);

bool wish_joins(const struct wish *wish, const struct link *link);
bool wish_is(const struct wish *wish, const struct link *link,
	     const struct service *service);
bool wish_needs(const struct wish *wish, const struct domain *domain);
void wish_look(const struct wish *wish, const struct roster *roster,
	       const struct topology *topology, struct look *look);
char *wish_label(const struct wish *wish);
const char *found_word(enum found found);
bool service_in_use(const struct service *service);
bool service_refused(const struct service *service);

#endif /* FIDOCTL_WISH_H */
