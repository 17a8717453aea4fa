/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMs by name and by domid.
 */
#ifndef FIDOCTL_DOMAIN_H
#define FIDOCTL_DOMAIN_H

#include <stdbool.h>

#include "store.h"
#include "util.h"

/* domids from here on are not of VMs */
#define DOMID_END	0x7ff0

#define DOMAIN_NAME_LEN	128

/**
 * struct domain - a VM, perhaps one that is gone
 * @domid: its domain id
 * @running: there is such a domain now
 * @name: its name, "?" if nobody knows it any more
 */
struct domain {
	unsigned int domid;
	bool running;
	char name[DOMAIN_NAME_LEN];
};

void domain_set_name(struct domain *domain, const char *name);
bool domain_has_name(const struct domain *domain);
void domain_read(struct store *store, unsigned int domid,
		 struct domain *domain);
unsigned int *domain_ids(struct store *store, unsigned int *nr);
unsigned int domain_vcpus(struct store *store, const struct domain *domain);
bool domain_is_called(const struct domain *domain, const char *arg);
void die_no_domain(const char *arg) __noreturn;

#endif /* FIDOCTL_DOMAIN_H */
