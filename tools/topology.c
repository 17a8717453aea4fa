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

static void end_read(struct store *store, struct end *end, unsigned int side)
{
	unsigned int peer;

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

static void link_read_services(struct store *store, struct link *link)
{
	bool seen[FIDO_MAX_SERVICES] = { false };
	struct service *service;
	unsigned int id, side;

	mark_services(store, link->end[FRONT].dir, seen);
	mark_services(store, link->end[BACK].dir, seen);
	for (id = 0; id < FIDO_MAX_SERVICES; id++) {
		if (!seen[id])
			continue;
		link->service = xgrow(link->service, link->nr_services,
				      sizeof(*link->service));
		service = &link->service[link->nr_services];
		service->id = id;
		for (side = 0; side < NR_SIDES; side++)
			half_read(store, link->end[side].dir, id,
				  &service->half[side]);
		if (service->half[FRONT].present || service->half[BACK].present)
			link->nr_services++;
		else
			service_free(service);
	}
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

void link_read(struct store *store, unsigned int front, unsigned int back,
	       struct link *link)
{
	struct end *end = link->end;
	unsigned int side;

	memset(link, 0, sizeof(*link));
	domain_read(store, front, &end[FRONT].domain);
	domain_read(store, back, &end[BACK].domain);
	end_set_dir(&end[FRONT], "device/" FIDO_XS_TYPE "/%u", back);
	end_set_dir(&end[BACK], "backend/" FIDO_XS_TYPE "/%u/%u", front, back);
	for (side = 0; side < NR_SIDES; side++) {
		end_read(store, &end[side], side);
		end_recall_name(store, &end[side], &end[!side]);
	}
	link_read_services(store, link);
}

void link_free(struct link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		service_free(&link->service[i]);
	for (i = 0; i < NR_SIDES; i++) {
		free(link->end[i].error);
		link->end[i].error = NULL;
		free(link->end[i].config_file);
		link->end[i].config_file = NULL;
	}
	free(link->service);
	link->service = NULL;
	link->nr_services = 0;
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

static struct link *topology_get(struct topology *topology, unsigned int front,
				 unsigned int back)
{
	unsigned int i;

	for (i = 0; i < topology->nr_links; i++)
		if (topology->link[i].end[FRONT].domain.domid == front &&
		    topology->link[i].end[BACK].domain.domid == back)
			return &topology->link[i];
	return NULL;
}

static struct link *topology_append(struct topology *topology)
{
	topology->link = xgrow(topology->link, topology->nr_links,
			       sizeof(*topology->link));
	return &topology->link[topology->nr_links++];
}

static void topology_add(struct store *store, struct topology *topology,
			 unsigned int front, unsigned int back)
{
	struct link link;

	if (topology_get(topology, front, back))
		return;
	link_read(store, front, back, &link);
	if (link_exists(&link))
		*topology_append(topology) = link;
	else
		link_free(&link);
}

/* One link anew, after it was made or changed. */
struct link *topology_reread(struct store *store, struct topology *topology,
			     unsigned int front, unsigned int back)
{
	struct link *link = topology_get(topology, front, back);

	if (link)
		link_free(link);
	else
		link = topology_append(topology);
	link_read(store, front, back, link);
	return link;
}

static void add_frontends(struct store *store, struct topology *topology,
			  unsigned int front)
{
	unsigned int nr, i, back;
	char **names;

	names = store_list(store, &nr, "/local/domain/%u/device/" FIDO_XS_TYPE,
			   front);
	for (i = 0; i < nr; i++)
		if (parse_uint(names[i], DOMID_END - 1, &back))
			topology_add(store, topology, front, back);
	free(names);
}

static void add_backends(struct store *store, struct topology *topology,
			 unsigned int back)
{
	unsigned int nr, i, front;
	char **names;

	names = store_list(store, &nr,
			   "/local/domain/%u/backend/" FIDO_XS_TYPE, back);
	for (i = 0; i < nr; i++)
		if (parse_uint(names[i], DOMID_END - 1, &front))
			topology_add(store, topology, front, back);
	free(names);
}

void topology_read(struct store *store, struct topology *topology)
{
	unsigned int nr, i;
	unsigned int *ids;

	topology->nr_links = 0;
	topology->link = NULL;
	ids = domain_ids(store, &nr);
	for (i = 0; i < nr; i++) {
		add_frontends(store, topology, ids[i]);
		add_backends(store, topology, ids[i]);
	}
	free(ids);
}

void topology_free(struct topology *topology)
{
	unsigned int i;

	for (i = 0; i < topology->nr_links; i++)
		link_free(&topology->link[i]);
	free(topology->link);
	topology->link = NULL;
	topology->nr_links = 0;
}

/*
 * By name or domid, in any order, @side_a says which end @a is. A live link
 * goes before a stale one, since VMs return under their old names.
 */
struct link *topology_find(struct topology *topology, const char *a,
			   const char *b, unsigned int *side_a)
{
	struct link *found = NULL;
	unsigned int i, side;

	for (i = 0; i < topology->nr_links; i++) {
		struct link *link = &topology->link[i];

		if (!link_joins(link, a, b, &side))
			continue;
		if (found && (link_stale(link) || !link_stale(found)))
			continue;
		found = link;
		*side_a = side;
	}
	return found;
}
