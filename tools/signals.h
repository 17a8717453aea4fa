/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Signals to a process that waits most of the time. They arrive only while it
 * waits, with the mask for ppoll(2) that signals_open() returns.
 */
#ifndef FIDOCTL_SIGNALS_H
#define FIDOCTL_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

const sigset_t *signals_open(void);
void signals_reset(void);
void signals_pause(unsigned int ms);
bool signals_pending(void);
bool signals_stop(void);
bool signals_take_reload(void);

#endif /* FIDOCTL_SIGNALS_H */
