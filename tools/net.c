// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "json.h"
#include "options.h"
#include "service.h"
#include "show.h"
#include "util.h"

#define NET_TYPE "mmnet"

static bool is_net(const struct service *service)
{
	return !strcmp(service_type(service), NET_TYPE);
}

static const struct service *find_net(const struct link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		if (is_net(&link->service[i]))
			return &link->service[i];
	return NULL;
}

static void write_net(struct store *store, const struct options *opt,
		      const struct link *link, unsigned int side_a,
		      unsigned int id)
{
	unsigned int i, side;

	for (i = 0; i < NR_SIDES; i++) {
		side = i ? !side_a : side_a;
		if (opt->mac[i])
			service_set(store, link, side, id, "mac", "%s",
				    opt->mac[i]);
		if (opt->given & OPT_MTU)
			service_set(store, link, side, id, "mtu", "%u",
				    opt->mtu);
		if (opt->given & OPT_QUEUES)
			service_set(store, link, side, id, "queues", "%u",
				    opt->queues);
	}
}

static void print_json(const struct link *link, const struct service *service)
{
	json_service_begin(link, service);
	json_service_end();
}

int cmd_net_add(const struct options *opt)
{
	const char *a = opt->arg[0], *b = opt->arg[1];
	char *what = xasprintf("network %s -- %s", a, b);
	struct addition add = { .what = what, .print_json = print_json };
	struct topology topology;
	struct store store;
	struct link *link;
	unsigned int side_a;
	bool done;

	store_open(&store);
	do {
		store_begin(&store);
		topology_read(&store, &topology);
		link = link_get(&store, &topology, a, b, &side_a,
				&add.link_created);
		if (find_net(link))
			die("%s and %s have a network already: \"fidoctl net show\" shows it",
			    a, b);
		add.front = link->end[FRONT].domain.domid;
		add.back = link->end[BACK].domain.domid;
		add.id = service_add(&store, link, NET_TYPE);
		write_net(&store, opt, link, side_a, add.id);
		done = store_commit(&store);
		topology_free(&topology);
	} while (!done);

	service_settle(&store, opt, &add);
	store_close(&store);
	free(what);
	return 0;
}

static struct link *must_find(struct store *store, struct topology *topology,
			      const struct options *opt,
			      const struct service **net)
{
	const char *a = opt->arg[0], *b = opt->arg[1];
	struct link *link;
	unsigned int side;

	link = topology_find(topology, a, b, &side);
	if (!link)
		die_no_link(store, a, b);
	*net = find_net(link);
	if (!*net)
		die("%s and %s have no network: \"fidoctl net add\" makes one",
		    a, b);
	return link;
}

int cmd_net_remove(const struct options *opt)
{
	const struct service *net;
	struct topology topology;
	struct store store;
	struct link *link;
	bool done;

	store_open(&store);
	do {
		store_begin(&store);
		topology_read(&store, &topology);
		link = must_find(&store, &topology, opt, &net);
		service_remove(&store, link, net->id);
		done = store_commit(&store);
		topology_free(&topology);
	} while (!done);

	printf("network %s -- %s removed\n", opt->arg[0], opt->arg[1]);
	store_close(&store);
	return 0;
}

static void list_row(struct table *table, const struct link *link,
		     const struct service *net)
{
	char *problem = service_problem(link, net);
	const char *mac;
	unsigned int side;

	for (side = 0; side < NR_SIDES; side++) {
		mac = service_node(net, side, "mac");
		table_add(table, "%s (%u)", link->end[side].domain.name,
			  link->end[side].domain.domid);
		table_add(table, "%s", mac ? mac : "-");
	}
	table_add(table, "%s", service_state(link, net));
	table_add(table, "%s", problem ? problem : "");
	free(problem);
}

static void list_text(const struct topology *topology, const char *vm)
{
	struct table table;
	unsigned int i, j;

	table_init(&table, 6);
	table_add(&table, "VM");
	table_add(&table, "MAC");
	table_add(&table, "VM");
	table_add(&table, "MAC");
	table_add(&table, "STATE");
	table_add(&table, "ERROR");
	for (i = 0; i < topology->nr_links; i++) {
		const struct link *link = &topology->link[i];

		if (vm && !link_has(link, vm))
			continue;
		for (j = 0; j < link->nr_services; j++)
			if (is_net(&link->service[j]))
				list_row(&table, link, &link->service[j]);
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
			if (is_net(&link->service[j]))
				print_json(link, &link->service[j]);
	}
	json_array_end();
}

int cmd_net_list(const struct options *opt)
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

int cmd_net_show(const struct options *opt)
{
	const struct service *net;
	struct topology topology;
	struct store store;
	struct link *link;

	store_open(&store);
	topology_read(&store, &topology);
	link = must_find(&store, &topology, opt, &net);
	if (opt->given & OPT_JSON) {
		print_json(link, net);
	} else {
		printf("network %s -- %s: %s\n", opt->arg[0], opt->arg[1],
		       service_state(link, net));
		show_service(link, net);
	}
	topology_free(&topology);
	store_close(&store);
	return 0;
}
