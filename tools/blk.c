// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "blk.h"
#include "change.h"
#include "json.h"
#include "keep.h"
#include "list.h"
#include "mmblk_proto.h"
#include "options.h"
#include "service.h"
#include "show.h"
#include "util.h"
#include "values.h"

/* Which side of the link is the client? False: @service is not a disk. */
static bool client_side(const struct service *service, unsigned int *side)
{
	const char *role;

	if (strcmp(service_type(service), MMBLK_TYPE))
		return false;
	for (*side = 0; *side < NR_SIDES; (*side)++) {
		role = service_node(service, *side, "role");
		if (role && !strcmp(role, "client"))
			return true;
		role = service_node(service, !*side, "role");
		if (role && !strcmp(role, "server"))
			return true;
	}
	return false;
}

static const char *node_or(const struct service *service, unsigned int side,
			   const char *name, const char *otherwise)
{
	const char *value = service_node(service, side, name);

	return value ? value : otherwise;
}

/* The nodes of a server go with its VM: the client's may tell, too. */
static const char *device_of(const struct service *service,
			     unsigned int client)
{
	const char *device = service_node(service, !client, "device");
	const char *keep;

	if (device)
		return device;
	keep = strstr(node_or(service, client, KEEP_NODE, ""), ":/");
	return keep ? keep + 1 : "";
}

bool blk_is(const struct link *link, const struct service *service,
	    const char *client, const char *server, const char *device)
{
	unsigned int side;

	return client_side(service, &side) &&
		domain_is_called(&link->end[side].domain, client) &&
		domain_is_called(&link->end[!side].domain, server) &&
		!strcmp(device_of(service, side), device);
}

/* Says who has it open, to be freed; NULL if nobody has, or the VM is gone. */
char *disk_in_use(const struct link *link, const struct service *service)
{
	const struct domain *domain;
	unsigned int client, nr;

	if (!client_side(service, &client))
		return NULL;
	domain = &link->end[client].domain;
	if (!domain->running ||
	    !parse_uint(node_or(service, client, "users", "0"), UINT_MAX,
			&nr) || !nr)
		return NULL;
	return xasprintf("disk %s is in use in %s, open %u time%s: unmount it, --force loses data",
			 node_or(service, client, "disk", "?"), domain->name,
			 nr, nr > 1 ? "s" : "");
}

/* A disk that was kept may be refused though both sides are up. */
static bool disk_is_taken(const struct service *service)
{
	unsigned int client;

	return !service_is_kept(service) || !client_side(service, &client) ||
		service_node(service, client, "disk");
}

static void read_disks(struct store *store, const struct request *req,
		       struct link *link, unsigned int client)
{
	link_read_services_with(store, link, !client, "device", req->device);
}

static bool disk_matches(const struct request *req, const struct link *link,
			 const struct service *service)
{
	return blk_is(link, service, req->a, req->b, req->device);
}

/* Only what dom0 has can be seen from here; a server reports its own. */
static void check_device(const char *device, const struct domain *server)
{
	struct stat st;

	if (server->domid)
		return;
	if (stat(device, &st))
		die("%s: %s: name a block device or a file of %s", device,
		    strerror(errno), server->name);
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		die("%s is neither a block device nor a file: name one of %s",
		    device, server->name);
}

/* Two file systems on one disk destroy each other. */
static void check_sharing(const struct request *req, const struct link *link,
			  const struct service *service,
			  unsigned int server_domid)
{
	const struct domain *server;
	const char *mode;
	unsigned int client;

	if (!client_side(service, &client))
		return;
	server = &link->end[!client].domain;
	if (server->domid != server_domid ||
	    strcmp(node_or(service, !client, "device", ""), req->device))
		return;
	mode = node_or(service, !client, "mode", "r");
	if (req->opt->given & OPT_READ_ONLY && !strcmp(mode, "r"))
		return;
	die("%s:%s is in use by %s (%u): use --read-only for both, or --shared if they cope",
	    server->name, req->device, link->end[client].domain.name,
	    link->end[client].domain.domid);
}

static void check_keep(struct store *store, const struct request *req,
		       struct topology *topology, const struct link *link,
		       unsigned int client)
{
	char *keep = keep_name(&link->end[!client].domain, req->device);

	keep_check(store, topology, &link->end[client].domain, MMBLK_TYPE, keep);
	free(keep);
}

/* The services of @link itself have been read. */
static void check_disk(struct store *store, const struct request *req,
		       struct topology *topology, const struct link *link,
		       unsigned int client)
{
	const struct domain *server = &link->end[!client].domain;
	unsigned int i, j, side;
	struct link *other;

	check_device(req->device, server);
	if (req->opt->given & OPT_KEEP)
		check_keep(store, req, topology, link, client);
	if (req->opt->given & OPT_SHARED)
		return;
	for (i = 0; i < topology->nr_links; i++) {
		other = &topology->link[i];
		if (!link_side(other, server, &side))
			continue;
		if (other != link)
			read_disks(store, req, other, !side);
		if (!other->nr_services || !link_read_ends(store, other) ||
		    link_stale(other))
			continue;
		for (j = 0; j < other->nr_services; j++)
			check_sharing(req, other, &other->service[j],
				      server->domid);
	}
}

/*
 * Of the client's queues some are polled; the server serves all of them alike.
 * By default each vCPU can have a queue of its own, as far as both VMs have one
 * for it: a server with fewer has no use for more threads.
 */
static void write_queues(struct store *store, const struct options *opt,
			 const struct link *link, unsigned int client,
			 unsigned int id)
{
	unsigned int queues = opt->queues;

	if (!(opt->given & OPT_QUEUES))
		queues = link_queues(store, link,
				     FIDO_MAX_CHANNELS - opt->poll_queues);
	service_set(store, link, client, id, "queues", "%u", queues);
	if (opt->given & OPT_POLL_QUEUES)
		service_set(store, link, client, id, "poll-queues", "%u",
			    opt->poll_queues);
	service_set(store, link, !client, id, "queues", "%u",
		    queues + opt->poll_queues);
}

static void write_keep(struct store *store, const struct link *link,
		       const char *device, unsigned int client,
		       unsigned int id)
{
	char *keep = keep_name(&link->end[!client].domain, device);

	service_set(store, link, client, id, KEEP_NODE, "%s", keep);
	service_set(store, link, !client, id, KEEP_NODE, "yes");
	free(keep);
}

static void write_disk(struct store *store, const struct request *req,
		       const struct link *link, unsigned int client,
		       unsigned int id)
{
	const struct options *opt = req->opt;

	service_set(store, link, client, id, "role", "client");
	service_set(store, link, !client, id, "role", "server");
	service_set(store, link, !client, id, "device", "%s", req->device);
	service_set(store, link, !client, id, "mode", "%s",
		    opt->given & OPT_READ_ONLY ? "r" : "w");
	if (opt->serial)
		service_set(store, link, client, id, "serial", "%s",
			    opt->serial);
	if (opt->given & OPT_TIMEOUT)
		service_set(store, link, client, id, "timeout", "%u",
			    opt->timeout);
	if (opt->given & OPT_KEEP)
		write_keep(store, link, req->device, client, id);
	write_queues(store, opt, link, client, id);
	if (opt->given & OPT_DEPTH)
		service_set(store, link, !client, id, "depth", "%u",
			    opt->depth);
	if (opt->given & OPT_BANDWIDTH)
		service_set(store, link, !client, id, "bandwidth", "%u",
			    opt->bandwidth);
	if (opt->given & OPT_BOUNCE)
		service_set(store, link, !client, id, "bounce", "1");
}

static void print_json(const struct link *link, const struct service *service)
{
	const struct domain *client, *server;
	unsigned int side;

	if (!client_side(service, &side))
		return;
	client = &link->end[side].domain;
	server = &link->end[!side].domain;
	json_service_begin(link, service);
	json_object("client");
	json_uint("domid", client->domid);
	json_string("name", client->name);
	json_object_end();
	json_object("server");
	json_uint("domid", server->domid);
	json_string("name", server->name);
	json_object_end();
	json_string("device", service_node(service, !side, "device"));
	json_bool("read_only",
		  !strcmp(node_or(service, !side, "mode", "r"), "r"));
	json_bool("keep", service_is_kept(service));
	json_service_end();
}

static const struct service_kind blk_kind = {
	.type = MMBLK_TYPE,
	.read = read_disks,
	.matches = disk_matches,
	.check = check_disk,
	.write = write_disk,
	.in_use = disk_in_use,
	.is_taken = disk_is_taken,
	.print_json = print_json,
};

/* SERVER:/PATH; the name of a VM may contain colons, but no slash. */
static const char *take_device(char *disk)
{
	char *sep = strstr(disk, ":/");
	const char *device;
	char *fault;

	if (!sep || sep == disk)
		die_usage("%s: name the disk as SERVER:/PATH, a block device or a file", disk);
	*sep = '\0';
	device = sep + 1;
	fault = value_device(device);
	if (fault)
		die_usage("%s", fault);
	return device;
}

static int run(const struct options *opt, int (*cmd)(const struct request *req))
{
	char *server = xstrdup(opt->arg[1]);
	struct request req = {
		.kind = &blk_kind, .opt = opt, .a = opt->arg[0], .b = server,
		.device = take_device(server),
	};
	int ret;

	req.what = xasprintf("disk %s:%s for %s", req.b, req.device, req.a);
	req.exists = xasprintf("%s has %s:%s already: \"fidoctl blk show\" shows it",
			       req.a, req.b, req.device);
	req.missing = xasprintf("%s has no disk %s:%s: \"fidoctl blk list\" shows which there are",
				req.a, req.b, req.device);
	ret = cmd(&req);
	free(req.missing);
	free(req.exists);
	free(req.what);
	free(server);
	return ret;
}

int cmd_blk_add(const struct options *opt)
{
	return run(opt, service_cmd_add);
}

int cmd_blk_remove(const struct options *opt)
{
	return run(opt, service_cmd_remove);
}

int cmd_blk_show(const struct options *opt)
{
	return run(opt, service_cmd_show);
}

static void list_row(struct table *table, const struct link *link,
		     const struct service *service, unsigned int client)
{
	char *problem = service_problem(link, service);
	const char *device = device_of(service, client);

	table_add(table, "%s (%u)", link->end[client].domain.name,
		  link->end[client].domain.domid);
	table_add(table, "%s (%u)", link->end[!client].domain.name,
		  link->end[!client].domain.domid);
	table_add(table, "%s", *device ? device : "-");
	table_add(table, "%s", node_or(service, !client, "mode", "-"));
	table_add(table, "%s", node_or(service, client, "serial", "-"));
	table_add(table, "%s", service_state(link, service));
	table_add(table, "%s", problem ? problem : "");
	free(problem);
}

static void add_rows(struct table *table, const struct link *link)
{
	unsigned int client, i;

	for (i = 0; i < link->nr_services; i++)
		if (client_side(&link->service[i], &client))
			list_row(table, link, &link->service[i], client);
}

static void print_all_json(const struct link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		print_json(link, &link->service[i]);
}

int cmd_blk_list(const struct options *opt)
{
	static const char * const column[] = {
		"CLIENT", "SERVER", "DEVICE", "MODE", "SERIAL", "STATE",
		"ERROR", NULL
	};
	static const struct listing listing = {
		.column = column,
		.add_rows = add_rows,
		.print_json = print_all_json,
	};

	return list_links(opt, &listing);
}
