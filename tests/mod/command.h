/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files of debugfs that take commands.
 */
#ifndef TEST_COMMAND_H
#define TEST_COMMAND_H

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#define COMMAND_MAX_LEN	512

/**
 * command_get - what somebody writes to a file, as text
 * @buf: where it is
 * @size: bytes
 *
 * Return: the text, to be freed, or an ERR_PTR.
 */
static inline char *command_get(const char __user *buf, size_t size)
{
	if (size > COMMAND_MAX_LEN)
		return ERR_PTR(-EINVAL);
	return memdup_user_nul(buf, size);
}

/**
 * DEFINE_COMMAND_ATTRIBUTE - the twin of DEFINE_SHOW_ATTRIBUTE()
 * @name: of the file: it defines @name_fops
 * @command: does what was written: of the data that the file was made with and
 *	the text, which it may change, it makes 0 or an error code
 */
#define DEFINE_COMMAND_ATTRIBUTE(name, command)				\
static ssize_t name##_write(struct file *file, const char __user *buf,	\
			    size_t size, loff_t *pos)			\
{									\
	char *text = command_get(buf, size);				\
	int err;							\
									\
	if (IS_ERR(text))						\
		return PTR_ERR(text);					\
	err = command(file_inode(file)->i_private, text);		\
	kfree(text);							\
	return err ? err : size;					\
}									\
static const struct file_operations name##_fops = {			\
	.owner = THIS_MODULE,						\
	.open = simple_open,						\
	.write = name##_write,						\
}

#endif /* TEST_COMMAND_H */
