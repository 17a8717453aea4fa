// SPDX-License-Identifier: GPL-2.0
/*
 * Service nodes: what a service reads and writes of its directory in xenstore.
 * Parameters for its client, and what people are told about it.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <xen/xenbus.h>

#include "chan.h"
#include "link.h"
#include "service.h"
#include "trace.h"

/**
 * fido_service_path - directory of a service in xenstore
 * @service: service
 * @path: gets it
 * @size: room there
 */
void fido_service_path(const struct fido_service *service, char *path,
		       size_t size)
{
	snprintf(path, size, "%s/" FIDO_XS_SERVICE "/%u",
		 service->link->xbdev->nodename, service->sid);
}

/**
 * fido_service_read_type - what is this service to be?
 * @link: its link
 * @sid: its id
 *
 * Context: process, sleeps.
 * Return: the type, to be freed with kfree(), or an ERR_PTR; -ENOENT if there is
 * none, or one that is empty or too long.
 */
char *fido_service_read_type(const struct fido_link *link, const char *sid)
{
	char dir[128];
	char *type;

	snprintf(dir, sizeof(dir), "%s/" FIDO_XS_SERVICE "/%s",
		 link->xbdev->nodename, sid);
	type = xenbus_read(XBT_NIL, dir, FIDO_XS_SERVICE_TYPE, NULL);
	if (!IS_ERR(type) && strlen(type) > 0 && strlen(type) < FIDO_TYPE_LEN)
		return type;
	if (IS_ERR(type))
		return type;
	kfree(type);
	return ERR_PTR(-ENOENT);
}

/* 0 if our mark is there, -ENOENT if it has gone, or why that is not known. */
static int service_find_mark(const struct fido_service *service)
{
	char path[128];
	char *mark;

	if (!service->marked)
		return 0;
	fido_service_path(service, path, sizeof(path));
	mark = xenbus_read(XBT_NIL, path, FIDO_XS_SERVICE_SEEN, NULL);
	if (IS_ERR(mark))
		return PTR_ERR(mark);
	kfree(mark);
	return 0;
}

/**
 * fido_service_is_anew - are the nodes another service's?
 * @service: service
 *
 * The toolstack may remove a service and put another one in its place before we
 * look: of the same type perhaps, but with another device. Our mark has gone
 * with the nodes then.
 *
 * Context: process, sleeps.
 * Return: true if so, or if there are none.
 */
bool fido_service_is_anew(const struct fido_service *service)
{
	return service_find_mark(service) == -ENOENT;
}

/* Of our nodes, and nobody else's. */
static char *param_read(const struct fido_service *service, const char *name)
{
	char path[128];
	char *value;
	int err;

	fido_service_path(service, path, sizeof(path));
	value = xenbus_read(XBT_NIL, path, name, NULL);
	if (IS_ERR(value))
		return value;
	/* after the value: a mark that is there now was there when it was read */
	err = service_find_mark(service);
	if (err != -ENOENT && err != -ENOMEM)
		return value;
	kfree(value);
	return ERR_PTR(err);
}

/*
 * What a parameter says can decide whether a disk goes: a lack of memory, which
 * passes, must not look like a node that is not there. Pauses of milliseconds,
 * each twice the one before, about a second together.
 */
#define PARAM_MIN_PAUSE		20
#define PARAM_MAX_PAUSE		640

/**
 * fido_param - read a parameter of a service from xenstore
 * @fdev: service
 * @name: name of the node
 *
 * Context: process, sleeps; for a second, perhaps, if there is no memory.
 * Return: the value, to be freed with kfree(); NULL if there is none, if the
 * nodes are another service's by now, or if it cannot be read, which is logged.
 * In ->probe() that counts as -ENOMEM then, whatever ->probe() makes of it.
 */
char *fido_param(struct fido_device *fdev, const char *name)
{
	unsigned int pause = PARAM_MIN_PAUSE;
	struct fido_service *service = fdev->service;
	char *value = param_read(service, name);

	/* not for each one, where the first is lost already */
	while (value == ERR_PTR(-ENOMEM) && pause <= PARAM_MAX_PAUSE &&
	       !READ_ONCE(service->param_lost) &&
	       !READ_ONCE(service->link->removing)) {
		msleep(pause);
		pause *= 2;
		value = param_read(service, name);
	}
	if (value == ERR_PTR(-ENOMEM)) {
		dev_err_ratelimited(&fdev->dev,
				    "cannot read \"%s\": no memory\n", name);
		WRITE_ONCE(service->param_lost, true);
	}
	return IS_ERR(value) ? NULL : value;
}
EXPORT_SYMBOL_GPL(fido_param);

/**
 * fido_param_uint - read a parameter that is a number
 * @fdev: service
 * @name: name of the node
 * @value: gets the number; unchanged on error
 *
 * Context: process, sleeps.
 * Return: 0, -ENOENT if there is no such node, -EINVAL if it is no number;
 * -ENOMEM if it could not be read, or another one before: for ->probe() to
 * return, without a word.
 */
int fido_param_uint(struct fido_device *fdev, const char *name,
		    unsigned int *value)
{
	char *text = fido_param(fdev, name);
	int err;

	if (READ_ONCE(fdev->service->param_lost))
		err = -ENOMEM;
	else if (!text)
		err = -ENOENT;
	else
		err = kstrtouint(text, 0, value) ? -EINVAL : 0;
	kfree(text);
	return err;
}
EXPORT_SYMBOL_GPL(fido_param_uint);

/**
 * fido_param_range - read a parameter that is a number with limits
 * @fdev: service
 * @name: name of the node
 * @min: least number
 * @max: highest number
 * @value: gets the number; unchanged, thus what it is by default, if there is
 *	no such node, and on error
 *
 * Context: process, sleeps.
 * Return: 0, -EINVAL if it is something else, which fido_error() has told;
 * -ENOMEM as fido_param_uint().
 */
int fido_param_range(struct fido_device *fdev, const char *name,
		     unsigned int min, unsigned int max, unsigned int *value)
{
	unsigned int number;
	int err = fido_param_uint(fdev, name, &number);

	if (err == -ENOENT)
		return 0;
	if (err == -ENOMEM)
		return err;
	if (err || number < min || number > max) {
		fido_error(fdev, -EINVAL, "%s must be %u to %u", name, min,
			   max);
		return -EINVAL;
	}
	*value = number;
	return 0;
}
EXPORT_SYMBOL_GPL(fido_param_range);

/**
 * struct service_value - what is written to a service's directory
 * @service: service
 * @name: name of the node
 * @value: its value
 */
struct service_value {
	const struct fido_service *service;
	const char *name;
	const char *value;
};

/* Nodes that lack our mark are of a service that was put in its place. */
static int service_write_value(struct xenbus_transaction xbt, const void *data)
{
	const struct service_value *new = data;
	char path[128];

	fido_service_path(new->service, path, sizeof(path));
	if (!xenbus_exists(xbt, path, FIDO_XS_SERVICE_TYPE))
		return -ENOENT;
	if (new->service->marked &&
	    !xenbus_exists(xbt, path, FIDO_XS_SERVICE_SEEN))
		return -ENOENT;
	return xenbus_write(xbt, path, new->name, new->value);
}

/**
 * fido_service_write - write a node of a service
 * @service: service
 * @name: name of the node
 * @value: its value
 *
 * Only while the toolstack wants the service: writing would make the directory
 * anew that it has just removed.
 *
 * Context: process, sleeps.
 * Return: true if it was written.
 */
bool fido_service_write(struct fido_service *service, const char *name,
			const char *value)
{
	const struct service_value new = {
		.service = service,
		.name = name,
		.value = value,
	};

	return !fido_transact(service_write_value, &new);
}

/**
 * fido_report - show something about a service in xenstore
 * @fdev: service
 * @name: name of the node
 * @fmt: format of the value
 *
 * Context: process, sleeps.
 */
void fido_report(struct fido_device *fdev, const char *name,
		 const char *fmt, ...)
{
	va_list args;
	char *value;

	va_start(args, fmt);
	value = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	if (value)
		fido_service_write(fdev->service, name, value);
	kfree(value);
}
EXPORT_SYMBOL_GPL(fido_report);

/**
 * fido_error - say why a service does not work
 * @fdev: service
 * @err: negative error code
 * @fmt: one line, without a newline
 *
 * The line goes to the log, and to xenstore for fidoctl; not if a parameter was
 * lost in ->probe(), which comes again: what seems to be wrong is not, perhaps,
 * and the toolstack takes an error for the end.
 *
 * Context: process, sleeps.
 */
void fido_error(struct fido_device *fdev, int err, const char *fmt, ...)
{
	struct fido_service *service = fdev->service;
	va_list args;
	char *text;

	if (READ_ONCE(service->param_lost))
		return;
	va_start(args, fmt);
	text = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	if (!text)
		return;
	dev_err_ratelimited(&fdev->dev, "%s (error %d)\n", text, err);
	mutex_lock(&service->error_lock);
	service->erred = true;
	fido_service_write(service, FIDO_XS_SERVICE_ERROR, text);
	mutex_unlock(&service->error_lock);
	kfree(text);
}
EXPORT_SYMBOL_GPL(fido_error);

/**
 * fido_service_clear - remove a node of a service
 * @service: service
 * @name: name of the node; gone already, with its directory perhaps, is no error
 *
 * Context: process, sleeps.
 */
void fido_service_clear(const struct fido_service *service, const char *name)
{
	char path[128];

	fido_service_path(service, path, sizeof(path));
	if (xenbus_exists(XBT_NIL, path, name))
		xenbus_rm(XBT_NIL, path, name);
}

/**
 * fido_error_over - what fido_error() has told of a service is over
 * @fdev: service
 *
 * Context: process, sleeps.
 */
void fido_error_over(struct fido_device *fdev)
{
	fido_service_clear(fdev->service, FIDO_XS_SERVICE_ERROR);
}
EXPORT_SYMBOL_GPL(fido_error_over);

/**
 * fido_service_expect_error - ->probe() is about to be called
 * @service: service
 *
 * Context: process, sleeps.
 */
void fido_service_expect_error(struct fido_service *service)
{
	mutex_lock(&service->error_lock);
	service->erred = false;
	mutex_unlock(&service->error_lock);
}

/**
 * fido_service_error_over - what an earlier ->probe() has missed is there
 * @service: service whose ->probe() has succeeded
 *
 * What it started may have told of another error meanwhile, or is about to: the
 * lock has that written either before this looks, or after the node is removed.
 *
 * Context: process, sleeps.
 */
void fido_service_error_over(struct fido_service *service)
{
	mutex_lock(&service->error_lock);
	if (!service->erred)
		fido_service_clear(service, FIDO_XS_SERVICE_ERROR);
	mutex_unlock(&service->error_lock);
}

/**
 * fido_service_report_state - show whether a service is up
 * @service: service, locked
 *
 * Context: process, sleeps.
 */
void fido_service_report_state(struct fido_service *service)
{
	trace_fido_service(service->link, service->sid,
			   service->chans ? service->chans->gen : 0,
			   service->peer_gen, service->up);
	fido_service_write(service, FIDO_XS_SERVICE_STATE,
			   service->up ? "up" : "down");
}
