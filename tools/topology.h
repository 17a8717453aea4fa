/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The links of the host and their services, as they stand in xenstore. See
 * fido_proto.h for the nodes.
 */
#ifndef FIDOCTL_TOPOLOGY_H
#define FIDOCTL_TOPOLOGY_H

#include <stdbool.h>

#include "domain.h"
#include "fido_proto.h"
#include "store.h"

enum { FRONT, BACK, NR_SIDES };

/* XenbusState, as in xen/io/xenbus.h */
enum {
	XENBUS_UNKNOWN,
	XENBUS_INITIALISING,
	XENBUS_INIT_WAIT,
	XENBUS_INITIALISED,
	XENBUS_CONNECTED,
	XENBUS_CLOSING,
	XENBUS_CLOSED,
	XENBUS_RECONFIGURING,
	XENBUS_RECONFIGURED,
};

/**
 * struct node - what stands below a service's directory
 * @name: name of the node
 * @value: its value
 */
struct node {
	char *name;
	char *value;
};

/**
 * struct half - one side of a service
 * @present: the directory is there and has a type
 * @up: this side's driver says "up"
 * @type: type of the service
 * @error: what this side's driver complains of, or NULL
 * @nr_nodes: number of nodes
 * @node: all nodes except state, type and error
 */
struct half {
	bool present;
	bool up;
	char *type;
	char *error;
	unsigned int nr_nodes;
	struct node *node;
};

/**
 * struct service - a service of a link
 * @id: service id
 * @half: this service as the frontend and as the backend have it
 */
struct service {
	unsigned int id;
	struct half half[NR_SIDES];
};

/**
 * struct end - one side of a link
 * @domain: the VM
 * @present: the directory is there, with what the toolstack writes
 * @state: XenbusState
 * @suspended: this side is down for as long as its VM is suspended
 * @peer_silent: this side says that the other one gives no sign of life
 * @error: why this side's driver has given up, or NULL
 * @errno_value: the same as a number, 0 if it is not known
 * @config_file: where the supervisor found this link named, or NULL
 * @dir: path of the directory
 * @error_dir: where this side's xenbus reports errors of it
 */
struct end {
	struct domain domain;
	bool present;
	unsigned int state;
	bool suspended;
	bool peer_silent;
	char *error;
	int errno_value;
	char *config_file;
	char dir[96];
	char error_dir[96];
};

/**
 * struct link - a link between two VMs, or what is left of one
 * @end: frontend and backend
 * @nr_services: number of services
 * @service: the services, in the order of their ids
 */
struct link {
	struct end end[NR_SIDES];
	unsigned int nr_services;
	struct service *service;
};

/**
 * struct topology - the links of the host
 * @nr_domains: number of VMs
 * @domain: the VMs, also those that are gone and have left something
 * @nr_links: number of links
 * @link: the links; those that topology_scan() finds may turn out to be none
 */
struct topology {
	unsigned int nr_domains;
	struct domain *domain;
	unsigned int nr_links;
	struct link *link;
};

void link_look(struct store *store, unsigned int front, unsigned int back,
	       struct link *link);
void link_read(struct store *store, unsigned int front, unsigned int back,
	       struct link *link);
void link_reread(struct store *store, struct link *link);
bool link_read_ends(struct store *store, struct link *link);
void link_read_service(struct store *store, struct link *link, unsigned int id);
void link_read_services(struct store *store, struct link *link);
void link_read_services_with(struct store *store, struct link *link,
			     unsigned int side, const char *name,
			     const char *value);
void link_free(struct link *link);
bool link_exists(const struct link *link);
bool link_stale(const struct link *link);
bool link_connected(const struct link *link);
bool link_broken(const struct link *link);
const char *link_config_file(const struct link *link);
const char *link_state(const struct link *link);
bool link_failed(const struct link *link);
const char *link_hint(const struct link *link);
const char *end_state(const struct end *end);
char *end_problem(const struct link *link, unsigned int side);
char *link_problem(const struct link *link);
char *join_problems(const struct link *link, const char *front,
		    const char *back);
bool link_joins(const struct link *link, const char *a, const char *b,
		unsigned int *side_a);
bool link_side(const struct link *link, const struct domain *domain,
	       unsigned int *side);
bool link_has(const struct link *link, const char *vm);

bool service_up(const struct service *service);
bool service_by_hand(const struct service *service);
const char *service_type(const struct service *service);
const char *service_config_file(const struct service *service);
const char *service_node(const struct service *service, unsigned int side,
			 const char *name);

void topology_scan(struct store *store, struct topology *topology);
void topology_read(struct store *store, struct topology *topology);
void topology_free(struct topology *topology);
bool topology_find_domain(const struct topology *topology, const char *arg,
			  struct domain *domain);
struct link *topology_find(struct store *store, struct topology *topology,
			   const char *a, const char *b, unsigned int *side_a);
struct link *topology_get(struct store *store, struct topology *topology,
			  unsigned int front, unsigned int back);

#endif /* FIDOCTL_TOPOLOGY_H */
