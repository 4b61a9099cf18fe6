// SPDX-License-Identifier: Apache-2.0
#include "agent/signals.h"

#include "agent/clock.h"
#include "base/time.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/* timeout(1) sends its signal to the command, and at once to the group it is in: that is one word, said twice. */
#define SAME_NS (200 * CT_NSEC_PER_MSEC)

static void fill(sigset_t *set)
{
	struct sigaction hangup;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	if (!sigaction(SIGHUP, NULL, &hangup) && hangup.sa_handler != SIG_IGN) // nohup(1) wants it to go on
		sigaddset(set, SIGHUP);
}

int ct_signals_open(void)
{
	sigset_t set;
	int fd;

	fill(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static uint64_t taken_ns;

static void leave_at_once(int number)
{
	if (ct_clock_ns() - taken_ns > SAME_NS)
		_exit(128 + number);
}

bool ct_signals_take(int fd, struct signalfd_siginfo *ret_info)
{
	struct sigaction action = { .sa_handler = leave_at_once, .sa_flags = SA_RESTART };
	sigset_t set;

	if (read(fd, ret_info, sizeof(*ret_info)) != sizeof(*ret_info))
		return false;
	taken_ns = ct_clock_ns();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (ret_info->ssi_signo == SIGHUP)
		sigaction(SIGHUP, &action, NULL);
	fill(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return true;
}
