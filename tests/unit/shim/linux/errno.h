/* SPDX-License-Identifier: GPL-2.0 */
/* glibc includes this one, too, for the numbers */
#include_next <linux/errno.h>
