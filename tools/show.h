/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Links and services as text and as JSON.
 */
#ifndef FIDOCTL_SHOW_H
#define FIDOCTL_SHOW_H

#include "table.h"
#include "topology.h"

const char *service_state(const struct link *link,
			  const struct service *service);
char *service_problem(const struct link *link, const struct service *service);

void show_link(const struct link *link);
void show_service(const struct link *link, const struct service *service);

void json_link(const struct link *link);
void json_service_begin(const struct link *link,
			const struct service *service);
void json_service_end(void);

#endif /* FIDOCTL_SHOW_H */
