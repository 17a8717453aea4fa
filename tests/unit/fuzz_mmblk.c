// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: messages of mmblk, at the server and at the client. What passes
 * the checks must lie within the message, the device and the limits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"
#include "mmblk/wire.h"

#define check(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%d: %s\n", __LINE__, #x);		\
		abort();						\
	}								\
} while (0)

/* What follows the head, as far as it stands in the message. */
static void check_segs(const struct fido_seg *seg, u32 nr, u32 room,
		       const void *end)
{
	u32 nr_inline = nr <= room ? nr : 1;

	check(nr <= MMBLK_MAX_SEGS);
	check((const void *)(seg + nr_inline) == end);
	if (nr > room)
		check(seg->addr % FIDO_PAGE_SIZE + nr * sizeof(*seg) <=
		      FIDO_PAGE_SIZE);
	else if (mmblk_wire_segs(seg, nr, 65536, 512))
		for (; nr; nr--)
			check(seg[nr - 1].len &&
			      !(seg[nr - 1].addr % 512));
}

static void try_request(const struct mmblk_request *r, u32 len, u32 id, u8 how)
{
	const struct mmblk_wire_device device = {
		.sectors = how & 0x80 ? 1ULL << 50 : 1ULL << (how & 31),
		.block_size = 512 << (how >> 5 & 3),
		.read_only = how & 1,
	};

	if (mmblk_wire_request(r, len, id))
		return;
	check(r->tag < MMBLK_DEPTH);
	if (mmblk_wire_refuse(r, len, &device) != MMBLK_OK)
		return;
	check(!(r->bytes % device.block_size));
	check(r->sector + r->bytes / 512 >= r->sector);
	check(r->sector + r->bytes / 512 <= device.sectors);
	check(!device.read_only || r->op == MMBLK_OP_READ ||
	      r->op == MMBLK_OP_FLUSH);
	check(r->op != MMBLK_OP_WRITE || r->bytes <= MMBLK_MAX_BYTES);
	check_segs(r->seg, r->nr_segs, MMBLK_REQUEST_SEGS,
		   (const u8 *)r + len);
}

static void try_done(const struct mmblk_done *done, u32 len, u32 id)
{
	if (mmblk_wire_done(done, len, id))
		return;
	check(done->tag < MMBLK_DEPTH);
	check(!done->bytes == (id == FIDO_ID_NONE));
	check(!done->bytes == !done->nr_segs);
	check_segs(done->seg, done->nr_segs, MMBLK_DONE_SEGS,
		   (const u8 *)done + len);
	if (!mmblk_wire_answer(done, MMBLK_OP_READ, 4096))
		check(done->bytes == 4096 || done->status != MMBLK_OK);
}

static void try_config(struct mmblk_config *c, u32 len, u32 id)
{
	if (mmblk_wire_config(c, len, id))
		return;
	check(c->logical_block_size >= 512 && c->logical_block_size <= 4096);
	check(is_power_of_2(c->physical_block_size));
	check(c->max_bytes >= 4096 && c->max_bytes <= MMBLK_MAX_BYTES);
	check(c->sectors <= INT64_MAX / 512);
	check(c->io_opt <= 64 << 20);
	check(c->discard_granularity);
	check(c->io_opt <= 1 << 26);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 kind, how;
	void *msg;
	u32 id;

	if (size < 2 || size > MMBLK_MSG_SIZE + 2)
		return 0;
	kind = data[0];
	how = data[1];
	id = kind & 0x80 ? how : FIDO_ID_NONE;
	size -= 2;
	msg = malloc(size ? size : 1);
	check(msg);
	memcpy(msg, data + 2, size);
	switch (kind % 3) {
	case 0:
		try_request(msg, size, id, how);
		break;
	case 1:
		try_done(msg, size, id);
		break;
	case 2:
		try_config(msg, size, id);
		break;
	}
	free(msg);
	return 0;
}
