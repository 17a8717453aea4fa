// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "util.h"

void domain_set_name(struct domain *domain, const char *name)
{
	snprintf(domain->name, sizeof(domain->name), "%s",
		 name && *name ? name : "?");
}

bool domain_has_name(const struct domain *domain)
{
	return strcmp(domain->name, "?");
}

void domain_read(struct store *store, unsigned int domid,
		 struct domain *domain)
{
	char *name = store_read(store, "/local/domain/%u/name", domid);

	domain->domid = domid;
	domain->running = store_domain_running(store, domid);
	/* a minimal dom0 may have no name in xenstore */
	domain_set_name(domain, name || domid ? name : "Domain-0");
	free(name);
}

/* Everything that has nodes, dead domains included. To be freed. */
unsigned int *domain_ids(struct store *store, unsigned int *nr)
{
	unsigned int nr_names, i;
	unsigned int *ids;
	char **names;

	names = store_list(store, &nr_names, "/local/domain");
	ids = xcalloc(nr_names, sizeof(*ids));
	*nr = 0;
	for (i = 0; i < nr_names; i++)
		if (parse_uint(names[i], DOMID_END - 1, &ids[*nr]))
			(*nr)++;
	free(names);
	return ids;
}

/*
 * How many of a VM's vCPUs are online, as the toolstack wants it; 0 if nobody
 * has said so, as is usual for dom0.
 */
unsigned int domain_vcpus(struct store *store, const struct domain *domain)
{
	unsigned int nr, i, online = 0;
	char **names;
	char *s;

	names = store_list(store, &nr, "/local/domain/%u/cpu", domain->domid);
	for (i = 0; i < nr; i++) {
		s = store_read(store, "/local/domain/%u/cpu/%s/availability",
			       domain->domid, names[i]);
		online += s && !strcmp(s, "online");
		free(s);
	}
	free(names);
	return online;
}

/* An argument of digits is a domid, as with xl; dom0 is what people say. */
bool domain_is_called(const struct domain *domain, const char *arg)
{
	unsigned int domid;

	if (parse_uint(arg, DOMID_END - 1, &domid))
		return domain->domid == domid;
	if (!domain->domid && !strcmp(arg, "dom0"))
		return true;
	return !strcmp(domain->name, arg);
}

void die_no_domain(const char *arg)
{
	unsigned int domid;

	if (parse_uint(arg, DOMID_END - 1, &domid))
		die("no VM with domid %u is running: \"xl list\" shows which are",
		    domid);
	die("no VM called %s is running: \"xl list\" shows which are", arg);
}
