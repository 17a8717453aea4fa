/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the commands for all types of services have in common.
 */
#ifndef FIDOCTL_SERVICE_H
#define FIDOCTL_SERVICE_H

#include "options.h"
#include "topology.h"

typedef void (*print_service_fn)(const struct link *link,
				 const struct service *service);

/**
 * struct addition - a service whose nodes have just been written
 * @front: domid of the link's frontend
 * @back: domid of its backend
 * @id: service id
 * @link_created: the link was made for it
 * @what: what it is, for messages
 * @print_json: prints it for --json
 */
struct addition {
	unsigned int front;
	unsigned int back;
	unsigned int id;
	bool link_created;
	const char *what;
	print_service_fn print_json;
};

int service_settle(struct store *store, const struct options *opt,
		   const struct addition *add);

#endif /* FIDOCTL_SERVICE_H */
