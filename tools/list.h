/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists of what is on the links of the host.
 */
#ifndef FIDOCTL_LIST_H
#define FIDOCTL_LIST_H

#include "options.h"
#include "table.h"
#include "topology.h"

/**
 * struct listing - what is listed, and how
 * @column: heads of the table's columns, then NULL
 * @add_rows: adds the rows of one link
 * @print_json: prints one link's elements of the array
 */
struct listing {
	const char * const *column;
	void (*add_rows)(struct table *table, const struct link *link);
	void (*print_json)(const struct link *link);
};

int list_links(const struct options *opt, const struct listing *listing);

#endif /* FIDOCTL_LIST_H */
