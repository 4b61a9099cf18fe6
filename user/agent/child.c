// SPDX-License-Identifier: Apache-2.0
#include "agent/child.h"

#include "base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* Stops other than the awaited one that a starting program may make; more means something is wrong. */
#define STOPS_MAX 1000

/* In the child: never returns. */
static void become(char **argv, int report_fd)
{
	int error;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGCONT); // see last_moment.h; without ctxtrace nobody else would let it go
	if (!ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		execvp(argv[0], argv);
	error = errno;
	if (write(report_fd, &error, sizeof(error)) < 0)
		_exit(CT_STATUS_NOT_EXECUTABLE);
	_exit(CT_STATUS_NOT_FOUND);
}

/* Wait for the next stop by SIGTRAP; other signals are handed on. */
static int wait_for_trap(pid_t pid)
{
	int status, signal_number = 0;

	for (int stops = 0; stops < STOPS_MAX; stops++) {
		if (waitpid(pid, &status, __WALL) < 0)
			return -errno;
		if (!WIFSTOPPED(status))
			return -ECHILD;
		signal_number = WSTOPSIG(status);
		if (signal_number == SIGTRAP)
			return 0;
		if (ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)signal_number))
			return -errno;
	}
	return -ELOOP;
}

/* Entry point and loader base from the auxiliary vector. */
static int read_auxv(pid_t pid, uint64_t *ret_entry, uint64_t *ret_base)
{
	uint64_t pair[2];
	char path[64];
	_ct_fclose_ FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fread(pair, sizeof(pair), 1, file) == 1 && pair[0] != AT_NULL) {
		if (pair[0] == AT_ENTRY)
			*ret_entry = pair[1];
		if (pair[0] == AT_BASE)
			*ret_base = pair[1];
	}
	return 0;
}

#ifdef __x86_64__
#define BREAKPOINT 0xccUL

/* Let the dynamic loader do its work: stop where it jumps to the program. */
static int run_to(pid_t pid, uint64_t entry)
{
	struct user_regs_struct registers;
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, (void *)entry, NULL);
	if (errno)
		return -errno;
	if (ptrace(PTRACE_POKETEXT, pid, (void *)entry, (void *)((unsigned long)(word & ~0xffL) | BREAKPOINT)) ||
	    ptrace(PTRACE_CONT, pid, NULL, NULL))
		return -errno;
	if (wait_for_trap(pid))
		return -ECHILD;
	if (ptrace(PTRACE_POKETEXT, pid, (void *)entry, (void *)word) ||
	    ptrace(PTRACE_GETREGS, pid, NULL, &registers))
		return -errno;
	if (registers.rip != entry + 1)
		return -EPROTO;
	registers.rip = entry;
	return ptrace(PTRACE_SETREGS, pid, NULL, &registers) ? -errno : 0;
}
#else
static int run_to(pid_t pid, uint64_t entry)
{
	(void)pid;
	(void)entry;
	return 0; // held at the exec stop: libraries mapped later are found when their first path is walked
}
#endif

static int hold(pid_t pid)
{
	uint64_t entry = 0, base = 0;
	int rc = wait_for_trap(pid);

	if (!rc && ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_EXITKILL))
		rc = -errno;
	if (!rc)
		rc = read_auxv(pid, &entry, &base);
	if (!rc && entry && base) // those of 32 bits are other words: who inspects it says what it is
		rc = run_to(pid, entry);
	return rc;
}

static int exec_failure(const char *name, int error, int *ret_status, struct ct_error *reterr)
{
	bool is_missing = error == ENOENT || error == ENOTDIR;

	*ret_status = is_missing ? CT_STATUS_NOT_FOUND : CT_STATUS_NOT_EXECUTABLE;
	return ct_error_set(reterr, -error, "cannot run %s: %s", name, strerror(error));
}

int ct_child_start(char **argv, pid_t *ret_pid, int *ret_status, struct ct_error *reterr)
{
	int fds[2], error = 0, rc;
	ssize_t got;
	pid_t pid;

	*ret_status = 3;
	if (pipe2(fds, O_CLOEXEC))
		return ct_error_set(reterr, -errno, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		become(argv, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return ct_error_set(reterr, -errno, "cannot fork: %s", strerror(errno));
	}
	got = read(fds[0], &error, sizeof(error));
	close(fds[0]);
	if (got == sizeof(error)) {
		waitpid(pid, NULL, __WALL);
		return exec_failure(argv[0], error, ret_status, reterr);
	}
	rc = hold(pid);
	if (rc) {
		ct_child_kill(pid);
		return ct_error_set(reterr, rc, "cannot hold %s at its start: %s", argv[0], strerror(-rc));
	}
	*ret_pid = pid;
	return 0;
}

int ct_child_release(pid_t pid, struct ct_error *reterr)
{
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL))
		return ct_error_set(reterr, -errno, "cannot let process %d run: %s", (int)pid, strerror(errno));
	return 0;
}

bool ct_child_has_ended(pid_t pid, int *ret_status)
{
	int status;

	if (waitpid(pid, &status, WNOHANG | __WALL) != pid || WIFSTOPPED(status))
		return false;
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return true;
}

void ct_child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
}
