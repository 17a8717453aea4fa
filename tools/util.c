// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static void complain(const char *fmt, va_list ap)
	__printf(1, 0);

/* One line, whatever a name or an error text from another VM contains. */
static void complain(const char *fmt, va_list ap)
{
	char *line;

	if (vasprintf(&line, fmt, ap) < 0) {
		fputs("fidoctl: out of memory\n", stderr);
		return;
	}
	make_printable(line);
	fflush(stdout);
	fprintf(stderr, "fidoctl: %s\n", line);
	free(line);
}

/*
 * Leaves the process. An open transaction ends with the connection to
 * xenstore, without effect: there is nothing to undo here.
 */
void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	exit(EXIT_FAILED);
}

void die_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	exit(EXIT_USAGE);
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		die("out of memory");
	return p;
}

/* Room for one more element in an array that has @n. */
void *xgrow(void *array, size_t n, size_t size)
{
	char *p = reallocarray(array, n + 1, size);

	if (!p)
		die("out of memory");
	memset(p + n * size, 0, size);
	return p;
}

char *xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		die("out of memory");
	return p;
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		die("out of memory");
	return s;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

/* Decimal digits only: no sign, no blanks, no other base. */
bool parse_uint(const char *s, unsigned long max, unsigned int *value)
{
	unsigned long v;
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	v = strtoul(s, &end, 10);
	if (errno || *end || v > max)
		return false;
	*value = v;
	return true;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

bool printable(const char *s)
{
	for (; *s; s++)
		if (is_control(*s))
			return false;
	return true;
}

/* U+0080 to U+009F in UTF-8: some terminals take these for escapes, too. */
static bool is_c1_control(const char *s)
{
	return (unsigned char)s[0] == 0xc2 && ((unsigned char)s[1] & 0xe0) == 0x80;
}

/* What other VMs write into xenstore must not steer the reader's terminal. */
void make_printable(char *s)
{
	for (; *s; s++) {
		if (is_c1_control(s))
			*s++ = '?';
		else if (!is_control(*s))
			continue;
		*s = '?';
	}
}
