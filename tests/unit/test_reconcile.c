// SPDX-License-Identifier: GPL-2.0
/*
 * One look of "fidoctl watch" at a xenstore in memory: what it makes, removes
 * and leaves, and how much it reads for that.
 *
 * No driver runs here. VM 1 is the server "s" of all disks, VM 2 the client
 * "c2", and so on; their links have the clients as frontends.
 */
#include "test.h"
#include "tools/attempt.h"
#include "tools/mend.h"
#include "tools/reconcile.h"
#include "xenstore.h"

#define SERVER 1
#define CLIENT 2

static struct supervisor sup;
/* of the supervisor itself, without those of what it starts */
static unsigned int own_reads;
/* what happens between a look and what it leads to */
static void (*meanwhile)(void);

/* In place of the one with processes: here nothing fails. */
bool attempt(int (*action)(void *arg), void *arg, const sigset_t *mask,
	     char **said)
{
	int ret;

	own_reads += fake_reads;
	if (meanwhile)
		meanwhile();
	ret = action(arg);
	fake_reads = 0;
	*said = strdup("");
	return !ret;
}

static void look(void)
{
	own_reads = 0;
	fake_reads = 0;
	reconcile(&sup);
	own_reads += fake_reads;
	assert_int_equal(sup.failures, 0);
}

static void configure(unsigned int client, unsigned int nr)
{
	char name[32], text[CONFIG_MAX_SIZE];
	unsigned int i;
	int len = 0;

	snprintf(name, sizeof(name), "c%u.conf", client);
	for (i = 0; i < nr; i++)
		len += snprintf(text + len, sizeof(text) - len,
				"[blk]\nclient = c%u\nserver = s\n"
				"device = /dev/disk%u-%u\n", client, client, i);
	config_parse(&sup.config, name, text, len);
}

/* As after a reload */
static void configure_nothing(void)
{
	config_free(&sup.config);
	sup.apply = true;
}

#define FRONT_DIR "/local/domain/%u/device/" FIDO_XS_TYPE "/1"
#define BACK_DIR "/local/domain/1/backend/" FIDO_XS_TYPE "/%u/1"
#define SERVICE_DIR FRONT_DIR "/" FIDO_XS_SERVICE "/%u"

static unsigned int nr_disks(unsigned int client)
{
	unsigned int id, nr = 0;

	for (id = 0; id < FIDO_MAX_SERVICES; id++)
		if (fake_get(SERVICE_DIR "/" FIDO_XS_SERVICE_TYPE, client, id))
			nr++;
	return nr;
}

static int setup(void **state)
{
	unsigned int client;

	memset(&sup, 0, sizeof(sup));
	meanwhile = NULL;
	fake_set("s", "/local/domain/%u/name", SERVER);
	for (client = CLIENT; client < CLIENT + 4; client++) {
		char name[16];

		snprintf(name, sizeof(name), "c%u", client);
		fake_set(name, "/local/domain/%u/name", client);
	}
	store_open(&sup.store);
	return 0;
}

static int teardown(void **state)
{
	watches_free(&sup.watches);
	config_free(&sup.config);
	free(sup.said);
	store_close(&sup.store);
	fake_clear();
	return 0;
}

/* However many are made, everything is read once; if removed, twice. */
static void test_reads(void **state)
{
	unsigned int client, all;

	for (client = CLIENT; client < CLIENT + 4; client++)
		configure(client, 50);
	look();
	for (client = CLIENT; client < CLIENT + 4; client++)
		assert_int_equal(nr_disks(client), 50);
	/* there was nothing to read then */
	assert_in_range(own_reads, 1, 100);
	look();
	all = own_reads;
	assert_in_range(all, 200 * 10, 200 * 40);
	configure_nothing();
	look();
	for (client = CLIENT; client < CLIENT + 4; client++)
		assert_null(fake_get(FRONT_DIR, client));
	assert_in_range(own_reads, all, 2 * all);
}

/* Nobody looks again and again whether it is closed: the driver will tell. */
static void test_open_disk(void **state)
{
	configure(CLIENT, 2);
	look();
	fake_set("1", SERVICE_DIR "/users", CLIENT, 1);
	configure_nothing();
	look();
	assert_int_equal(nr_disks(CLIENT), 1);
	assert_true(sup.unfinished);
	assert_true(sup.wake > now_ms() + 30000);
	assert_true(fake_watched("/local/domain/2/device/" FIDO_XS_TYPE));
	look();
	assert_int_equal(nr_disks(CLIENT), 1);
	fake_set("0", SERVICE_DIR "/users", CLIENT, 1);
	look();
	assert_null(fake_get(FRONT_DIR, CLIENT));
	assert_false(sup.unfinished);
}

/* What else was on a link that is made anew is found missing in the same look. */
static void test_broken_link(void **state)
{
	configure(CLIENT, 3);
	look();
	fake_set("22 does not work",
		 "/local/domain/%u/error/device/" FIDO_XS_TYPE "/1/error",
		 CLIENT);
	look();
	assert_int_equal(nr_disks(CLIENT), 3);
	/* long enough for one of them */
	sup.config.file[0].wish[0].retry.since = 1;
	sup.config.file[0].wish[0].retry.next = 0;
	sup.config.file[0].wish[1].retry.next = 0;
	sup.config.file[0].wish[2].retry.next = 0;
	look();
	assert_int_equal(nr_disks(CLIENT), 3);
	assert_null(fake_get("/local/domain/%u/error/device/" FIDO_XS_TYPE "/1",
			     CLIENT));
}

static void come_up(void)
{
	fake_set("up", SERVICE_DIR "/" FIDO_XS_SERVICE_STATE, CLIENT, 0);
}

static void refuse(void)
{
	fake_set("no", SERVICE_DIR "/" FIDO_XS_SERVICE_ERROR, CLIENT, 0);
	sup.config.file[0].wish[0].retry.since = 1;
}

static void test_refused(void **state)
{
	configure(CLIENT, 1);
	look();
	refuse();
	look();
	assert_int_equal(nr_disks(CLIENT), 0);
}

/* What was seen is not what is there any more. */
static void test_recovered(void **state)
{
	configure(CLIENT, 1);
	look();
	refuse();
	meanwhile = come_up;
	look();
	assert_int_equal(nr_disks(CLIENT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_disk, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_broken_link, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recovered, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
