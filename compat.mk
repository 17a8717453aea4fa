# SPDX-License-Identifier: GPL-2.0
#
# Which of the interfaces that changed between kernels does this kernel have?
# Answered by looking into its headers, since distributions carry changes back
# to older version numbers. include/compat.h alone uses the answers.
#
#   $(call compat-has,HAVE_NAME,header below include/,extended regex)
#
# The header is searched as one line: [^;]* and \s cross line ends, ^ and $ do
# not work. Make reads the expression first: a comma is written $(comma), a
# hash mark $(hash), and a parenthesis as a dot.

comma := ,
hash := \#

compat-has = $(if $(shell grep -qszE '$(3)' '$(srctree)/include/$(2)' \
	&& echo y),-D$(1))

compat-flags :=

# Driver core

# const struct device_driver in bus_type.match (6.11)
compat-flags += $(call compat-has,HAVE_BUS_MATCH_CONST,linux/device/bus.h,.\*match..struct device \*dev$(comma) const struct device_driver)
# const struct bus_type in device_driver (6.9)
compat-flags += $(call compat-has,HAVE_BUS_TYPE_CONST,linux/device/driver.h,const struct bus_type\s+\*bus;)
# const struct device in bus_type.uevent (6.3)
compat-flags += $(call compat-has,HAVE_BUS_UEVENT_CONST,linux/device/bus.h,.\*uevent..const struct device)
# container_of_const() (6.2, and in later 6.1)
compat-flags += $(call compat-has,HAVE_CONTAINER_OF_CONST,linux/container_of.h,define container_of_const)

# Modules

# module.mem (6.4), for include/compat_module.h
compat-flags += $(call compat-has,HAVE_MODULE_MEMORY,linux/module.h,struct module_memory \{)

# Timers

# from_timer() was renamed (6.16)
compat-flags += $(call compat-has,HAVE_TIMER_CONTAINER_OF,linux/timer.h,define timer_container_of)
# timer_delete_sync() (6.2, and in later 6.1)
compat-flags += $(call compat-has,HAVE_TIMER_DELETE_SYNC,linux/timer.h,int timer_delete_sync)
# hrtimer_setup() (6.13)
compat-flags += $(call compat-has,HAVE_HRTIMER_SETUP,linux/hrtimer.h,void hrtimer_setup.)

# Xen

# void xenbus_driver.remove (6.2, and in later 6.1)
compat-flags += $(call compat-has,HAVE_XENBUS_REMOVE_VOID,xen/xenbus.h,void .\*remove.)

# Block layer, for include/compat_block.h

# queue_limits.features (6.11)
compat-flags += $(call compat-has,HAVE_BLK_FEATURES,linux/blkdev.h,BLK_FEAT_WRITE_CACHE)
# bdev_file_open_by_path() (6.9)
compat-flags += $(call compat-has,HAVE_BDEV_FILE_OPEN,linux/blkdev.h,bdev_file_open_by_path)
# struct gendisk in block_device_operations.open (6.5)
compat-flags += $(call compat-has,HAVE_DISK_OPEN,linux/blkdev.h,.\*open.\s?.struct gendisk \*disk)
# bdev_rot() instead of bdev_nonrot()
compat-flags += $(call compat-has,HAVE_BDEV_ROT,linux/blkdev.h,bool bdev_rot.)
# BLK_MQ_F_SHOULD_MERGE (until 6.13)
compat-flags += $(call compat-has,HAVE_MQ_SHOULD_MERGE,linux/blk-mq.h,BLK_MQ_F_SHOULD_MERGE)
# BLK_MQ_F_NO_SCHED_BY_DEFAULT
compat-flags += $(call compat-has,HAVE_MQ_NO_SCHED_BY_DEFAULT,linux/blk-mq.h,BLK_MQ_F_NO_SCHED_BY_DEFAULT)

# Network

# mac_pton() moved from linux/kernel.h to a header of its own
compat-flags += $(call compat-has,HAVE_MAC_PTON_IN_HEX,linux/hex.h,bool mac_pton)
# net_device.tcx_ingress (6.6)
compat-flags += $(call compat-has,HAVE_TCX_INGRESS,linux/netdevice.h,__rcu \*tcx_ingress)
# napi_struct.defer_hard_irqs, which was the device's (6.13)
compat-flags += $(call compat-has,HAVE_NAPI_SETTINGS,linux/netdevice.h,struct napi_struct \{[^}]*\sdefer_hard_irqs;)
# netif_napi_add_config() (6.13)
compat-flags += $(call compat-has,HAVE_NAPI_CONFIG,linux/netdevice.h,netif_napi_add_config.)
# netif_queue_set_napi() (6.8)
compat-flags += $(call compat-has,HAVE_QUEUE_SET_NAPI,linux/netdevice.h,void netif_queue_set_napi.struct net_device \*dev)
# skb_gso_segment() moved to a header of its own (6.5)
compat-flags += $(call compat-has,HAVE_NET_GSO,net/gso.h,skb_gso_segment)
# net_device.xdp_features (6.3)
compat-flags += $(call compat-has,HAVE_XDP_FEATURES,linux/netdevice.h,xdp_features_t\s+xdp_features;)
# xdp_rxq_info.napi_id (until 6.13)
compat-flags += $(call compat-has,HAVE_XDP_RXQ_NAPI_ID,net/xdp.h,struct xdp_rxq_info \{[^}]*\snapi_id;)
# xdp_buff_add_frag() (6.14)
compat-flags += $(call compat-has,HAVE_XDP_BUFF_ADD_FRAG,net/xdp.h,bool xdp_buff_add_frag.)
