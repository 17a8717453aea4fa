/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files under test use of the kernel, for user space. The headers in
 * linux/ and asm/ beside this one only include it, so that the files compile
 * unchanged.
 *
 * With SHIM_WATCH every read by READ_ONCE(), acquire or memcpy() is reported
 * to shim_watch() after it happened. A test can then change what was read, or
 * count how often it was.
 */
#ifndef SHIM_H
#define SHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define __force
#define __must_check __attribute__((warn_unused_result))
#define __printf(a, b) __attribute__((format(printf, a, b)))
#define ____cacheline_aligned __attribute__((aligned(64)))
#define ____cacheline_aligned_in_smp ____cacheline_aligned
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define fallthrough __attribute__((fallthrough))
#define EXPORT_SYMBOL_GPL(x)
#define BUILD_BUG_ON(c) _Static_assert(!(c), #c)
#define static_assert _Static_assert

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#ifdef SHIM_WATCH
void shim_watch(const void *p, size_t len);

static inline void *shim_memcpy(void *to, const void *from, size_t len)
{
	(memcpy)(to, from, len);
	shim_watch(from, len);
	return to;
}

#define memcpy(to, from, len) shim_memcpy(to, from, len)
#else
static inline void shim_watch(const void *p, size_t len)
{
}
#endif

#define shim_load(p, order) ({						\
	__typeof__(p) shim_p = (p);					\
	__typeof__(*shim_p) shim_v = __atomic_load_n(shim_p, order);	\
	shim_watch(shim_p, sizeof(*shim_p));				\
	shim_v;								\
})

#define READ_ONCE(x) shim_load(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define smp_load_acquire(p) shim_load(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define virt_load_acquire(p) smp_load_acquire(p)
#define virt_store_release(p, v) smp_store_release(p, v)

#define barrier() __asm__ __volatile__("" : : : "memory")

/*
 * As in the kernel, an instruction and not a C11 fence: ThreadSanitizer does
 * not know fences, and needs none to see what release and acquire order.
 */
#ifdef __x86_64__
#define smp_mb() \
	__asm__ __volatile__("lock; addl $0, -4(%%rsp)" : : : "memory", "cc")
#else
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define virt_mb() smp_mb()
#define virt_rmb() smp_rmb()
#define virt_wmb() smp_wmb()

#define S64_MAX INT64_MAX
#define U32_MAX UINT32_MAX
#define U64_MAX UINT64_MAX

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define ALIGN(x, a) (((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))

#define min_t(type, a, b) ({						\
	type shim_a = (a);						\
	type shim_b = (b);						\
	shim_a < shim_b ? shim_a : shim_b;				\
})
#define max_t(type, a, b) ({						\
	type shim_a = (a);						\
	type shim_b = (b);						\
	shim_a > shim_b ? shim_a : shim_b;				\
})
#define min(a, b) min_t(__typeof__(a), a, b)
#define max(a, b) max_t(__typeof__(a), a, b)

#define check_add_overflow(a, b, d) __builtin_add_overflow(a, b, d)
#define check_mul_overflow(a, b, d) __builtin_mul_overflow(a, b, d)

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

static inline int ilog2(unsigned long n)
{
	return 8 * sizeof(n) - 1 - __builtin_clzl(n);
}

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

#endif /* SHIM_H */
