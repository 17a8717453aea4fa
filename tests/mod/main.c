// SPDX-License-Identifier: GPL-2.0
/*
 * Test client of Fido: services of type "test".
 *
 * An ordinary client: it uses include/fido.h and nothing else. Both ends load
 * it; tests are started by writing into debugfs, in a directory for each
 * service, and take place in the writer's context:
 *
 *   cd /sys/kernel/debug/fido_test/fido-1.0
 *
 *   echo 1000 > ping            1000 round trips of a message without memory
 *   cat result                  ... and how long they took
 *   echo "500 16" > stream      500 messages of 16 pages; the receiver compares
 *                               each byte with a pattern, when it comes and
 *                               again before it gives it back
 *   echo "500 16 odd" > stream  the same with odd offsets and lengths
 *   echo "9000 16 sum" > stream bandwidth by pointer: the receiver reads all
 *                               words ("touch": one of each page)
 *   echo "9 1 corrupt" > stream a wrong byte, which must be found: fails
 *
 *   echo 20 > hold              the receiver keeps 20 messages ...
 *   echo 1 > order              ... and gives them back in random order
 *                               (0: as they came, 2: the latest first)
 *   echo 4 > flood              sends messages of 4 pages without end, over
 *                               reconnects, with no file open; 0 stops it
 *   cat status                  counters, "name value" a line
 *
 * The writer gets an error if a test fails: EBADMSG if the receiver saw wrong
 * data, ENOLINK if the service went down, ETIMEDOUT, EBUSY.
 *
 * A domain between two others hands on by address what it gets:
 *
 *   echo fido-2.0 > fido-1.0/forward    what comes by fido-1.0 leaves by
 *   echo fido-1.0 > fido-2.0/forward    fido-2.0, and the answers back
 *
 * Then all tests of its neighbours work end to end. In status, "forwarded"
 * counts messages that left with the address they came with, "bounced" those
 * that had to be copied since the neighbours cannot read each other.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "fido_test.h"

#define TEST_NR_SLOTS	64
#define TEST_SLOT_SIZE	512
#define TEST_NR_IDS	64

struct workqueue_struct *test_wq;

static DEFINE_MUTEX(test_services_lock);	/* guards test_services */
static LIST_HEAD(test_services);

static void test_service_release(struct kref *ref)
{
	struct test_service *svc = container_of(ref, struct test_service, ref);

	mutex_destroy(&svc->rx_lock);
	mutex_destroy(&svc->tx_lock);
	mutex_destroy(&svc->job_lock);
	kfree(svc);
}

/**
 * test_put - drop a reference
 * @svc: service
 */
void test_put(struct test_service *svc)
{
	kref_put(&svc->ref, test_service_release);
}

/**
 * test_find - find a service
 * @name: name of its device
 *
 * Return: the service, to be given back by test_put(), or NULL.
 */
struct test_service *test_find(const char *name)
{
	struct test_service *svc, *found = NULL;

	mutex_lock(&test_services_lock);
	list_for_each_entry(svc, &test_services, list)
		if (!strcmp(dev_name(&svc->fdev->dev), name))
			found = svc;
	if (found)
		kref_get(&found->ref);
	mutex_unlock(&test_services_lock);
	return found;
}

/**
 * test_kick_others - something moved: who waits for it should look
 * @svc: service that moved
 */
void test_kick_others(struct test_service *svc)
{
	struct test_service *other;

	mutex_lock(&test_services_lock);
	list_for_each_entry(other, &test_services, list)
		if (other != svc && READ_ONCE(other->forward[0]))
			mod_delayed_work(test_wq, &other->work, 0);
	mutex_unlock(&test_services_lock);
}

static void test_event(struct fido_chan *chan, void *priv)
{
	struct test_service *svc = priv;

	mod_delayed_work(test_wq, &svc->work, 0);
}

static int test_up(struct fido_device *fdev)
{
	struct test_service *svc = fido_get_drvdata(fdev);

	mutex_lock(&svc->rx_lock);
	mutex_lock(&svc->tx_lock);
	svc->chan = fido_chan(fdev, 0);
	fido_chan_set_priv(svc->chan, svc);
	svc->expected = 0;
	svc->count.ups++;
	WRITE_ONCE(svc->up, true);
	mutex_unlock(&svc->tx_lock);
	mutex_unlock(&svc->rx_lock);
	if (READ_ONCE(svc->flood))
		queue_work(test_wq, &svc->flood_work);
	return 0;
}

/* What is held is not released: the peer sees it by the generation. */
static void test_down(struct fido_device *fdev)
{
	struct test_service *svc = fido_get_drvdata(fdev);

	mutex_lock(&svc->rx_lock);
	mutex_lock(&svc->tx_lock);
	WRITE_ONCE(svc->up, false);
	svc->chan = NULL;
	svc->stashed = false;
	test_held_drop(svc);
	mutex_unlock(&svc->tx_lock);
	mutex_unlock(&svc->rx_lock);
	wake_up_all(&svc->wait);
}

static struct test_service *test_service_alloc(struct fido_device *fdev)
{
	struct test_service *svc = kzalloc(sizeof(*svc), GFP_KERNEL);

	if (!svc)
		return NULL;
	kref_init(&svc->ref);
	svc->fdev = fdev;
	mutex_init(&svc->rx_lock);
	mutex_init(&svc->tx_lock);
	mutex_init(&svc->job_lock);
	INIT_DELAYED_WORK(&svc->work, test_work_fn);
	INIT_WORK(&svc->flood_work, test_flood_fn);
	init_waitqueue_head(&svc->wait);
	INIT_LIST_HEAD(&svc->held);
	return svc;
}

/* Nobody finds it any more; then wait for those who did. */
static void test_service_end(struct test_service *svc)
{
	mutex_lock(&test_services_lock);
	list_del(&svc->list);
	mutex_unlock(&test_services_lock);
	test_debugfs_remove(svc);
	WRITE_ONCE(svc->flood, 0);
	cancel_work_sync(&svc->flood_work);
	cancel_delayed_work_sync(&svc->work);
	test_put(svc);
}

static int test_probe(struct fido_device *fdev)
{
	static const struct fido_service_config config = {
		.nr_channels = 1,
		.nr_slots = TEST_NR_SLOTS,
		.slot_size = TEST_SLOT_SIZE,
		.nr_ids = TEST_NR_IDS,
		.hold = FIDO_HOLD_PAGES,
		.event = test_event,
	};
	struct test_service *svc = test_service_alloc(fdev);
	int err;

	if (!svc)
		return -ENOMEM;
	fido_set_drvdata(fdev, svc);
	mutex_lock(&test_services_lock);
	list_add_tail(&svc->list, &test_services);
	mutex_unlock(&test_services_lock);
	test_debugfs_add(svc);

	err = fido_enable(fdev, &config);
	if (err) {
		fido_error(fdev, err, "cannot enable");
		test_service_end(svc);
	}
	return err;
}

static void test_remove(struct fido_device *fdev)
{
	struct test_service *svc = fido_get_drvdata(fdev);

	fido_disable(fdev);
	test_service_end(svc);
}

static struct fido_driver test_driver = {
	.type = TEST_TYPE,
	.probe = test_probe,
	.remove = test_remove,
	.up = test_up,
	.down = test_down,
};

static int __init test_init(void)
{
	int err;

	BUILD_BUG_ON(sizeof(struct test_msg) >
		     TEST_SLOT_SIZE - sizeof(struct fido_slot));

	test_wq = alloc_workqueue("fido_test", WQ_UNBOUND, 0);
	if (!test_wq)
		return -ENOMEM;
	test_debugfs_init();
	err = fido_driver_register(&test_driver);
	if (err)
		goto err_debugfs_exit;
	return 0;

err_debugfs_exit:
	test_debugfs_exit();
	destroy_workqueue(test_wq);
	return err;
}

static void __exit test_exit(void)
{
	fido_driver_unregister(&test_driver);
	test_debugfs_exit();
	destroy_workqueue(test_wq);
}

module_init(test_init);
module_exit(test_exit);

MODULE_DESCRIPTION("Test client of Fido");
MODULE_LICENSE("GPL");
MODULE_ALIAS_FIDO(TEST_TYPE);
