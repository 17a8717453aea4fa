// SPDX-License-Identifier: GPL-2.0
/*
 * Scope: the code whose calls count, that of the modules under test. Where it
 * lies is learnt as they are loaded, so that their first call counts, too.
 */
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/notifier.h>
#include <linux/string.h>

#include "compat_module.h"
#include "faults.h"

static struct faults_scope scopes[] = {
	{ "fido", "fido", false },
	{ "fido", "fido.init", true },
	{ "mmnet", "mmnet", false },
	{ "mmnet", "mmnet.init", true },
	{ "mmblk", "mmblk", false },
	{ "mmblk", "mmblk.init", true },
};

/* Probes run meanwhile: nobody of that module calls anything at that time. */
static void scope_set(struct faults_scope *scope, const struct module *mod)
{
	unsigned long base, size;

	size = compat_module_text(mod, scope->init, &base);
	WRITE_ONCE(scope->base, base);
	WRITE_ONCE(scope->size, size);
}

static void scope_clear(struct faults_scope *scope)
{
	WRITE_ONCE(scope->size, 0);
}

static int scope_notify(struct notifier_block *nb, unsigned long state,
			void *data)
{
	const struct module *mod = data;
	struct faults_scope *scope;

	for (scope = scopes; scope < scopes + ARRAY_SIZE(scopes); scope++) {
		if (strcmp(scope->module, mod->name))
			continue;
		if (state == MODULE_STATE_COMING)
			scope_set(scope, mod);
		else if (state == MODULE_STATE_GOING || scope->init)
			scope_clear(scope);
	}
	return NOTIFY_DONE;
}

static struct notifier_block scope_nb = {
	.notifier_call = scope_notify,
};

/**
 * faults_scope_of - whose code is it?
 * @addr: address of code
 *
 * Context: any.
 * Return: the scope; NULL if it is none of the modules under test.
 */
const struct faults_scope *faults_scope_of(unsigned long addr)
{
	const struct faults_scope *scope;

	for (scope = scopes; scope < scopes + ARRAY_SIZE(scopes); scope++)
		if (addr - READ_ONCE(scope->base) < READ_ONCE(scope->size))
			return scope;
	return NULL;
}

/**
 * faults_scope_find - a scope by its name
 * @name: name
 *
 * Return: the scope, loaded or not; NULL if there is no such scope.
 */
const struct faults_scope *faults_scope_find(const char *name)
{
	const struct faults_scope *scope;

	for (scope = scopes; scope < scopes + ARRAY_SIZE(scopes); scope++)
		if (!strcmp(scope->name, name))
			return scope;
	return NULL;
}

/**
 * faults_scope_init - from now on modules that are loaded are noticed
 *
 * Return: 0 or an error.
 */
int faults_scope_init(void)
{
	return register_module_notifier(&scope_nb);
}

/**
 * faults_scope_exit - and not any more
 */
void faults_scope_exit(void)
{
	unregister_module_notifier(&scope_nb);
}
