/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interfaces that outlive their service.
 */
#ifndef MMNET_PARK_H
#define MMNET_PARK_H

struct net_device;

struct net_device *mmnet_park_claim(struct net_device *dev);
void mmnet_park_add(struct net_device *dev);
void mmnet_park_forget(struct net_device *dev);
void mmnet_park_set_attrs(struct net_device *dev);
void mmnet_park_end(void);

#endif /* MMNET_PARK_H */
