// SPDX-License-Identifier: Apache-2.0
#include "agent/stop.h"

#include "agent/clock.h"
#include "agent/registers.h"
#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* A thread in an uninterruptible sleep stops when that ends; the others must not wait for it longer than this. */
#define STOP_NS CT_NSEC_PER_SEC
#define POLL_NS (50 * CT_NSEC_PER_USEC)
#define POLL_NS_MAX (10 * CT_NSEC_PER_MSEC) /* what is more is time in which we did not run: the threads had none either */

/* A line of /proc/PID/status, the word behind its name. @return 0 or -ESRCH. */
static int read_status(pid_t pid, char *ret_state, int *ret_tracer)
{
	_ct_fclose_ FILE *file = NULL;
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -ESRCH;
	*ret_state = '?';
	*ret_tracer = 0;
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", ret_state);
		if (sscanf(line, "TracerPid: %d", ret_tracer) == 1)
			return 0;
	}
	return 0;
}

int ct_stop_check(pid_t pid, bool expects_stopped, struct ct_error *reterr)
{
	char state;
	int tracer, rc = read_status(pid, &state, &tracer);

	if (rc)
		return ct_error_set(reterr, rc, "process %d is gone", (int)pid);
	if (tracer) {
		ct_error_set(reterr, -EBUSY, "--stop: process %d is traced already, by process %d", (int)pid, tracer);
		ct_error_hint(reterr, "end that debugger or strace first, or leave --stop out");
		return -EBUSY;
	}
	if (state == 'T' && !expects_stopped) {
		ct_error_set(reterr, -EBUSY, "--stop: process %d is stopped already, by a signal", (int)pid);
		ct_error_hint(reterr, "let it run first: kill -CONT %d", (int)pid);
		return -EBUSY;
	}
	return 0;
}

static struct ct_held *find(const struct ct_stop *stop, pid_t tid)
{
	for (size_t i = stop->count; i--;) // they come in the order of their numbers
		if (stop->threads[i].tid == tid)
			return &stop->threads[i];
	return NULL;
}

static int add(struct ct_stop *stop, pid_t tid)
{
	if (stop->count == stop->room) {
		size_t room = stop->room * 2 + 64;
		struct ct_held *more = realloc(stop->threads, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		stop->threads = more;
		stop->room = room;
	}
	stop->threads[stop->count++] = (struct ct_held){ .tid = tid };
	return 0;
}

/* Threads that have ended, and those the kernel has made for itself (io_uring), run no code of the program. */
static bool runs_code(const struct ct_stop *stop, pid_t tid)
{
	_ct_fclose_ FILE *file = NULL;
	char path[64], line[512], *end;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)stop->pid, (int)tid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		return false;
	end = strrchr(line, ')');
	return end && !strstr(line, "(iou-") && end[1] && end[2] != 'Z' && end[2] != 'X';
}

static int seize(struct ct_stop *stop, pid_t tid)
{
	int rc = add(stop, tid);

	if (rc)
		return rc;
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
		rc = errno == ESRCH || !runs_code(stop, tid) ? 0 : -errno;
		stop->threads[stop->count - 1].tid = -tid; // known, and nobody to be waited for
		stop->threads[stop->count - 1].is_stopped = true;
		return rc;
	}
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) && errno != ESRCH)
		return -errno;
	return 0;
}

/* Seize every thread that is not yet. @return how many were new, or negative errno. */
static int seize_new(struct ct_stop *stop)
{
	char path[64];
	const struct dirent *entry;
	int new = 0, rc = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)stop->pid);
	directory = opendir(path);
	if (!directory)
		return -ESRCH;
	while (!rc && (entry = readdir(directory))) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid <= 0 || find(stop, tid) || find(stop, -tid))
			continue;
		rc = seize(stop, tid);
		new ++;
	}
	closedir(directory);
	return rc ? rc : new;
}

/*
 * One look at a thread: has it stopped? What it stopped for, if that was a signal, is delivered later. The status of a
 * process that has ended is left for whoever started it.
 */
static void look_at(const struct ct_stop *stop, struct ct_held *held)
{
	siginfo_t info = { 0 };
	int status;

	if (waitid(P_PID, (id_t)held->tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL)) {
		held->is_stopped = true; // gone, with nothing left to be told
		held->tid = -held->tid;
		return;
	}
	if (!info.si_pid)
		return;
	held->is_stopped = true;
	if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) {
		if (held->tid != stop->pid)
			waitpid(held->tid, &status, __WALL);
		held->tid = -held->tid;
		return;
	}
	if (waitpid(held->tid, &status, __WALL) == held->tid && WIFSTOPPED(status) && status >> 16 == 0)
		held->signal = WSTOPSIG(status);
}

static uint64_t nap(void)
{
	struct timespec pause = { .tv_nsec = (long)POLL_NS };
	uint64_t began_ns = ct_clock_ns(), took_ns;

	nanosleep(&pause, NULL);
	took_ns = ct_clock_ns() - began_ns;
	return took_ns < POLL_NS_MAX ? took_ns : POLL_NS_MAX;
}

static int wait_for_all(struct ct_stop *stop, uint64_t *waited_ns)
{
	for (;;) {
		size_t running = 0;

		for (size_t i = 0; i < stop->count; i++) {
			if (!stop->threads[i].is_stopped)
				look_at(stop, &stop->threads[i]);
			running += !stop->threads[i].is_stopped;
		}
		if (!running)
			return 0;
		if (*waited_ns > STOP_NS)
			return -ETIMEDOUT;
		*waited_ns += nap();
	}
}

/* A thread may start another one until it stands: only when a listing brings nothing new, all do. */
static int stop_all(struct ct_stop *stop)
{
	uint64_t waited_ns = 0;
	int new, rc = 0;

	do {
		new = seize_new(stop);
		if (new > 0)
			rc = wait_for_all(stop, &waited_ns);
	} while (new > 0 && !rc);
	return new < 0 ? new : rc;
}

static int refuse(const struct ct_stop *stop, int rc, struct ct_error *reterr)
{
	switch (rc) {
	case -ETIMEDOUT:
		ct_error_set(reterr, rc, "--stop: a thread of process %d did not stop within a second, it is deep in the kernel; "
					 "all run again", (int)stop->pid);
		ct_error_hint(reterr, "try again, or leave --stop out");
		return rc;
	case -EPERM:
	case -EACCES:
		ct_error_set(reterr, rc, "--stop: process %d may not be stopped", (int)stop->pid);
		ct_error_hint(reterr, "stopping takes what ptrace takes: CAP_SYS_PTRACE, and nobody else who traces it");
		return rc;
	case -ESRCH:
		return ct_error_set(reterr, rc, "process %d has ended", (int)stop->pid);
	default:
		return ct_error_set(reterr, rc, "--stop: process %d could not be stopped: %s", (int)stop->pid,
				    strerror(-rc));
	}
}

int ct_stop_all(struct ct_stop *stop, pid_t pid, bool expects_stopped, struct ct_error *reterr)
{
	int rc = ct_stop_check(pid, expects_stopped, reterr);

	if (rc)
		return rc;
	*stop = (struct ct_stop){ .pid = pid, .began_ns = ct_clock_ns() };
	rc = stop_all(stop);
	if (rc) {
		ct_stop_end(stop);
		stop->pid = pid;
		return refuse(stop, rc, reterr);
	}
	stop->stopped_ns = ct_clock_ns();
	return 0;
}

static int take_registers(pid_t tid, struct ct_thread *thread)
{
	ct_registers registers;
	struct iovec general = { &registers, sizeof(registers) };
	_ct_free_ uint8_t *words = malloc(sizeof(registers) + CT_VECTOR_BYTES);
	struct iovec vector = { words + sizeof(registers), CT_VECTOR_BYTES };

	if (!words)
		return -ENOMEM;
	if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)NT_PRSTATUS, &general))
		return -errno;
	if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)CT_VECTOR_REGSET, &vector))
		return -errno;
	memcpy(words, &registers, sizeof(registers));
	*thread = (struct ct_thread){
		.id = (int)tid,
		.pc = CT_REGISTERS_PC(&registers),
		.sp = CT_REGISTERS_SP(&registers),
		.frame = CT_REGISTERS_FRAME(&registers),
		.words_count = (sizeof(registers) + vector.iov_len) / 8,
	};
	thread->words = (uint64_t *)(void *)ct_move_ptr(words);
	return 0;
}

int ct_stop_registers(const struct ct_stop *stop, struct ct_threads *threads)
{
	threads->list = calloc(stop->count + 1, sizeof(*threads->list));
	if (!threads->list)
		return -ENOMEM;
	for (size_t i = 0; i < stop->count; i++) {
		pid_t tid = stop->threads[i].tid;
		int rc = tid > 0 ? take_registers(tid, &threads->list[threads->count]) : -ESRCH;

		if (rc && rc != -ESRCH)
			return rc;
		threads->count += !rc;
	}
	return 0;
}

uint64_t ct_stop_end(struct ct_stop *stop)
{
	uint64_t paused_ns;

	if (!stop->pid)
		return 0;
	for (size_t i = 0; i < stop->count; i++) {
		struct ct_held *held = &stop->threads[i];

		if (!held->is_stopped)
			look_at(stop, held);
		if (held->tid > 0 && held->is_stopped)
			ptrace(PTRACE_DETACH, held->tid, NULL, (void *)(intptr_t)held->signal);
	}
	// a thread that did not stop cannot be let go: it is when ctxtrace ends, or is killed with its process
	paused_ns = ct_clock_ns() - stop->began_ns;
	free(stop->threads);
	*stop = (struct ct_stop){ 0 };
	return paused_ns;
}
