// SPDX-License-Identifier: GPL-2.0
/* Messages of mmblk: what is a violation, what is refused, what is served. */
#include "test.h"
#include "mmblk/wire.h"

static union {
	struct mmblk_request r;
	struct mmblk_done done;
	struct mmblk_config c;
	u8 bytes[MMBLK_MSG_SIZE];
} in;

static u32 len;
static u32 id;

static const struct mmblk_wire_device disk = {
	.sectors = 2048,
	.block_size = 4096,
};

static const struct mmblk_wire_device read_only = {
	.sectors = 2048,
	.block_size = 512,
	.read_only = true,
};

/* In a heap block of its size: AddressSanitizer sees a look behind it. */
static void *copy_of_input(void)
{
	void *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, &in, len);
	return copy;
}

static void request(u8 op, u64 sector, u32 bytes, u16 nr_segs)
{
	memset(&in, 0, sizeof(in));
	in.r.op = op;
	in.r.sector = sector;
	in.r.bytes = bytes;
	in.r.nr_segs = nr_segs;
	len = sizeof(in.r) + nr_segs * sizeof(struct fido_seg);
	id = FIDO_ID_NONE;
}

static bool request_ok(void)
{
	struct mmblk_request *copy = copy_of_input();
	const char *why = mmblk_wire_request(copy, len, id);

	free(copy);
	return !why;
}

static u8 refused(const struct mmblk_wire_device *device)
{
	struct mmblk_request *copy = copy_of_input();
	u8 code;

	assert_null(mmblk_wire_request(copy, len, id));
	code = mmblk_wire_refuse(copy, len, device);
	free(copy);
	return code;
}

static void test_request_size(void **state)
{
	u32 i;

	for (i = 0; i <= MMBLK_MSG_SIZE; i++) {
		request(MMBLK_OP_READ, 0, 4096, 0);
		len = i;
		assert_int_equal(request_ok(), i >= sizeof(in.r) &&
				 (i - sizeof(in.r)) % 16 == 0);
	}
}

static void test_request_tag_and_id(void **state)
{
	u32 tag;

	for (tag = 0; tag <= 0xffff; tag++) {
		request(MMBLK_OP_READ, 0, 4096, 0);
		in.r.tag = tag;
		assert_int_equal(request_ok(), tag < MMBLK_DEPTH);
	}
	request(MMBLK_OP_READ, 0, 4096, 0);
	id = 0;
	assert_false(request_ok());
}

static void test_request_ops(void **state)
{
	u32 op;

	for (op = 0; op < 256; op++) {
		request(op, 0, op == MMBLK_OP_FLUSH ? 0 : 4096,
			op == MMBLK_OP_WRITE);
		if (op >= MMBLK_OP_READ && op <= MMBLK_OP_WRITE_ZEROES)
			assert_int_equal(refused(&disk), MMBLK_OK);
		else
			assert_int_equal(refused(&disk), MMBLK_NOTSUPP);
	}
}

static void test_request_flags(void **state)
{
	u32 op, flags;

	for (op = MMBLK_OP_READ; op <= MMBLK_OP_WRITE_ZEROES; op++) {
		for (flags = 0; flags < 256; flags++) {
			bool ok = !flags ||
				(op == MMBLK_OP_WRITE &&
				 flags == MMBLK_F_FUA) ||
				(op == MMBLK_OP_WRITE_ZEROES &&
				 !(flags & ~(MMBLK_F_FUA | MMBLK_F_NOUNMAP)));

			request(op, 0, op == MMBLK_OP_FLUSH ? 0 : 4096,
				op == MMBLK_OP_WRITE);
			in.r.flags = flags;
			assert_int_equal(refused(&disk),
					 ok ? MMBLK_OK : MMBLK_INVAL);
		}
	}
}

static void test_read_only(void **state)
{
	request(MMBLK_OP_READ, 0, 512, 0);
	assert_int_equal(refused(&read_only), MMBLK_OK);
	request(MMBLK_OP_FLUSH, 0, 0, 0);
	assert_int_equal(refused(&read_only), MMBLK_OK);
	request(MMBLK_OP_WRITE, 0, 512, 1);
	assert_int_equal(refused(&read_only), MMBLK_IOERR);
	request(MMBLK_OP_DISCARD, 0, 512, 0);
	assert_int_equal(refused(&read_only), MMBLK_IOERR);
	request(MMBLK_OP_WRITE_ZEROES, 0, 512, 0);
	assert_int_equal(refused(&read_only), MMBLK_IOERR);
}

/* Whatever passes lies within the device. */
static void test_range(void **state)
{
	static const u64 sectors[] = {
		0, 1, 7, 8, 2032, 2040, 2041, 2047, 2048, 2049, 4096,
		1ULL << 32, 1ULL << 54, 1ULL << 55, 1ULL << 63, ~0ULL - 7,
		~0ULL,
	};
	static const u32 sizes[] = {
		0, 1, 511, 512, 4095, 4096, 8192, 65536, 1 << 20,
		(1 << 20) + 4096, 1 << 21, 0x7ffff000, 0x80000000, 0xfffff000,
		0xffffffff,
	};
	size_t i, j;
	u32 op;
	u8 code;

	for (op = MMBLK_OP_READ; op <= MMBLK_OP_WRITE_ZEROES; op++) {
		for (i = 0; i < ARRAY_SIZE(sectors); i++) {
			for (j = 0; j < ARRAY_SIZE(sizes); j++) {
				request(op, sectors[i], sizes[j],
					op == MMBLK_OP_WRITE);
				code = refused(&disk);
				if (op == MMBLK_OP_FLUSH) {
					assert_int_equal(code == MMBLK_OK,
							 !sectors[i] &&
							 !sizes[j]);
					continue;
				}
				if (code != MMBLK_OK)
					continue;
				assert_true(sizes[j] && !(sizes[j] % 4096));
				assert_true(!(sectors[i] % 8));
				assert_true(sectors[i] <= 2048 &&
					    sizes[j] / 512 <=
					    2048 - sectors[i]);
			}
		}
	}
	/* and what lies within does pass */
	request(MMBLK_OP_READ, 2040, 4096, 0);
	assert_int_equal(refused(&disk), MMBLK_OK);
	request(MMBLK_OP_WRITE, 0, 1 << 20, 1);
	assert_int_equal(refused(&disk), MMBLK_OK);
	request(MMBLK_OP_DISCARD, 0, 1 << 20, 0);
	assert_int_equal(refused(&disk), MMBLK_OK);
	request(MMBLK_OP_READ, 2040, 8192, 0);
	assert_int_equal(refused(&disk), MMBLK_IOERR);
}

static void test_too_large(void **state)
{
	static const struct mmblk_wire_device big = {
		.sectors = 1ULL << 40,
		.block_size = 512,
	};

	request(MMBLK_OP_READ, 0, MMBLK_MAX_BYTES, 0);
	assert_int_equal(refused(&big), MMBLK_OK);
	request(MMBLK_OP_READ, 0, MMBLK_MAX_BYTES + 512, 0);
	assert_int_equal(refused(&big), MMBLK_INVAL);
	/* what carries no data may be larger */
	request(MMBLK_OP_DISCARD, 0, 0xfffffe00, 0);
	assert_int_equal(refused(&big), MMBLK_OK);
}

/* Segments that stand in the message, or one that names a list. */
static void test_request_segs(void **state)
{
	u32 nr, inl;

	for (nr = 0; nr <= 300; nr++) {
		for (inl = 0; inl <= MMBLK_REQUEST_SEGS; inl++) {
			bool ok = nr && (nr <= MMBLK_REQUEST_SEGS ?
					 inl == nr : inl == 1 &&
					 nr <= MMBLK_MAX_SEGS);

			request(MMBLK_OP_WRITE, 0, 4096, inl);
			in.r.nr_segs = nr;
			in.r.seg[0].len = nr * 16;
			assert_int_equal(refused(&disk),
					 ok ? MMBLK_OK : MMBLK_INVAL);
		}
	}
	/* segments where there is no data to be written */
	request(MMBLK_OP_READ, 0, 4096, 1);
	assert_int_equal(refused(&disk), MMBLK_INVAL);
	request(MMBLK_OP_FLUSH, 0, 0, 1);
	assert_int_equal(refused(&disk), MMBLK_INVAL);
}

static void test_list(void **state)
{
	request(MMBLK_OP_WRITE, 0, 65536, 1);
	in.r.nr_segs = 100;
	in.r.seg[0].len = 1600;
	in.r.seg[0].addr = 4096 - 1600;
	assert_int_equal(refused(&disk), MMBLK_OK);
	in.r.seg[0].addr++;
	assert_int_equal(refused(&disk), MMBLK_INVAL);
	in.r.seg[0].addr = 0;
	in.r.seg[0].len = 1584;
	assert_int_equal(refused(&disk), MMBLK_INVAL);
	in.r.seg[0].len = 1616;
	assert_int_equal(refused(&disk), MMBLK_INVAL);
	in.r.seg[0].len = 0xffffffff;
	assert_int_equal(refused(&disk), MMBLK_INVAL);
}

static void test_segs(void **state)
{
	struct fido_seg seg[3] = {
		{ .addr = 512, .len = 1024 }, { .addr = 8192, .len = 512 },
		{ .addr = 1ULL << 60, .len = 4096 },
	};

	assert_true(mmblk_wire_segs(seg, 3, 5632, 512));
	assert_false(mmblk_wire_segs(seg, 3, 5631, 512));
	assert_false(mmblk_wire_segs(seg, 2, 5632, 512));
	assert_false(mmblk_wire_segs(seg, 3, 5632, 1024));
	assert_true(mmblk_wire_segs(seg, 0, 0, 512));
	assert_false(mmblk_wire_segs(seg, 0, 1, 512));
	seg[1].len = 0;
	assert_false(mmblk_wire_segs(seg, 3, 5120, 512));
	seg[1].len = 511;
	assert_false(mmblk_wire_segs(seg, 3, 5631, 512));
	/* a sum that is right in 32 bits only */
	seg[0].len = 0x80000000;
	seg[1].len = 0x80000000;
	assert_false(mmblk_wire_segs(seg, 3, 4096, 512));
}

/* Where pieces meet inside of a block, they meet at the border of pages. */
static void test_fits(void **state)
{
	struct fido_seg seg[3] = {
		{ .addr = 0x1200, .len = 0xe00 }, { .addr = 0x5000, .len = 512 },
		{ .addr = 0x8000, .len = 4096 },
	};

	assert_true(mmblk_wire_fits(seg, 3, 4096, 511));
	assert_true(mmblk_wire_fits(seg, 0, 4096, 511));
	/* a device that wants more of an address, or of a length */
	assert_false(mmblk_wire_fits(seg, 3, 4096, 4095));
	assert_true(mmblk_wire_fits(seg + 2, 1, 4096, 4095));
	assert_false(mmblk_wire_fits(seg + 1, 1, 512, 1023));
	/* the first one ends before the border, the second begins behind it */
	seg[0].addr = 0x1000;
	assert_false(mmblk_wire_fits(seg, 3, 4096, 511));
	assert_true(mmblk_wire_fits(seg, 3, 512, 511));
	seg[0].addr = 0x1200;
	seg[1].addr = 0x5200;
	assert_false(mmblk_wire_fits(seg, 3, 4096, 511));
	assert_true(mmblk_wire_fits(seg, 3, 512, 511));
	/* between blocks they may lie as they like */
	seg[0] = (struct fido_seg){ .addr = 0x1400, .len = 4096 };
	seg[1] = (struct fido_seg){ .addr = 0x9200, .len = 8192 };
	assert_true(mmblk_wire_fits(seg, 2, 4096, 511));
	assert_false(mmblk_wire_fits(seg, 2, 8192, 511));
	/* the first piece never has one before it */
	assert_true(mmblk_wire_fits(seg, 1, 4096, 511));
}

static void completion(u8 status, u32 bytes, u16 nr_segs)
{
	memset(&in, 0, sizeof(in));
	in.done.kind = MMBLK_KIND_DONE;
	in.done.op = MMBLK_OP_READ;
	in.done.status = status;
	in.done.bytes = bytes;
	in.done.nr_segs = nr_segs;
	len = sizeof(in.done) + nr_segs * sizeof(struct fido_seg);
	id = bytes ? 3 : FIDO_ID_NONE;
}

static bool done_ok(void)
{
	struct mmblk_done *copy = copy_of_input();
	const char *why = mmblk_wire_done(copy, len, id);

	free(copy);
	return !why;
}

static void test_done(void **state)
{
	u32 i;

	completion(MMBLK_OK, 4096, 1);
	assert_true(done_ok());
	completion(MMBLK_IOERR, 0, 0);
	assert_true(done_ok());
	for (i = 0; i <= MMBLK_MSG_SIZE; i++) {
		completion(MMBLK_OK, 0, 0);
		len = i;
		assert_int_equal(done_ok(), i == sizeof(in.done));
	}
	for (i = 0; i <= 0xffff; i++) {
		completion(MMBLK_OK, 0, 0);
		in.done.tag = i;
		assert_int_equal(done_ok(), i < MMBLK_DEPTH);
	}
}

static void test_done_halves(void **state)
{
	/* data without an id, an id without data, and so on */
	completion(MMBLK_OK, 4096, 1);
	id = FIDO_ID_NONE;
	assert_false(done_ok());
	completion(MMBLK_OK, 4096, 0);
	assert_false(done_ok());
	completion(MMBLK_OK, 0, 1);
	assert_false(done_ok());
	completion(MMBLK_OK, 0, 1);
	id = 2;
	assert_false(done_ok());
	completion(MMBLK_OK, 0, 0);
	id = 2;
	assert_false(done_ok());
}

static void test_answer(void **state)
{
	completion(MMBLK_OK, 4096, 1);
	assert_null(mmblk_wire_answer(&in.done, MMBLK_OP_READ, 4096));
	assert_non_null(mmblk_wire_answer(&in.done, MMBLK_OP_WRITE, 4096));
	assert_non_null(mmblk_wire_answer(&in.done, MMBLK_OP_READ, 8192));
	assert_non_null(mmblk_wire_answer(&in.done, MMBLK_OP_READ, 0));
	completion(MMBLK_IOERR, 0, 0);
	assert_null(mmblk_wire_answer(&in.done, MMBLK_OP_READ, 4096));
	completion(MMBLK_IOERR, 4096, 1);
	assert_non_null(mmblk_wire_answer(&in.done, MMBLK_OP_READ, 4096));
}

static void config(void)
{
	memset(&in, 0, sizeof(in));
	in.c.kind = MMBLK_KIND_CONFIG;
	in.c.version = MMBLK_VERSION;
	in.c.max_bytes = 1 << 20;
	in.c.sectors = 2048;
	in.c.logical_block_size = 512;
	in.c.physical_block_size = 4096;
	len = sizeof(in.c);
	id = FIDO_ID_NONE;
}

static bool config_ok(void)
{
	return !mmblk_wire_config(&in.c, len, id);
}

static void test_config(void **state)
{
	u32 i;

	config();
	assert_true(config_ok());
	for (i = 0; i <= MMBLK_MSG_SIZE; i++) {
		config();
		len = i;
		assert_int_equal(config_ok(), i == sizeof(in.c));
	}
	config();
	id = 0;
	assert_false(config_ok());
	config();
	in.c.version++;
	assert_false(config_ok());
	for (i = 0; i < 10000; i++) {
		config();
		in.c.logical_block_size = i;
		assert_int_equal(config_ok(), i == 512 || i == 1024 ||
				 i == 2048 || i == 4096);
	}
	config();
	in.c.max_bytes = 4095;
	assert_false(config_ok());
	config();
	in.c.sectors = ~0ULL;
	assert_false(config_ok());
	config();
	in.c.sectors = 1ULL << 55;
	assert_false(config_ok());
}

/* Whatever is accepted is something that the block layer can live with. */
static void test_config_clean(void **state)
{
	u64 seed = 9;
	u32 i, j;

	for (i = 0; i < 200000; i++) {
		struct mmblk_config *c = &in.c;

		config();
		/* from the physical block size on */
		for (j = 5; j < sizeof(*c) / 4; j++)
			((u32 *)c)[j] = rnd(&seed) >> rnd_below(&seed, 32);
		if (i & 1)
			c->physical_block_size = 1U << rnd_below(&seed, 32);
		if (i & 2)
			c->io_opt &= ~4095U;
		c->logical_block_size = 512 << rnd_below(&seed, 4);
		c->max_bytes = rnd(&seed) & ~4095U;
		c->sectors = (u64)rnd(&seed) * 8;
		if (!config_ok())
			continue;
		assert_in_range(c->max_bytes, 4096, MMBLK_MAX_BYTES);
		assert_true(is_power_of_2(c->physical_block_size));
		assert_true(c->physical_block_size >= c->logical_block_size);
		assert_true(c->alignment_offset < c->physical_block_size);
		assert_true(c->io_min && !(c->io_min % c->physical_block_size));
		assert_true(!(c->io_opt % c->physical_block_size));
		assert_true(c->physical_block_size <= 1U << 20);
		assert_true(c->io_min <= 1U << 26);
		assert_true(c->io_opt <= 1U << 26);
		assert_true(c->discard_granularity);
		assert_true(c->discard_alignment < c->discard_granularity);
		assert_true(!(c->discard_sectors %
			      (c->logical_block_size / 512)));
		assert_true(!(c->write_zeroes_sectors %
			      (c->logical_block_size / 512)));
	}
}

static void test_layout(void **state)
{
	assert_int_equal(sizeof(struct mmblk_request), 24);
	assert_int_equal(sizeof(struct mmblk_done), 16);
	assert_int_equal(sizeof(struct mmblk_config), 56);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_size),
		cmocka_unit_test(test_request_tag_and_id),
		cmocka_unit_test(test_request_ops),
		cmocka_unit_test(test_request_flags),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_request_segs),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_segs),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_done),
		cmocka_unit_test(test_done_halves),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_config_clean),
		cmocka_unit_test(test_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
