/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the toolstack writes for links and services. All of it within a
 * transaction of the caller, so that drivers see all or nothing.
 */
#ifndef FIDOCTL_CHANGE_H
#define FIDOCTL_CHANGE_H

#include "topology.h"
#include "util.h"

void link_erase(struct store *store, const struct link *link);
void link_mark(struct store *store, const struct link *link,
	       const char *file);
void link_forget_errors(struct store *store, const struct link *link);
void link_close(struct store *store, const struct link *link);
struct link *link_get(struct store *store, struct topology *topology,
		      const char *a, const char *b, unsigned int *side_a,
		      bool *created);
struct link *link_must_find(struct store *store, struct topology *topology,
			    const char *a, const char *b, unsigned int *side_a);

unsigned int link_queues(struct store *store, const struct link *link,
			 unsigned int max);

unsigned int service_add(struct store *store, const struct link *link,
			 const char *type, unsigned int not_id);
void service_set(struct store *store, const struct link *link,
		 unsigned int side, unsigned int id, const char *name,
		 const char *fmt, ...) __printf(6, 7);
void service_remove(struct store *store, const struct link *link,
		    unsigned int id);
void service_retire(struct store *store, const struct link *link,
		    unsigned int id, bool give_up);
bool service_retired(struct store *store, const struct link *link,
		     unsigned int side, unsigned int id);
void service_bury(struct store *store, const struct link *link,
		  unsigned int id);

#endif /* FIDOCTL_CHANGE_H */
