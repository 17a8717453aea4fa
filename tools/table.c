// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "util.h"

void table_init(struct table *table, unsigned int nr_columns)
{
	memset(table, 0, sizeof(*table));
	table->nr_columns = nr_columns;
}

/* Cells come row by row. */
void table_add(struct table *table, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	make_printable(text);
	table->cell = xgrow(table->cell, table->nr_cells, sizeof(char *));
	table->cell[table->nr_cells++] = text;
}

static int column_width(const struct table *table, unsigned int column)
{
	size_t width = 0, len, i;

	for (i = column; i < table->nr_cells; i += table->nr_columns) {
		len = strlen(table->cell[i]);
		if (len > width)
			width = len;
	}
	return width;
}

void table_print_and_free(struct table *table)
{
	int *width = xcalloc(table->nr_columns, sizeof(*width));
	unsigned int column;
	size_t i;

	for (column = 0; column + 1 < table->nr_columns; column++)
		width[column] = column_width(table, column);
	for (i = 0; i < table->nr_cells; i++) {
		column = i % table->nr_columns;
		if (column + 1 < table->nr_columns)
			printf("%-*s  ", width[column], table->cell[i]);
		else
			printf("%s\n", table->cell[i]);
		free(table->cell[i]);
	}
	free(table->cell);
	free(width);
	table_init(table, table->nr_columns);
}
