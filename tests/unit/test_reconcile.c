// SPDX-License-Identifier: GPL-2.0
/*
 * One look of "fidoctl watch" at a xenstore in memory: what it makes, removes
 * and leaves, and how much it reads for that; with what was read before, or
 * without.
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
#define NR_CLIENTS 4

static struct supervisor sup;
/* of the supervisor itself, without those of what it starts */
static unsigned int own_reads;
/* what happens between a look and what it leads to */
static void (*meanwhile)(void);

/*
 * In place of the one with processes: here nothing fails. Of what it does the
 * supervisor is told when the look is over.
 */
bool attempt(int (*action)(void *arg), void *arg, const sigset_t *mask,
	     char **said)
{
	int ret;

	own_reads += fake_reads;
	fake_late = true;
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
	store_drain(&sup.store);
	fake_reads = 0;
	fake_watched_reads = 0;
	reconcile(&sup);
	own_reads += fake_reads;
	fake_late = false;
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
	for (client = CLIENT; client < CLIENT + NR_CLIENTS; client++) {
		char name[16];

		snprintf(name, sizeof(name), "c%u", client);
		fake_set(name, "/local/domain/%u/name", client);
	}
	store_open(&sup.store);
	return 0;
}

/* As a supervisor that runs for long */
static int setup_told(void **state)
{
	unsigned int domid;

	setup(state);
	store_remember(&sup.store);
	for (domid = SERVER; domid < CLIENT + NR_CLIENTS; domid++)
		watches_add(&sup.watches, &sup.store, domid);
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

	for (client = CLIENT; client < CLIENT + NR_CLIENTS; client++)
		configure(client, 50);
	look();
	for (client = CLIENT; client < CLIENT + NR_CLIENTS; client++)
		assert_int_equal(nr_disks(client), 50);
	/* there was nothing to read then */
	assert_in_range(own_reads, 1, 100);
	look();
	all = own_reads;
	assert_in_range(all, 200 * 10, 200 * 40);
	look();
	assert_int_equal(own_reads, all);
	configure_nothing();
	look();
	for (client = CLIENT; client < CLIENT + NR_CLIENTS; client++)
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

/* What is remembered */

/* Of 50 disks for each of two clients, read once */
static void look_at_many(void)
{
	configure(CLIENT, 50);
	configure(CLIENT + 1, 50);
	look();
	look();
	assert_true(fake_watched_reads > 100 * 10);
}

static void test_quiet(void **state)
{
	look_at_many();
	look();
	assert_int_equal(fake_watched_reads, 0);
	/* who runs, and what they are called */
	assert_in_range(own_reads, 1, 30);
}

/* It, and the lists of what is there, of all that it is below. */
#define ONE_NODE 4

static void test_one_changes(void **state)
{
	look_at_many();
	fake_set("1", SERVICE_DIR "/users", CLIENT, 7);
	look();
	assert_int_equal(fake_watched_reads, ONE_NODE);
	fake_set("0", SERVICE_DIR "/users", CLIENT, 7);
	look();
	assert_int_equal(fake_watched_reads, ONE_NODE);
	fake_remove(SERVICE_DIR "/users", CLIENT, 7);
	look();
	assert_int_equal(fake_watched_reads, ONE_NODE - 1);
	look();
	assert_int_equal(fake_watched_reads, 0);
}

static void try_now(void)
{
	struct config_file *file = sup.config.file;
	unsigned int i;

	for (i = 0; i < file->nr_wishes; i++)
		file->wish[i].retry.next = 0;
}

/* One disk, then all of the link, then all that one VM has */
static void test_vanishes(void **state)
{
	configure(CLIENT, 3);
	look();
	look();
	fake_remove(SERVICE_DIR, CLIENT, 1);
	fake_remove(BACK_DIR "/" FIDO_XS_SERVICE "/1", CLIENT);
	assert_int_equal(nr_disks(CLIENT), 2);
	try_now();
	look();
	assert_int_equal(nr_disks(CLIENT), 3);
	look();
	fake_remove(FRONT_DIR, CLIENT);
	fake_remove(BACK_DIR, CLIENT);
	try_now();
	look();
	assert_int_equal(nr_disks(CLIENT), 3);
	look();
	fake_remove("/local/domain/%u/device", CLIENT);
	try_now();
	look();
	assert_int_equal(nr_disks(CLIENT), 3);
}

/* Whatever was not told */
static void test_once_in_a_while(void **state)
{
	look_at_many();
	sup.forget = 0;
	look();
	assert_true(fake_watched_reads > 100 * 10);
	assert_true(sup.forget > now_ms());
	look();
	assert_int_equal(fake_watched_reads, 0);
	assert_true(sup.wake <= sup.forget);
}

/* What a VM makes, has listed and removes */
static void test_too_many_nodes(void **state)
{
	struct memo memo = { 0 };
	char path[32], *value;
	unsigned int i;

	memo_watch(&memo, "/a");
	for (i = 0; i < MEMO_MAX_NODES + 2; i++) {
		snprintf(path, sizeof(path), "/a/%u", i);
		memo_keep_value(&memo, path, NULL);
		assert_in_range(memo.nr, 1, MEMO_MAX_NODES);
	}
	assert_true(memo_value(&memo, path, &value));
	assert_null(value);
	assert_false(memo_value(&memo, "/a/0", &value));
	memo_forget(&memo, path);
	assert_int_equal(memo.nr, 1);
	memo_free(&memo);
}

static void close_disk(const char *path)
{
	if (strcmp(path, "/local/domain/5/device/" FIDO_XS_TYPE "/1/state"))
		return;
	fake_meanwhile = NULL;
	fake_set("0", SERVICE_DIR "/users", CLIENT, 7);
}

static void assert_fires(bool fires)
{
	long long from = now_ms();

	assert_int_equal(store_wait_signals(&sup.store,
					    from + (fires ? 10000 : 1), NULL),
			 fires);
	assert_true(now_ms() < from + 5000);
}

/* They keep nobody, and those that are left over are not lost. */
static void test_many_events(void **state)
{
	unsigned int i;

	configure(CLIENT, 1);
	look();
	for (i = 0; i < 300; i++)
		fake_set(i % 2 ? "0" : "1", SERVICE_DIR "/users", CLIENT, 1);
	store_drain(&sup.store);
	assert_fires(true);
	store_drain(&sup.store);
	assert_fires(false);
}

/* After it was looked at, so this look does not see it. */
static void test_changes_meanwhile(void **state)
{
	configure(CLIENT + 3, 1);
	look_at_many();
	fake_set("1", SERVICE_DIR "/users", CLIENT, 7);
	look();
	assert_fires(false);
	fake_set("4", FRONT_DIR "/state", CLIENT + 3);
	fake_meanwhile = close_disk;
	look();
	assert_null(fake_meanwhile);
	assert_fires(true);
	look();
	assert_int_equal(fake_watched_reads, ONE_NODE);
	assert_fires(false);
	/* of what this look sees nobody needs to be told */
	fake_set("3", FRONT_DIR "/state", CLIENT + 3);
	fake_meanwhile = close_disk;
	look();
	assert_null(fake_meanwhile);
	look();
	assert_fires(false);
}

#define DIR "/local/domain/2/device/" FIDO_XS_TYPE

static void assert_node(const char *path, const char *expected)
{
	char *value = store_read(&sup.store, "%s", path);

	if (expected)
		assert_string_equal(value, expected);
	else
		assert_null(value);
	free(value);
}

/* At most nine of them */
static void assert_names(const char *path, unsigned int expected)
{
	unsigned int nr, i;
	char **names = store_list(&sup.store, &nr, "%s", path);

	assert_int_equal(nr, expected);
	for (i = 0; i < nr; i++)
		assert_int_equal(strlen(names[i]), 1);
	free(names);
}

static void test_parents_come_along(void **state)
{
	assert_names(DIR, 0);
	assert_node(DIR "/1", NULL);
	assert_names(DIR "/1/2", 0);
	fake_set("x", DIR "/1/2/3");
	assert_names(DIR, 1);
	assert_node(DIR "/1", "");
	assert_names(DIR "/1/2", 1);
	fake_set("y", DIR "/1/2/4");
	assert_names(DIR "/1/2", 2);
	fake_reads = 0;
	assert_names(DIR "/1/2", 2);
	assert_node(DIR "/1/2/4", "y");
	assert_int_equal(fake_reads, 1);
}

static void write_and_add(const char *path)
{
	if (strcmp(path, DIR "/1"))
		return;
	fake_meanwhile = NULL;
	fake_set("b", DIR "/1");
	fake_set("c", DIR "/1/2");
}

/* What the reader has got was true a moment ago. */
static void test_changes_behind(void **state)
{
	fake_set("a", DIR "/1");
	fake_meanwhile = write_and_add;
	assert_node(DIR "/1", "a");
	assert_node(DIR "/1", "b");
	assert_names(DIR "/1", 1);
	fake_remove(DIR "/1/2");
	fake_meanwhile = write_and_add;
	assert_names(DIR "/1", 0);
	assert_names(DIR "/1", 1);
	assert_fires(true);
	assert_fires(false);
}

static void test_names_alike(void **state)
{
	fake_set("a", DIR "/1");
	fake_set("b", DIR "/12");
	store_drain(&sup.store);
	assert_node(DIR "/1", "a");
	assert_node(DIR "/12", "b");
	fake_set("c", DIR "/1");
	assert_node(DIR "/1", "c");
	fake_reads = 0;
	assert_node(DIR "/12", "b");
	assert_int_equal(fake_reads, 0);
}

/* '-' comes before '/', and what is between a node and those below hides them. */
static void test_order(void **state)
{
	fake_set("a", DIR "/1");
	fake_set("b", DIR "/1-2");
	fake_set("c", DIR "/1/2");
	store_drain(&sup.store);
	assert_node(DIR "/1", "a");
	assert_node(DIR "/1-2", "b");
	assert_node(DIR "/1/2", "c");
	fake_remove(DIR "/1");
	assert_node(DIR "/1/2", NULL);
	assert_node(DIR "/1", NULL);
	fake_reads = 0;
	assert_node(DIR "/1-2", "b");
	assert_int_equal(fake_reads, 0);
}

static void write_in_transaction(const char *value)
{
	store_begin(&sup.store);
	store_write(&sup.store, DIR, "1", "%s", value);
	assert_node(DIR "/1", value);
	assert_true(store_commit(&sup.store));
}

/* Whatever is told, and when */
static void test_own_changes(void **state)
{
	fake_set("a", DIR "/1");
	store_drain(&sup.store);
	fake_late = true;
	assert_node(DIR "/1", "a");
	store_write(&sup.store, DIR, "1", "b");
	assert_node(DIR "/1", "b");
	write_in_transaction("c");
	assert_node(DIR "/1", "c");
	assert_node(DIR "/2", NULL);
	store_mkdir(&sup.store, DIR "/2", 0, 0);
	assert_node(DIR "/2", "");
	assert_names(DIR, 2);
	store_remove(&sup.store, DIR "/1");
	assert_node(DIR "/1", NULL);
	assert_names(DIR, 1);
	fake_late = false;
	assert_node(DIR "/1", NULL);
}

/* Whoever changes something looks himself. */
static void test_change_looks(void **state)
{
	fake_set("a", DIR "/1");
	store_drain(&sup.store);
	assert_node(DIR "/1", "a");
	assert_names(DIR, 1);
	assert_names(DIR "/1", 0);
	fake_late = true;
	fake_set("b", DIR "/1");
	fake_set("c", DIR "/1/2");
	fake_set("d", DIR "/3");
	store_remove_if_empty(&sup.store, DIR "/1");
	assert_string_equal(fake_get(DIR "/1"), "b");
	store_remove(&sup.store, DIR "/3");
	assert_null(fake_get(DIR "/3"));
	fake_set("e", DIR "/1");
	store_begin(&sup.store);
	assert_node(DIR "/1", "e");
	assert_true(store_commit(&sup.store));
}

/* What a transaction has seen may never be there. */
static void test_transaction_is_not_kept(void **state)
{
	assert_node(DIR "/1", NULL);
	store_begin(&sup.store);
	store_write(&sup.store, DIR, "1", "a");
	assert_node(DIR "/1", "a");
	store_tear(&sup.store);
	assert_false(store_commit(&sup.store));
	/* the fake does not take anything back */
	fake_remove(DIR "/1");
	fake_late = true;
	assert_node(DIR "/1", NULL);
}

static void test_unwatched(void **state)
{
	fake_set("a", "/local/domain/2/devices");
	fake_set("b", DIR "/1");
	store_drain(&sup.store);
	assert_node("/local/domain/2/devices", "a");
	fake_set("c", "/local/domain/2/devices");
	assert_node("/local/domain/2/devices", "c");
	assert_names("/local/domain/2/devices", 0);
	fake_set("", "/local/domain/2/devices/1");
	assert_names("/local/domain/2/devices", 1);
	assert_node(DIR "/1", "b");
	store_unwatch(&sup.store, DIR);
	fake_set("d", DIR "/1");
	assert_node(DIR "/1", "d");
	fake_set("e", DIR "/1");
	assert_node(DIR "/1", "e");
}

#define ONCE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define TOLD(test) cmocka_unit_test_setup_teardown(test, setup_told, teardown)

int main(void)
{
	const struct CMUnitTest once[] = {
		ONCE(test_reads),
		ONCE(test_open_disk),
		ONCE(test_broken_link),
		ONCE(test_refused),
		ONCE(test_recovered),
		ONCE(test_vanishes),
	};
	const struct CMUnitTest told[] = {
		TOLD(test_open_disk),
		TOLD(test_broken_link),
		TOLD(test_refused),
		TOLD(test_recovered),
		TOLD(test_vanishes),
		TOLD(test_quiet),
		TOLD(test_one_changes),
		TOLD(test_once_in_a_while),
		TOLD(test_too_many_nodes),
		TOLD(test_many_events),
		TOLD(test_changes_meanwhile),
		TOLD(test_changes_behind),
		TOLD(test_parents_come_along),
		TOLD(test_names_alike),
		TOLD(test_order),
		TOLD(test_own_changes),
		TOLD(test_change_looks),
		TOLD(test_transaction_is_not_kept),
		TOLD(test_unwatched),
	};

	return cmocka_run_group_tests(once, NULL, NULL) +
		cmocka_run_group_tests(told, NULL, NULL);
}
