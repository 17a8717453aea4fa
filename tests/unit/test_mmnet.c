// SPDX-License-Identifier: GPL-2.0
/* Messages of mmnet: each rule of mmnet_proto.h, kept and violated. */
#include "test.h"
#include "mmnet/wire.h"

static union {
	struct mmnet_msg msg;
	u8 bytes[MMNET_MSG_SIZE];
} in;

static u32 size;
static u32 id;

/* A plain frame, inline as a whole. */
static void plain(u32 len)
{
	memset(&in, 0, sizeof(in));
	in.msg.len = len;
	in.msg.inline_len = len;
	size = sizeof(in.msg) + len;
	id = FIDO_ID_NONE;
}

/* A large TCP frame: headers inline, payload in two segments. */
static void tcp(void)
{
	memset(&in, 0, sizeof(in));
	in.msg.inline_len = 66;
	in.msg.nr_segs = 2;
	in.msg.seg[0].len = 30000;
	in.msg.seg[1].len = 2000;
	in.msg.len = 66 + 32000;
	in.msg.flags = MMNET_CSUM_PARTIAL;
	in.msg.csum_start = 34;
	in.msg.csum_offset = 16;
	in.msg.gso_type = MMNET_GSO_TCPV4;
	in.msg.gso_size = 1448;
	size = sizeof(in.msg) + 2 * sizeof(struct fido_seg) + 66;
	id = 5;
}

static void udp(void)
{
	tcp();
	in.msg.csum_offset = 6;
	in.msg.gso_type = MMNET_GSO_UDP_L4;
}

/* In a heap block of its size: AddressSanitizer sees a look behind it. */
static bool good(void)
{
	struct mmnet_msg *copy = malloc(size ? size : 1);
	const char *why;

	assert_non_null(copy);
	memcpy(copy, &in, size);
	why = mmnet_msg_check(copy, size, id);
	free(copy);
	return !why;
}

static void test_plain(void **state)
{
	u32 len;

	for (len = 0; len <= MMNET_MSG_SIZE - sizeof(in.msg); len++) {
		plain(len);
		assert_int_equal(good(), len >= MMNET_MIN_LEN);
	}
}

static void test_size(void **state)
{
	u32 i;

	plain(100);
	for (i = 0; i <= MMNET_MSG_SIZE; i++) {
		size = i;
		assert_int_equal(good(), i == sizeof(in.msg) + 100);
	}
	tcp();
	size--;
	assert_false(good());
	size += 2;
	assert_false(good());
}

static void test_nr_segs(void **state)
{
	u32 nr, i;

	for (nr = 1; nr <= 255; nr++) {
		tcp();
		in.msg.inline_len = 64;
		in.msg.nr_segs = nr;
		in.msg.len = 64 + nr * 100;
		for (i = 0; i < nr && i < MMNET_MAX_SEGS + 1; i++)
			in.msg.seg[i].len = 100;
		size = sizeof(in.msg) + nr * sizeof(struct fido_seg) + 64;
		if (size > sizeof(in))
			size = sizeof(in);
		in.msg.gso_size = 10;
		assert_int_equal(good(), nr <= MMNET_MAX_SEGS);
	}
}

static void test_segs_and_id(void **state)
{
	plain(100);
	id = 0;
	assert_false(good());
	tcp();
	assert_true(good());
	id = FIDO_ID_NONE;
	assert_false(good());
}

static void test_sum(void **state)
{
	static const u32 lens[] = {
		0, 1, 29999, 30001, 65535, 65536, MMNET_MAX_LEN,
		MMNET_MAX_LEN + 1, MMNET_MAX_TCP_LEN, 0x7fffffff, 0x80000000, 0xffffffff,
		/* wraps to the right sum in 32 bits */
		0xffffffff - 1999, 30000U + 0x80000000,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		tcp();
		in.msg.seg[0].len = lens[i];
		assert_false(good());
	}
	tcp();
	in.msg.seg[0].len = 0x80000000 + 16000;
	in.msg.seg[1].len = 0x80000000 + 16000;
	assert_false(good());
	tcp();
	in.msg.len--;
	assert_false(good());
}

static void of_type(u32 type)
{
	tcp();
	in.msg.gso_type = type;
	if (type == MMNET_GSO_UDP_L4)
		udp();
	else if (type == MMNET_GSO_NONE)
		in.msg.gso_size = 0;
}

static void set_len(u32 len)
{
	in.msg.len = len;
	in.msg.seg[0].len = len - 66 - 2000;
}

static void test_largest(void **state)
{
	u32 type;

	for (type = MMNET_GSO_NONE; type <= MMNET_GSO_UDP_L4; type++) {
		bool is_tcp = type == MMNET_GSO_TCPV4 ||
			type == MMNET_GSO_TCPV6;

		of_type(type);
		set_len(MMNET_MAX_LEN);
		assert_true(good());
		set_len(MMNET_MAX_LEN + 1);
		assert_int_equal(good(), is_tcp);
		set_len(MMNET_MAX_TCP_LEN);
		assert_int_equal(good(), is_tcp);
		set_len(MMNET_MAX_TCP_LEN + 1);
		assert_false(good());
	}
	tcp();
	in.msg.gso_type |= MMNET_GSO_ECN;
	set_len(MMNET_MAX_TCP_LEN);
	assert_true(good());
}

static void test_headers_inline(void **state)
{
	u32 len;

	for (len = 0; len <= 66; len++) {
		tcp();
		in.msg.len = len + 32000;
		in.msg.inline_len = len;
		size = sizeof(in.msg) + 2 * sizeof(struct fido_seg) + len;
		assert_int_equal(good(), len >= MMNET_MIN_INLINE);
	}
}

static void test_csum(void **state)
{
	u32 start, offset;

	for (start = 0; start < 0x10000; start += start < 1100 ? 1 : 4093) {
		for (offset = 0; offset < 0x10000;
		     offset += offset < 1100 ? 7 : 5077) {
			plain(200);
			in.msg.flags = MMNET_CSUM_PARTIAL;
			in.msg.csum_start = start;
			in.msg.csum_offset = offset;
			assert_int_equal(good(), start >= MMNET_MIN_LEN &&
					 start + offset + 2 <= 200);
			/* without the flag they mean nothing */
			in.msg.flags = 0;
			assert_true(good());
		}
	}
	tcp();
	in.msg.gso_type = 0;
	in.msg.gso_size = 0;
	in.msg.csum_start = MMNET_MAX_CSUM - 18;
	assert_true(good());
	in.msg.csum_start++;
	assert_false(good());
}

static void test_gso_types(void **state)
{
	u32 type;

	for (type = 0; type < 256; type++) {
		bool known = (type & 0x7f) == MMNET_GSO_TCPV4 ||
			(type & 0x7f) == MMNET_GSO_TCPV6;

		tcp();
		in.msg.gso_type = type;
		assert_int_equal(good(), known);
	}
	udp();
	assert_true(good());
	in.msg.gso_type |= MMNET_GSO_ECN;
	assert_false(good());
}

static void test_gso_needs(void **state)
{
	tcp();
	in.msg.flags = 0;
	assert_false(good());
	tcp();
	in.msg.gso_size = 0;
	assert_false(good());
	in.msg.gso_size = 0xffff;
	assert_false(good());
	in.msg.gso_size = MMNET_MIN_GSO_SIZE - 1;
	assert_false(good());
	in.msg.gso_size = MMNET_MIN_GSO_SIZE;
	assert_true(good());
	tcp();
	in.msg.gso_type = 0;
	assert_false(good());
	tcp();
	in.msg.csum_offset = 6;
	assert_false(good());
	udp();
	in.msg.csum_offset = 16;
	assert_false(good());
	/* more pieces than TCP may be cut into */
	tcp();
	set_len(MMNET_MAX_LEN);
	in.msg.gso_size = MMNET_MAX_LEN / MMNET_MAX_TCP_GSO;
	assert_false(good());
	in.msg.gso_size++;
	assert_true(good());
	/* more pieces than UDP may be cut into */
	udp();
	in.msg.gso_size = 32;
	assert_false(good());
}

static void test_gso_needs_payload(void **state)
{
	plain(54);
	in.msg.flags = MMNET_CSUM_PARTIAL;
	in.msg.csum_start = 34;
	in.msg.csum_offset = 16;
	in.msg.gso_type = MMNET_GSO_TCPV4;
	in.msg.gso_size = 100;
	assert_false(good());
	plain(42);
	in.msg.flags = MMNET_CSUM_PARTIAL;
	in.msg.csum_start = 34;
	in.msg.csum_offset = 6;
	in.msg.gso_type = MMNET_GSO_UDP_L4;
	in.msg.gso_size = 100;
	assert_false(good());
}

/* Reserved fields are ignored: a later version may use them. */
static void test_reserved(void **state)
{
	tcp();
	in.msg.reserved = 0xff;
	in.msg.reserved2 = 0xffffffff;
	in.msg.flags |= 0xf0;
	in.msg.seg[0].reserved = 0xffffffff;
	assert_true(good());
}

static void test_layout(void **state)
{
	assert_int_equal(sizeof(struct mmnet_msg), 24);
	assert_int_equal(sizeof(struct mmnet_msg) +
			 MMNET_MAX_SEGS * sizeof(struct fido_seg) +
			 MMNET_MIN_INLINE <= MMNET_MSG_SIZE, 1);
}

/* A frame of @len bytes: type @type behind @tags tags, then @l3. */
static u32 head(u32 len, unsigned int tags, u16 type, const u8 *l3, u32 nr)
{
	u8 whole[128] = {}, *at = whole + 12, *frame = malloc(len);
	u32 result;

	for (; tags; tags--, at += 4)
		at[0] = 0x81;
	at[0] = type >> 8;
	at[1] = type;
	memcpy(at + 2, l3, nr);
	/* in a block of its size: AddressSanitizer sees a look behind it */
	assert_non_null(frame);
	memcpy(frame, whole, len);
	result = mmnet_head_len(frame, len);
	free(frame);
	return result;
}

static void test_heads(void **state)
{
	u8 ip4[80] = { [0] = 0x45, [9] = 6, [32] = 0x80 };
	u8 ip6[80] = { [0] = 0x60, [6] = 17 };

	assert_int_equal(head(100, 0, 0x0800, ip4, 80), 14 + 20 + 32);
	assert_int_equal(head(100, 1, 0x0800, ip4, 80), 18 + 20 + 32);
	assert_int_equal(head(100, 2, 0x0800, ip4, 80), 22 + 20 + 32);
	assert_int_equal(head(100, 3, 0x0800, ip4, 70), MMNET_MAX_HEAD);
	/* the copy ends before TCP's length, before IP's, in a tag */
	assert_int_equal(head(14 + 39, 0, 0x0800, ip4, 80), MMNET_MAX_HEAD);
	assert_int_equal(head(14 + 19, 0, 0x0800, ip4, 80), MMNET_MAX_HEAD);
	assert_int_equal(head(14, 1, 0x0800, ip4, 0), MMNET_MAX_HEAD);
	/* options */
	ip4[0] = 0x4f;
	ip4[9] = 17;
	assert_int_equal(head(64, 0, 0x0800, ip4, 80), 14 + 60 + 8);
	/* a tunnel; no IP */
	ip4[9] = 47;
	assert_int_equal(head(100, 0, 0x0800, ip4, 80), MMNET_MAX_HEAD);
	assert_int_equal(head(64, 0, 0x0806, ip4, 40), 0);

	assert_int_equal(head(100, 0, 0x86dd, ip6, 80), 14 + 40 + 8);
	assert_int_equal(head(14 + 39, 0, 0x86dd, ip6, 80), MMNET_MAX_HEAD);
	/* a jumbo payload option, then TCP of 20 bytes; another extension */
	ip6[6] = 0;
	ip6[40] = 6;
	ip6[48 + 12] = 0x50;
	assert_int_equal(head(100, 0, 0x86dd, ip6, 80), 14 + 48 + 20);
	ip6[41] = 255;
	assert_int_equal(head(100, 0, 0x86dd, ip6, 80), MMNET_MAX_HEAD);
	ip6[6] = 43;
	assert_int_equal(head(100, 0, 0x86dd, ip6, 80), MMNET_MAX_HEAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_nr_segs),
		cmocka_unit_test(test_segs_and_id),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_headers_inline),
		cmocka_unit_test(test_csum),
		cmocka_unit_test(test_gso_types),
		cmocka_unit_test(test_gso_needs),
		cmocka_unit_test(test_gso_needs_payload),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
