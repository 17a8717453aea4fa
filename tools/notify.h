/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Telling systemd how far a service is, as sd_notify(3) does.
 */
#ifndef FIDOCTL_NOTIFY_H
#define FIDOCTL_NOTIFY_H

void notify(const char *state);

#endif /* FIDOCTL_NOTIFY_H */
