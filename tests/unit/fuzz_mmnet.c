// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: a message of mmnet. What passes the check must be safe to build
 * a packet from: each part within its whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"
#include "mmnet/wire.h"

#define check(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%d: %s\n", __LINE__, #x);		\
		abort();						\
	}								\
} while (0)

static void check_accepted(const struct mmnet_msg *msg, u32 size, u32 id)
{
	const u8 *bytes = mmnet_msg_inline(msg);
	u64 sum = msg->inline_len;
	unsigned int i;

	check(msg->nr_segs <= MMNET_MAX_SEGS);
	check(bytes + msg->inline_len == (const u8 *)msg + size);
	for (i = 0; i < msg->nr_segs; i++) {
		check(msg->seg[i].len);
		sum += msg->seg[i].len;
	}
	check(sum == msg->len);
	check(msg->len >= MMNET_MIN_LEN && msg->len <= MMNET_MAX_TCP_LEN);
	check(msg->len <= MMNET_MAX_LEN || msg->gso_type);
	check(msg->inline_len >= MMNET_MIN_LEN);
	check((msg->nr_segs == 0) == (id == FIDO_ID_NONE));
	if (msg->flags & MMNET_CSUM_PARTIAL)
		check((u32)msg->csum_start + msg->csum_offset + 2 <= msg->len);
	if (msg->gso_type) {
		check(msg->flags & MMNET_CSUM_PARTIAL);
		check(msg->gso_size);
		check(msg->len > msg->csum_start);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct mmnet_msg *msg;
	u32 id;

	if (!size || size > MMNET_MSG_SIZE + 1)
		return 0;
	id = data[0] & 1 ? FIDO_ID_NONE : data[0];
	size--;
	msg = malloc(size ? size : 1);
	check(msg);
	memcpy(msg, data + 1, size);
	if (!mmnet_msg_check(msg, size, id))
		check_accepted(msg, size, id);
	free(msg);
	return 0;
}
