// SPDX-License-Identifier: GPL-2.0
/*
 * The files that control the faults; main.c tells what they mean.
 */
#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "../command.h"
#include "faults.h"

#define MAX_WORD	64

static struct dentry *faults_root;

static int parse_function(const char *word, struct faults_plan *plan)
{
	if (!strcmp(word, "any"))
		return 0;
	plan->function = faults_function_find(word);
	return plan->function ? 0 : -ENOENT;
}

static int parse_site(char *word, struct faults_plan *plan)
{
	char *offset = word;

	if (!strcmp(word, "any"))
		return 0;
	strsep(&offset, "+");
	plan->scope = faults_scope_find(word);
	if (!plan->scope)
		return -ENOENT;
	return offset ? kstrtoul(offset, 16, &plan->offset) : -EINVAL;
}

static int do_fail(const char *text)
{
	char function[MAX_WORD], site[MAX_WORD];
	struct faults_plan plan = {};
	int err;

	if (sscanf(text, "fail %63s %63s %llu %llu", function, site,
		   &plan.nth, &plan.times) != 4 || !plan.nth)
		return -EINVAL;
	err = parse_function(function, &plan);
	if (!err)
		err = parse_site(site, &plan);
	if (!err)
		faults_site_arm(&plan);
	return err;
}

static int do_command(void *unused, char *text)
{
	if (sysfs_streq(text, "off"))
		faults_site_disarm();
	else if (sysfs_streq(text, "reset"))
		faults_site_forget();
	else
		return do_fail(text);
	return 0;
}
DEFINE_COMMAND_ATTRIBUTE(do, do_command);

static int functions_show(struct seq_file *s, void *unused)
{
	faults_function_list(s);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(functions);

static int sites_show(struct seq_file *s, void *unused)
{
	faults_site_list(s);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sites);

static int status_show(struct seq_file *s, void *unused)
{
	faults_site_status(s);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(status);

/**
 * faults_debugfs_init - make the files
 */
void faults_debugfs_init(void)
{
	faults_root = debugfs_create_dir("fido-faults", NULL);
	debugfs_create_file("do", 0200, faults_root, NULL, &do_fops);
	debugfs_create_file("functions", 0444, faults_root, NULL,
			    &functions_fops);
	debugfs_create_file("sites", 0444, faults_root, NULL, &sites_fops);
	debugfs_create_file("status", 0444, faults_root, NULL, &status_fops);
}

/**
 * faults_debugfs_exit - remove the files, wait for those who use them
 */
void faults_debugfs_exit(void)
{
	debugfs_remove_recursive(faults_root);
}
