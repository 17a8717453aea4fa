// SPDX-License-Identifier: GPL-2.0
/*
 * labsh - runs commands in the lab's virtual machines.
 *
 * One static program is both ends of the command channel: "labsh serve" is PID 1
 * (or a daemon) in each VM, "labsh exec" is what the host's scripts call. There is
 * no encryption and no login: the lab is reached through the loopback address of
 * the host alone, and cryptography would cost more than the commands under an emulator.
 *
 * A connection starts with one line "TARGET MODE LENGTH\n" and LENGTH bytes of
 * command. TARGET "-" is the machine itself; for any other address the agent
 * connects there and only copies bytes, which is how dom0 passes commands on to
 * the domUs. After that, both directions carry frames of a type byte and a
 * 32-bit length in network order:
 *
 *   to the agent:   'i' standard input (empty: end of file), 'w' terminal size
 *   to the caller:  'o' standard output, 'e' standard error, 'x' exit code, 'f' failure
 *
 * A command whose caller goes away is killed with its session: a case that ran
 * into its time limit leaves nothing behind.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_PORT	5000
#define MAX_COMMAND	(1 << 20)
#define MAX_FRAME	(1 << 16)
#define CONNECT_MS	8000
#define EXIT_TIMEOUT	124
#define EXIT_CHANNEL	125

static void die(const char *what)
{
	fprintf(stderr, "labsh: %s: %s\n", what, strerror(errno));
	exit(EXIT_CHANNEL);
}

/* Writes everything or reports failure; the descriptor may be non-blocking. */
static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			poll(&pfd, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

static int read_all(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

static int send_frame(int fd, char type, const void *data, uint32_t len)
{
	char buf[5 + MAX_FRAME];
	uint32_t be = htonl(len);

	buf[0] = type;
	memcpy(buf + 1, &be, 4);
	memcpy(buf + 5, data, len);
	return write_all(fd, buf, 5 + len);
}

/* Receives a frame into @buf (MAX_FRAME bytes); returns its length or -1 at the end. */
static int recv_frame(int fd, char *type, char *buf)
{
	unsigned char head[5];
	uint32_t len;

	if (read_all(fd, head, sizeof(head)))
		return -1;
	memcpy(&len, head + 1, 4);
	len = ntohl(len);
	if (len > MAX_FRAME || read_all(fd, buf, len))
		return -1;
	*type = head[0];
	return len;
}

static int read_line(int fd, char *buf, size_t size)
{
	size_t n = 0;

	while (n + 1 < size) {
		if (read_all(fd, buf + n, 1))
			return -1;
		if (buf[n] == '\n')
			break;
		n++;
	}
	buf[n] = '\0';
	return 0;
}

/* Finds a VM that was destroyed without a farewell, yet lets one be paused for a while. */
static void set_keepalive(int fd)
{
	int on = 1, idle = 30, interval = 15, count = 4;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int connect_to(const char *host, int port, int timeout_ms)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct pollfd pfd = { .events = POLLOUT };
	int err = 0, fd;
	socklen_t len = sizeof(err);

	if (inet_pton(AF_INET, host, &sa.sin_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) && errno != EINPROGRESS)
		goto err_close;
	pfd.fd = fd;
	if (poll(&pfd, 1, timeout_ms) != 1) {
		errno = ETIMEDOUT;
		goto err_close;
	}
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		errno = err;
		goto err_close;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	set_keepalive(fd);
	return fd;

err_close:
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* ---- agent ---- */

struct job {
	int sock;
	int in;
	int out;
	int err;
	int pidfd;
	pid_t pid;
	bool pty;
	size_t pending;
	size_t offset;
	char buf[MAX_FRAME];
};

static void fail(int sock, const char *what)
{
	char msg[256];
	int n = snprintf(msg, sizeof(msg), "%s: %s", what, strerror(errno));

	send_frame(sock, 'f', msg, n);
	exit(1);
}

static void copy_stream(int from, int to)
{
	char buf[MAX_FRAME];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && write_all(to, buf, n))
			break;
	shutdown(to, SHUT_WR);
}

/* Passes the connection on to the agent of another VM. */
static void relay(int sock, const char *target, const char *mode, const char *cmd, size_t len)
{
	int fd = connect_to(target, DEFAULT_PORT, CONNECT_MS);
	char head[64];
	pid_t pid;
	int n;

	if (fd < 0)
		fail(sock, target);
	n = snprintf(head, sizeof(head), "- %s %zu\n", mode, len);
	if (write_all(fd, head, n) || write_all(fd, cmd, len))
		fail(sock, target);
	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (pid < 0)
		fail(sock, "fork");
	if (!pid) {
		copy_stream(sock, fd);
		exit(0);
	}
	copy_stream(fd, sock);
	kill(pid, SIGKILL);
	exit(0);
}

static void exec_command(const char *cmd)
{
	char *argv[] = { "bash", "-c", (char *)cmd, NULL };

	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	execv("/bin/bash", argv);
	execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
	_exit(127);
}

static int start_pipes(struct job *job, const char *cmd)
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return -1;
	job->pid = fork();
	if (job->pid < 0)
		return -1;
	if (!job->pid) {
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		exec_command(cmd);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	job->in = in[1];
	job->out = out[0];
	job->err = err[0];
	fcntl(job->in, F_SETFL, O_NONBLOCK);
	return 0;
}

static int start_pty(struct job *job, const char *cmd)
{
	int master;

	job->pid = forkpty(&master, NULL, NULL, NULL);
	if (job->pid < 0)
		return -1;
	if (!job->pid) {
		setenv("TERM", "xterm", 1);
		exec_command(cmd);
	}
	fcntl(master, F_SETFD, FD_CLOEXEC);
	job->out = master;
	job->in = dup(master);
	job->err = -1;
	return 0;
}

/* Sends what @fd has; false when it has ended. */
static bool forward(struct job *job, int fd, char type)
{
	char buf[MAX_FRAME];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		return false;
	if (send_frame(job->sock, type, buf, n)) {
		kill(-job->pid, SIGKILL);
		exit(1);
	}
	return true;
}

static void feed_input(struct job *job)
{
	ssize_t n = write(job->in, job->buf + job->offset, job->pending);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		/* Nobody reads any more: drop what is left, the command decides its exit code. */
		close(job->in);
		job->in = -1;
		job->pending = 0;
		return;
	}
	job->offset += n;
	job->pending -= n;
}

static void take_frame(struct job *job)
{
	unsigned short size[4] = { 0 };
	char type;
	int n = recv_frame(job->sock, &type, job->buf);

	if (n < 0) {
		kill(-job->pid, SIGKILL);
		exit(1);
	}
	if (type == 'w' && n == sizeof(size) && job->pty) {
		memcpy(size, job->buf, n);
		ioctl(job->out, TIOCSWINSZ,
		      &(struct winsize){ ntohs(size[0]), ntohs(size[1]), 0, 0 });
	} else if (type == 'i' && n > 0) {
		job->offset = 0;
		job->pending = job->in >= 0 ? n : 0;
	} else if (type == 'i' && job->in >= 0 && !job->pty) {
		close(job->in);
		job->in = -1;
	}
}

/*
 * Once the command has ended, only what is already in the pipes belongs to it:
 * a daemon may hold them open.
 */
static void drain(struct job *job)
{
	int fds[] = { job->out, job->err };

	for (int i = 0; i < 2; i++) {
		struct pollfd pfd = { .fd = fds[i], .events = POLLIN };

		while (fds[i] >= 0 && poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLIN))
			if (!forward(job, fds[i], i ? 'e' : 'o'))
				break;
	}
}

static void finish(struct job *job)
{
	int status = 0;
	unsigned char code;

	drain(job);
	waitpid(job->pid, &status, 0);
	code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	send_frame(job->sock, 'x', &code, 1);
	exit(0);
}

static void run_job(struct job *job)
{
	for (;;) {
		struct pollfd pfd[] = {
			{ .fd = job->pending ? -1 : job->sock, .events = POLLIN },
			{ .fd = job->pending ? job->in : -1, .events = POLLOUT },
			{ .fd = job->out, .events = POLLIN },
			{ .fd = job->err, .events = POLLIN },
			{ .fd = job->pidfd, .events = POLLIN },
		};

		if (poll(pfd, 5, -1) < 0)
			continue;
		if (pfd[2].revents && !forward(job, job->out, 'o'))
			job->out = -1;
		if (pfd[3].revents && !forward(job, job->err, 'e'))
			job->err = -1;
		if (pfd[1].revents)
			feed_input(job);
		if (pfd[4].revents)
			finish(job);
		if (pfd[0].revents)
			take_frame(job);
	}
}

static void handle(int sock)
{
	static struct job job;
	char line[128], target[64], mode[8], *cmd;
	size_t len;

	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	set_keepalive(sock);
	if (read_line(sock, line, sizeof(line)) ||
	    sscanf(line, "%63s %7s %zu", target, mode, &len) != 3 || len > MAX_COMMAND)
		exit(1);
	cmd = calloc(1, len + 1);
	if (!cmd || read_all(sock, cmd, len))
		exit(1);
	if (strcmp(target, "-"))
		relay(sock, target, mode, cmd, len);
	job.sock = sock;
	job.pty = !strcmp(mode, "pty");
	if (job.pty ? start_pty(&job, cmd) : start_pipes(&job, cmd))
		fail(sock, "starting the command");
	job.pidfd = syscall(SYS_pidfd_open, job.pid, 0);
	if (job.pidfd < 0)
		fail(sock, "pidfd_open");
	fcntl(job.pidfd, F_SETFD, FD_CLOEXEC);
	run_job(&job);
}

static _Noreturn void serve(int port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 128))
		die("listen");
	/* As PID 1 this also reaps every orphan. */
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (sock < 0)
			continue;
		if (!fork()) {
			close(fd);
			handle(sock);
		}
		close(sock);
	}
}

/* ---- caller ---- */

static struct termios saved_termios;
static volatile sig_atomic_t resized = 1;

static void restore_terminal(void)
{
	tcsetattr(0, TCSANOW, &saved_termios);
}

static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

static void raw_terminal(void)
{
	struct termios raw;

	if (tcgetattr(0, &saved_termios))
		return;
	atexit(restore_terminal);
	raw = saved_termios;
	cfmakeraw(&raw);
	tcsetattr(0, TCSANOW, &raw);
	sigaction(SIGWINCH, &(struct sigaction){ .sa_handler = on_resize }, NULL);
}

static void send_size(int sock)
{
	struct winsize ws = { .ws_row = 24, .ws_col = 80 };
	unsigned short size[4] = { 0 };

	ioctl(0, TIOCGWINSZ, &ws);
	size[0] = htons(ws.ws_row);
	size[1] = htons(ws.ws_col);
	send_frame(sock, 'w', size, sizeof(size));
	resized = 0;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void take_output(int sock)
{
	static char buf[MAX_FRAME + 1];
	char type;
	int n = recv_frame(sock, &type, buf);

	if (n < 0) {
		fprintf(stderr, "labsh: the connection was lost\n");
		exit(EXIT_CHANNEL);
	}
	if (type == 'o' || type == 'e') {
		if (write_all(type == 'o' ? 1 : 2, buf, n))
			exit(EXIT_CHANNEL);
	} else if (type == 'x') {
		exit((unsigned char)buf[0]);
	} else {
		fprintf(stderr, "labsh: no answer from %.*s\n", n, buf);
		exit(EXIT_CHANNEL);
	}
}

/*
 * Input goes out by a process of its own, so that this one is always ready to
 * take output: the two ends can then never wait for each other.
 */
static void start_input(int sock, bool tty)
{
	char buf[MAX_FRAME];
	ssize_t n;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (tty && resized)
			send_size(sock);
		n = read(0, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (send_frame(sock, 'i', buf, n))
			_exit(0);
	}
	send_frame(sock, 'i', buf, 0);
	_exit(0);
}

static _Noreturn void exec_remote(int sock, const char *target, bool tty,
				  bool input, int timeout, const char *cmd)
{
	long long end = now_ms() + timeout * 1000LL;
	char head[128];
	int n = snprintf(head, sizeof(head), "%s %s %zu\n", target,
			 tty ? "pty" : "run", strlen(cmd));

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	if (write_all(sock, head, n) || write_all(sock, cmd, strlen(cmd)))
		die("sending the command");
	if (tty)
		raw_terminal();
	if (input)
		start_input(sock, tty);
	else
		send_frame(sock, 'i', "", 0);
	for (;;) {
		struct pollfd pfd = { .fd = sock, .events = POLLIN };
		long long left = timeout ? end - now_ms() : 3600000;

		if (left <= 0) {
			fprintf(stderr, "labsh: no end after %d s\n", timeout);
			exit(EXIT_TIMEOUT);
		}
		if (poll(&pfd, 1, left) == 1)
			take_output(sock);
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: labsh serve [PORT]\n"
		"       labsh exec [-i] [-y] [-t SECONDS] HOST PORT TARGET COMMAND\n"
		"  -i  pass standard input on    -y  with a terminal    -t  give up after SECONDS\n"
		"exit code: that of the command, 124 after a time-out, 125 when the VM does not answer\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool tty = false, input = false;
	int timeout = 0, opt, sock;

	if (argc >= 2 && !strcmp(argv[1], "serve"))
		serve(argc > 2 ? atoi(argv[2]) : DEFAULT_PORT);
	if (argc < 2 || strcmp(argv[1], "exec"))
		return usage();
	optind = 2;
	while ((opt = getopt(argc, argv, "+iyt:")) != -1) {
		switch (opt) {
		case 'i':
			input = true;
			break;
		case 'y':
			tty = true;
			input = true;
			break;
		case 't':
			timeout = atoi(optarg);
			break;
		default:
			return usage();
		}
	}
	if (argc - optind != 4)
		return usage();
	sock = connect_to(argv[optind], atoi(argv[optind + 1]), CONNECT_MS);
	if (sock < 0)
		die("no lab answers");
	exec_remote(sock, argv[optind + 2], tty, input, timeout, argv[optind + 3]);
}
