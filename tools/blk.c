// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "change.h"
#include "json.h"
#include "options.h"
#include "service.h"
#include "show.h"
#include "util.h"

#define BLK_TYPE "mmblk"

#define DEVICE_LEN 255

/**
 * struct disk - a disk, as the command line names it
 * @client: the VM that uses it
 * @server: the VM that has it
 * @device: its path in the server
 */
struct disk {
	const char *client;
	char *server;
	const char *device;
};

/* SERVER:/dev/NAME; the name of a VM may contain colons, but no slash. */
static void disk_parse(const struct options *opt, struct disk *disk)
{
	char *sep;

	disk->client = opt->arg[0];
	disk->server = xstrdup(opt->arg[1]);
	sep = strstr(disk->server, ":/");
	if (!sep || sep == disk->server)
		die_usage("%s: name the disk as SERVER:/dev/NAME",
			  opt->arg[1]);
	*sep = '\0';
	disk->device = sep + 1;
	if (strlen(disk->device) > DEVICE_LEN || !printable(disk->device))
		die_usage("%s: not a path of a block device", disk->device);
}

/* Which side of the link is the client? False: @service is not a disk. */
static bool client_side(const struct service *service, unsigned int *side)
{
	const char *role;

	if (strcmp(service_type(service), BLK_TYPE))
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

static bool is_disk(const struct link *link, const struct service *service,
		    const struct disk *disk)
{
	unsigned int client;

	return client_side(service, &client) &&
		domain_is_called(&link->end[client].domain, disk->client) &&
		domain_is_called(&link->end[!client].domain, disk->server) &&
		!strcmp(node_or(service, !client, "device", ""), disk->device);
}

static const struct service *find_disk(const struct link *link,
				       const struct disk *disk)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		if (is_disk(link, &link->service[i], disk))
			return &link->service[i];
	return NULL;
}

/* Only dom0's devices can be seen from here; a server reports its own. */
static void check_device(const struct disk *disk, const struct domain *server)
{
	struct stat st;

	if (server->domid)
		return;
	if (stat(disk->device, &st))
		die("%s: %s: name a block device of %s", disk->device,
		    strerror(errno), server->name);
	if (!S_ISBLK(st.st_mode))
		die("%s is not a block device: name one of %s", disk->device,
		    server->name);
}

/* Two file systems on one disk destroy each other. */
static void check_sharing(const struct options *opt, const struct link *link,
			  const struct service *service,
			  const struct disk *disk, unsigned int server_domid)
{
	const struct domain *server;
	const char *mode;
	unsigned int client;

	if (!client_side(service, &client))
		return;
	server = &link->end[!client].domain;
	if (server->domid != server_domid ||
	    strcmp(node_or(service, !client, "device", ""), disk->device))
		return;
	mode = node_or(service, !client, "mode", "w");
	if (opt->given & OPT_READ_ONLY && !strcmp(mode, "r"))
		return;
	die("%s:%s is in use by %s (%u): use --read-only for both, or --shared if they cope",
	    server->name, disk->device, link->end[client].domain.name,
	    link->end[client].domain.domid);
}

static void check_all_sharing(const struct options *opt,
			      const struct topology *topology,
			      const struct disk *disk,
			      unsigned int server_domid)
{
	unsigned int i, j;

	if (opt->given & OPT_SHARED)
		return;
	for (i = 0; i < topology->nr_links; i++) {
		const struct link *link = &topology->link[i];

		for (j = 0; !link_stale(link) && j < link->nr_services; j++)
			check_sharing(opt, link, &link->service[j], disk,
				      server_domid);
	}
}

static void write_disk(struct store *store, const struct options *opt,
		       const struct link *link, const struct disk *disk,
		       unsigned int client, unsigned int id)
{
	unsigned int side;

	service_set(store, link, client, id, "role", "client");
	service_set(store, link, !client, id, "role", "server");
	service_set(store, link, !client, id, "device", "%s", disk->device);
	service_set(store, link, !client, id, "mode", "%s",
		    opt->given & OPT_READ_ONLY ? "r" : "w");
	if (opt->serial)
		service_set(store, link, client, id, "serial", "%s",
			    opt->serial);
	for (side = 0; opt->given & OPT_QUEUES && side < NR_SIDES; side++)
		service_set(store, link, side, id, "queues", "%u",
			    opt->queues);
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
		  !strcmp(node_or(service, !side, "mode", "w"), "r"));
	json_service_end();
}

static void add_once(struct store *store, const struct options *opt,
		     const struct disk *disk, struct addition *add)
{
	struct topology topology;
	unsigned int client;
	struct link *link;

	topology_read(store, &topology);
	link = link_get(store, &topology, disk->client, disk->server, &client,
			&add->link_created);
	if (find_disk(link, disk))
		die("%s has %s:%s already: \"fidoctl blk show\" shows it",
		    disk->client, disk->server, disk->device);
	check_device(disk, &link->end[!client].domain);
	check_all_sharing(opt, &topology, disk,
			  link->end[!client].domain.domid);
	add->front = link->end[FRONT].domain.domid;
	add->back = link->end[BACK].domain.domid;
	add->id = service_add(store, link, BLK_TYPE);
	write_disk(store, opt, link, disk, client, add->id);
	topology_free(&topology);
}

int cmd_blk_add(const struct options *opt)
{
	struct addition add = { .print_json = print_json };
	struct store store;
	struct disk disk;
	char *what;

	disk_parse(opt, &disk);
	what = xasprintf("disk %s:%s for %s", disk.server, disk.device,
			 disk.client);
	add.what = what;
	store_open(&store);
	do {
		store_begin(&store);
		add_once(&store, opt, &disk, &add);
	} while (!store_commit(&store));

	service_settle(&store, opt, &add);
	store_close(&store);
	free(what);
	free(disk.server);
	return 0;
}

static struct link *must_find(struct store *store, struct topology *topology,
			      const struct disk *disk,
			      const struct service **service)
{
	struct link *link;
	unsigned int side;

	link = topology_find(topology, disk->client, disk->server, &side);
	if (!link)
		die_no_link(store, disk->client, disk->server);
	*service = find_disk(link, disk);
	if (!*service)
		die("%s has no disk %s:%s: \"fidoctl blk list\" shows which there are",
		    disk->client, disk->server, disk->device);
	return link;
}

int cmd_blk_remove(const struct options *opt)
{
	const struct service *service;
	struct topology topology;
	struct store store;
	struct link *link;
	struct disk disk;
	bool done;

	disk_parse(opt, &disk);
	store_open(&store);
	do {
		store_begin(&store);
		topology_read(&store, &topology);
		link = must_find(&store, &topology, &disk, &service);
		service_remove(&store, link, service->id);
		done = store_commit(&store);
		topology_free(&topology);
	} while (!done);

	printf("disk %s:%s for %s removed\n", disk.server, disk.device,
	       disk.client);
	store_close(&store);
	free(disk.server);
	return 0;
}

static void list_row(struct table *table, const struct link *link,
		     const struct service *service, unsigned int client)
{
	char *problem = service_problem(link, service);

	table_add(table, "%s (%u)", link->end[client].domain.name,
		  link->end[client].domain.domid);
	table_add(table, "%s (%u)", link->end[!client].domain.name,
		  link->end[!client].domain.domid);
	table_add(table, "%s", node_or(service, !client, "device", "-"));
	table_add(table, "%s", node_or(service, !client, "mode", "-"));
	table_add(table, "%s", node_or(service, client, "serial", "-"));
	table_add(table, "%s", service_state(link, service));
	table_add(table, "%s", problem ? problem : "");
	free(problem);
}

static void list_text(const struct topology *topology, const char *vm)
{
	struct table table;
	unsigned int i, j, client;

	table_init(&table, 7);
	table_add(&table, "CLIENT");
	table_add(&table, "SERVER");
	table_add(&table, "DEVICE");
	table_add(&table, "MODE");
	table_add(&table, "SERIAL");
	table_add(&table, "STATE");
	table_add(&table, "ERROR");
	for (i = 0; i < topology->nr_links; i++) {
		const struct link *link = &topology->link[i];

		if (vm && !link_has(link, vm))
			continue;
		for (j = 0; j < link->nr_services; j++)
			if (client_side(&link->service[j], &client))
				list_row(&table, link, &link->service[j],
					 client);
	}
	table_print_and_free(&table);
}

static void list_json(const struct topology *topology, const char *vm)
{
	unsigned int i, j;

	json_array(NULL);
	for (i = 0; i < topology->nr_links; i++) {
		const struct link *link = &topology->link[i];

		if (vm && !link_has(link, vm))
			continue;
		for (j = 0; j < link->nr_services; j++)
			print_json(link, &link->service[j]);
	}
	json_array_end();
}

int cmd_blk_list(const struct options *opt)
{
	const char *vm = opt->nr_args ? opt->arg[0] : NULL;
	struct topology topology;
	struct store store;

	store_open(&store);
	topology_read(&store, &topology);
	if (opt->given & OPT_JSON)
		list_json(&topology, vm);
	else
		list_text(&topology, vm);
	topology_free(&topology);
	store_close(&store);
	return 0;
}

int cmd_blk_show(const struct options *opt)
{
	const struct service *service;
	struct topology topology;
	struct store store;
	struct link *link;
	struct disk disk;

	disk_parse(opt, &disk);
	store_open(&store);
	topology_read(&store, &topology);
	link = must_find(&store, &topology, &disk, &service);
	if (opt->given & OPT_JSON) {
		print_json(link, service);
	} else {
		printf("disk %s:%s for %s: %s\n", disk.server, disk.device,
		       disk.client, service_state(link, service));
		show_service(link, service);
	}
	topology_free(&topology);
	store_close(&store);
	free(disk.server);
	return 0;
}
