/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_SCHED_H
#define SHIM_SCHED_H

#include "shim.h"

#define PF_MEMALLOC	0x01U

struct task_struct {
	unsigned int flags;
};

/* the test's */
extern struct task_struct shim_task;

#define current (&shim_task)

static inline void cond_resched(void)
{
}

#endif /* SHIM_SCHED_H */
