// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "keep.h"
#include "util.h"

bool service_is_kept(const struct service *service)
{
	return service_node(service, FRONT, KEEP_NODE) ||
		service_node(service, BACK, KEEP_NODE);
}

/*
 * What the driver knows it by: it must be the same for each life of the peer,
 * and nobody else's. Without a name the peer is not known any more when it
 * comes back. To be freed.
 */
char *keep_name(const struct domain *peer, const char *what)
{
	if (!domain_has_name(peer))
		die("VM %u has no name: --keep needs one", peer->domid);
	return xasprintf("%s:%s", peer->name, what);
}

static bool has_kept(const struct link *link, const struct service *service,
		     const struct domain *domain, const char *keep)
{
	unsigned int side;
	const char *has;

	for (side = 0; side < NR_SIDES; side++) {
		has = service_node(service, side, KEEP_NODE);
		if (has && !strcmp(has, keep) &&
		    link->end[side].domain.domid == domain->domid)
			return true;
	}
	return false;
}

static void check_link(const struct link *link, const struct domain *domain,
		       const char *type, const char *keep)
{
	const struct service *service;
	unsigned int i;

	for (i = 0; i < link->nr_services; i++) {
		service = &link->service[i];
		if (!strcmp(service_type(service), type) &&
		    has_kept(link, service, domain, keep))
			die("%s has %s by a stale link: \"fidoctl link remove --stale\" first",
			    domain->name, keep);
	}
}

/* There is one of a name in a VM, which its old link still has. */
void keep_check(struct store *store, struct topology *topology,
		const struct domain *domain, const char *type,
		const char *keep)
{
	unsigned int i, side;
	struct link *link;

	for (i = 0; i < topology->nr_links; i++) {
		link = &topology->link[i];
		if (!link_side(link, domain, &side) ||
		    !link_read_ends(store, link) || !link_stale(link))
			continue;
		link_read_services_with(store, link, side, KEEP_NODE, keep);
		check_link(link, domain, type, keep);
	}
}
