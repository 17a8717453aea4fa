/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access to memory that a peer writes.
 *
 * Such memory can change between any two looks. A pointer to it carries
 * __peer, so that sparse refuses a plain dereference; it is read through the
 * functions below only, each value once.
 */
#ifndef FIDO_PEER_H
#define FIDO_PEER_H

#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>

#ifdef __CHECKER__
#define __peer __attribute__((noderef, address_space(__peer)))
#else
#define __peer
#endif

static inline u32 fido_peer_read32(const u32 __peer *p)
{
	return READ_ONCE(*(const u32 __force *)p);
}

static inline u64 fido_peer_read64(const u64 __peer *p)
{
	return READ_ONCE(*(const u64 __force *)p);
}

/*
 * Read an index that the peer published. Pairs with the write barrier that
 * the peer executes between filling slots (or copying them) and the index.
 */
static inline u32 fido_peer_read_index(const u32 __peer *p)
{
	/* pairs with the peer's write barrier, see above */
	return virt_load_acquire((const u32 __force *)p);
}

/*
 * Copy @len bytes to private memory. The copy is what gets checked and used;
 * the barrier keeps the compiler from reading the original again instead.
 */
static inline void fido_peer_copy(void *to, const void __peer *from, size_t len)
{
	memcpy(to, (const void __force *)from, len);
	barrier();
}

#endif /* FIDO_PEER_H */
