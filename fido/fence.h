/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fence: memory that was in flight to a domain which is gone, and that others
 * may still read.
 */
#ifndef FIDO_FENCE_H
#define FIDO_FENCE_H

#include <linux/list.h>
#include <linux/types.h>
#include <xen/interface/xen.h>

struct fido_drain;
struct fido_link;

/**
 * struct fido_fence_reader - somebody who reads our memory: one export
 * @node: entry in the list of all readers
 * @domid: who it is
 * @acked: latest fence that the reader has let go for, or need not
 */
struct fido_fence_reader {
	struct list_head node;
	domid_t domid;
	u32 acked;
};

/**
 * struct fido_fence - what a peer has asked for; of the link's work alone
 * @seen: the peer's latest fence; zero: none in this life of the link
 * @next: jiffies before which no further one is looked at
 * @drain: pages of the peer that have not been seen idle since, or NULL
 */
struct fido_fence {
	u32 seen;
	unsigned long next;
	struct fido_drain *drain;
};

void fido_fence_add(struct fido_fence_reader *reader, domid_t domid);
void fido_fence_del(struct fido_fence_reader *reader, struct list_head *held);
unsigned int fido_fence_orphans(void);
bool fido_fence_step(struct fido_link *link);
void fido_fence_end(struct fido_link *link);
void fido_fence_exit(void);

#endif /* FIDO_FENCE_H */
