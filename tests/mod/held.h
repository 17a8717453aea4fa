/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages with memory: reading it, keeping it, giving it back.
 */
#ifndef TEST_HELD_H
#define TEST_HELD_H

#include "fido_test.h"

/**
 * struct test_held - a message that is not released yet
 * @list: entry of struct test_service
 * @id: what to release
 * @mode: enum test_mode
 * @lent: handed on to another domain: released when the pages are idle. The
 *	references belong to what was sent there, none to this structure.
 * @seed: of the pattern
 * @nr: pieces
 * @piece: where the memory is found here
 */
struct test_held {
	struct list_head list;
	u32 id;
	u8 mode;
	bool lent;
	u64 seed;
	u32 nr;
	struct test_piece piece[TEST_MAX_PIECES];
};

struct test_held *test_held_make(struct test_service *svc,
				 const struct test_msg *msg, u32 id);
void test_held_unpin(struct test_held *held);

#endif /* TEST_HELD_H */
