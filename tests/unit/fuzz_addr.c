// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: a map with holes and jumps, and addresses, from a string of
 * bytes. Whatever is asked for, a run consists of pages that the map shows.
 */
#include <stdio.h>
#include <stdlib.h>

#include <linux/mm.h>

#include "addr.h"

#define check(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%d: %s\n", __LINE__, #x);		\
		abort();						\
	}								\
} while (0)

#define NR_LEAVES 3

static struct page pages[64];

struct input {
	const u8 *data;
	size_t left;
};

static u64 take(struct input *in, size_t bytes)
{
	u64 value = 0;

	for (; bytes && in->left; bytes--, in->left--)
		value = value << 8 | *in->data++;
	return value;
}

/* Each step writes one entry, or asks for one run. */
static void fill(struct fido_map *map, struct input *in)
{
	u64 frame = take(in, 2) % map->nr_frames;
	u8 what = take(in, 1);
	struct fido_leaf **leaf = &map->leaf[frame >> FIDO_LEAF_SHIFT];
	u32 i;

	if (!*leaf)
		*leaf = calloc(1, sizeof(**leaf));
	check(*leaf);
	/* several in a row, else hardly any run would be longer than a page */
	for (i = 0; i < 16 && (frame & 1023) + i < FIDO_LEAF_FRAMES; i++)
		(*leaf)->page[(frame & 1023) + i] =
			what & 0x80 ? NULL : &pages[(what + i) & 63];
}

static void ask(const struct fido_map *map, struct input *in)
{
	u64 phys = take(in, 1) & 1 ? take(in, 8) : take(in, 3);
	u32 len = take(in, 1) & 1 ? take(in, 4) : take(in, 2);
	struct page *first = NULL;
	u64 frame = phys >> FIDO_PAGE_SHIFT;
	u32 got = fido_map_run(map, phys, len, &first);
	u64 last;

	check(got <= len);
	if (!got)
		return;
	check(phys + len - 1 >= phys);
	check((phys + len - 1) >> FIDO_ADDR_DOMID_SHIFT == 0);
	last = (phys + got - 1) >> FIDO_PAGE_SHIFT;
	check(last < map->nr_frames);
	for (; frame <= last; frame++, first++) {
		check(first >= pages && first < pages + 64);
		check(fido_map_page(map, frame) == first);
	}
	/* it ends for a reason only */
	if (got < len) {
		check((phys + got) % FIDO_PAGE_SIZE == 0);
		check(fido_map_page(map, frame) != first);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct fido_map map = { 0 };
	u32 i;

	map.nr_frames = 1 + take(&in, 2) % (NR_LEAVES * FIDO_LEAF_FRAMES);
	map.leaf = calloc(DIV_ROUND_UP(map.nr_frames, FIDO_LEAF_FRAMES),
			  sizeof(*map.leaf));
	check(map.leaf);
	while (in.left) {
		if (take(&in, 1) & 1)
			fill(&map, &in);
		else
			ask(&map, &in);
	}
	for (i = 0; i < DIV_ROUND_UP(map.nr_frames, FIDO_LEAF_FRAMES); i++)
		free(map.leaf[i]);
	free(map.leaf);
	return 0;
}
