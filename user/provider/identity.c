// SPDX-License-Identifier: Apache-2.0
#include "provider/identity.h"

#include "base/cleanup.h"
#include "base/time.h"
#include "provider/capabilities.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

struct status {
	pid_t group;
	char state;
	bool has_memory; /* kernel threads have none */
};

static int read_status(pid_t pid, struct status *ret)
{
	_ct_fclose_ FILE *file = NULL;
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "Tgid: %d", &ret->group);
		sscanf(line, "State: %c", &ret->state);
		ret->has_memory |= !strncmp(line, "VmSize:", 7);
	}
	return 0;
}

/* Field 22, counted from behind the last ')': the name before it may contain anything. */
static uint64_t read_start(pid_t pid)
{
	_ct_close_ int fd = -1;
	char path[64], text[1024];
	uint64_t ticks;
	ssize_t length;
	char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, " %" SCNu64, &ticks) == 1 ? ticks : 0;
}

/* /proc may be mounted so that it hides others' processes (hidepid). */
static int not_seen(pid_t pid, int rc, struct ct_error *reterr)
{
	bool is_hidden = !kill(pid, 0) || errno == EPERM;

	if (!is_hidden)
		return ct_error_set(reterr, -ESRCH, "there is no process %d", (int)pid);
	rc = ct_error_set(reterr, -EACCES, "process %d cannot be looked at: %s", (int)pid, strerror(-rc));
	ct_capabilities_hint(true, reterr);
	return rc;
}

int ct_identify(pid_t pid, uint64_t *ret_start_ticks, struct ct_error *reterr)
{
	struct status status = {0};
	int rc;

	if (pid <= 0)
		return ct_error_set(reterr, -ESRCH, "there is no process %d", (int)pid);
	if (pid == getpid())
		return ct_error_set(reterr, -EINVAL, "process %d is ctxtrace itself", (int)pid);
	rc = read_status(pid, &status);
	if (rc)
		return not_seen(pid, rc, reterr);
	if (status.group != pid) {
		rc = ct_error_set(reterr, -EINVAL, "%d is a thread of process %d", (int)pid, (int)status.group);
		ct_error_hint(reterr, "watch the process: ctxtrace -p %d", (int)status.group);
		return rc;
	}
	if (status.state == 'Z' || status.state == 'X')
		return ct_error_set(reterr, -ESRCH, "process %d is a zombie: it has ended and waits for its parent",
				    (int)pid);
	if (!status.has_memory)
		return ct_error_set(reterr, -EINVAL, "process %d is a kernel thread; it has no program to watch",
				    (int)pid);
	*ret_start_ticks = read_start(pid);
	return 0;
}

bool ct_identity_holds(pid_t pid, uint64_t start_ticks)
{
	return !start_ticks || read_start(pid) == start_ticks;
}

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now = {0};

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * CT_NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t ct_start_time(uint64_t start_ticks)
{
	const uint64_t tick_ns = CT_NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t monotonic_ns = read_clock(CLOCK_MONOTONIC);
	// stat counts the time the machine was suspended, CLOCK_MONOTONIC does not. The two are read one after the
	// other.
	uint64_t suspended_ticks = (read_clock(CLOCK_BOOTTIME) - monotonic_ns) / tick_ns;

	return start_ticks > suspended_ticks ? (start_ticks - suspended_ticks) * tick_ns : 0;
}
