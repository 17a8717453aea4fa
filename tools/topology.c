// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology.h"
#include "util.h"

#define MAX_ERRNO 4095

/* Service */

static void half_free(struct half *half)
{
	unsigned int i;

	for (i = 0; i < half->nr_nodes; i++) {
		free(half->node[i].name);
		free(half->node[i].value);
	}
	free(half->node);
	free(half->error);
	free(half->type);
}

static void half_add_node(struct half *half, const char *name, char *value)
{
	struct node *node;

	half->node = xgrow(half->node, half->nr_nodes, sizeof(*half->node));
	node = &half->node[half->nr_nodes++];
	node->name = xstrdup(name);
	node->value = value;
}

/*
 * A driver that reports its state just after the toolstack has removed the
 * service brings the directory back, without a type: this is no service.
 */
static void half_read(struct store *store, const char *dir, unsigned int id,
		      struct half *half)
{
	unsigned int nr, i;
	char **names;
	char *value;

	names = store_list(store, &nr, "%s/" FIDO_XS_SERVICE "/%u", dir, id);
	for (i = 0; i < nr; i++) {
		value = store_read(store, "%s/" FIDO_XS_SERVICE "/%u/%s", dir,
				   id, names[i]);
		if (!value) {
			store_tear(store);
		} else if (!strcmp(names[i], FIDO_XS_SERVICE_STATE)) {
			half->up = !strcmp(value, "up");
			free(value);
		} else if (!strcmp(names[i], FIDO_XS_SERVICE_TYPE)) {
			free(half->type);
			half->type = value;
		} else if (!strcmp(names[i], FIDO_XS_SERVICE_ERROR)) {
			free(half->error);
			half->error = value;
		} else if (!strcmp(names[i], FIDO_XS_SERVICE_SEEN)) {
			free(value);	/* for the driver alone */
		} else {
			half_add_node(half, names[i], value);
		}
	}
	half->present = half->type && *half->type;
	if (half->present && !half->error && strlen(half->type) >= FIDO_TYPE_LEN)
		half->error = xasprintf("no driver takes a type of more than %d characters",
					FIDO_TYPE_LEN - 1);
	free(names);
}

bool service_up(const struct service *service)
{
	return service->half[FRONT].up && service->half[BACK].up;
}

const char *service_type(const struct service *service)
{
	const struct half *half = service->half;

	return half[FRONT].present ? half[FRONT].type : half[BACK].type;
}

/* NULL if there is no such node. */
const char *service_node(const struct service *service, unsigned int side,
			 const char *name)
{
	const struct half *half = &service->half[side];
	unsigned int i;

	for (i = 0; i < half->nr_nodes; i++)
		if (!strcmp(half->node[i].name, name))
			return half->node[i].value;
	return NULL;
}

/* NULL: somebody has made it by hand. */
const char *service_config_file(const struct service *service)
{
	const char *file = service_node(service, FRONT, FIDO_XS_CONFIG_FILE);

	return file ? file : service_node(service, BACK, FIDO_XS_CONFIG_FILE);
}

/*
 * Each side owns a half, and could write one that nobody made. It takes both to
 * keep what the configuration does not name any more.
 */
bool service_by_hand(const struct service *service)
{
	return service->half[FRONT].present && service->half[BACK].present &&
		!service_config_file(service);
}

/* Link */

static bool read_uint(struct store *store, const char *dir, const char *name,
		      unsigned long max, unsigned int *value)
{
	char *s = store_read(store, "%s/%s", dir, name);
	bool ok = s && parse_uint(s, max, value);

	free(s);
	return ok;
}

/*
 * xenbus writes "ERRNO MESSAGE", the number without its sign, and nobody takes
 * it back: it is of interest while the link is not connected.
 */
static char *read_error(struct store *store, struct end *end)
{
	char *s, *text, *error;
	long err;

	if (end->state == XENBUS_CONNECTED)
		return NULL;
	s = store_read(store, "%s/error", end->error_dir);
	if (!s)
		return NULL;
	err = strtol(s, &text, 10);
	text += *text == ' ';
	err = labs(err);
	end->errno_value = err <= MAX_ERRNO ? err : 0;
	if (end->errno_value)
		error = xasprintf("%s: %s", text, strerror(err));
	else
		error = xstrdup(s);
	free(s);
	return error;
}

static bool read_flag(struct store *store, const char *dir, const char *name)
{
	unsigned int value;

	return read_uint(store, dir, name, 1, &value) && value;
}

static void end_free(struct end *end)
{
	free(end->error);
	end->error = NULL;
	free(end->config_file);
	end->config_file = NULL;
}

static void end_read(struct store *store, struct end *end, unsigned int side)
{
	unsigned int peer;

	end_free(end);
	end->present = read_uint(store, end->dir,
				 side == FRONT ? "backend-id" : "frontend-id",
				 DOMID_END - 1, &peer);
	if (!read_uint(store, end->dir, "state", XENBUS_RECONFIGURED,
		       &end->state))
		end->state = XENBUS_UNKNOWN;
	end->error = read_error(store, end);
	end->suspended = read_flag(store, end->dir, FIDO_XS_SUSPENDED);
	/* of a link that is down nobody says so any more */
	end->peer_silent = end->state == XENBUS_CONNECTED &&
		read_flag(store, end->dir, FIDO_XS_SILENT);
	end->config_file = store_read(store, "%s/" FIDO_XS_CONFIG_FILE,
				      end->dir);
}

static void end_set_dir(struct end *end, const char *fmt, ...)
	__printf(2, 3);

static void end_set_dir(struct end *end, const char *fmt, ...)
{
	char node[48];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(node, sizeof(node), fmt, ap);
	va_end(ap);
	snprintf(end->dir, sizeof(end->dir), "/local/domain/%u/%s",
		 end->domain.domid, node);
	snprintf(end->error_dir, sizeof(end->error_dir),
		 "/local/domain/%u/error/%s", end->domain.domid, node);
}

static void mark_services(struct store *store, const char *dir, bool *seen)
{
	unsigned int nr, i, id;
	char **names;

	names = store_list(store, &nr, "%s/" FIDO_XS_SERVICE, dir);
	for (i = 0; i < nr; i++)
		if (parse_uint(names[i], FIDO_MAX_SERVICES - 1, &id))
			seen[id] = true;
	free(names);
}

static void service_free(struct service *service)
{
	half_free(&service->half[FRONT]);
	half_free(&service->half[BACK]);
}

static void forget_services(struct link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		service_free(&link->service[i]);
	free(link->service);
	link->service = NULL;
	link->nr_services = 0;
}

/* In addition to those that were read already, if there is such a one. */
void link_read_service(struct store *store, struct link *link, unsigned int id)
{
	struct service *service;
	unsigned int side;

	link->service = xgrow(link->service, link->nr_services,
			      sizeof(*link->service));
	service = &link->service[link->nr_services];
	service->id = id;
	for (side = 0; side < NR_SIDES; side++)
		half_read(store, link->end[side].dir, id, &service->half[side]);
	if (service->half[FRONT].present || service->half[BACK].present)
		link->nr_services++;
	else
		service_free(service);
}

/* Which ones there are on either side; none is read yet. */
static void find_services(struct store *store, struct link *link, bool *seen)
{
	forget_services(link);
	mark_services(store, link->end[FRONT].dir, seen);
	mark_services(store, link->end[BACK].dir, seen);
}

void link_read_services(struct store *store, struct link *link)
{
	bool seen[FIDO_MAX_SERVICES] = { false };
	unsigned int id;

	find_services(store, link, seen);
	for (id = 0; id < FIDO_MAX_SERVICES; id++)
		if (seen[id])
			link_read_service(store, link, id);
}

/* NULL also if it is empty. */
static char *half_node(struct store *store, const char *dir, unsigned int id,
		       const char *name)
{
	char *value = store_read(store, "%s/" FIDO_XS_SERVICE "/%u/%s", dir, id,
				 name);

	if (value && !*value) {
		free(value);
		value = NULL;
	}
	return value;
}

static bool half_may_have(struct store *store, const char *dir, unsigned int id,
			  const char *name, const char *value)
{
	char *has = half_node(store, dir, id, name), *type;
	bool may;

	if (has) {
		may = !strcmp(has, value);
	} else {
		type = half_node(store, dir, id, FIDO_XS_SERVICE_TYPE);
		may = !type;
		free(type);
	}
	free(has);
	return may;
}

/*
 * Those alone whose node @name has this value on @side, or that are missing
 * there: of most services of a full link one node is read then.
 */
void link_read_services_with(struct store *store, struct link *link,
			     unsigned int side, const char *name,
			     const char *value)
{
	bool seen[FIDO_MAX_SERVICES] = { false };
	unsigned int id;

	find_services(store, link, seen);
	for (id = 0; id < FIDO_MAX_SERVICES; id++)
		if (seen[id] &&
		    half_may_have(store, link->end[side].dir, id, name, value))
			link_read_service(store, link, id);
}

/* What the surviving side was told about a VM that is gone. */
static void end_recall_name(struct store *store, struct end *end,
			    const struct end *other)
{
	char *name;

	if (domain_has_name(&end->domain))
		return;
	name = store_read(store, "%s/" FIDO_XS_PEER_NAME, other->dir);
	domain_set_name(&end->domain, name);
	free(name);
}

/* A link that there may be between the two: nothing of it has been read yet. */
static void link_init(struct store *store, const struct domain *front,
		      const struct domain *back, struct link *link)
{
	struct end *end = link->end;
	unsigned int side;

	memset(link, 0, sizeof(*link));
	end[FRONT].domain = *front;
	end[BACK].domain = *back;
	end_set_dir(&end[FRONT], "device/" FIDO_XS_TYPE "/%u", back->domid);
	end_set_dir(&end[BACK], "backend/" FIDO_XS_TYPE "/%u/%u", front->domid,
		    back->domid);
	for (side = 0; side < NR_SIDES; side++)
		end_recall_name(store, &end[side], &end[!side]);
}

/* Anew, if they were read before. Returns whether there is such a link. */
bool link_read_ends(struct store *store, struct link *link)
{
	unsigned int side;

	for (side = 0; side < NR_SIDES; side++)
		end_read(store, &link->end[side], side);
	return link_exists(link);
}

/* Without services. */
void link_look(struct store *store, unsigned int front, unsigned int back,
	       struct link *link)
{
	struct domain domain[NR_SIDES];

	domain_read(store, front, &domain[FRONT]);
	domain_read(store, back, &domain[BACK]);
	link_init(store, &domain[FRONT], &domain[BACK], link);
	link_read_ends(store, link);
}

void link_read(struct store *store, unsigned int front, unsigned int back,
	       struct link *link)
{
	link_look(store, front, back, link);
	link_read_services(store, link);
}

/* Anew, and of the services those that it had when they were read last. */
void link_reread(struct store *store, struct link *link)
{
	struct link now;
	unsigned int i;

	link_look(store, link->end[FRONT].domain.domid,
		  link->end[BACK].domain.domid, &now);
	for (i = 0; i < link->nr_services; i++)
		link_read_service(store, &now, link->service[i].id);
	link_free(link);
	*link = now;
}

void link_free(struct link *link)
{
	end_free(&link->end[FRONT]);
	end_free(&link->end[BACK]);
	forget_services(link);
}

bool link_exists(const struct link *link)
{
	return link->end[FRONT].present || link->end[BACK].present;
}

/* One end is missing: such a link will never connect again. */
bool link_stale(const struct link *link)
{
	unsigned int side;

	for (side = 0; side < NR_SIDES; side++)
		if (!link->end[side].present ||
		    !link->end[side].domain.running)
			return true;
	return false;
}

bool link_connected(const struct link *link)
{
	return !link_stale(link) &&
		link->end[FRONT].state == XENBUS_CONNECTED &&
		link->end[BACK].state == XENBUS_CONNECTED;
}

static bool link_in_state(const struct link *link, unsigned int state)
{
	return link->end[FRONT].state == state ||
		link->end[BACK].state == state;
}

const char *link_state(const struct link *link)
{
	if (link_stale(link))
		return "stale";
	if (link_connected(link))
		return "connected";
	if (link->end[FRONT].suspended || link->end[BACK].suspended)
		return "suspended";
	if (link_in_state(link, XENBUS_CLOSING))
		return "closing";
	if (link_in_state(link, XENBUS_CLOSED))
		return "closed";
	return "connecting";
}

/* A driver has given up: nothing will happen by itself. */
bool link_failed(const struct link *link)
{
	return link->end[FRONT].error || link->end[BACK].error;
}

static bool end_broken(const struct end *end)
{
	return end->error && end->errno_value != EBUSY;
}

/*
 * As link_failed(), and it is not known that the driver only waits for memory
 * that is still in use.
 */
bool link_broken(const struct link *link)
{
	return end_broken(&link->end[FRONT]) || end_broken(&link->end[BACK]);
}

/* NULL: somebody has made it by hand. */
const char *link_config_file(const struct link *link)
{
	const char *file = link->end[FRONT].config_file;

	return file ? file : link->end[BACK].config_file;
}

/* What the two sides complain of in one line, or NULL. To be freed. */
char *join_problems(const struct link *link, const char *front,
		    const char *back)
{
	const char *front_name = link->end[FRONT].domain.name;
	const char *back_name = link->end[BACK].domain.name;

	if (front && back)
		return xasprintf("%s: %s; %s: %s", front_name, front,
				 back_name, back);
	if (front)
		return xasprintf("%s: %s", front_name, front);
	if (back)
		return xasprintf("%s: %s", back_name, back);
	return NULL;
}

/* What one side complains of, or NULL. To be freed. */
char *end_problem(const struct link *link, unsigned int side)
{
	const struct end *end = &link->end[side];

	if (end->error)
		return xstrdup(end->error);
	/* a VM that is gone is not waited for */
	if (end->peer_silent && !link_stale(link))
		return xasprintf("%s is silent", link->end[!side].domain.name);
	return NULL;
}

/* The same of both in one line. */
char *link_problem(const struct link *link)
{
	char *front = end_problem(link, FRONT);
	char *back = end_problem(link, BACK);
	char *problem = join_problems(link, front, back);

	free(front);
	free(back);
	return problem;
}

/* What to do about a link that does not connect. */
const char *link_hint(const struct link *link)
{
	if (link->end[FRONT].suspended || link->end[BACK].suspended)
		return "a VM is being suspended: wait until it is back";
	if (link_in_state(link, XENBUS_INITIALISING))
		return "load the module fido in both";
	if (link_in_state(link, XENBUS_CLOSED))
		return "see the kernel logs of both";
	return "wait longer, or see the kernel logs of both";
}

const char *end_state(const struct end *end)
{
	static const char * const words[] = {
		[XENBUS_UNKNOWN] = "unknown",
		[XENBUS_INITIALISING] = "initialising",
		[XENBUS_INIT_WAIT] = "waiting",
		[XENBUS_INITIALISED] = "initialised",
		[XENBUS_CONNECTED] = "connected",
		[XENBUS_CLOSING] = "closing",
		[XENBUS_CLOSED] = "closed",
		[XENBUS_RECONFIGURING] = "reconfiguring",
		[XENBUS_RECONFIGURED] = "reconfigured",
	};

	if (!end->domain.running)
		return "gone";
	if (end->present && end->suspended)
		return "suspended";
	return end->present ? words[end->state] : "missing";
}

/* Which end is this VM? False: none of them. */
bool link_side(const struct link *link, const struct domain *domain,
	       unsigned int *side)
{
	for (*side = 0; *side < NR_SIDES; (*side)++)
		if (link->end[*side].domain.domid == domain->domid)
			return true;
	return false;
}

bool link_has(const struct link *link, const char *vm)
{
	return domain_is_called(&link->end[FRONT].domain, vm) ||
		domain_is_called(&link->end[BACK].domain, vm);
}

bool link_joins(const struct link *link, const char *a, const char *b,
		unsigned int *side_a)
{
	for (*side_a = 0; *side_a < NR_SIDES; (*side_a)++)
		if (domain_is_called(&link->end[*side_a].domain, a) &&
		    domain_is_called(&link->end[!*side_a].domain, b))
			return true;
	return false;
}

/* Topology */

/* Each VM once, though it may have many links. */
static void topology_domain(struct store *store, struct topology *topology,
			    unsigned int domid, struct domain *domain)
{
	unsigned int i;

	for (i = 0; i < topology->nr_domains; i++)
		if (topology->domain[i].domid == domid)
			break;
	if (i == topology->nr_domains) {
		topology->domain = xgrow(topology->domain, i,
					 sizeof(*topology->domain));
		topology->nr_domains++;
		domain_read(store, domid, &topology->domain[i]);
	}
	*domain = topology->domain[i];
}

/* Finds a running VM. */
bool topology_find_domain(const struct topology *topology, const char *arg,
			  struct domain *domain)
{
	const struct domain *d, *found = NULL;
	unsigned int i;

	for (i = 0; i < topology->nr_domains; i++) {
		d = &topology->domain[i];
		if (!d->running || !domain_is_called(d, arg))
			continue;
		if (found)
			die("the name %s is ambiguous: domids %u and %u have it, use the domid",
			    arg, found->domid, d->domid);
		found = d;
	}
	if (found)
		*domain = *found;
	return found;
}

/* The one between the two, which need not be there. */
struct link *topology_get(struct store *store, struct topology *topology,
			  unsigned int front, unsigned int back)
{
	struct domain domain[NR_SIDES];
	struct link *link;
	unsigned int i;

	for (i = 0; i < topology->nr_links; i++) {
		link = &topology->link[i];
		if (link->end[FRONT].domain.domid == front &&
		    link->end[BACK].domain.domid == back)
			return link;
	}
	topology_domain(store, topology, front, &domain[FRONT]);
	topology_domain(store, topology, back, &domain[BACK]);
	topology->link = xgrow(topology->link, i, sizeof(*topology->link));
	link = &topology->link[topology->nr_links++];
	link_init(store, &domain[FRONT], &domain[BACK], link);
	return link;
}

static void scan_frontends(struct store *store, struct topology *topology,
			   unsigned int front)
{
	unsigned int nr, i, back;
	char **names;

	names = store_list(store, &nr, "/local/domain/%u/device/" FIDO_XS_TYPE,
			   front);
	for (i = 0; i < nr; i++)
		if (parse_uint(names[i], DOMID_END - 1, &back))
			topology_get(store, topology, front, back);
	free(names);
}

static void scan_backends(struct store *store, struct topology *topology,
			  unsigned int back)
{
	unsigned int nr, i, front;
	char **names;

	names = store_list(store, &nr,
			   "/local/domain/%u/backend/" FIDO_XS_TYPE, back);
	for (i = 0; i < nr; i++)
		if (parse_uint(names[i], DOMID_END - 1, &front))
			topology_get(store, topology, front, back);
	free(names);
}

/* Who is there, and between whom there may be links: no more is read of them. */
void topology_scan(struct store *store, struct topology *topology)
{
	struct domain domain;
	unsigned int nr, i;
	unsigned int *ids;

	memset(topology, 0, sizeof(*topology));
	ids = domain_ids(store, &nr);
	for (i = 0; i < nr; i++) {
		topology_domain(store, topology, ids[i], &domain);
		scan_frontends(store, topology, ids[i]);
		scan_backends(store, topology, ids[i]);
	}
	free(ids);
}

/* All links that there are, with all that is on them. */
void topology_read(struct store *store, struct topology *topology)
{
	unsigned int i, nr = 0;
	struct link *link;

	topology_scan(store, topology);
	for (i = 0; i < topology->nr_links; i++) {
		link = &topology->link[i];
		if (!link_read_ends(store, link)) {
			link_free(link);
			continue;
		}
		link_read_services(store, link);
		topology->link[nr++] = *link;
	}
	topology->nr_links = nr;
}

void topology_free(struct topology *topology)
{
	unsigned int i;

	for (i = 0; i < topology->nr_links; i++)
		link_free(&topology->link[i]);
	free(topology->link);
	free(topology->domain);
	memset(topology, 0, sizeof(*topology));
}

/*
 * By name or domid, in any order, @side_a says which end @a is. A live link
 * goes before a stale one, since VMs return under their old names. Its ends
 * have been read.
 */
struct link *topology_find(struct store *store, struct topology *topology,
			   const char *a, const char *b, unsigned int *side_a)
{
	struct link *found = NULL;
	unsigned int i, side;

	for (i = 0; i < topology->nr_links; i++) {
		struct link *link = &topology->link[i];

		if (!link_joins(link, a, b, &side) ||
		    !link_read_ends(store, link))
			continue;
		if (found && (link_stale(link) || !link_stale(found)))
			continue;
		found = link;
		*side_a = side;
	}
	return found;
}
