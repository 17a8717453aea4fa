// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "show.h"
#include "util.h"

static const char * const role[] = {
	[FRONT] = "frontend",
	[BACK] = "backend",
};

/* "up" only while the link is: a VM that died could not take it back. */
const char *service_state(const struct link *link,
			  const struct service *service)
{
	if (link_stale(link))
		return "stale";
	return link_connected(link) && service_up(service) ? "up" : "down";
}

/* The errors of both sides in one line, or NULL. To be freed. */
char *service_problem(const struct link *link, const struct service *service)
{
	return join_problems(link, service->half[FRONT].error,
			     service->half[BACK].error);
}

/* Text */

static void print_line(char *line)
{
	make_printable(line);
	puts(line);
	free(line);
}

static void show_half(const struct link *link, const struct service *service,
		      unsigned int side)
{
	const struct domain *domain = &link->end[side].domain;
	const struct half *half = &service->half[side];
	unsigned int i;

	if (!half->present) {
		print_line(xasprintf("    %s (%u): missing", domain->name,
				     domain->domid));
		return;
	}
	print_line(xasprintf("    %s (%u): %s%s%s", domain->name,
			     domain->domid, half->up ? "up" : "down",
			     half->error ? ", " : "",
			     half->error ? half->error : ""));
	for (i = 0; i < half->nr_nodes; i++)
		print_line(xasprintf("      %s = %s", half->node[i].name,
				     half->node[i].value));
}

void show_service(const struct link *link, const struct service *service)
{
	print_line(xasprintf("  service %u, %s: %s", service->id,
			     service_type(service),
			     service_state(link, service)));
	show_half(link, service, FRONT);
	show_half(link, service, BACK);
}

static void show_end(const struct link *link, unsigned int side)
{
	const struct end *end = &link->end[side];
	char *problem = end_problem(link, side);

	print_line(xasprintf("  %s %s (%u): %s%s%s", role[side],
			     end->domain.name, end->domain.domid,
			     end_state(end), problem ? ", " : "",
			     problem ? problem : ""));
	free(problem);
}

void show_link(const struct link *link)
{
	const struct end *end = link->end;
	unsigned int side, i;

	print_line(xasprintf("link %s (%u) -- %s (%u): %s",
			     end[FRONT].domain.name, end[FRONT].domain.domid,
			     end[BACK].domain.name, end[BACK].domain.domid,
			     link_state(link)));
	for (side = 0; side < NR_SIDES; side++)
		show_end(link, side);
	for (i = 0; i < link->nr_services; i++)
		show_service(link, &link->service[i]);
	if (link_stale(link))
		puts("  stale: \"fidoctl link remove\" cleans up");
}

/* JSON */

static void json_end(const struct link *link, unsigned int side)
{
	const struct end *end = &link->end[side];

	json_object(role[side]);
	json_uint("domid", end->domain.domid);
	json_string("name", end->domain.name);
	json_bool("running", end->domain.running);
	json_string("state", end_state(end));
	json_bool("peer_silent", end->peer_silent);
	json_string("error", end->error);
	json_object_end();
}

static void json_half(const struct link *link, const struct service *service,
		      unsigned int side)
{
	const struct half *half = &service->half[side];
	unsigned int i;

	json_object(role[side]);
	json_uint("domid", link->end[side].domain.domid);
	json_string("name", link->end[side].domain.name);
	json_string("state", !half->present ? "missing" :
		    half->up ? "up" : "down");
	json_string("error", half->error);
	json_object("nodes");
	for (i = 0; i < half->nr_nodes; i++)
		json_string(half->node[i].name, half->node[i].value);
	json_object_end();
	json_object_end();
}

void json_service_begin(const struct link *link,
			const struct service *service)
{
	json_object(NULL);
	json_uint("id", service->id);
	json_string("type", service_type(service));
	json_string("state", service_state(link, service));
	json_string("link", link_state(link));
	json_half(link, service, FRONT);
	json_half(link, service, BACK);
}

void json_service_end(void)
{
	json_object_end();
}

void json_link(const struct link *link)
{
	unsigned int i;

	json_object(NULL);
	json_string("state", link_state(link));
	json_bool("stale", link_stale(link));
	json_end(link, FRONT);
	json_end(link, BACK);
	json_array("services");
	for (i = 0; i < link->nr_services; i++) {
		json_service_begin(link, &link->service[i]);
		json_service_end();
	}
	json_array_end();
	json_object_end();
}
