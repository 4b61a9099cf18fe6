// SPDX-License-Identifier: Apache-2.0
#include "provider/target.h"

#include "base/cleanup.h"
#include "base/time.h"
#include "provider/mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

struct ct_target {
	pid_t pid;
	int pidfd;
	int exe_fd;
	char exe[PATH_MAX];
	struct ct_binary *binary;
	struct ct_go_version version;
	struct ct_mappings mappings;
	uint64_t load_bias;
	uint64_t start_time_ns;
};

/* Fields of /proc/PID/status and /proc/PID/stat that say what kind of process this is. */
struct identity {
	pid_t group;
	char state;
	bool has_memory; /* kernel threads have none */
	uint64_t start_ticks;
};

static int read_status(pid_t pid, struct identity *ret)
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
static int read_start(pid_t pid, struct identity *ret)
{
	_ct_close_ int fd = -1;
	char path[64], text[1024];
	char *at;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return -errno;
	text[length] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, " %" SCNu64, &ret->start_ticks) == 1 ? 0 : -EPROTO;
}

static int identify(pid_t pid, struct identity *ret, struct ct_error *reterr)
{
	int rc = read_status(pid, ret);

	if (pid == getpid())
		return ct_error_set(reterr, -EINVAL, "process %d is ctxtrace itself", (int)pid);
	if (rc)
		return ct_error_set(reterr, -ESRCH, "there is no process %d", (int)pid);
	if (ret->group != pid) {
		rc = ct_error_set(reterr, -EINVAL, "%d is a thread of process %d", (int)pid, (int)ret->group);
		ct_error_hint(reterr, "watch the process: ctxtrace -p %d", (int)ret->group);
		return rc;
	}
	if (ret->state == 'Z' || ret->state == 'X')
		return ct_error_set(reterr, -ESRCH, "process %d is a zombie: it has ended and waits for its parent",
				    (int)pid);
	if (!ret->has_memory)
		return ct_error_set(reterr, -EINVAL, "process %d is a kernel thread; it has no program to watch",
				    (int)pid);
	if (read_start(pid, ret))
		ret->start_ticks = 0;
	return 0;
}

static int open_exe(struct ct_target *target, struct ct_error *reterr)
{
	static const char deleted[] = " (deleted)";
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)target->pid);
	target->exe_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (target->exe_fd < 0) {
		int rc = -errno;

		if (rc == -ENOENT || rc == -ESRCH)
			return ct_error_set(reterr, -ESRCH, "process %d has just ended", (int)target->pid);
		ct_error_set(reterr, rc, "cannot open the program of process %d: %s", (int)target->pid, strerror(-rc));
		ct_error_hint(reterr, "run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE");
		return rc;
	}
	length = readlink(path, target->exe, sizeof(target->exe) - 1);
	target->exe[length > 0 ? length : 0] = '\0';
	length -= (ssize_t)sizeof(deleted) - 1;
	if (length > 0 && !strcmp(target->exe + length, deleted))
		target->exe[length] = '\0';
	return 0;
}

uint64_t ct_target_bias(const struct ct_target *target, const struct ct_mapping *mapping,
			const struct ct_binary *binary)
{
	uint64_t start = mapping->start - mapping->offset;

	// The lowest segment of a file is mapped from offset 0, at or before its other mappings.
	for (size_t i = 0; i < target->mappings.count; i++) {
		const struct ct_mapping *other = &target->mappings.list[i];

		if (other->inode == mapping->inode && other->device == mapping->device && !other->offset &&
		    other->start <= mapping->start)
			start = other->start;
	}
	return start - ct_binary_base(binary);
}

static int find_load_bias(struct ct_target *target)
{
	struct stat file;

	if (fstat(target->exe_fd, &file))
		return -errno;
	for (size_t i = 0; i < target->mappings.count; i++) {
		const struct ct_mapping *mapping = &target->mappings.list[i];

		// Overlay file systems show another device in maps than stat does, so the number alone decides.
		if (mapping->inode == file.st_ino) {
			target->load_bias = ct_target_bias(target, mapping, target->binary);
			return 0;
		}
	}
	return -ENOENT;
}

static int examine(struct ct_target *target, struct ct_error *reterr)
{
	int rc = ct_binary_open(target->exe_fd, target->exe, &target->binary, reterr);

	if (!rc) {
		rc = ct_mappings_read(target->pid, &target->mappings);
		if (!rc)
			rc = find_load_bias(target);
		if (rc)
			ct_error_set(reterr, rc, "cannot read where process %d has its program: %s", (int)target->pid,
				     strerror(-rc));
	}
	if (!rc && ct_binary_go_version(target->binary, &target->version) == -EPROTO)
		rc = ct_error_set(reterr, -EPROTO, "%s: its Go build information is damaged", target->exe);
	return rc;
}

int ct_target_open(pid_t pid, struct ct_target **ret_target, struct ct_error *reterr)
{
	struct identity identity = { 0 };
	struct ct_target *target;
	int rc = identify(pid, &identity, reterr);

	if (rc)
		return rc;
	target = calloc(1, sizeof(*target));
	if (!target)
		return ct_error_set(reterr, -ENOMEM, "no memory");
	target->pid = pid;
	target->exe_fd = -1;
	target->start_time_ns = identity.start_ticks * (CT_NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
	target->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	rc = open_exe(target, reterr);
	if (!rc)
		rc = examine(target, reterr);
	if (rc)
		ct_target_free(target);
	else
		*ret_target = target;
	return rc;
}

void ct_target_free(struct ct_target *target)
{
	if (!target)
		return;
	ct_binary_free(target->binary);
	ct_mappings_done(&target->mappings);
	if (target->exe_fd >= 0)
		close(target->exe_fd);
	if (target->pidfd >= 0)
		close(target->pidfd);
	free(target);
}

pid_t ct_target_pid(const struct ct_target *target)
{
	return target->pid;
}

int ct_target_pidfd(const struct ct_target *target)
{
	return target->pidfd;
}

const char *ct_target_exe(const struct ct_target *target)
{
	return target->exe;
}

const char *ct_target_runtime_version(const struct ct_target *target)
{
	return target->version.text;
}

const char *ct_target_build_id(const struct ct_target *target)
{
	return ct_binary_build_id(target->binary);
}

bool ct_target_is_stripped(const struct ct_target *target)
{
	return ct_binary_is_stripped(target->binary);
}

uint64_t ct_target_start_time(const struct ct_target *target)
{
	return target->start_time_ns;
}

struct ct_binary *ct_target_binary(struct ct_target *target)
{
	return target->binary;
}

int ct_target_exe_fd(const struct ct_target *target)
{
	return target->exe_fd;
}

uint64_t ct_target_load_bias(const struct ct_target *target)
{
	return target->load_bias;
}

const struct ct_go_version *ct_target_go_version(const struct ct_target *target)
{
	return &target->version;
}

const struct ct_mapping *ct_target_mappings(const struct ct_target *target, size_t *ret_count)
{
	*ret_count = target->mappings.count;
	return target->mappings.list;
}

int ct_target_refresh(struct ct_target *target)
{
	struct ct_mappings fresh;
	int rc = ct_mappings_read(target->pid, &fresh);

	if (rc)
		return rc;
	ct_mappings_done(&target->mappings);
	target->mappings = fresh;
	return 0;
}

int ct_target_open_mapping(const struct ct_target *target, const struct ct_mapping *mapping)
{
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)target->pid, mapping->start,
		 mapping->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	// Without CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE: by name, in the target's own file system.
	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)target->pid, mapping->path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int ct_target_read(const struct ct_target *target, uint64_t address, void *buffer, size_t bytes)
{
	struct iovec local = { buffer, bytes };
	struct iovec remote = { (void *)(uintptr_t)address, bytes };
	ssize_t got = process_vm_readv(target->pid, &local, 1, &remote, 1, 0);

	if (got < 0)
		return -errno;
	return (size_t)got == bytes ? 0 : -EFAULT;
}
