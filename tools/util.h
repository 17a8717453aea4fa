/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Failing with one line, memory that does not fail, and checks of strings.
 */
#ifndef FIDOCTL_UTIL_H
#define FIDOCTL_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* as in the kernel */
#define __noreturn __attribute__((noreturn))
#define __printf(a, b) __attribute__((format(printf, a, b)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* exit codes */
#define EXIT_FAILED	1
#define EXIT_USAGE	2

void die(const char *fmt, ...)
	__noreturn __printf(1, 2);
void die_usage(const char *fmt, ...)
	__noreturn __printf(1, 2);
void note(const char *fmt, ...) __printf(1, 2);

void *xcalloc(size_t n, size_t size)
	__attribute__((returns_nonnull));
void *xgrow(void *array, size_t n, size_t size)
	__attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((returns_nonnull));
char *xvasprintf(const char *fmt, va_list ap)
	__attribute__((returns_nonnull)) __printf(1, 0);
char *xasprintf(const char *fmt, ...)
	__attribute__((returns_nonnull)) __printf(1, 2);

bool parse_uint(const char *s, unsigned long max, unsigned int *value);
bool printable(const char *s);
void make_printable(char *s);

#endif /* FIDOCTL_UTIL_H */
