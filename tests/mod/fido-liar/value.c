// SPDX-License-Identifier: GPL-2.0
/*
 * Values to lie with: numbers, boundaries by name, what is near the truth, and
 * random ones, which come again with the same seed.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "value.h"

static u64 value_random(struct rnd_state *rnd)
{
	return (u64)prandom_u32_state(rnd) << 32 | prandom_u32_state(rnd);
}

static int value_near(const char *text, u64 honest, u64 *value)
{
	u64 n;

	if (kstrtou64(text + 1, 0, &n))
		return -EINVAL;
	*value = *text == '+' ? honest + n : honest - n;
	return 0;
}

/**
 * liar_value - what to write
 * @text: "ones" (all of them), "big" (the largest that is not negative),
 *	"top" (the highest bit alone), "random", +N or -N from the truth, or a
 *	number
 * @honest: the truth
 * @size: bytes of the field
 * @rnd: for "random"
 * @value: gets the value
 *
 * Return: 0 or -EINVAL.
 */
int liar_value(const char *text, u64 honest, unsigned int size,
	       struct rnd_state *rnd, u64 *value)
{
	u64 ones = U64_MAX >> (64 - 8 * size);
	int err = 0;

	if (!strcmp(text, "ones"))
		*value = ones;
	else if (!strcmp(text, "big"))
		*value = ones >> 1;
	else if (!strcmp(text, "top"))
		*value = (ones >> 1) + 1;
	else if (!strcmp(text, "random"))
		*value = value_random(rnd);
	else if (*text == '+' || *text == '-')
		err = value_near(text, honest, value);
	else
		err = kstrtou64(text, 0, value) ? -EINVAL : 0;
	*value &= ones;
	return err;
}
