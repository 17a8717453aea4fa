// SPDX-License-Identifier: GPL-2.0
/*
 * What a peer wrote. All functions work on private copies.
 *
 * Two kinds of wrong are told apart. A violation is nothing that a peer of
 * sound mind sends: the functions return the reason, and the channel is to be
 * broken. A request that merely cannot be served is answered with an error.
 */
#include <linux/kernel.h>
#include <linux/log2.h>

#include "wire.h"

/* Segments that follow a head of @head bytes, -1 if it is not a whole number */
static int wire_inline_segs(u32 len, u32 head)
{
	if (len < head || (len - head) % sizeof(struct fido_seg))
		return -1;
	return (len - head) / sizeof(struct fido_seg);
}

/* Does the message hold @nr segments, or one that names a list of them? */
static bool wire_segs_fit(const struct fido_seg *seg, unsigned int nr,
			  int nr_inline, unsigned int room)
{
	if (nr <= room)
		return nr_inline == nr;
	return nr <= MMBLK_MAX_SEGS && nr_inline == 1 &&
	       seg->len == nr * sizeof(*seg) &&
	       (seg->addr & (FIDO_PAGE_SIZE - 1)) + seg->len <= FIDO_PAGE_SIZE;
}

/**
 * mmblk_wire_segs - check segments
 * @seg: private copies
 * @nr: how many
 * @bytes: what they must sum up to
 * @align: what each address and length must be a multiple of, a power of two
 *
 * Return: true if they are valid.
 */
bool mmblk_wire_segs(const struct fido_seg *seg, unsigned int nr, u32 bytes,
		     u32 align)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!seg[i].len || (seg[i].addr | seg[i].len) & (align - 1))
			return false;
		sum += seg[i].len;
	}
	return sum == bytes;
}

/**
 * mmblk_wire_fits - can a device be given segments as they lie?
 * @seg: private copies, valid
 * @nr: how many
 * @block_size: logical block size of the device
 * @dma_mask: bits that its addresses and lengths must not have
 *
 * Where one piece does not continue another at a page border, a device may
 * have to be given two requests. The block layer cuts there, counts on whole
 * blocks on both sides, and stops the kernel if there are none.
 *
 * Return: false if the data has to be copied first.
 */
bool mmblk_wire_fits(const struct fido_seg *seg, unsigned int nr,
		     u32 block_size, u32 dma_mask)
{
	u64 border, end = 0;
	u32 sum = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if ((seg[i].addr | seg[i].len) & dma_mask)
			return false;
		border = (end | seg[i].addr) & (FIDO_PAGE_SIZE - 1);
		if (border && sum & (block_size - 1))
			return false;
		sum += seg[i].len;
		end = seg[i].addr + seg[i].len;
	}
	return true;
}

/* Requests, at the server */

/**
 * mmblk_wire_request - is it a request?
 * @r: message
 * @len: bytes of it
 * @id: that came with it
 *
 * Return: the violation, NULL if there is none.
 */
const char *mmblk_wire_request(const struct mmblk_request *r, u32 len, u32 id)
{
	if (wire_inline_segs(len, sizeof(*r)) < 0)
		return "mmblk: request of a wrong size";
	if (id != FIDO_ID_NONE)
		return "mmblk: request with an id";
	if (r->tag >= MMBLK_DEPTH)
		return "mmblk: request with a tag out of range";
	return NULL;
}

static u8 wire_refuse_op(const struct mmblk_request *r,
			 const struct mmblk_wire_device *device)
{
	u8 flags = 0;

	if (r->op < MMBLK_OP_READ || r->op > MMBLK_OP_WRITE_ZEROES)
		return MMBLK_NOTSUPP;
	if (r->op == MMBLK_OP_WRITE)
		flags = MMBLK_F_FUA;
	if (r->op == MMBLK_OP_WRITE_ZEROES)
		flags = MMBLK_F_FUA | MMBLK_F_NOUNMAP;
	if (r->flags & ~flags)
		return MMBLK_INVAL;
	if (device->read_only && r->op != MMBLK_OP_READ &&
	    r->op != MMBLK_OP_FLUSH)
		return MMBLK_IOERR;
	return MMBLK_OK;
}

static u8 wire_refuse_range(const struct mmblk_request *r,
			    const struct mmblk_wire_device *device)
{
	u32 sectors = r->bytes / MMBLK_SECTOR_SIZE;

	if (r->op == MMBLK_OP_FLUSH)
		return r->sector || r->bytes ? MMBLK_INVAL : MMBLK_OK;
	if (!r->bytes || r->bytes & (device->block_size - 1) ||
	    r->sector & (device->block_size / MMBLK_SECTOR_SIZE - 1))
		return MMBLK_INVAL;
	if ((r->op == MMBLK_OP_READ || r->op == MMBLK_OP_WRITE) &&
	    r->bytes > MMBLK_MAX_BYTES)
		return MMBLK_INVAL;
	if (sectors > device->sectors || r->sector > device->sectors - sectors)
		return MMBLK_IOERR;
	return MMBLK_OK;
}

/**
 * mmblk_wire_refuse - can a request be served?
 * @r: request that is no violation
 * @len: bytes of the message
 * @device: what it is for
 *
 * The segments themselves are not looked at: see mmblk_wire_segs().
 *
 * Return: MMBLK_OK, or what it is to be answered with.
 */
u8 mmblk_wire_refuse(const struct mmblk_request *r, u32 len,
		     const struct mmblk_wire_device *device)
{
	int nr_inline = wire_inline_segs(len, sizeof(*r));
	u8 code;

	code = wire_refuse_op(r, device);
	if (code == MMBLK_OK)
		code = wire_refuse_range(r, device);
	if (code != MMBLK_OK)
		return code;
	if (r->op == MMBLK_OP_WRITE ? !r->nr_segs : r->nr_segs)
		return MMBLK_INVAL;
	if (!wire_segs_fit(r->seg, r->nr_segs, nr_inline, MMBLK_REQUEST_SEGS))
		return MMBLK_INVAL;
	return MMBLK_OK;
}

/* Completions, at the client */

/**
 * mmblk_wire_done - is it a completion?
 * @done: message that begins with MMBLK_KIND_DONE
 * @len: bytes of it
 * @id: that came with it
 *
 * Return: the violation, NULL if there is none.
 */
const char *mmblk_wire_done(const struct mmblk_done *done, u32 len, u32 id)
{
	int nr_inline = wire_inline_segs(len, sizeof(*done));

	if (nr_inline < 0)
		return "mmblk: completion of a wrong size";
	if (done->tag >= MMBLK_DEPTH)
		return "mmblk: completion with a tag out of range";
	if (!wire_segs_fit(done->seg, done->nr_segs, nr_inline,
			   MMBLK_DONE_SEGS))
		return "mmblk: completion with a wrong number of segments";
	if (done->bytes ? !done->nr_segs || id == FIDO_ID_NONE :
			  done->nr_segs || id != FIDO_ID_NONE)
		return "mmblk: completion with half of what data needs";
	return NULL;
}

/**
 * mmblk_wire_answer - is it the completion of this request?
 * @done: completion that is no violation in itself
 * @op: our own record: what was asked
 * @bytes: our own record: data expected
 *
 * Return: the violation, NULL if there is none.
 */
const char *mmblk_wire_answer(const struct mmblk_done *done, u8 op, u32 bytes)
{
	if (done->op != op)
		return "mmblk: completion of another operation";
	if (done->bytes != (done->status == MMBLK_OK ? bytes : 0))
		return "mmblk: completion with another length";
	return NULL;
}

/* Configuration, at the client */

static bool wire_block_size_valid(u32 size)
{
	return is_power_of_2(size) && size >= MMBLK_SECTOR_SIZE &&
	       size <= FIDO_PAGE_SIZE;
}

static const char *wire_config_violation(const struct mmblk_config *c)
{
	if (c->version != MMBLK_VERSION)
		return "mmblk: unknown version";
	if (!wire_block_size_valid(c->logical_block_size))
		return "mmblk: invalid logical block size";
	if (c->sectors > S64_MAX / MMBLK_SECTOR_SIZE ||
	    c->sectors & (c->logical_block_size / MMBLK_SECTOR_SIZE - 1))
		return "mmblk: invalid size";
	if (c->max_bytes < FIDO_PAGE_SIZE ||
	    c->max_bytes & (c->logical_block_size - 1))
		return "mmblk: invalid request size";
	return NULL;
}

/*
 * What is merely useless, and would make the block layer complain, or believe
 * it: a disk is read ahead by twice its preferred request.
 */
#define WIRE_MAX_HINT	(64U << 20)

static void wire_config_clean(struct mmblk_config *c)
{
	u32 block = c->logical_block_size;

	c->max_bytes = min_t(u32, c->max_bytes, MMBLK_MAX_BYTES);
	if (!is_power_of_2(c->physical_block_size) ||
	    c->physical_block_size < block ||
	    c->physical_block_size > MMBLK_MAX_BYTES)
		c->physical_block_size = block;
	c->alignment_offset &= c->physical_block_size - 1;
	if (c->io_min < c->physical_block_size || c->io_min > WIRE_MAX_HINT ||
	    c->io_min % c->physical_block_size)
		c->io_min = c->physical_block_size;
	if (c->io_opt > WIRE_MAX_HINT || c->io_opt % c->physical_block_size)
		c->io_opt = 0;
	block /= MMBLK_SECTOR_SIZE;
	c->discard_sectors &= ~(block - 1);
	c->write_zeroes_sectors &= ~(block - 1);
	if (!c->discard_granularity ||
	    c->discard_granularity % c->logical_block_size)
		c->discard_granularity = c->logical_block_size;
	c->discard_alignment %= c->discard_granularity;
}

/**
 * mmblk_wire_config - is it a configuration?
 * @c: message that begins with MMBLK_KIND_CONFIG; what is useless in it is
 *	replaced
 * @len: bytes of it
 * @id: that came with it
 *
 * Return: the violation, NULL if there is none.
 */
const char *mmblk_wire_config(struct mmblk_config *c, u32 len, u32 id)
{
	const char *why;

	if (len != sizeof(*c))
		return "mmblk: configuration of a wrong size";
	if (id != FIDO_ID_NONE)
		return "mmblk: configuration with an id";
	why = wire_config_violation(c);
	if (!why)
		wire_config_clean(c);
	return why;
}
