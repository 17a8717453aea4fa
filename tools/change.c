// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "keep.h"
#include "util.h"

/* Link */

static void check_room_for_peer(struct store *store, struct topology *topology,
				const struct domain *domain)
{
	unsigned int i, side, nr = 0;

	for (i = 0; i < topology->nr_links; i++) {
		struct link *link = &topology->link[i];

		if (link_side(link, domain, &side) &&
		    link_read_ends(store, link) && !link_stale(link))
			nr++;
	}
	if (nr >= FIDO_MAX_PEERS)
		die("%s (%u) has %u links, more are not possible: remove one",
		    domain->name, domain->domid, nr);
}

static void write_end(struct store *store, const struct link *link,
		      unsigned int side)
{
	const struct end *end = &link->end[side];
	const struct end *peer = &link->end[!side];
	const char *role = side == FRONT ? "backend" : "frontend";
	char *id = xasprintf("%s-id", role);

	store_mkdir(store, end->dir, end->domain.domid, peer->domain.domid);
	store_write(store, end->dir, role, "%s", peer->dir);
	store_write(store, end->dir, id, "%u", peer->domain.domid);
	store_write(store, end->dir, FIDO_XS_PEER_NAME, "%s",
		    peer->domain.name);
	store_write(store, end->dir, "state", "%d", XENBUS_INITIALISING);
	free(id);
}

static void erase_error(struct store *store, const struct end *end)
{
	char *path = xstrdup(end->error_dir);
	char *slash;

	store_remove(store, path);
	/* the parents, up to "error", which is the domain's */
	for (;;) {
		slash = strrchr(path, '/');
		*slash = '\0';
		if (!strcmp(strrchr(path, '/'), "/error"))
			break;
		store_remove_if_empty(store, path);
	}
	free(path);
}

/* Replaces what may be left of an earlier link between the two. */
static struct link *link_create(struct store *store, struct topology *topology,
				const struct domain *front,
				const struct domain *back)
{
	struct link *link;
	unsigned int side;

	if (front->domid == back->domid)
		die("%s cannot be linked with itself: name two VMs",
		    front->name);
	check_room_for_peer(store, topology, front);
	check_room_for_peer(store, topology, back);
	link = topology_get(store, topology, front->domid, back->domid);
	link_read_ends(store, link);
	for (side = 0; side < NR_SIDES; side++) {
		store_remove(store, link->end[side].dir);
		if (link_failed(link))
			erase_error(store, &link->end[side]);
		write_end(store, link, side);
	}
	link_read_ends(store, link);
	return link;
}

/* Parents that the first link has made go with the last one. */
void link_erase(struct store *store, const struct link *link)
{
	unsigned int front = link->end[FRONT].domain.domid;
	unsigned int back = link->end[BACK].domain.domid;
	unsigned int side;
	char *path;

	for (side = 0; side < NR_SIDES; side++) {
		store_remove(store, link->end[side].dir);
		erase_error(store, &link->end[side]);
	}

	path = xasprintf("/local/domain/%u/device/" FIDO_XS_TYPE, front);
	store_remove_if_empty(store, path);
	free(path);
	path = xasprintf("/local/domain/%u/backend/" FIDO_XS_TYPE "/%u", back,
			 front);
	store_remove_if_empty(store, path);
	free(path);
	path = xasprintf("/local/domain/%u/backend/" FIDO_XS_TYPE, back);
	store_remove_if_empty(store, path);
	free(path);
}

/* The supervisor knows its own links by this, also after it was started anew. */
void link_mark(struct store *store, const struct link *link, const char *file)
{
	unsigned int side;

	for (side = 0; side < NR_SIDES; side++)
		store_write(store, link->end[side].dir, FIDO_XS_CONFIG_FILE,
			    "%s", file);
}

/* What went wrong before a link came up says nothing of what comes later. */
void link_forget_errors(struct store *store, const struct link *link)
{
	unsigned int side;
	char *error;

	for (side = 0; side < NR_SIDES; side++) {
		error = store_read(store, "%s/error",
				   link->end[side].error_dir);
		if (error)
			erase_error(store, &link->end[side]);
		free(error);
	}
}

/* The way in which Xen's toolstack asks a pair of drivers to disconnect. */
void link_close(struct store *store, const struct link *link)
{
	store_write(store, link->end[BACK].dir, "online", "0");
	store_write(store, link->end[BACK].dir, "state", "%d", XENBUS_CLOSING);
}

static struct link *find_live(struct store *store, struct topology *topology,
			      const char *a, const char *b,
			      unsigned int *side_a)
{
	struct link *link = topology_find(store, topology, a, b, side_a);

	return link && !link_stale(link) ? link : NULL;
}

/* The link between two VMs, made if there is none. */
struct link *link_get(struct store *store, struct topology *topology,
		      const char *a, const char *b, unsigned int *side_a,
		      bool *created)
{
	struct domain front, back;
	struct link *link;

	*created = false;
	if (!topology_find_domain(topology, a, &front))
		die_no_domain(a);
	if (!topology_find_domain(topology, b, &back))
		die_no_domain(b);
	link = find_live(store, topology, a, b, side_a);
	if (link)
		return link;
	*created = true;
	*side_a = FRONT;
	return link_create(store, topology, &front, &back);
}

/* As topology_find(), but there must be one. */
struct link *link_must_find(struct store *store, struct topology *topology,
			    const char *a, const char *b, unsigned int *side_a)
{
	struct link *link = topology_find(store, topology, a, b, side_a);
	struct domain domain;

	if (link)
		return link;
	if (!topology_find_domain(topology, a, &domain))
		die_no_domain(a);
	if (!topology_find_domain(topology, b, &domain))
		die_no_domain(b);
	die("there is no link between %s and %s: \"fidoctl link list\" shows which there are",
	    a, b);
}

/*
 * Each vCPU can have a queue of its own, as long as both VMs have one for it.
 * Where that is not known, one queue is never wrong.
 */
unsigned int link_queues(struct store *store, const struct link *link,
			 unsigned int max)
{
	unsigned int side, vcpus, nr = max;

	for (side = 0; side < NR_SIDES; side++) {
		vcpus = domain_vcpus(store, &link->end[side].domain);
		if (vcpus < nr)
			nr = vcpus;
	}
	return nr ? nr : 1;
}

/* Service */

static char *service_dir(const struct link *link, unsigned int side,
			 unsigned int id)
{
	return xasprintf("%s/" FIDO_XS_SERVICE "/%u", link->end[side].dir, id);
}

static bool service_has(struct store *store, const struct link *link,
			unsigned int side, unsigned int id, const char *name)
{
	char *dir = service_dir(link, side, id);
	char *value = store_read(store, "%s/%s", dir, name);
	bool there = value;

	free(value);
	free(dir);
	return there;
}

static bool any_has(struct store *store, const struct link *link,
		    unsigned int id, const char *name)
{
	return service_has(store, link, FRONT, id, name) ||
		service_has(store, link, BACK, id, name);
}

/* Has a driver something of a service that went? */
static bool id_held(struct store *store, const struct link *link,
		    unsigned int id)
{
	return any_has(store, link, id, FIDO_XS_SERVICE_STATE);
}

/* @not_id, and what a driver still holds, only if there is no other one. */
static unsigned int lowest_free_id(struct store *store, const struct link *link,
				   unsigned int not_id)
{
	unsigned int id, last = FIDO_MAX_SERVICES;

	for (id = 0; id < FIDO_MAX_SERVICES; id++) {
		if (any_has(store, link, id, FIDO_XS_SERVICE_TYPE))
			continue;
		if (id != not_id && !id_held(store, link, id))
			break;
		last = id;
	}
	if (id == FIDO_MAX_SERVICES)
		id = last;
	if (id >= FIDO_MAX_SERVICES)
		die("the link between %s and %s has %d services, more are not possible: remove one",
		    link->end[FRONT].domain.name, link->end[BACK].domain.name,
		    FIDO_MAX_SERVICES);
	return id;
}

/*
 * Makes the directories on both sides; the caller adds parameters. Drivers that
 * have not seen yet that a service went would take one with the same id for
 * it: @not_id is the one to keep off, or FIDO_MAX_SERVICES.
 */
unsigned int service_add(struct store *store, const struct link *link,
			 const char *type, unsigned int not_id)
{
	unsigned int id = lowest_free_id(store, link, not_id);
	unsigned int side;
	char *dir;

	for (side = 0; side < NR_SIDES; side++) {
		dir = service_dir(link, side, id);
		store_remove(store, dir);
		store_write(store, dir, FIDO_XS_SERVICE_TYPE, "%s", type);
		free(dir);
	}
	return id;
}

void service_set(struct store *store, const struct link *link,
		 unsigned int side, unsigned int id, const char *name,
		 const char *fmt, ...)
{
	char *dir = service_dir(link, side, id);
	va_list ap;
	char *value;

	va_start(ap, fmt);
	value = xvasprintf(fmt, ap);
	va_end(ap);
	store_write(store, dir, name, "%s", value);
	free(value);
	free(dir);
}

void service_remove(struct store *store, const struct link *link,
		    unsigned int id)
{
	unsigned int side;
	char *dir;

	for (side = 0; side < NR_SIDES; side++) {
		dir = service_dir(link, side, id);
		store_remove(store, dir);
		free(dir);
	}
}

static void retire_half(struct store *store, const struct link *link,
			unsigned int side, unsigned int id, bool give_up)
{
	char *dir = service_dir(link, side, id);
	char *path = xasprintf("%s/" FIDO_XS_SERVICE_TYPE, dir);

	store_remove(store, path);
	if (give_up && service_has(store, link, side, id, KEEP_NODE))
		store_write(store, dir, KEEP_NODE, "no");
	free(path);
	free(dir);
}

/*
 * The first of two steps: it is no service any more. The drivers take "state"
 * away when they have let go of it, which a directory without it cannot tell.
 * With @give_up that includes what would be kept else.
 */
void service_retire(struct store *store, const struct link *link,
		    unsigned int id, bool give_up)
{
	unsigned int side;

	for (side = 0; side < NR_SIDES; side++)
		retire_half(store, link, side, id, give_up);
}

/*
 * Has this side's driver let go of it? One that never had it has. With a type
 * it is another service.
 */
bool service_retired(struct store *store, const struct link *link,
		     unsigned int side, unsigned int id)
{
	return !link->end[side].domain.running ||
		service_has(store, link, side, id, FIDO_XS_SERVICE_TYPE) ||
		!service_has(store, link, side, id, FIDO_XS_SERVICE_STATE);
}

/* The second step, unless somebody has made another service of it meanwhile. */
void service_bury(struct store *store, const struct link *link,
		  unsigned int id)
{
	unsigned int side;

	for (side = 0; side < NR_SIDES; side++)
		if (service_has(store, link, side, id, FIDO_XS_SERVICE_TYPE))
			return;
	service_remove(store, link, id);
}
