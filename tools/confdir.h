/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The directory with the configuration.
 */
#ifndef FIDOCTL_CONFDIR_H
#define FIDOCTL_CONFDIR_H

#include "config.h"

bool confdir_read(const char *dir, struct config *config);

#endif /* FIDOCTL_CONFDIR_H */
