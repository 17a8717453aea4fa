/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log of what goes on in the background: standard error, for the journal
 * with the priority in front of each line.
 */
#ifndef FIDOCTL_LOG_H
#define FIDOCTL_LOG_H

#include <syslog.h>

#include "util.h"

void log_open(void);
void log_line(int priority, const char *fmt, ...) __printf(2, 3);

#endif /* FIDOCTL_LOG_H */
