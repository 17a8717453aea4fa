/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Suspend: links while the domain is suspended, saved, restored or migrated.
 */
#ifndef FIDO_SUSPEND_H
#define FIDO_SUSPEND_H

#include <linux/pm.h>
#include <linux/types.h>

struct fido_link;

extern const struct dev_pm_ops fido_suspend_ops;

bool fido_suspend_look(struct fido_link *link);
void fido_suspend_step(struct fido_link *link);
int fido_suspend_init(void);
void fido_suspend_exit(void);

#endif /* FIDO_SUSPEND_H */
