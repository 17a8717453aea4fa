// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of a service in sysfs, apart from its counters. They are there
 * from the end of ->probe() to the beginning of ->remove().
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "attrs.h"
#include "client.h"
#include "mmblk.h"
#include "server.h"

static ssize_t role_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct mmblk_service *service = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", service->role->name);
}
static DEVICE_ATTR_RO(role);

static struct attribute *mmblk_attrs[] = {
	&dev_attr_role.attr,
	NULL,
};

const struct attribute_group mmblk_attr_group = {
	.attrs = mmblk_attrs,
};

static umode_t attr_if_role(struct kobject *kobj, struct attribute *attr,
			    const struct mmblk_role *role)
{
	struct mmblk_service *service = dev_get_drvdata(kobj_to_dev(kobj));

	return service->role == role ? attr->mode : 0;
}

/* Client */

static const struct mmblk_client *dev_to_client(struct device *dev)
{
	struct mmblk_service *service = dev_get_drvdata(dev);

	return to_mmblk_client(service);
}

/* As the disk has it, and where lsblk looks for it: at the disk's parent */
static ssize_t serial_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n", dev_to_client(dev)->serial);
}
static DEVICE_ATTR_RO(serial);

static ssize_t users_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%u\n",
			  READ_ONCE(dev_to_client(dev)->users.nr));
}
static DEVICE_ATTR_RO(users);

static struct attribute *mmblk_client_attrs[] = {
	&dev_attr_serial.attr,
	&dev_attr_users.attr,
	NULL,
};

static umode_t client_is_visible(struct kobject *kobj, struct attribute *attr,
				 int n)
{
	return attr_if_role(kobj, attr, &mmblk_client_role);
}

const struct attribute_group mmblk_client_attr_group = {
	.is_visible = client_is_visible,
	.attrs = mmblk_client_attrs,
};

/* Server */

static const struct mmblk_server *dev_to_server(struct device *dev)
{
	struct mmblk_service *service = dev_get_drvdata(dev);

	return to_mmblk_server(service);
}

static ssize_t device_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n", dev_to_server(dev)->path);
}
static DEVICE_ATTR_RO(device);

static ssize_t mode_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  dev_to_server(dev)->write ? "w" : "r");
}
static DEVICE_ATTR_RO(mode);

static ssize_t bounce_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%d\n", dev_to_server(dev)->backing.bounce);
}
static DEVICE_ATTR_RO(bounce);

static ssize_t depth_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	unsigned int depth = dev_to_server(dev)->limit.depth;

	return sysfs_emit(buf, "%u\n", depth ? depth : MMBLK_DEPTH);
}
static DEVICE_ATTR_RO(depth);

/* Zero: no limit */
static ssize_t bandwidth_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	return sysfs_emit(buf, "%u\n", dev_to_server(dev)->limit.bandwidth);
}
static DEVICE_ATTR_RO(bandwidth);

static struct attribute *mmblk_server_attrs[] = {
	&dev_attr_device.attr,
	&dev_attr_mode.attr,
	&dev_attr_bounce.attr,
	&dev_attr_depth.attr,
	&dev_attr_bandwidth.attr,
	NULL,
};

static umode_t server_is_visible(struct kobject *kobj, struct attribute *attr,
				 int n)
{
	return attr_if_role(kobj, attr, &mmblk_server_role);
}

const struct attribute_group mmblk_server_attr_group = {
	.is_visible = server_is_visible,
	.attrs = mmblk_server_attrs,
};
