/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The faults: what can fail, from where it is called, and which call is next.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <linux/kprobes.h>
#include <linux/types.h>

struct seq_file;

/**
 * struct faults_scope - code whose calls count
 * @module: name of the module
 * @name: what the scope is called: the module's name, or that with ".init"
 * @init: the part that is freed after the module's start
 * @base: address, if @size is not zero
 * @size: bytes; zero while the module is not loaded
 */
struct faults_scope {
	const char *module;
	const char *name;
	bool init;
	unsigned long base;
	unsigned long size;
};

/**
 * struct faults_function - a function of the kernel that can fail
 * @name: its name
 * @error: what it returns then: an error code, also for those who return an
 *	ERR_PTR; zero for those who return NULL, or false
 * @kp: what catches its calls
 * @missing: the error of registering @kp, if it could not be
 */
struct faults_function {
	const char *name;
	long error;
	struct kprobe kp;
	int missing;
};

/**
 * struct faults_plan - which calls fail
 * @function: calls of this one; NULL: of any
 * @scope: calls from this place; NULL: from any
 * @offset: of the place in its scope
 * @nth: from this one on, beginning with 1
 * @times: so many; zero: all that follow
 */
struct faults_plan {
	const struct faults_function *function;
	const struct faults_scope *scope;
	unsigned long offset;
	u64 nth;
	u64 times;
};

int faults_scope_init(void);
void faults_scope_exit(void);
const struct faults_scope *faults_scope_of(unsigned long addr);
const struct faults_scope *faults_scope_find(const char *name);

bool faults_site_call(const struct faults_function *function,
		      const struct faults_scope *scope, unsigned long caller);
void faults_site_arm(const struct faults_plan *plan);
void faults_site_disarm(void);
void faults_site_forget(void);
void faults_site_list(struct seq_file *s);
void faults_site_status(struct seq_file *s);

/* In assembler: returns to the caller of who was on the way to be called. */
asmlinkage void faults_return(void);

int faults_function_init(void);
void faults_function_exit(void);
const struct faults_function *faults_function_find(const char *name);
void faults_function_list(struct seq_file *s);

void faults_debugfs_init(void);
void faults_debugfs_exit(void);

#endif /* FAULTS_H */
