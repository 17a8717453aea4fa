// SPDX-License-Identifier: GPL-2.0
/* Two rings that are each other's peer, for the tests. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pair.h"

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void *xcalloc(size_t nr, size_t size)
{
	void *p = calloc(nr, size);

	if (!p)
		die("calloc");
	return p;
}

/* Pages 1, 3, 5... of a reservation are there, those between are not. */
static unsigned char *map_spread(int fd, unsigned int nr, int prot)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	size_t size = (2UL * nr + 1) * PAGE_SIZE;
	unsigned char *p;
	unsigned int i;

	p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	for (i = 0; i < nr; i++)
		if (mmap(p + (2UL * i + 1) * PAGE_SIZE, PAGE_SIZE, prot,
			 flags | MAP_FIXED, fd,
			 fd < 0 ? 0 : i * PAGE_SIZE) == MAP_FAILED)
			die("mmap");
	return p;
}

static void *page_of(unsigned char *start, unsigned int i)
{
	return start + (2UL * i + 1) * PAGE_SIZE;
}

static void arena_init(struct arena *arena, unsigned int nr,
		       enum pair_view view)
{
	arena->nr = nr;
	arena->fd = -1;
	if (view == PAIR_READ_ONLY) {
		arena->fd = memfd_create("arena", MFD_CLOEXEC);
		if (arena->fd < 0 || ftruncate(arena->fd, nr * PAGE_SIZE))
			die("memfd");
	}
	arena->rw = map_spread(arena->fd, nr, PROT_READ | PROT_WRITE);
	arena->ro = arena->rw;
	if (view == PAIR_READ_ONLY)
		arena->ro = map_spread(arena->fd, nr, PROT_READ);
}

static void arena_free(struct arena *arena)
{
	size_t size = (2UL * arena->nr + 1) * PAGE_SIZE;

	if (arena->ro != arena->rw)
		munmap(arena->ro, size);
	munmap(arena->rw, size);
	if (arena->fd >= 0)
		close(arena->fd);
}

static void side_init(struct side *side, const struct fido_ring_geom *geom,
		      enum pair_view view)
{
	u32 slots = fido_ring_slot_pages(geom);
	u32 rels = fido_ring_rel_pages(geom);
	struct fido_ring *ring = &side->ring;
	u32 i;

	memset(ring, 0, sizeof(*ring));
	arena_init(&side->mem, 1 + slots + rels, view);
	side->ctl = page_of(side->mem.rw, 0);

	/* arrays of their own, so that AddressSanitizer knows their ends */
	ring->geom = *geom;
	ring->mine = side->ctl;
	ring->slot_page = xcalloc(slots, sizeof(void *));
	ring->rel_page = xcalloc(rels, sizeof(u32 *));
	ring->peer_slot_page = xcalloc(slots, sizeof(void *));
	ring->peer_rel_page = xcalloc(rels, sizeof(u32 *));
	ring->free_id = xcalloc(geom->nr_ids, sizeof(u32));
	ring->cookie = xcalloc(geom->nr_ids, sizeof(void *));
	for (i = 0; i < slots; i++)
		ring->slot_page[i] = page_of(side->mem.rw, 1 + i);
	for (i = 0; i < rels; i++)
		ring->rel_page[i] = page_of(side->mem.rw, 1 + slots + i);
	fido_ring_init(ring);
}

static void side_connect(struct side *side, struct side *peer)
{
	const struct fido_ring_geom *geom = &side->ring.geom;
	u32 slots = fido_ring_slot_pages(geom);
	u32 rels = fido_ring_rel_pages(geom);
	u32 i;

	side->ring.theirs = page_of(peer->mem.ro, 0);
	for (i = 0; i < slots; i++)
		side->ring.peer_slot_page[i] = page_of(peer->mem.ro, 1 + i);
	for (i = 0; i < rels; i++)
		side->ring.peer_rel_page[i] =
			page_of(peer->mem.ro, 1 + slots + i);
}

void pair_init(struct pair *pair, const struct fido_ring_geom *geom,
	       enum pair_view view)
{
	side_init(&pair->a, geom, view);
	side_init(&pair->b, geom, view);
	side_connect(&pair->a, &pair->b);
	side_connect(&pair->b, &pair->a);
}

static void side_start_at(struct side *side, u32 index)
{
	struct fido_ring *ring = &side->ring;

	ring->prod = index;
	ring->prod_published = index;
	ring->cons_seen = index;
	ring->free_tail = index;
	ring->free_head = index + ring->geom.nr_ids;
	ring->rel_seen = index;
	ring->rel_cons = index;
	ring->cons = index;
	ring->cons_published = index;
	ring->prod_seen = index;
	ring->rel_prod = index;
	ring->rel_published = index;

	side->ctl->prod = index;
	side->ctl->cons = index;
	side->ctl->rel_prod = index;
	side->ctl->prod_event = index;
	side->ctl->space_event = index;
	side->ctl->rel_event = index;
}

/*
 * As after @index messages, all of them released: what would take days to
 * reach, the wrap-around of 32 bits, is then some messages away.
 */
void pair_start_at(struct pair *pair, u32 index)
{
	side_start_at(&pair->a, index);
	side_start_at(&pair->b, index);
}

static void side_reset(struct side *side)
{
	struct fido_ring *ring = &side->ring;
	unsigned int i;

	for (i = 0; i < side->mem.nr; i++)
		memset(page_of(side->mem.rw, i), 0, PAGE_SIZE);
	memset(ring->cookie, 0, ring->geom.nr_ids * sizeof(void *));
	ring->broken = NULL;
	fido_ring_init(ring);
}

/* As new, with the same geometry and memory. */
void pair_reset(struct pair *pair, u32 index)
{
	side_reset(&pair->a);
	side_reset(&pair->b);
	side_connect(&pair->a, &pair->b);
	side_connect(&pair->b, &pair->a);
	pair_start_at(pair, index);
}

/* Is @p in what the peer sees of @side? Where there, from the start? */
bool pair_ro_offset(const struct side *side, const void *p, size_t *at)
{
	*at = (const unsigned char *)p - side->mem.ro;
	return *at < (2UL * side->mem.nr + 1) * PAGE_SIZE;
}

/* From now on who looks at @side's memory as its peer dies. */
void pair_hide(struct side *side)
{
	if (mprotect(side->mem.ro, (2UL * side->mem.nr + 1) * PAGE_SIZE,
		     PROT_NONE))
		die("mprotect");
}

static void side_free(struct side *side)
{
	struct fido_ring *ring = &side->ring;

	free(ring->slot_page);
	free(ring->rel_page);
	free(ring->peer_slot_page);
	free(ring->peer_rel_page);
	free(ring->free_id);
	free(ring->cookie);
	arena_free(&side->mem);
}

void pair_free(struct pair *pair)
{
	side_free(&pair->a);
	side_free(&pair->b);
}

/* The slot of an index of a side, as the protocol defines it, writable. */
struct fido_slot *side_slot(struct side *side, u32 index)
{
	const struct fido_ring_geom *geom = &side->ring.geom;
	size_t at = (size_t)(index % geom->nr_slots) * geom->slot_size;

	return (void *)((char *)side->ring.slot_page[at / PAGE_SIZE] +
			at % PAGE_SIZE);
}

/* The same for the entries of the release ring. */
u32 *side_rel(struct side *side, u32 index)
{
	size_t at = (index % side->ring.geom.nr_ids) * sizeof(u32);

	return &side->ring.rel_page[at / PAGE_SIZE]
				   [at % PAGE_SIZE / sizeof(u32)];
}
