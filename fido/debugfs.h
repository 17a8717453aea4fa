/* SPDX-License-Identifier: GPL-2.0 */
/*
 * debugfs: /sys/kernel/debug/fido/
 */
#ifndef FIDO_DEBUGFS_H
#define FIDO_DEBUGFS_H

struct fido_link;
struct fido_service;

void fido_debugfs_init(void);
void fido_debugfs_exit(void);
void fido_debugfs_add_link(struct fido_link *link);
void fido_debugfs_remove_link(struct fido_link *link);
void fido_debugfs_add_service(struct fido_service *service);
void fido_debugfs_remove_service(struct fido_service *service);

#endif /* FIDO_DEBUGFS_H */
