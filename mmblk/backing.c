// SPDX-License-Identifier: GPL-2.0
/*
 * Server: what is behind. A path names a block device or a file: the rest of
 * the server need not know which.
 */
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/path.h>

#include "backing.h"

/**
 * mmblk_backing_open - open a block device or a file, exclusively
 * @backing: gets it
 * @name: its path
 * @write: for writing, too
 *
 * Return: 0; -ENOTBLK if it is neither; -EBUSY if it is mounted or otherwise in
 * use, -ETXTBSY if it is a file that is; -EROFS if it cannot be written;
 * -EMEDIUMTYPE if it is a zoned device; -EPERM if it is a file that nobody may
 * write; -EOPNOTSUPP if it is a file of a file system that is no place for
 * data; another error.
 */
int mmblk_backing_open(struct mmblk_backing *backing, const char *name,
		       bool write)
{
	struct path path;
	umode_t mode;
	int err;

	err = kern_path(name, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	mode = d_backing_inode(path.dentry)->i_mode;
	if (S_ISBLK(mode))
		err = mmblk_blkdev_open(backing, name, write);
	else if (S_ISREG(mode))
		err = mmblk_file_open(backing, &path, write);
	else
		err = -ENOTBLK;
	path_put(&path);
	return err;
}

/**
 * mmblk_backing_keep - the client's disk outlives this VM
 * @backing: open
 *
 * Return: 0; -EOPNOTSUPP if the contents do not; another error if what is there
 * cannot be made durable.
 */
int mmblk_backing_keep(struct mmblk_backing *backing)
{
	int err = backing->ops->keep(backing);

	backing->kept = !err;
	return err;
}

/**
 * mmblk_backing_config - describe it to the client
 * @backing: open
 * @config: gets the description
 *
 * Where each write is durable, there is nothing to flush for the client.
 */
void mmblk_backing_config(const struct mmblk_backing *backing,
			  struct mmblk_config *config)
{
	backing->ops->config(backing, config);
	if (backing->kept)
		config->flags |= MMBLK_C_KEPT;
	if (backing->through)
		config->flags &= ~(MMBLK_C_WRITE_CACHE | MMBLK_C_FUA);
}
