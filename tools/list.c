// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "json.h"
#include "list.h"

static void add_heads(struct table *table, const char * const *column)
{
	unsigned int nr = 0, i;

	while (column[nr])
		nr++;
	table_init(table, nr);
	for (i = 0; i < nr; i++)
		table_add(table, "%s", column[i]);
}

static void list_text(const struct topology *topology, const char *vm,
		      const struct listing *listing)
{
	struct table table;
	unsigned int i;

	add_heads(&table, listing->column);
	for (i = 0; i < topology->nr_links; i++)
		if (!vm || link_has(&topology->link[i], vm))
			listing->add_rows(&table, &topology->link[i]);
	table_print_and_free(&table);
}

static void list_json(const struct topology *topology, const char *vm,
		      const struct listing *listing)
{
	unsigned int i;

	json_array(NULL);
	for (i = 0; i < topology->nr_links; i++)
		if (!vm || link_has(&topology->link[i], vm))
			listing->print_json(&topology->link[i]);
	json_array_end();
}

/* All, or what one VM has to do with. */
int list_links(const struct options *opt, const struct listing *listing)
{
	const char *vm = opt->nr_args ? opt->arg[0] : NULL;
	struct topology topology;
	struct store store;

	store_open(&store);
	topology_read(&store, &topology);
	if (opt->given & OPT_JSON)
		list_json(&topology, vm, listing);
	else
		list_text(&topology, vm, listing);
	topology_free(&topology);
	store_close(&store);
	return 0;
}
