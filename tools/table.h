/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Text in aligned columns.
 */
#ifndef FIDOCTL_TABLE_H
#define FIDOCTL_TABLE_H

#include <stddef.h>

#include "util.h"

struct table {
	unsigned int nr_columns;
	size_t nr_cells;
	char **cell;
};

void table_init(struct table *table, unsigned int nr_columns);
void table_add(struct table *table, const char *fmt, ...)
	__printf(2, 3);
void table_print_and_free(struct table *table);

#endif /* FIDOCTL_TABLE_H */
