/* SPDX-License-Identifier: GPL-2.0 */
/* What the unit tests have in common: cmocka, and a random generator. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shim.h"

/* xorshift: the same numbers everywhere, and one generator for each thread */
static inline u32 rnd(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 32;
}

static inline u32 rnd_below(u64 *state, u32 limit)
{
	return (u64)rnd(state) * limit >> 32;
}

static inline unsigned long env_number(const char *name, unsigned long value)
{
	const char *s = getenv(name);

	return s ? strtoul(s, NULL, 0) : value;
}

#endif /* TEST_H */
