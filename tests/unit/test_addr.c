// SPDX-License-Identifier: GPL-2.0
/*
 * Translation of a peer's addresses: the edges of all that bounds it, and
 * random maps against a translation byte by byte.
 */
#include <sys/mman.h>

#include <linux/mm.h>

#include "test.h"
#include "addr.h"
#include "fido_proto.h"

#define NR_LEAVES 4
#define NR_FRAMES (NR_LEAVES * FIDO_LEAF_FRAMES)

/* of the exact size: AddressSanitizer sees a look behind the end */
static struct page *pages;
static struct fido_map map;

static void map_all(u64 nr_frames)
{
	u64 i, leaves = DIV_ROUND_UP(nr_frames, FIDO_LEAF_FRAMES);

	map.nr_frames = nr_frames;
	map.leaf = calloc(leaves, sizeof(*map.leaf));
	pages = calloc(nr_frames, sizeof(*pages));
	for (i = 0; i < leaves; i++)
		map.leaf[i] = calloc(1, sizeof(struct fido_leaf));
	for (i = 0; i < nr_frames; i++)
		map.leaf[i >> FIDO_LEAF_SHIFT]
			->page[i & (FIDO_LEAF_FRAMES - 1)] = &pages[i];
}

static struct page **entry(u64 frame)
{
	return &map.leaf[frame >> FIDO_LEAF_SHIFT]
			->page[frame & (FIDO_LEAF_FRAMES - 1)];
}

static int setup(void **state)
{
	map_all(NR_FRAMES - 3);
	return 0;
}

static int teardown(void **state)
{
	u64 i;

	for (i = 0; i < DIV_ROUND_UP(map.nr_frames, FIDO_LEAF_FRAMES); i++)
		free(map.leaf[i]);
	free(map.leaf);
	free(pages);
	return 0;
}

static u32 run(u64 phys, u32 len)
{
	struct page *page = NULL;
	u32 got = fido_map_run(&map, phys, len, &page);

	assert_true(got <= len);
	if (got)
		assert_ptr_equal(page, *entry(phys >> FIDO_PAGE_SHIFT));
	return got;
}

static void test_frames(void **state)
{
	u64 frame;

	for (frame = 0; frame < map.nr_frames; frame++)
		assert_ptr_equal(fido_map_page(&map, frame), &pages[frame]);
	assert_null(fido_map_page(&map, map.nr_frames));
	assert_null(fido_map_page(&map, map.nr_frames + 1));
	assert_null(fido_map_page(&map, NR_FRAMES));
	assert_null(fido_map_page(&map, 1ULL << 32));
	assert_null(fido_map_page(&map, (1ULL << 32) + 1));
	assert_null(fido_map_page(&map, 1ULL << 63));
	assert_null(fido_map_page(&map, ~0ULL));
}

static void test_nothing(void **state)
{
	struct fido_map none = { 0, NULL };
	struct page *page;

	assert_null(fido_map_page(&none, 0));
	assert_int_equal(fido_map_run(&none, 0, 1, &page), 0);
	assert_int_equal(fido_map_run(&none, 0, 0xffffffff, &page), 0);
	assert_int_equal(run(0, 0), 0);
	assert_int_equal(run(4096, 0), 0);
}

static void test_within_page(void **state)
{
	assert_int_equal(run(0, 1), 1);
	assert_int_equal(run(0, 4096), 4096);
	assert_int_equal(run(4095, 1), 1);
	assert_int_equal(run(4095, 2), 2);
	assert_int_equal(run(5 * 4096 + 17, 100), 100);
}

static void test_across_pages(void **state)
{
	assert_int_equal(run(1, 3 * 4096), 3 * 4096);
	/* and across leaves */
	assert_int_equal(run(FIDO_LEAF_FRAMES * 4096ULL - 1, 2), 2);
	assert_int_equal(run(100, (FIDO_LEAF_FRAMES + 7) * 4096),
			 (FIDO_LEAF_FRAMES + 7) * 4096);
}

/* What does not exist ends a run; what begins there has none. */
static void test_end(void **state)
{
	u64 end = map.nr_frames << FIDO_PAGE_SHIFT;

	assert_int_equal(run(end - 1, 1), 1);
	assert_int_equal(run(end - 1, 2), 1);
	assert_int_equal(run(end - 4096, 0xffffffff), 4096);
	assert_int_equal(run(end, 1), 0);
	assert_int_equal(run(end + 4096, 1), 0);
	assert_int_equal(run(0, 0xffffffff), end);
	assert_int_equal(run(1, 0xffffffff), end - 1);
}

static void test_overflow(void **state)
{
	assert_int_equal(run(FIDO_ADDR_PHYS_MASK, 1), 0);
	assert_int_equal(run(FIDO_ADDR_PHYS_MASK, 2), 0);
	assert_int_equal(run(FIDO_ADDR_PHYS_MASK + 1, 1), 0);
	assert_int_equal(run(FIDO_ADDR_PHYS_MASK - 4095, 0xffffffff), 0);
	assert_int_equal(run(~0ULL, 1), 0);
	assert_int_equal(run(~0ULL, 0xffffffff), 0);
	assert_int_equal(run(~0ULL - 4095, 4096), 0);
	assert_int_equal(run(1ULL << 63, 1), 0);
	assert_int_equal(run(1ULL << 48, 1), 0);
}

/* With the largest map that the address space allows, as an edge. */
static void test_last_frame(void **state)
{
	u64 nr = 1ULL << (FIDO_ADDR_DOMID_SHIFT - FIDO_PAGE_SHIFT);
	size_t leaves = nr >> FIDO_LEAF_SHIFT;
	struct fido_leaf last = { 0 };
	struct page page, *first;
	struct fido_map big;

	/* half a gigabyte, of which one page is ever touched */
	big.nr_frames = nr;
	big.leaf = mmap(NULL, leaves * sizeof(*big.leaf),
			PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(big.leaf, MAP_FAILED);
	big.leaf[leaves - 1] = &last;
	last.page[FIDO_LEAF_FRAMES - 1] = &page;
	assert_int_equal(fido_map_run(&big, FIDO_ADDR_PHYS_MASK, 1, &first), 1);
	assert_int_equal(fido_map_run(&big, FIDO_ADDR_PHYS_MASK, 2, &first), 0);
	assert_int_equal(fido_map_run(&big, FIDO_ADDR_PHYS_MASK - 4095, 4096,
				      &first), 4096);
	assert_int_equal(fido_map_run(&big, FIDO_ADDR_PHYS_MASK - 4095, 4097,
				      &first), 0);
	munmap(big.leaf, leaves * sizeof(*big.leaf));
}

static void test_holes(void **state)
{
	*entry(7) = NULL;
	assert_int_equal(run(6 * 4096 + 5, 8192), 4091);
	assert_int_equal(run(7 * 4096, 1), 0);
	assert_int_equal(run(8 * 4096, 10), 10);

	/* a whole leaf is missing */
	free(map.leaf[1]);
	map.leaf[1] = NULL;
	assert_int_equal(run((FIDO_LEAF_FRAMES - 1) * 4096, 4097), 4096);
	assert_int_equal(fido_map_run(&map, FIDO_LEAF_FRAMES * 4096ULL, 1,
				      &(struct page *){ NULL }), 0);
	assert_int_equal(run(2 * FIDO_LEAF_FRAMES * 4096ULL, 4097), 4097);
}

/* Frames that exist, but whose struct pages do not follow each other. */
static void test_not_consecutive(void **state)
{
	struct page *tmp = *entry(20);

	*entry(20) = *entry(21);
	*entry(21) = tmp;
	assert_int_equal(run(19 * 4096, 8192), 4096);
	assert_int_equal(run(20 * 4096, 8192), 4096);
	assert_int_equal(run(21 * 4096, 8192), 4096);
	assert_int_equal(run(22 * 4096, 8192), 8192);
	/* backwards is not forwards */
	*entry(30) = *entry(29) - 1;
	assert_int_equal(run(29 * 4096 + 4095, 2), 1);
}

/* What a run should be, found out one byte, then page, at a time. */
static u32 slowly(u64 phys, u32 len)
{
	struct page *prev = NULL;
	u64 done = 0, at, frame;

	while (done < len) {
		at = phys + done;
		if (at < phys || at >> FIDO_ADDR_DOMID_SHIFT)
			return 0;
		frame = at >> FIDO_PAGE_SHIFT;
		if (frame >= map.nr_frames ||
		    !map.leaf[frame >> FIDO_LEAF_SHIFT] || !*entry(frame) ||
		    (prev && *entry(frame) != prev + 1))
			return done;
		prev = *entry(frame);
		done += min_t(u64, len - done, 4096 - at % 4096);
	}
	return done;
}

static void test_random(void **state)
{
	u64 seed = 42, phys;
	u32 i, len;

	for (i = 0; i < 400; i++) {
		u64 frame = rnd_below(&seed, map.nr_frames);

		*entry(frame) = rnd(&seed) & 1 ? NULL :
			&pages[rnd_below(&seed, map.nr_frames)];
	}
	for (i = 0; i < 200000; i++) {
		phys = (u64)rnd_below(&seed, map.nr_frames + 2) * 4096 +
			rnd_below(&seed, 4096);
		len = rnd(&seed) >> rnd_below(&seed, 32);
		assert_int_equal(run(phys, len), slowly(phys, len));
	}
}

static void test_addresses(void **state)
{
	u64 addr = fido_addr_make(0x7ff0, 0x123456789abcULL);

	assert_true(addr == 0x7ff0123456789abcULL);
	assert_int_equal(fido_addr_domid(addr), 0x7ff0);
	assert_true(fido_addr_phys(addr) == 0x123456789abcULL);
	/* a physical address that is too large does not change the owner */
	assert_int_equal(fido_addr_domid(fido_addr_make(1, ~0ULL)), 1);
	assert_int_equal(fido_addr_domid(~0ULL), 0xffff);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_frames),
		T(test_nothing),
		T(test_within_page),
		T(test_across_pages),
		T(test_end),
		T(test_overflow),
		T(test_last_frame),
		T(test_holes),
		T(test_not_consecutive),
		T(test_random),
		T(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
