// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: a configuration of two files, with a zero byte in between. What is
 * taken is complete, and names no domain by its id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"
#include "tools/config.h"

#define check(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%d: %s\n", __LINE__, #x);		\
		abort();						\
	}								\
} while (0)

static void check_wish(const struct wish *wish)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		check(wish->vm[i] && *wish->vm[i]);
		check(wish->vm[i][strspn(wish->vm[i], "0123456789")]);
	}
	check(strcmp(wish->vm[0], wish->vm[1]));
	check(wish->text);
	if (wish->type == WISH_BLK)
		check(wish->device && wish->device[0] == '/');
	else
		check(!wish->device && !wish->serial);
	if (wish->opt.given & OPT_QUEUES)
		check(wish->opt.queues >= 1 && wish->opt.queues <= 16);
	if (wish->opt.given & OPT_MTU)
		check(wish->opt.mtu >= 68 && wish->opt.mtu <= 65535);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct config config = { 0 };
	const u8 *half = size ? memchr(data, 0, size) : NULL;
	size_t first = half ? (size_t)(half - data) : size;
	unsigned int i, j;

	config_parse(&config, "first", (const char *)data, first);
	if (half)
		config_parse(&config, "second", (const char *)half + 1,
			     size - first - 1);
	config_compare(&config);
	for (i = 0; i < config.nr_files; i++) {
		const struct config_file *file = &config.file[i];

		check(file->nr_wishes <= CONFIG_MAX_WISHES);
		check(file->nr_faults <= CONFIG_MAX_FAULTS);
		for (j = 0; !file->nr_faults && j < file->nr_wishes; j++)
			check_wish(&file->wish[j]);
	}
	config_free(&config);
	return 0;
}
