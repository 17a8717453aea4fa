/* SPDX-License-Identifier: GPL-2.0 */
/* Functions without a body: to CBMC, what they return is anything. */
#ifndef CBMC_H
#define CBMC_H

#include <linux/types.h>

unsigned int nondet_uint(void);
unsigned short nondet_ushort(void);
bool nondet_bool(void);

#endif /* CBMC_H */
