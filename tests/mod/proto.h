/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two ends tell each other, and the pattern that pages carry.
 */
#ifndef TEST_PROTO_H
#define TEST_PROTO_H

#include <linux/types.h>

#include "fido_proto.h"

#define TEST_TYPE	"test"
#define TEST_MAX_SEGS	17
#define TEST_MAX_BYTES	(16 * FIDO_PAGE_SIZE)

/**
 * enum test_kind - what a message is
 * @TEST_PING: to be answered by the same message as TEST_PONG
 * @TEST_PONG: answer, @seq is that of the question
 * @TEST_START: forget what was counted
 * @TEST_DATA: @seg names memory, to be treated as @mode says and released
 * @TEST_FLUSH: release everything that is held, then answer with TEST_REPORT
 * @TEST_REPORT: @value has enum test_report; @seq is that of the question
 */
enum test_kind {
	TEST_PING = 1,
	TEST_PONG,
	TEST_START,
	TEST_DATA,
	TEST_FLUSH,
	TEST_REPORT,
};

/**
 * enum test_mode - what the receiver does with memory
 * @TEST_VERIFY: compare every byte with the pattern, again before its release
 * @TEST_SUM: read every word
 * @TEST_TOUCH: read one word of each segment
 */
enum test_mode {
	TEST_VERIFY,
	TEST_SUM,
	TEST_TOUCH,
};

/**
 * enum test_report - what the receiver has counted since TEST_START
 * @TEST_MESSAGES: messages with data
 * @TEST_BYTES: their bytes
 * @TEST_ERRORS: messages out of order, with a wrong pattern, or unreadable
 * @TEST_NR_VALUES: number of values
 */
enum test_report {
	TEST_MESSAGES,
	TEST_BYTES,
	TEST_ERRORS,
	TEST_NR_VALUES,
};

/**
 * struct test_msg - a message
 * @kind: enum test_kind
 * @mode: enum test_mode, for TEST_DATA
 * @nr_segs: segments
 * @reserved: zero
 * @seq: number of the question, or of the message with data since TEST_START
 * @seed: of the pattern
 * @value: for TEST_REPORT
 * @seg: for TEST_DATA: one stream of at most TEST_MAX_BYTES bytes, of which
 *	the pattern's first is the first
 */
struct test_msg {
	__u8 kind;
	__u8 mode;
	__u16 nr_segs;
	__u32 reserved;
	__u64 seq;
	__u64 seed;
	__u64 value[TEST_NR_VALUES];
	struct fido_seg seg[TEST_MAX_SEGS];
};

#define TEST_MSG_HEAD	offsetof(struct test_msg, seg)

static inline u32 test_msg_len(const struct test_msg *msg)
{
	return TEST_MSG_HEAD + msg->nr_segs * sizeof(msg->seg[0]);
}

const char *test_msg_check(const struct test_msg *msg, u32 len, u32 id);
void test_pattern_fill(void *to, u64 seed, u64 pos, u32 len);
bool test_pattern_matches(const void *from, u64 seed, u64 pos, u32 len);

#endif /* TEST_PROTO_H */
