/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Crowd: do other VMs want the processor that this CPU runs on?
 */
#ifndef FIDO_CROWD_H
#define FIDO_CROWD_H

#include <linux/types.h>

bool fido_crowd_is_here(u64 now);
void fido_crowd_watch(u64 now);

#endif /* FIDO_CROWD_H */
