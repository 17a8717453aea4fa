/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Client: disks that outlive their service.
 */
#ifndef MMBLK_PARK_H
#define MMBLK_PARK_H

struct mmblk_client;

struct mmblk_client *mmblk_park_claim(struct mmblk_client *client);
void mmblk_park_add(struct mmblk_client *client);
void mmblk_park_forget(struct mmblk_client *client);
int mmblk_park_abandon(struct mmblk_client *client);
void mmblk_park_end(void);

#endif /* MMBLK_PARK_H */
