// SPDX-License-Identifier: GPL-2.0
/*
 * Server: a file behind.
 *
 * Where the file system reads and writes past the page cache, the lane's thread
 * submits, and whoever completes the request there sends the result, as with a
 * bio. What waits until it is done goes to a workqueue, so that the lane's
 * other requests go on meanwhile: flushes, writes that are to be durable,
 * discards, zeroes, and all reads and writes that go through the page cache.
 *
 * This VM may write out memory to a disk that, by way of other VMs, lies in the
 * file: no allocation here starts I/O, or it could wait for itself.
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/magic.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/uio.h>

#include "backing.h"
#include "blkdev.h"
#include "file.h"
#include "server.h"

/*
 * Requests that may wait in the file system at a time. Most of them wait for
 * the lock of the one file, so more would only be more threads.
 */
#define MMBLK_FILE_WORKERS	16

/* A discard or zeroing is as large as its length can tell */
#define MMBLK_FILE_MAX_SECTORS	(U32_MAX / MMBLK_SECTOR_SIZE)

/*
 * A file is claimed by opening it and looking who else has it open: one at a
 * time, or two who come at once would refuse each other.
 */
static DEFINE_MUTEX(mmblk_file_claims);

/**
 * struct mmblk_file_io - a request in the file system
 * @iocb: of the lane's thread; a worker has one of its own
 * @work: for the workqueue
 * @job: the request's job, not touched after mmblk_job_done()
 * @refs: one of whoever completes it, one of the thread that submits
 * @pos: first byte
 * @flags: of the request
 * @nr_vecs: number of pieces
 * @vec: where the data lies
 */
struct mmblk_file_io {
	struct kiocb iocb;
	struct work_struct work;
	struct mmblk_job *job;
	refcount_t refs;
	u64 pos;
	u8 flags;
	unsigned int nr_vecs;
	struct bio_vec vec[] __counted_by(nr_vecs);
};

static struct mmblk_file *mmblk_file_of(const struct mmblk_job *job)
{
	return &job->lane->server->backing.file;
}

static bool mmblk_file_through(const struct mmblk_job *job)
{
	return job->lane->server->backing.through;
}

static bool mmblk_file_has_data(const struct mmblk_job *job)
{
	return job->op == MMBLK_OP_READ || job->op == MMBLK_OP_WRITE;
}

/*
 * As a loop device does: no memory is written out by who calls the file system,
 * and what waits to be written elsewhere does not slow it down. That may be
 * waiting for this file, by way of other VMs.
 */
static unsigned int mmblk_file_enter(void)
{
	unsigned int flags = current->flags;

	current->flags |= PF_LOCAL_THROTTLE | PF_MEMALLOC_NOIO;
	return flags;
}

static void mmblk_file_leave(unsigned int flags)
{
	current_restore_flags(flags, PF_LOCAL_THROTTLE | PF_MEMALLOC_NOIO);
}

static void mmblk_file_io_put(struct mmblk_file_io *io)
{
	if (refcount_dec_and_test(&io->refs))
		kfree(io);
}

/* The job's end is the last thing: then ->down() may return. */
static void mmblk_file_io_done(struct mmblk_file_io *io, int err)
{
	struct mmblk_job *job = io->job;

	job->status = errno_to_blk_status(err);
	mmblk_file_io_put(io);
	mmblk_job_done(job);
}

/* Reading and writing */

static void mmblk_file_iter(const struct mmblk_file_io *io,
			    struct iov_iter *iter)
{
	iov_iter_bvec(iter, io->job->op == MMBLK_OP_WRITE ? ITER_SOURCE :
							    ITER_DEST,
		      io->vec, io->nr_vecs, io->job->bytes);
}

static void mmblk_file_init_iocb(const struct mmblk_file_io *io,
				 struct kiocb *iocb)
{
	struct mmblk_file *f = mmblk_file_of(io->job);

	init_sync_kiocb(iocb, f->file);
	iocb->ki_pos = io->pos;
	if (f->direct)
		iocb->ki_flags |= IOCB_DIRECT;
	if (io->job->op == MMBLK_OP_WRITE)
		iocb->ki_flags |= IOCB_WRITE;
	if (io->flags & MMBLK_F_FUA)
		iocb->ki_flags |= IOCB_DSYNC;
}

/*
 * With protection against freezing, for a write. vfs_iocb_iter_write() gets
 * its own in some kernels and in others not.
 */
static ssize_t mmblk_file_transfer(struct kiocb *iocb, struct iov_iter *iter)
{
	const struct file_operations *op = iocb->ki_filp->f_op;

	if (iov_iter_rw(iter) == WRITE)
		return op->write_iter(iocb, iter);
	return op->read_iter(iocb, iter);
}

/*
 * To the end, or to the error that prevents it. A read that ends early has met
 * the end of a file that somebody has truncated.
 */
static int mmblk_file_transfer_all(struct kiocb *iocb, struct iov_iter *iter)
{
	ssize_t n;

	do {
		n = mmblk_file_transfer(iocb, iter);
		if (n < 0)
			return n;
	} while (n && iov_iter_count(iter));
	return iov_iter_count(iter) ? -EIO : 0;
}

static int mmblk_file_rw(struct mmblk_file_io *io)
{
	struct super_block *sb = file_inode(mmblk_file_of(io->job)->file)->i_sb;
	bool write = io->job->op == MMBLK_OP_WRITE;
	struct iov_iter iter;
	struct kiocb iocb;
	int err;

	mmblk_file_init_iocb(io, &iocb);
	mmblk_file_iter(io, &iter);
	if (write)
		sb_start_write(sb);
	err = mmblk_file_transfer_all(&iocb, &iter);
	if (write)
		sb_end_write(sb);
	return err;
}

/* Discards and zeroes: what the file system refuses is not tried any more */

static int mmblk_file_allocate(struct mmblk_file_io *io, int mode)
{
	return vfs_fallocate(mmblk_file_of(io->job)->file,
			     mode | FALLOC_FL_KEEP_SIZE, io->pos,
			     io->job->bytes);
}

static int mmblk_file_punch(struct mmblk_file_io *io)
{
	struct mmblk_file *f = mmblk_file_of(io->job);
	int err = -EOPNOTSUPP;

	if (!READ_ONCE(f->no_punch))
		err = mmblk_file_allocate(io, FALLOC_FL_PUNCH_HOLE);
	if (err == -EOPNOTSUPP)
		WRITE_ONCE(f->no_punch, true);
	return err;
}

static int mmblk_file_zero(struct mmblk_file_io *io)
{
	struct mmblk_file *f = mmblk_file_of(io->job);
	int err = -EOPNOTSUPP;

	if (!READ_ONCE(f->no_zero))
		err = mmblk_file_allocate(io, FALLOC_FL_ZERO_RANGE);
	if (err == -EOPNOTSUPP)
		WRITE_ONCE(f->no_zero, true);
	return err;
}

/*
 * A hole reads as zero. If the space is to stay allocated it is allocated
 * again, where the file system cannot do it in one step.
 */
static int mmblk_file_write_zeroes(struct mmblk_file_io *io)
{
	bool keep = io->flags & MMBLK_F_NOUNMAP;
	int err;

	err = keep ? mmblk_file_zero(io) : mmblk_file_punch(io);
	if (err != -EOPNOTSUPP)
		return err;
	if (!keep)
		return mmblk_file_zero(io);
	err = mmblk_file_punch(io);
	return err ? err : mmblk_file_allocate(io, 0);
}

static int mmblk_file_flush(const struct mmblk_file_io *io)
{
	return vfs_fsync(mmblk_file_of(io->job)->file, 1);
}

/* The workqueue */

static int mmblk_file_wait_for(struct mmblk_file_io *io)
{
	int err;

	switch (io->job->op) {
	case MMBLK_OP_READ:
	case MMBLK_OP_WRITE:
		return mmblk_file_rw(io);
	case MMBLK_OP_DISCARD:
		return mmblk_file_punch(io);
	case MMBLK_OP_WRITE_ZEROES:
		err = mmblk_file_write_zeroes(io);
		if (!err && io->flags & MMBLK_F_FUA)
			err = mmblk_file_flush(io);
		return err;
	default:
		return mmblk_file_flush(io);
	}
}

static void mmblk_file_work(struct work_struct *work)
{
	struct mmblk_file_io *io;
	unsigned int flags;
	int err;

	io = container_of(work, struct mmblk_file_io, work);
	flags = mmblk_file_enter();
	err = mmblk_file_wait_for(io);
	mmblk_file_leave(flags);
	mmblk_file_io_done(io, err);
}

static void mmblk_file_queue(struct mmblk_file_io *io)
{
	queue_work(mmblk_file_of(io->job)->wq, &io->work);
}

/* Direct I/O from the lane's thread */

/*
 * A frozen file system is not waited for here. The freeze protection of a write
 * goes from who submits to who completes: lockdep must not look for it with
 * the former.
 */
static bool mmblk_file_write_begin(struct super_block *sb)
{
	if (!sb_start_write_trylock(sb))
		return false;
	__sb_writers_release(sb, SB_FREEZE_WRITE);
	return true;
}

static void mmblk_file_write_end(struct super_block *sb)
{
	__sb_writers_acquired(sb, SB_FREEZE_WRITE);
	sb_end_write(sb);
}

/*
 * Any context. Less than all is done once more, by somebody who can wait: he
 * gets to know the reason. The reference goes with it.
 */
static void mmblk_file_complete(struct kiocb *iocb, long n)
{
	struct mmblk_file_io *io;

	io = container_of(iocb, struct mmblk_file_io, iocb);
	if (io->job->op == MMBLK_OP_WRITE)
		mmblk_file_write_end(file_inode(iocb->ki_filp)->i_sb);
	if (n >= 0 && n != io->job->bytes)
		mmblk_file_queue(io);
	else
		mmblk_file_io_done(io, min(n, 0L));
}

/*
 * The file system may look at its kiocb and at the vectors until it has
 * returned, even if the request was completed before: therefore a reference.
 */
static void mmblk_file_start(struct mmblk_file_io *io)
{
	struct super_block *sb = file_inode(mmblk_file_of(io->job)->file)->i_sb;
	struct iov_iter iter;
	unsigned int flags;
	ssize_t n;

	if (io->job->op == MMBLK_OP_WRITE && !mmblk_file_write_begin(sb)) {
		mmblk_file_queue(io);
		return;
	}
	refcount_inc(&io->refs);
	mmblk_file_init_iocb(io, &io->iocb);
	io->iocb.ki_complete = mmblk_file_complete;
	mmblk_file_iter(io, &iter);

	flags = mmblk_file_enter();
	n = mmblk_file_transfer(&io->iocb, &iter);
	mmblk_file_leave(flags);
	if (n != -EIOCBQUEUED)
		mmblk_file_complete(&io->iocb, n);
	mmblk_file_io_put(io);
}

/* Requests */

static void mmblk_file_add_run(struct mmblk_file_io *io, unsigned int *nr,
			       const struct fido_run *run)
{
	struct page *page = run->page;
	u32 offset = run->offset;
	u32 left = run->len;
	u32 n;

	for (; left; left -= n, page++, offset = 0) {
		n = min_t(u32, left, PAGE_SIZE - offset);
		io->vec[(*nr)++] = (struct bio_vec){
			.bv_page = page, .bv_len = n, .bv_offset = offset,
		};
	}
}

static void mmblk_file_add_pages(struct mmblk_file_io *io)
{
	u32 left = io->job->bytes;
	unsigned int i;
	u32 n;

	for (i = 0; i < io->nr_vecs; i++, left -= n) {
		n = min_t(u32, left, PAGE_SIZE);
		io->vec[i] = (struct bio_vec){
			.bv_page = io->job->pages->page[i], .bv_len = n,
		};
	}
}

static void mmblk_file_add_data(struct mmblk_file_io *io)
{
	struct mmblk_lane *lane = io->job->lane;
	unsigned int i, nr = 0;

	if (io->job->pages) {
		mmblk_file_add_pages(io);
		return;
	}
	for (i = 0; i < lane->nr_runs; i++)
		mmblk_file_add_run(io, &nr, &lane->run[i]);
}

static struct mmblk_file_io *mmblk_file_io_alloc(struct mmblk_job *job)
{
	const struct mmblk_request *r = mmblk_lane_request(job->lane);
	unsigned int nr = mmblk_file_has_data(job) ? mmblk_job_vecs(job) : 0;
	struct mmblk_file_io *io;

	io = kmalloc(struct_size(io, vec, nr), GFP_NOIO | __GFP_NOWARN);
	if (!io)
		return NULL;
	INIT_WORK(&io->work, mmblk_file_work);
	refcount_set(&io->refs, 1);
	io->job = job;
	io->pos = r->sector * MMBLK_SECTOR_SIZE;
	io->flags = r->flags;
	if (mmblk_file_through(job) && (job->op == MMBLK_OP_WRITE ||
					job->op == MMBLK_OP_WRITE_ZEROES))
		io->flags |= MMBLK_F_FUA;
	io->nr_vecs = nr;
	return io;
}

static int mmblk_file_submit(struct mmblk_job *job)
{
	struct mmblk_file_io *io = mmblk_file_io_alloc(job);

	if (!io)
		return -EAGAIN;
	if (io->nr_vecs)
		mmblk_file_add_data(io);
	if (mmblk_file_of(job)->direct && mmblk_file_has_data(job) &&
	    !(io->flags & MMBLK_F_FUA))
		mmblk_file_start(io);
	else
		mmblk_file_queue(io);
	return 0;
}

/* What it is like: direct I/O wants each piece of memory in whole blocks. */

static void mmblk_file_look(const struct mmblk_backing *backing,
			    struct mmblk_wire_device *device)
{
	const struct mmblk_file *f = &backing->file;
	const struct inode *inode = file_inode(f->file);
	u64 bytes = i_size_read(inode);

	*device = (struct mmblk_wire_device){
		.sectors = round_down(bytes, f->block_size) / MMBLK_SECTOR_SIZE,
		.block_size = f->block_size,
		.dma_mask = f->align - 1,
		.read_only = !f->write || sb_rdonly(inode->i_sb),
	};
}

/* There is a page cache or a disk with one below: only a FLUSH makes durable. */
static u16 mmblk_file_flags(const struct mmblk_file *f)
{
	struct super_block *sb = file_inode(f->file)->i_sb;
	u16 flags = MMBLK_C_WRITE_CACHE | MMBLK_C_FUA;

	if (sb->s_bdev && compat_bdev_rotational(sb->s_bdev))
		flags |= MMBLK_C_ROTATIONAL;
	return flags;
}

static void mmblk_file_config(const struct mmblk_backing *backing,
			      struct mmblk_config *config)
{
	const struct mmblk_file *f = &backing->file;
	u32 block = max(f->block_size, i_blocksize(file_inode(f->file)));
	struct mmblk_wire_device device;

	mmblk_file_look(backing, &device);
	*config = (struct mmblk_config){
		.kind = MMBLK_KIND_CONFIG,
		.version = MMBLK_VERSION,
		.flags = mmblk_file_flags(f),
		.max_bytes = MMBLK_MAX_BYTES,
		.sectors = device.sectors,
		.logical_block_size = f->block_size,
		.physical_block_size = block,
		.io_min = block,
	};
	if (device.read_only) {
		config->flags |= MMBLK_C_READ_ONLY;
		return;
	}
	if (!READ_ONCE(f->no_punch)) {
		config->discard_sectors = MMBLK_FILE_MAX_SECTORS;
		config->discard_granularity = block;
	}
	if (!READ_ONCE(f->no_punch) || !READ_ONCE(f->no_zero))
		config->write_zeroes_sectors = MMBLK_FILE_MAX_SECTORS;
}

/*
 * Does it end with this VM? Of an overlay, as live systems have one for their
 * root, the file that has the data counts.
 */
static bool mmblk_file_is_memory(const struct mmblk_file *f)
{
	struct super_block *sb = d_real_inode(f->file->f_path.dentry)->i_sb;

	return sb->s_magic == TMPFS_MAGIC || sb->s_magic == RAMFS_MAGIC ||
	       (sb->s_bdev && mmblk_blkdev_is_memory(sb->s_bdev));
}

/*
 * Until it is flushed, all of a file may be in this VM's memory: its pages, or,
 * if it is written past the page cache, the knowledge of where its blocks are.
 */
static int mmblk_file_keep(struct mmblk_backing *backing)
{
	if (mmblk_file_is_memory(&backing->file))
		return -EOPNOTSUPP;
	backing->through = true;
	/* also what is there already: an image that was just copied, say */
	return vfs_fsync(backing->file.file, 0);
}

/* Opening and closing */

/*
 * At once, so that the file can be claimed anew and its file system unmounted:
 * fput() puts it off, and __fput_sync() is for the kernel's own threads.
 */
static void mmblk_file_let_go(struct work_struct *work)
{
	struct mmblk_file *f = container_of(work, struct mmblk_file, closing);

	__fput_sync(f->file);
}

static void mmblk_file_put(struct mmblk_file *f)
{
	INIT_WORK(&f->closing, mmblk_file_let_go);
	queue_work(f->wq, &f->closing);
	flush_work(&f->closing);
}

static void mmblk_file_close(struct mmblk_backing *backing)
{
	struct mmblk_file *f = &backing->file;

	if (!f->write)
		allow_write_access(f->file);
	mmblk_file_put(f);
	/* the last one that was done may not have left its function yet */
	destroy_workqueue(f->wq);
}

static const struct mmblk_backing_ops mmblk_file_ops = {
	.close = mmblk_file_close,
	.look = mmblk_file_look,
	.config = mmblk_file_config,
	.keep = mmblk_file_keep,
	.submit = mmblk_file_submit,
};

/* Is it a file with contents, and nobody's secret? */
static int mmblk_file_check(const struct mmblk_file *f)
{
	const struct file_operations *op = f->file->f_op;
	const struct inode *inode = file_inode(f->file);

	if (!op->read_iter || !op->fsync || (f->write && !op->write_iter))
		return -EOPNOTSUPP;
	if (IS_SWAPFILE(inode))
		return -ETXTBSY;
	if (f->write && (IS_IMMUTABLE(inode) || IS_APPEND(inode)))
		return -EPERM;
	return 0;
}

/*
 * Who writes is the only one that does, whatever the others are. Who reads
 * keeps all writers away until the file is closed, and can be one of several.
 */
static int mmblk_file_exclude(const struct mmblk_file *f)
{
	if (!f->write)
		return deny_write_access(f->file);
	if (atomic_read(&file_inode(f->file)->i_writecount) != 1)
		return -ETXTBSY;
	return 0;
}

static int mmblk_file_claim(struct mmblk_file *f, const struct path *path)
{
	int flags = O_LARGEFILE | (f->write ? O_RDWR : O_RDONLY);
	struct file *file;
	int err;

	mutex_lock(&mmblk_file_claims);
	file = dentry_open(path, flags, current_cred());
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto out;
	}
	f->file = file;
	err = mmblk_file_check(f);
	if (!err)
		err = mmblk_file_exclude(f);
	if (err)
		mmblk_file_put(f);
out:
	mutex_unlock(&mmblk_file_claims);
	return err;
}

/* What direct I/O needs, from the file system or else its device */
static bool mmblk_file_find_align(struct mmblk_file *f, u32 *block, u32 *mem)
{
	struct block_device *bdev = file_inode(f->file)->i_sb->s_bdev;
	struct kstat stat;

	if (!(f->file->f_mode & FMODE_CAN_ODIRECT))
		return false;
	if (!vfs_getattr(&f->file->f_path, &stat, STATX_DIOALIGN, 0) &&
	    stat.result_mask & STATX_DIOALIGN) {
		*block = stat.dio_offset_align;
		*mem = stat.dio_mem_align;
		return true;
	}
	if (!bdev)
		return false;
	*block = bdev_logical_block_size(bdev);
	*mem = bdev_dma_alignment(bdev) + 1;
	return true;
}

/*
 * A file system that does not say what it needs, or more than the protocol
 * has, gets the requests by way of the page cache, where anything goes.
 */
static void mmblk_file_set_align(struct mmblk_file *f)
{
	u32 block, mem;

	f->block_size = MMBLK_SECTOR_SIZE;
	f->align = MMBLK_SECTOR_SIZE;
	f->direct = mmblk_file_find_align(f, &block, &mem) &&
		    is_power_of_2(block) && block <= FIDO_PAGE_SIZE &&
		    is_power_of_2(mem) && mem <= FIDO_PAGE_SIZE;
	if (!f->direct)
		return;
	f->block_size = max_t(u32, block, MMBLK_SECTOR_SIZE);
	f->align = max(f->block_size, mem);
}

/*
 * Through the page cache the data is copied anyway. Past it, it goes to the
 * device of the file system, if that is one that has one and does nothing else
 * with the data: no checksums, no second device.
 */
static bool mmblk_file_needs_copy(const struct mmblk_file *f)
{
	struct super_block *sb = file_inode(f->file)->i_sb;

	if (!f->direct)
		return false;
	if (sb->s_magic != EXT4_SUPER_MAGIC && sb->s_magic != XFS_SUPER_MAGIC)
		return true;
	return !sb->s_bdev || mmblk_blkdev_needs_copy(sb->s_bdev);
}

/**
 * mmblk_file_open - open a file, exclusively
 * @backing: gets the file
 * @path: of a regular file
 * @write: for writing, too
 *
 * Return: 0; -ETXTBSY if somebody else writes it, serves it, or swaps to it;
 * -EROFS if the file system is read-only; -EPERM if the file is immutable or
 * append-only; -EOPNOTSUPP if there is nothing to read and write; another
 * error.
 */
int mmblk_file_open(struct mmblk_backing *backing, const struct path *path,
		    bool write)
{
	struct mmblk_file *f = &backing->file;
	int err;

	f->write = write;
	/*
	 * __WQ_LEGACY: of the kind that may wait for queues without
	 * WQ_MEM_RECLAIM, as those that create_workqueue() makes. XFS flushes
	 * one of its own when it has no space left: the kernel would warn.
	 */
	f->wq = alloc_workqueue("mmblk_file", __WQ_LEGACY | WQ_MEM_RECLAIM |
				WQ_UNBOUND, MMBLK_FILE_WORKERS);
	if (!f->wq)
		return -ENOMEM;
	err = mmblk_file_claim(f, path);
	if (err) {
		destroy_workqueue(f->wq);
		return err;
	}
	mmblk_file_set_align(f);
	f->no_punch = !f->file->f_op->fallocate;
	f->no_zero = f->no_punch;
	backing->ops = &mmblk_file_ops;
	backing->bounce = mmblk_file_needs_copy(f);
	return 0;
}
