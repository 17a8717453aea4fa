/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attributes of a service in sysfs, apart from its counters.
 */
#ifndef MMBLK_ATTRS_H
#define MMBLK_ATTRS_H

struct attribute_group;

extern const struct attribute_group mmblk_attr_group;
extern const struct attribute_group mmblk_client_attr_group;
extern const struct attribute_group mmblk_server_attr_group;

#endif /* MMBLK_ATTRS_H */
