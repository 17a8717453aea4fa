// SPDX-License-Identifier: GPL-2.0
/*
 * XDP programs for the lab's cases, without a compiler for them.
 *
 *   xdp load [-a] [-f] PATH VERDICT [ARG]
 *	load a program and pin it: pass, drop, tx (with the addresses swapped),
 *	aborted, invalid, redirect IFINDEX, tag VID (a VLAN tag is put in
 *	front, then it passes)
 *   xdp echo DEV QUEUE
 *	send all frames back by an AF_XDP socket in copy mode, until killed
 *
 * Programs look at frames of the experimental Ethernet type 0x88b5, and let
 * all others pass; with -a they take all. With -f they know of fragments.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ETHERTYPE	0x88b5
#define ETHERTYPE_VLAN	0x8100U

/* Where the program keeps things on its stack, from its end down */
#define STACK_FRAME	-16
#define STACK_SECOND	-10
#define STACK_TAG	-4

#define NR_FRAMES	256
#define FRAME_SIZE	4096

static void die(const char *what)
{
	fprintf(stderr, "xdp: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Programs */

struct program {
	struct bpf_insn insn[64];
	unsigned int nr;
	int flags;
};

static void emit(struct program *prog, uint8_t code, int dst, int src, int off,
		 int32_t imm)
{
	prog->insn[prog->nr++] = (struct bpf_insn) {
		.code = code,
		.dst_reg = dst,
		.src_reg = src,
		.off = off,
		.imm = imm,
	};
}

static void emit_set(struct program *prog, int reg, int32_t value)
{
	emit(prog, BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, value);
}

static void emit_copy(struct program *prog, int dst, int src)
{
	emit(prog, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void emit_call(struct program *prog, int helper)
{
	emit(prog, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static void emit_return(struct program *prog, int32_t verdict)
{
	emit_set(prog, BPF_REG_0, verdict);
	emit(prog, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Let the frame pass unless the helper has returned zero. */
static void emit_check(struct program *prog)
{
	emit(prog, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0);
	emit_return(prog, XDP_PASS);
}

/* @len bytes between the frame, from @offset on, and the stack */
static void emit_bytes(struct program *prog, int helper, int offset, int stack,
		       int len)
{
	emit_copy(prog, BPF_REG_1, BPF_REG_6);
	emit_set(prog, BPF_REG_2, offset);
	emit_copy(prog, BPF_REG_3, BPF_REG_10);
	emit(prog, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, stack);
	emit_set(prog, BPF_REG_4, len);
	emit_call(prog, helper);
	emit_check(prog);
}

static void emit_begin(struct program *prog, int all)
{
	emit_copy(prog, BPF_REG_6, BPF_REG_1);
	if (all)
		return;
	emit_bytes(prog, BPF_FUNC_xdp_load_bytes, 12, STACK_TAG, 2);
	emit(prog, BPF_LDX | BPF_MEM | BPF_H, BPF_REG_1, BPF_REG_10, STACK_TAG,
	     0);
	emit(prog, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 2,
	     htons(ETHERTYPE));
	emit_return(prog, XDP_PASS);
}

static void emit_tx(struct program *prog)
{
	emit_bytes(prog, BPF_FUNC_xdp_load_bytes, 6, STACK_FRAME, 6);
	emit_bytes(prog, BPF_FUNC_xdp_load_bytes, 0, STACK_SECOND, 6);
	emit_bytes(prog, BPF_FUNC_xdp_store_bytes, 0, STACK_FRAME, 12);
	emit_return(prog, XDP_TX);
}

static void emit_redirect(struct program *prog, int ifindex)
{
	emit_set(prog, BPF_REG_1, ifindex);
	emit_set(prog, BPF_REG_2, 0);
	emit_call(prog, BPF_FUNC_redirect);
	emit(prog, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_tag(struct program *prog, int vid)
{
	emit_bytes(prog, BPF_FUNC_xdp_load_bytes, 0, STACK_FRAME, 12);
	emit(prog, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, STACK_TAG,
	     htonl(ETHERTYPE_VLAN << 16 | vid));
	emit_copy(prog, BPF_REG_1, BPF_REG_6);
	emit_set(prog, BPF_REG_2, -4);
	emit_call(prog, BPF_FUNC_xdp_adjust_head);
	emit_check(prog);
	emit_bytes(prog, BPF_FUNC_xdp_store_bytes, 0, STACK_FRAME, 16);
	emit_return(prog, XDP_PASS);
}

static void emit_socket(struct program *prog, int map)
{
	/* of the same number as the queue */
	emit(prog, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_6,
	     offsetof(struct xdp_md, rx_queue_index), 0);
	emit(prog, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0,
	     map);
	emit(prog, 0, 0, 0, 0, 0);
	emit_set(prog, BPF_REG_3, XDP_PASS);
	emit_call(prog, BPF_FUNC_redirect_map);
	emit(prog, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int load(const struct program *prog)
{
	static char log[1 << 16];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.expected_attach_type = BPF_XDP,
		.insns = (uintptr_t)prog->insn,
		.insn_cnt = prog->nr,
		.license = (uintptr_t)"GPL",
		.prog_flags = prog->flags,
		.log_buf = (uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1,
	};
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0) {
		fputs(log, stderr);
		die("loading the program");
	}
	return fd;
}

static int emit_verdict(struct program *prog, const char *verdict,
			const char *arg)
{
	if (!strcmp(verdict, "pass"))
		emit_return(prog, XDP_PASS);
	else if (!strcmp(verdict, "drop"))
		emit_return(prog, XDP_DROP);
	else if (!strcmp(verdict, "aborted"))
		emit_return(prog, XDP_ABORTED);
	else if (!strcmp(verdict, "invalid"))
		emit_return(prog, 77);
	else if (!strcmp(verdict, "tx"))
		emit_tx(prog);
	else if (!strcmp(verdict, "redirect") && arg)
		emit_redirect(prog, atoi(arg));
	else if (!strcmp(verdict, "tag") && arg)
		emit_tag(prog, atoi(arg));
	else
		return -1;
	return 0;
}

static int show_usage(void)
{
	fputs("usage: xdp load [-a] [-f] PATH VERDICT [ARG]\n"
	      "       xdp echo DEV QUEUE\n", stderr);
	return 2;
}

static int cmd_load(int argc, char **argv)
{
	union bpf_attr pin = {};
	struct program prog = {};
	int opt, all = 0;

	while ((opt = getopt(argc, argv, "af")) != -1) {
		if (opt == 'a')
			all = 1;
		else if (opt == 'f')
			prog.flags |= BPF_F_XDP_HAS_FRAGS;
		else
			return show_usage();
	}
	if (argc - optind < 2)
		return show_usage();
	emit_begin(&prog, all);
	if (emit_verdict(&prog, argv[optind + 1], argv[optind + 2]))
		return show_usage();

	pin.pathname = (uintptr_t)argv[optind];
	pin.bpf_fd = load(&prog);
	unlink(argv[optind]);
	if (bpf(BPF_OBJ_PIN, &pin))
		die("pinning the program");
	return 0;
}

/* AF_XDP */

struct ring {
	uint32_t *producer;
	uint32_t *consumer;
	void *desc;
	uint32_t mask;
};

struct echo {
	int fd;
	uint8_t *umem;
	struct ring fill;
	struct ring done;
	struct ring rx;
	struct ring tx;
};

static void option(int fd, int name, const void *value, size_t size)
{
	if (setsockopt(fd, SOL_XDP, name, value, size))
		die("setting up the socket");
}

static void map_ring(int fd, int name, struct ring *ring, size_t desc_size,
		     const struct xdp_ring_offset *off, off_t pgoff)
{
	int nr = NR_FRAMES;
	uint8_t *mem;

	option(fd, name, &nr, sizeof(nr));
	mem = mmap(NULL, off->desc + nr * desc_size, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_POPULATE, fd, pgoff);
	if (mem == MAP_FAILED)
		die("mapping a ring");
	ring->producer = (uint32_t *)(mem + off->producer);
	ring->consumer = (uint32_t *)(mem + off->consumer);
	ring->desc = mem + off->desc;
	ring->mask = nr - 1;
}

static void map_rings(struct echo *echo)
{
	struct xdp_mmap_offsets off;
	socklen_t size = sizeof(off);

	if (getsockopt(echo->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &size))
		die("asking for the rings");
	map_ring(echo->fd, XDP_UMEM_FILL_RING, &echo->fill, sizeof(uint64_t),
		 &off.fr, XDP_UMEM_PGOFF_FILL_RING);
	map_ring(echo->fd, XDP_UMEM_COMPLETION_RING, &echo->done,
		 sizeof(uint64_t), &off.cr, XDP_UMEM_PGOFF_COMPLETION_RING);
	map_ring(echo->fd, XDP_RX_RING, &echo->rx, sizeof(struct xdp_desc),
		 &off.rx, XDP_PGOFF_RX_RING);
	map_ring(echo->fd, XDP_TX_RING, &echo->tx, sizeof(struct xdp_desc),
		 &off.tx, XDP_PGOFF_TX_RING);
}

static void make_umem(struct echo *echo)
{
	struct xdp_umem_reg reg = {
		.len = NR_FRAMES * FRAME_SIZE,
		.chunk_size = FRAME_SIZE,
	};

	echo->umem = mmap(NULL, reg.len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (echo->umem == MAP_FAILED)
		die("allocating frames");
	reg.addr = (uintptr_t)echo->umem;
	option(echo->fd, XDP_UMEM_REG, &reg, sizeof(reg));
}

static int has_entry(const struct ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) !=
	       *ring->consumer;
}

/* There always is room: no ring is smaller than the number of frames. */
static void push_addr(struct ring *ring, uint64_t addr)
{
	uint32_t index = *ring->producer;

	((uint64_t *)ring->desc)[index & ring->mask] = addr;
	__atomic_store_n(ring->producer, index + 1, __ATOMIC_RELEASE);
}

static void consumed(struct ring *ring)
{
	__atomic_store_n(ring->consumer, *ring->consumer + 1, __ATOMIC_RELEASE);
}

static void swap_addresses(uint8_t *frame)
{
	uint8_t saved[6];

	memcpy(saved, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, saved, 6);
}

static void send_back(struct echo *echo)
{
	const struct xdp_desc *from = echo->rx.desc;
	struct xdp_desc *to = echo->tx.desc;
	uint32_t index = *echo->tx.producer;

	from += *echo->rx.consumer & echo->rx.mask;
	swap_addresses(echo->umem + from->addr);
	to[index & echo->tx.mask] = *from;
	consumed(&echo->rx);
	__atomic_store_n(echo->tx.producer, index + 1, __ATOMIC_RELEASE);
}

static void refill(struct echo *echo)
{
	const uint64_t *addr = echo->done.desc;

	while (has_entry(&echo->done)) {
		push_addr(&echo->fill,
			  addr[*echo->done.consumer & echo->done.mask] &
			  ~(uint64_t)(FRAME_SIZE - 1));
		consumed(&echo->done);
	}
}

/* In copy mode, sending is done by the call, a few at a time. */
static void echo_all(struct echo *echo)
{
	struct pollfd pollfd = { .fd = echo->fd, .events = POLLIN };

	for (;;) {
		poll(&pollfd, 1, 100);
		while (has_entry(&echo->rx))
			send_back(echo);
		while (has_entry(&echo->tx)) {
			if (sendto(echo->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) &&
			    errno != EAGAIN && errno != EBUSY &&
			    errno != ENOBUFS)
				die("sending");
			refill(echo);
		}
		refill(echo);
	}
}

static int make_map(int queue, int fd)
{
	union bpf_attr create = {
		.map_type = BPF_MAP_TYPE_XSKMAP,
		.key_size = sizeof(int),
		.value_size = sizeof(int),
		.max_entries = queue + 1,
	};
	union bpf_attr update = {
		.key = (uintptr_t)&queue,
		.value = (uintptr_t)&fd,
	};
	int map = bpf(BPF_MAP_CREATE, &create);

	if (map < 0)
		die("making a map");
	update.map_fd = map;
	if (bpf(BPF_MAP_UPDATE_ELEM, &update))
		die("adding the socket to the map");
	return map;
}

/* Detached when the process ends. */
static void attach(int prog, int ifindex)
{
	union bpf_attr attr = {
		.link_create = {
			.prog_fd = prog,
			.target_ifindex = ifindex,
			.attach_type = BPF_XDP,
			.flags = XDP_FLAGS_DRV_MODE,
		},
	};

	if (bpf(BPF_LINK_CREATE, &attr) < 0)
		die("attaching the program");
}

static int cmd_echo(const char *dev, int queue)
{
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY,
		.sxdp_queue_id = queue,
	};
	struct program prog = {};
	struct echo echo = {};
	int i;

	address.sxdp_ifindex = if_nametoindex(dev);
	echo.fd = socket(AF_XDP, SOCK_RAW, 0);
	if (echo.fd < 0)
		die("making a socket");
	make_umem(&echo);
	map_rings(&echo);
	for (i = 0; i < NR_FRAMES; i++)
		push_addr(&echo.fill, (uint64_t)i * FRAME_SIZE);
	if (bind(echo.fd, (struct sockaddr *)&address, sizeof(address)))
		die("binding the socket");

	emit_begin(&prog, 0);
	emit_socket(&prog, make_map(queue, echo.fd));
	attach(load(&prog), address.sxdp_ifindex);
	puts("ready");
	fflush(stdout);
	echo_all(&echo);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "load"))
		return cmd_load(argc - 1, argv + 1);
	if (argc == 4 && !strcmp(argv[1], "echo"))
		return cmd_echo(argv[2], atoi(argv[3]));
	return show_usage();
}
