// SPDX-License-Identifier: GPL-2.0
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "change.h"
#include "json.h"
#include "keep.h"
#include "list.h"
#include "mmnet_proto.h"
#include "options.h"
#include "service.h"
#include "show.h"
#include "util.h"

#define MAC_SIZE sizeof("00:00:00:00:00:00")

#define FNV_BASIS 0xcbf29ce484222325
#define FNV_PRIME 0x100000001b3

bool net_is(const struct service *service)
{
	return !strcmp(service_type(service), MMNET_TYPE);
}

static void read_nets(struct store *store, const struct request *req,
		      struct link *link, unsigned int side_a)
{
	(void)req;
	(void)side_a;
	link_read_services_with(store, link, FRONT, FIDO_XS_SERVICE_TYPE,
				MMNET_TYPE);
}

/* There is at most one on a link. */
static bool net_matches(const struct request *req, const struct link *link,
			const struct service *service)
{
	(void)req;
	(void)link;
	return net_is(service);
}

/* FNV-1a, over the string and the zero behind it. */
static uint64_t hash_string(uint64_t hash, const char *s)
{
	do {
		hash = (hash ^ (unsigned char)*s) * FNV_PRIME;
	} while (*s++);
	return hash;
}

/*
 * The address of an interface that was given none, and not @other. It is made
 * of the names alone, so that it is the same after a VM was started again:
 * domids, service ids and roles may be others then. VMs keep their addresses
 * as long as nobody changes this.
 */
static const char *make_mac(char *mac, const struct domain *own,
			    const struct domain *peer, const char *other)
{
	uint64_t hash;

	if (!domain_has_name(own) || !domain_has_name(peer))
		return NULL;
	hash = hash_string(hash_string(FNV_BASIS, own->name), peer->name);
	hash >>= 16;
	do {
		/* locally administered, not a group's */
		snprintf(mac, MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x",
			 (unsigned int)(hash >> 40 & 0xfc) | 0x02,
			 (unsigned int)(hash >> 32 & 0xff),
			 (unsigned int)(hash >> 24 & 0xff),
			 (unsigned int)(hash >> 16 & 0xff),
			 (unsigned int)(hash >> 8 & 0xff),
			 (unsigned int)(hash & 0xff));
		hash++;
	} while (other && !strcasecmp(mac, other));
	return mac;
}

/* Each VM has an interface that may wait for the other one. */
static void check_net(struct store *store, const struct request *req,
		      struct topology *topology, const struct link *link,
		      unsigned int side_a)
{
	unsigned int side;
	char *keep;

	(void)side_a;
	for (side = 0; req->opt->given & OPT_KEEP && side < NR_SIDES; side++) {
		keep = keep_name(&link->end[!side].domain, MMNET_TYPE);
		keep_check(store, topology, &link->end[side].domain, MMNET_TYPE,
			   keep);
		free(keep);
	}
}

static void write_keep(struct store *store, const struct link *link,
		       unsigned int id)
{
	unsigned int side;
	char *keep;

	for (side = 0; side < NR_SIDES; side++) {
		keep = keep_name(&link->end[!side].domain, MMNET_TYPE);
		service_set(store, link, side, id, KEEP_NODE, "%s", keep);
		free(keep);
	}
}

static void write_net(struct store *store, const struct request *req,
		      const struct link *link, unsigned int side_a,
		      unsigned int id)
{
	const struct options *opt = req->opt;
	char made[NR_SIDES][MAC_SIZE];
	const char *mac[NR_SIDES];
	unsigned int i, side, queues;

	queues = opt->given & OPT_QUEUES ? opt->queues :
					   link_queues(store, link,
						       FIDO_MAX_CHANNELS);
	memcpy(mac, opt->mac, sizeof(mac));
	for (i = 0; i < NR_SIDES; i++) {
		side = i ? !side_a : side_a;
		if (!mac[i])
			mac[i] = make_mac(made[i], &link->end[side].domain,
					  &link->end[!side].domain, mac[!i]);
		if (mac[i])
			service_set(store, link, side, id, "mac", "%s",
				    mac[i]);
		if (opt->name[i])
			service_set(store, link, side, id, "name", "%s",
				    opt->name[i]);
		if (opt->given & OPT_MTU)
			service_set(store, link, side, id, "mtu", "%u",
				    opt->mtu);
		service_set(store, link, side, id, "queues", "%u", queues);
	}
	if (opt->given & OPT_KEEP)
		write_keep(store, link, id);
}

static void print_json(const struct link *link, const struct service *service)
{
	json_service_begin(link, service);
	json_bool("keep", service_is_kept(service));
	json_service_end();
}

static const struct service_kind net_kind = {
	.type = MMNET_TYPE,
	.read = read_nets,
	.matches = net_matches,
	.check = check_net,
	.write = write_net,
	.print_json = print_json,
};

static int run(const struct options *opt, int (*cmd)(const struct request *req))
{
	const char *a = opt->arg[0], *b = opt->arg[1];
	struct request req = {
		.kind = &net_kind, .opt = opt, .a = a, .b = b,
	};
	int ret;

	req.what = xasprintf("network %s -- %s", a, b);
	req.exists = xasprintf("%s and %s have a network already: \"fidoctl net show\" shows it",
			       a, b);
	req.missing = xasprintf("%s and %s have no network: \"fidoctl net add\" makes one",
				a, b);
	ret = cmd(&req);
	free(req.missing);
	free(req.exists);
	free(req.what);
	return ret;
}

int cmd_net_add(const struct options *opt)
{
	return run(opt, service_cmd_add);
}

int cmd_net_remove(const struct options *opt)
{
	return run(opt, service_cmd_remove);
}

int cmd_net_show(const struct options *opt)
{
	return run(opt, service_cmd_show);
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

static void add_rows(struct table *table, const struct link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		if (net_is(&link->service[i]))
			list_row(table, link, &link->service[i]);
}

static void print_all_json(const struct link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		if (net_is(&link->service[i]))
			print_json(link, &link->service[i]);
}

int cmd_net_list(const struct options *opt)
{
	static const char * const column[] = {
		"VM", "MAC", "VM", "MAC", "STATE", "ERROR", NULL
	};
	static const struct listing listing = {
		.column = column,
		.add_rows = add_rows,
		.print_json = print_all_json,
	};

	return list_links(opt, &listing);
}
