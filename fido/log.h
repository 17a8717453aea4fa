/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages that belong to no device; all others use dev_*() with the device
 * of the link or of the service.
 */
#ifndef FIDO_LOG_H
#define FIDO_LOG_H

#include <linux/printk.h>

#define fido_err(fmt, ...)	pr_err("fido: " fmt, ##__VA_ARGS__)
#define fido_warn(fmt, ...)	pr_warn("fido: " fmt, ##__VA_ARGS__)

#endif /* FIDO_LOG_H */
