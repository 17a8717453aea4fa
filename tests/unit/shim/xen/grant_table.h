/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_GRANT_TABLE_H
#define SHIM_GRANT_TABLE_H

#include "shim.h"

typedef u16 domid_t;
typedef u32 grant_ref_t;

#endif /* SHIM_GRANT_TABLE_H */
