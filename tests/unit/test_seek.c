// SPDX-License-Identifier: GPL-2.0
/*
 * Looking for pages that a peer sees: how much is gone through for one, that
 * all of it is given back, and that the kernel's reserve is spared.
 */
#include "test.h"
#include <linux/highmem.h>
#include <linux/sched.h>

#include "export.h"
#include "seek.h"

#define NR_PAGES	70000
#define MAX_ASIDE	65536	/* 256 MiB */
#define MAX_FEW		256
#define EXPORT		((struct fido_export *)&shim_task)

struct task_struct shim_task;

/* Memory is given out in the order of addresses: first ordinary one. */
static struct {
	struct page page[NR_PAGES];
	bool is_seen[NR_PAGES];
	bool is_cleared[NR_PAGES];
	unsigned int ordinary;	/* pages */
	unsigned int reserve;	/* more of them, behind */
	unsigned int next, next_reserve;
	unsigned int out;	/* given out, and not back */
	gfp_t gfp;		/* of the latest request */
} mem;

struct page *alloc_page(gfp_t gfp)
{
	bool reserve = current->flags & PF_MEMALLOC &&
		       !(gfp & __GFP_NOMEMALLOC);
	struct page *page;

	mem.gfp = gfp;
	if (mem.next < mem.ordinary) {
		page = &mem.page[mem.next++];
		page->pfmemalloc = false;
	} else if (reserve && mem.next_reserve < mem.reserve) {
		page = &mem.page[mem.ordinary + mem.next_reserve++];
		page->pfmemalloc = true;
	} else {
		return NULL;
	}
	mem.out++;
	return page;
}

void __free_page(struct page *page)
{
	assert_true(mem.out > 0);
	mem.out--;
}

void clear_highpage(struct page *page)
{
	mem.is_cleared[page - mem.page] = true;
}

bool fido_export_has(const struct fido_export *export, struct page *page,
		     unsigned int nr)
{
	assert_ptr_equal(export, EXPORT);
	assert_int_equal(nr, 1);
	return mem.is_seen[page - mem.page];
}

/* So much memory of each kind, of which the first is not seen. */
static void have(unsigned int ordinary, unsigned int unseen,
		 unsigned int reserve, unsigned int unseen_reserve)
{
	unsigned int i;

	assert_true(ordinary + reserve <= NR_PAGES);
	memset(&mem, 0, sizeof(mem));
	mem.ordinary = ordinary;
	mem.reserve = reserve;
	for (i = unseen; i < ordinary; i++)
		mem.is_seen[i] = true;
	for (i = unseen_reserve; i < reserve; i++)
		mem.is_seen[ordinary + i] = true;
}

/* Returns how many of @nr were found; all else is given back. */
static unsigned int find(gfp_t gfp, unsigned int nr)
{
	struct fido_seek seek;
	struct page *page;
	unsigned int found, before = mem.out;

	fido_seek_begin(&seek, EXPORT, gfp);
	for (found = 0; found < nr; found++) {
		page = fido_seek_page(&seek);
		if (!page)
			break;
		assert_true(mem.is_seen[page - mem.page]);
		assert_int_equal(mem.is_cleared[page - mem.page],
				 !!(gfp & __GFP_ZERO));
	}
	fido_seek_end(&seek);
	assert_int_equal(mem.out, before + found);
	return found;
}

static int setup(void **state)
{
	shim_task.flags = 0;
	return 0;
}

static void test_seen_at_once(void **state)
{
	have(100, 0, 0, 0);
	assert_int_equal(find(GFP_KERNEL, 3), 3);
	assert_int_equal(mem.next, 3);
	/* the caller's wish, as nothing had to be set aside */
	assert_int_equal(mem.gfp, GFP_KERNEL);
	assert_int_equal(find(GFP_KERNEL | __GFP_ZERO, 3), 3);
	assert_int_equal(mem.gfp & __GFP_ZERO, 0);
}

static void test_behind_unseen(void **state)
{
	have(5000, 1000, 0, 0);
	assert_int_equal(find(GFP_KERNEL | __GFP_ZERO, 20), 20);
	assert_int_equal(mem.next, 1020);
	/* nobody is waited for, or killed, for pages that are set aside */
	assert_true(mem.gfp & __GFP_NORETRY);
	assert_true(mem.gfp & __GFP_NOWARN);
}

static void test_no_memory(void **state)
{
	have(10, 10, 0, 0);
	assert_int_equal(find(GFP_KERNEL, 1), 0);
	assert_int_equal(mem.next, 10);
}

static void test_bound(void **state)
{
	have(NR_PAGES, MAX_ASIDE - 1, 0, 0);
	assert_int_equal(find(GFP_KERNEL, 1), 1);
	have(NR_PAGES, MAX_ASIDE, 0, 0);
	assert_int_equal(find(GFP_KERNEL, 1), 0);
	assert_int_equal(mem.next, MAX_ASIDE);
}

static void test_bound_if_nobody_waits(void **state)
{
	have(1000, MAX_FEW - 1, 0, 0);
	assert_int_equal(find(GFP_ATOMIC, 1), 1);
	have(1000, MAX_FEW, 0, 0);
	assert_int_equal(find(GFP_ATOMIC, 1), 0);
	assert_int_equal(mem.next, MAX_FEW);
}

/* What lies in front is ordinary memory, as long as there is some. */
static void test_reserve_is_spared(void **state)
{
	shim_task.flags = PF_MEMALLOC;
	have(20000, 10000, 1000, 0);
	assert_int_equal(find(GFP_KERNEL, 60), 60);
	assert_int_equal(mem.next, 10060);
	assert_int_equal(mem.next_reserve, 0);
}

static void test_reserve_is_used(void **state)
{
	shim_task.flags = PF_MEMALLOC;
	have(1000, 1000, 2000, 0);
	assert_int_equal(find(GFP_KERNEL, 600), 600);
	assert_int_equal(mem.next_reserve, 600);
}

/* So much of it is set aside, and no more. */
static void test_reserve_is_not_drained(void **state)
{
	shim_task.flags = PF_MEMALLOC;
	have(1000, 1000, 20000, MAX_FEW - 1);
	assert_int_equal(find(GFP_KERNEL, 60), 60);
	have(1000, 1000, 20000, MAX_FEW);
	assert_int_equal(find(GFP_KERNEL, 60), 0);
	assert_int_equal(mem.next_reserve, MAX_FEW);
	have(0, 0, 20000, MAX_FEW);
	assert_int_equal(find(GFP_ATOMIC, 60), 0);
	assert_int_equal(mem.next_reserve, MAX_FEW);
}

static void test_reserve_is_closed(void **state)
{
	have(10, 10, 1000, 0);
	assert_int_equal(find(GFP_KERNEL, 1), 0);
	shim_task.flags = PF_MEMALLOC;
	have(10, 10, 1000, 0);
	assert_int_equal(find(GFP_KERNEL | __GFP_NOMEMALLOC, 1), 0);
	assert_int_equal(mem.next_reserve, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_seen_at_once, setup),
		cmocka_unit_test_setup(test_behind_unseen, setup),
		cmocka_unit_test_setup(test_no_memory, setup),
		cmocka_unit_test_setup(test_bound, setup),
		cmocka_unit_test_setup(test_bound_if_nobody_waits, setup),
		cmocka_unit_test_setup(test_reserve_is_spared, setup),
		cmocka_unit_test_setup(test_reserve_is_used, setup),
		cmocka_unit_test_setup(test_reserve_is_not_drained, setup),
		cmocka_unit_test_setup(test_reserve_is_closed, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
