/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values to lie with.
 */
#ifndef LIAR_VALUE_H
#define LIAR_VALUE_H

#include <linux/prandom.h>
#include <linux/types.h>

int liar_value(const char *text, u64 honest, unsigned int size,
	       struct rnd_state *rnd, u64 *value);

#endif /* LIAR_VALUE_H */
