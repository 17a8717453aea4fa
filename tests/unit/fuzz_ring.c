// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: side A under test, its peer B from a string of bytes.
 *
 * Each step takes an operation and two bytes from the input: a call of A, an
 * honest call of B, a lie in B's memory, or a switch that makes B's bytes
 * change directly after A has read them. After each step what A has and what
 * it gave out must be what a simple model of A's own doing says.
 *
 * The pages lie between inaccessible ones, and once A declares the link broken
 * it gets pointers to nothing: from then on it must not look.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "pair.h"

#define check(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%d: %s\n", __LINE__, #x);		\
		abort();						\
	}								\
} while (0)

static const struct fido_ring_geom geoms[] = {
	{ 4, 64, 4 }, { 1, 64, 1 }, { 8, 1024, 16 }, { 128, 64, 2048 },
};

enum op {
	OP_PUSH, OP_PUSH_NO_ID, OP_CANCEL, OP_PUBLISH, OP_ARM_SPACE, OP_REAP,
	OP_ARM_RELEASE, OP_PULL, OP_DONE, OP_ARM, OP_RELEASE,
	OP_RELEASE_PUBLISH,
	OP_PEER_PUSH, OP_PEER_PUBLISH, OP_PEER_PULL, OP_PEER_DONE,
	OP_PEER_RELEASE_PUBLISH,
	OP_LIE_INDEX, OP_LIE_NEAR, OP_LIE_CTL, OP_LIE_SLOT, OP_LIE_REL,
	OP_SCRAMBLE,
	OP_MAX,
};

/* What A must know by its own doing. */
struct model {
	bool flying[FIDO_MAX_IDS];
	u32 in_flight;
	bool broken;
	bool lied;
};

static struct pair pairs[ARRAY_SIZE(geoms)];
static struct pair *pair;
static struct model model;
static char cookies[FIDO_MAX_IDS];
static void *nowhere;
static bool scramble;
static u64 noise;

#define MAX_READS 8

static struct {
	size_t at;
	size_t len;
} reads[MAX_READS];

static unsigned int nr_reads;

void shim_watch(const void *p, size_t len)
{
	unsigned int i;
	size_t at;

	if (!pair || !pair_ro_offset(&pair->b, p, &at))
		return;
	for (i = 0; i < nr_reads; i++)
		check(at >= reads[i].at + reads[i].len ||
		      reads[i].at >= at + len);
	check(nr_reads < MAX_READS);
	reads[nr_reads].at = at;
	reads[nr_reads++].len = len;
	for (i = 0; scramble && i < len; i++) {
		noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
		pair->b.mem.rw[at + i] = noise >> 56;
	}
}

static void setup(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(geoms); i++)
		pair_init(&pairs[i], &geoms[i], PAIR_READ_ONLY);
	nowhere = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	check(nowhere != MAP_FAILED);
}

/* The reason has been set: from now on the peer's memory is not there. */
static void hide_peer(struct fido_ring *ring)
{
	u32 i;

	ring->theirs = nowhere;
	for (i = 0; i < fido_ring_slot_pages(&ring->geom); i++)
		ring->peer_slot_page[i] = nowhere;
	for (i = 0; i < fido_ring_rel_pages(&ring->geom); i++)
		ring->peer_rel_page[i] = nowhere;
}

static void push(struct fido_ring *ring, bool with_id, u16 len)
{
	unsigned char *slot = fido_ring_slot(ring);
	u32 room = ring->geom.slot_size - sizeof(struct fido_slot);
	u32 id = FIDO_ID_NONE;

	if (!slot)
		return;
	check(fido_ring_room(ring));
	if (with_id) {
		id = fido_ring_take_id(ring);
		check((id == FIDO_ID_NONE) ==
		      (model.in_flight == ring->geom.nr_ids));
		if (id == FIDO_ID_NONE)
			return;
		check(id < ring->geom.nr_ids && !model.flying[id]);
		model.flying[id] = true;
		model.in_flight++;
	}
	memset(slot, len, min_t(u32, len, room));
	fido_ring_push(ring, len, id, with_id ? &cookies[id] : NULL);
}

static void cancel(struct fido_ring *ring)
{
	u32 id = fido_ring_take_id(ring);

	if (id == FIDO_ID_NONE)
		return;
	check(id < ring->geom.nr_ids && !model.flying[id]);
	fido_ring_cancel_id(ring, id);
}

static void came_back(const struct fido_ring *ring, char *cookie)
{
	size_t id = cookie - cookies;

	check(id < ring->geom.nr_ids && model.flying[id]);
	model.flying[id] = false;
	model.in_flight--;
}

static void reap(struct fido_ring *ring)
{
	char *cookie = fido_ring_reap(ring);

	if (cookie)
		came_back(ring, cookie);
}

static void pull(struct fido_ring *ring, u32 size)
{
	unsigned char buf[FIDO_MAX_SLOT_SIZE + 1];
	u32 id = 0;
	int len;

	size = min_t(u32, size, FIDO_MAX_SLOT_SIZE);
	buf[size] = 0x5a;
	len = fido_ring_pull(ring, buf, size, &id);
	check(buf[size] == 0x5a);
	if (len < 0) {
		check(len == FIDO_RING_EMPTY || len == FIDO_RING_BROKEN);
		check((len == FIDO_RING_BROKEN) == fido_ring_is_broken(ring));
		return;
	}
	check((u32)len <= size);
	check((u32)len <= ring->geom.slot_size - sizeof(struct fido_slot));
	check(id == FIDO_ID_NONE || id < ring->geom.nr_ids);
}

static void peer_push(struct fido_ring *peer, u8 x, u8 y)
{
	void *slot = fido_ring_slot(peer);

	if (!slot)
		return;
	memset(slot, y, x & 31);
	fido_ring_push(peer, x & 31, y & (peer->geom.nr_ids - 1), cookies);
}

/* B consumes and gives back at once what A sent. */
static void peer_pull(struct fido_ring *peer)
{
	unsigned char buf[FIDO_MAX_SLOT_SIZE];
	u32 id;
	int len;

	len = fido_ring_pull(peer, buf, sizeof(buf), &id);
	if (len >= 0 && id != FIDO_ID_NONE)
		fido_ring_release(peer, id);
	/* as long as B has not lied, it has no reason to complain either */
	check(model.lied || len != FIDO_RING_BROKEN);
}

static void lie(struct fido_ring *ring, enum op op, u8 x, u8 y)
{
	static const u32 odd[] = {
		0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0xffff,
		0x10000,
	};
	struct fido_chan_ctl *ctl = pair->b.ctl;
	u32 *index[] = {
		&ctl->prod, &ctl->cons, &ctl->rel_prod, &ctl->prod_event,
		&ctl->space_event, &ctl->rel_event,
	};
	u32 near[] = { ring->cons, ring->prod, ring->rel_cons };
	u32 *p = index[x % ARRAY_SIZE(index)];

	model.lied = true;
	switch (op) {
	case OP_LIE_INDEX:
		*p = odd[y % ARRAY_SIZE(odd)];
		break;
	case OP_LIE_NEAR:
		*p = near[x % 3] + (s32)(signed char)y;
		break;
	case OP_LIE_CTL:
		((u8 *)ctl)[(x * 16 + (y >> 4)) % PAGE_SIZE] = y;
		break;
	case OP_LIE_SLOT:
		((u8 *)side_slot(&pair->b, x >> 4))[x & 15] = y;
		break;
	default:
		*side_rel(&pair->b, x >> 3) = x & 4 ?
			odd[y % ARRAY_SIZE(odd)] : y;
	}
}

static void step(struct fido_ring *ring, enum op op, u8 x, u8 y)
{
	struct fido_ring *peer = &pair->b.ring;

	switch (op) {
	case OP_PUSH:
		return push(ring, true, x & 7 ? x : x << 8 | y);
	case OP_PUSH_NO_ID:
		return push(ring, false, x);
	case OP_CANCEL:
		return cancel(ring);
	case OP_PUBLISH:
		fido_ring_publish(ring);
		return;
	case OP_ARM_SPACE:
		fido_ring_arm_space(ring, 1 + x % ring->geom.nr_slots);
		return;
	case OP_REAP:
		return reap(ring);
	case OP_ARM_RELEASE:
		fido_ring_arm_release(ring, 1 + x % ring->geom.nr_ids);
		return;
	case OP_PULL:
		return pull(ring, x & 1 ? FIDO_MAX_SLOT_SIZE : y);
	case OP_DONE:
		fido_ring_done(ring);
		return;
	case OP_ARM:
		fido_ring_arm(ring, 1 + x % ring->geom.nr_slots);
		return;
	case OP_RELEASE:
		fido_ring_release(ring, y & (ring->geom.nr_ids - 1));
		return;
	case OP_RELEASE_PUBLISH:
		fido_ring_release_publish(ring);
		return;
	case OP_PEER_PUSH:
		return peer_push(peer, x, y);
	case OP_PEER_PUBLISH:
		fido_ring_publish(peer);
		return;
	case OP_PEER_PULL:
		return peer_pull(peer);
	case OP_PEER_DONE:
		fido_ring_done(peer);
		return;
	case OP_PEER_RELEASE_PUBLISH:
		fido_ring_release_publish(peer);
		return;
	case OP_SCRAMBLE:
		model.lied = true;
		scramble = x & 1;
		return;
	default:
		return lie(ring, op, x, y);
	}
}

static void check_state(struct fido_ring *ring)
{
	bool broken = fido_ring_is_broken(ring);

	/* releases are A's to send and no lie: B's own ring has no say */
	check(fido_ring_in_flight(ring) == model.in_flight);
	check(ring->prod - ring->cons_seen <= ring->geom.nr_slots);
	check(ring->prod_seen - ring->cons <= ring->geom.nr_slots);
	check(ring->rel_seen - ring->rel_cons <= ring->geom.nr_ids);
	check(pair->a.ctl->prod == ring->prod_published);
	check(pair->a.ctl->cons == ring->cons_published);
	check(pair->a.ctl->rel_prod == ring->rel_published);
	check(broken || !model.broken);
	if (broken && !model.broken) {
		model.broken = true;
		hide_peer(ring);
	}
}

static void check_end(struct fido_ring *ring)
{
	char *cookie;
	u32 i;

	for (i = 0; i < ring->geom.nr_ids; i++) {
		cookie = fido_ring_steal(ring, i);
		check(!cookie == !model.flying[i]);
		if (cookie)
			came_back(ring, cookie);
	}
	check(!model.in_flight);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u32 starts[] = { 0, 0xfffffffe, 0x7fffffff, 0xfffff800 };
	size_t i;

	if (!nowhere)
		setup();
	if (size < 1)
		return 0;
	pair = &pairs[data[0] & 3];
	scramble = false;
	noise = size;
	memset(&model, 0, sizeof(model));
	pair_reset(pair, starts[data[0] >> 2 & 3]);
	for (i = 1; i + 3 <= size; i += 3) {
		nr_reads = 0;
		step(&pair->a.ring, data[i] % OP_MAX, data[i + 1], data[i + 2]);
		check_state(&pair->a.ring);
	}
	check_end(&pair->a.ring);
	return 0;
}
