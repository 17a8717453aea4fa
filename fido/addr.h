/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Addresses of a peer's memory: the one place that turns what a peer wrote
 * into a page. Also compiled in user space, see tests/unit.
 */
#ifndef FIDO_ADDR_H
#define FIDO_ADDR_H

#include <linux/types.h>

#include "fido_proto.h"

struct page;

/* 1024 frames, 4 MiB: what one leaf of the export table describes */
#define FIDO_LEAF_SHIFT		10
#define FIDO_LEAF_FRAMES	(1U << FIDO_LEAF_SHIFT)

/**
 * struct fido_leaf - pages of FIDO_LEAF_FRAMES consecutive guest frames
 * @page: the page that shows the frame here, NULL if there is none
 */
struct fido_leaf {
	struct page *page[FIDO_LEAF_FRAMES];
};

/**
 * struct fido_map - where the frames of a domain are found here
 * @nr_frames: frames at and above this number do not exist
 * @leaf: by frame >> FIDO_LEAF_SHIFT; NULL where no frame is mapped
 */
struct fido_map {
	u64 nr_frames;
	struct fido_leaf **leaf;
};

struct page *fido_map_page(const struct fido_map *map, u64 frame);
u32 fido_map_run(const struct fido_map *map, u64 phys, u32 len,
		 struct page **first);

#endif /* FIDO_ADDR_H */
