/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the commands for all types of services have in common.
 */
#ifndef FIDOCTL_SERVICE_H
#define FIDOCTL_SERVICE_H

#include "options.h"
#include "topology.h"

struct request;

/**
 * struct service_kind - a type of service, as the commands see it
 * @type: as in xenstore
 * @read: reads the services that may be the one that was named, others need
 *	not be read; @side_a is the side of the first VM
 * @matches: is this the service that was named?
 * @check: dies if it must not be added; or NULL
 * @write: writes its parameters
 * @in_use: what its removal would destroy, to be freed, NULL if nothing; or NULL
 * @is_taken: whether a driver that is up has taken what it was given; or NULL
 * @print_json: prints it for --json
 */
struct service_kind {
	const char *type;
	void (*read)(struct store *store, const struct request *req,
		     struct link *link, unsigned int side_a);
	bool (*matches)(const struct request *req, const struct link *link,
			const struct service *service);
	void (*check)(struct store *store, const struct request *req,
		      struct topology *topology, const struct link *link,
		      unsigned int side_a);
	void (*write)(struct store *store, const struct request *req,
		      const struct link *link, unsigned int side_a,
		      unsigned int id);
	char *(*in_use)(const struct link *link, const struct service *service);
	bool (*is_taken)(const struct service *service);
	void (*print_json)(const struct link *link,
			   const struct service *service);
};

/**
 * struct request - a service, as the command line names it
 * @kind: its type
 * @opt: the command line
 * @a: the first VM
 * @b: the second VM
 * @device: for a disk: its path in the second VM
 * @what: for messages: what it is
 * @exists: for messages: that it is there already
 * @missing: for messages: that there is none
 */
struct request {
	const struct service_kind *kind;
	const struct options *opt;
	const char *a;
	const char *b;
	const char *device;
	char *what;
	char *exists;
	char *missing;
};

int service_cmd_add(const struct request *req);
int service_cmd_remove(const struct request *req);
int service_cmd_show(const struct request *req);

bool net_is(const struct service *service);
bool blk_is(const struct link *link, const struct service *service,
	    const char *client, const char *server, const char *device);

#endif /* FIDOCTL_SERVICE_H */
