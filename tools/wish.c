// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "service.h"
#include "util.h"
#include "wish.h"

void roster_read(struct store *store, struct roster *roster)
{
	unsigned int nr, i;
	unsigned int *ids = domain_ids(store, &nr);
	struct domain *domain;

	roster->domain = xcalloc(nr, sizeof(*roster->domain));
	roster->nr = 0;
	for (i = 0; i < nr; i++) {
		domain = &roster->domain[roster->nr];
		domain_read(store, ids[i], domain);
		if (domain->running)
			roster->nr++;
	}
	free(ids);
}

void roster_free(struct roster *roster)
{
	free(roster->domain);
	roster->domain = NULL;
	roster->nr = 0;
}

/*
 * The only running VM of this name. While a VM is started again there can be
 * two for a moment: then there is none to work with.
 */
static const struct domain *roster_find(const struct roster *roster,
					const char *name)
{
	const struct domain *found = NULL;
	unsigned int i;

	for (i = 0; i < roster->nr; i++) {
		if (!domain_is_called(&roster->domain[i], name))
			continue;
		if (found)
			return NULL;
		found = &roster->domain[i];
	}
	return found;
}

/* Live or stale: also a VM that is gone has its name, if anybody knows it. */
bool wish_joins(const struct wish *wish, const struct link *link)
{
	unsigned int side;

	return link_joins(link, wish->vm[0], wish->vm[1], &side);
}

bool wish_needs(const struct wish *wish, const struct domain *domain)
{
	return domain_is_called(domain, wish->vm[0]) ||
		domain_is_called(domain, wish->vm[1]);
}

bool wish_is(const struct wish *wish, const struct link *link,
	     const struct service *service)
{
	if (wish->type == WISH_NET)
		return net_is(service) && wish_joins(wish, link);
	return blk_is(link, service, wish->vm[0], wish->vm[1], wish->device);
}

static const struct service *find_service(const struct wish *wish,
					  const struct link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		if (wish_is(wish, link, &link->service[i]))
			return &link->service[i];
	return NULL;
}

static bool joins_domids(const struct link *link, unsigned int a,
			 unsigned int b)
{
	unsigned int front = link->end[FRONT].domain.domid;
	unsigned int back = link->end[BACK].domain.domid;

	return (front == a && back == b) || (front == b && back == a);
}

static const struct link *find_link(const struct topology *topology,
				    const struct domain *a,
				    const struct domain *b)
{
	const struct link *link;
	unsigned int i;

	for (i = 0; i < topology->nr_links; i++) {
		link = &topology->link[i];
		if (!link_stale(link) && joins_domids(link, a->domid, b->domid))
			return link;
	}
	return NULL;
}

/* Has a driver made something of it that somebody may be using? */
bool service_in_use(const struct service *service)
{
	unsigned int side;

	for (side = 0; side < NR_SIDES; side++)
		if (service->half[side].up ||
		    service_node(service, side, "disk") ||
		    service_node(service, side, "interface"))
			return true;
	return false;
}

/* A side that is missing, or one that says no, and nothing to lose. */
bool service_refused(const struct service *service)
{
	const struct half *half = service->half;

	if (service_in_use(service))
		return false;
	return half[FRONT].error || half[BACK].error || !half[FRONT].present ||
		!half[BACK].present;
}

static bool is_different(const struct wish *wish,
			 const struct service *service)
{
	const char *text = service_node(service, FRONT,
					FIDO_XS_SERVICE_CONFIG);

	return text && strcmp(text, wish->text);
}

static enum found judge(const struct wish *wish, const struct look *look)
{
	const struct service *service = look->service;

	if (look->missing)
		return FOUND_NO_VM;
	if (look->link && link_broken(look->link))
		return FOUND_BROKEN_LINK;
	if (!service)
		return FOUND_NOTHING;
	if (!service_config_file(service))
		return FOUND_BY_HAND;
	if (is_different(wish, service))
		return FOUND_DIFFERENT;
	if (service_refused(service))
		return FOUND_REFUSED;
	return link_connected(look->link) && service_up(service) ? FOUND_UP :
		FOUND_DOWN;
}

void wish_look(const struct wish *wish, const struct roster *roster,
	       const struct topology *topology, struct look *look)
{
	const struct domain *vm[2];
	unsigned int i;

	memset(look, 0, sizeof(*look));
	for (i = 0; i < 2; i++) {
		vm[i] = roster_find(roster, wish->vm[i]);
		if (!vm[i] && !look->missing)
			look->missing = wish->vm[i];
	}
	if (!look->missing)
		look->link = find_link(topology, vm[0], vm[1]);
	if (look->link)
		look->service = find_service(wish, look->link);
	look->found = judge(wish, look);
}

/* To be freed. */
char *wish_label(const struct wish *wish)
{
	if (wish->type == WISH_NET)
		return xasprintf("network %s -- %s", wish->vm[0], wish->vm[1]);
	return xasprintf("disk %s:%s for %s", wish->vm[1], wish->device,
			 wish->vm[0]);
}

const char *found_word(enum found found)
{
	static const char * const words[] = {
		[FOUND_NO_VM] = "waiting",
		[FOUND_NOTHING] = "missing",
		[FOUND_BROKEN_LINK] = "broken",
		[FOUND_REFUSED] = "refused",
		[FOUND_BY_HAND] = "by-hand",
		[FOUND_DIFFERENT] = "different",
		[FOUND_DOWN] = "down",
		[FOUND_UP] = "up",
	};

	return words[found];
}
