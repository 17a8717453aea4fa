// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of service type "test", and the pattern that its pages carry.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "proto.h"

/**
 * test_msg_check - does a message keep the rules?
 * @msg: private copy
 * @len: its bytes
 * @id: that came with it
 *
 * Return: NULL if so, else what is wrong, a constant string.
 */
const char *test_msg_check(const struct test_msg *msg, u32 len, u32 id)
{
	bool data = msg->kind == TEST_DATA;
	unsigned int i;
	u64 bytes = 0;

	if (len < TEST_MSG_HEAD || msg->nr_segs > TEST_MAX_SEGS ||
	    len != test_msg_len(msg))
		return "test: message of a wrong length";
	if (msg->kind < TEST_PING || msg->kind > TEST_REPORT)
		return "test: unknown kind of message";
	if (data != !!msg->nr_segs)
		return "test: segments where none belong, or none";
	if (data ? id == FIDO_ID_NONE : id != FIDO_ID_NONE)
		return "test: an id where none belongs, or none";
	for (i = 0; i < msg->nr_segs; i++) {
		if (!msg->seg[i].len)
			return "test: empty segment";
		bytes += msg->seg[i].len;
	}
	return bytes > TEST_MAX_BYTES ? "test: too many bytes" : NULL;
}

/* Eight bytes of the pattern: none repeats within a message. */
static u64 pattern_word(u64 seed, u64 index)
{
	return (seed + index) * 0x9e3779b97f4a7c15ULL;
}

/**
 * test_pattern_fill - write a piece of the pattern
 * @to: memory
 * @seed: of the pattern
 * @pos: position of the first byte
 * @len: bytes
 */
void test_pattern_fill(void *to, u64 seed, u64 pos, u32 len)
{
	u32 done, skip, n;
	u64 word;

	for (done = 0; done < len; done += n) {
		word = pattern_word(seed, (pos + done) / 8);
		skip = (pos + done) % 8;
		n = min_t(u32, 8 - skip, len - done);
		memcpy(to + done, (u8 *)&word + skip, n);
	}
}

/**
 * test_pattern_matches - compare memory with a piece of the pattern
 * @from: memory, may be a peer's
 * @seed: of the pattern
 * @pos: position of the first byte
 * @len: bytes
 *
 * Return: true if every byte is right.
 */
bool test_pattern_matches(const void *from, u64 seed, u64 pos, u32 len)
{
	u8 expected[256];
	u32 done, n;

	for (done = 0; done < len; done += n) {
		n = min_t(u32, sizeof(expected), len - done);
		test_pattern_fill(expected, seed, pos + done, n);
		if (memcmp(from + done, expected, n))
			return false;
	}
	return true;
}
