// SPDX-License-Identifier: Apache-2.0
#include "provider/target.h"

#include "base/cleanup.h"
#include "provider/capabilities.h"
#include "provider/identity.h"
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
	ino_t inode;
	bool is_found_by_path; /* overlay file systems: maps and stat show different numbers for one file */
	uint64_t load_bias;
	uint64_t start_time_ns;
};

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
		ct_capabilities_hint(true, reterr);
		return rc;
	}
	length = readlink(path, target->exe, sizeof(target->exe) - 1);
	target->exe[length > 0 ? length : 0] = '\0';
	length -= (ssize_t)sizeof(deleted) - 1;
	if (length > 0 && !strcmp(target->exe + length, deleted))
		target->exe[length] = '\0';
	return 0;
}

bool ct_target_is_exe(const struct ct_target *target, const struct ct_mapping *mapping)
{
	return target->is_found_by_path ? !strcmp(mapping->path, target->exe) : mapping->inode == target->inode;
}

uint64_t ct_target_bias(const struct ct_target *target, const struct ct_mapping *mapping,
			const struct ct_binary *binary)
{
	const uint64_t page_mask = ~(uint64_t)4095;
	uint64_t base = ct_binary_base(binary), offset = 0, start;

	if (ct_binary_offset(binary, base, &offset))
		offset = 0; // the base was rounded down to its page
	offset &= page_mask;
	start = mapping->start - (mapping->offset - offset);
	// The lowest segment is mapped at or before the others.
	for (size_t i = 0; i < target->mappings.count; i++) {
		const struct ct_mapping *other = &target->mappings.list[i];

		if (other->inode == mapping->inode && other->device == mapping->device && other->offset == offset &&
		    other->start <= mapping->start)
			start = other->start;
	}
	return start - base;
}

static int find_executable_mapping(struct ct_target *target)
{
	for (size_t i = 0; i < target->mappings.count; i++) {
		const struct ct_mapping *mapping = &target->mappings.list[i];

		if (mapping->is_executable && ct_target_is_exe(target, mapping)) {
			target->load_bias = ct_target_bias(target, mapping, target->binary);
			return 0;
		}
	}
	return -ENOENT;
}

static int find_load_bias(struct ct_target *target)
{
	struct stat file;
	int rc;

	if (fstat(target->exe_fd, &file))
		return -errno;
	target->inode = file.st_ino;
	rc = find_executable_mapping(target);
	if (!rc)
		return 0;
	target->is_found_by_path = true;
	return find_executable_mapping(target);
}

/* Of a file that cannot be read as a program only its name is told; who asked gave a process. */
static int open_binary(struct ct_target *target, struct ct_error *reterr)
{
	struct ct_error error = CT_ERROR_INIT;
	int rc = ct_binary_open(target->exe_fd, target->exe, &target->binary, &error);

	if (!rc)
		return 0;
	ct_error_set(reterr, rc, "process %d: %s", (int)target->pid, error.message);
	if (*error.hint)
		ct_error_hint(reterr, "%s", error.hint);
	return rc;
}

static int examine(struct ct_target *target, struct ct_error *reterr)
{
	int rc = open_binary(target, reterr);

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

/* Between two looks at /proc the process may have ended, and its number may name another. */
static int open_all(struct ct_target *target, uint64_t start_ticks, struct ct_error *reterr)
{
	int rc = open_exe(target, reterr);

	if (!rc)
		rc = examine(target, reterr);
	if (!rc && !ct_identity_holds(target->pid, start_ticks))
		rc = ct_error_set(reterr, -ESRCH, "process %d has just ended", (int)target->pid);
	return rc;
}

int ct_target_open(pid_t pid, struct ct_target **ret_target, struct ct_error *reterr)
{
	struct ct_target *target;
	uint64_t start_ticks = 0;
	int rc = ct_identify(pid, &start_ticks, reterr);

	if (rc)
		return rc;
	target = calloc(1, sizeof(*target));
	if (!target)
		return ct_error_set(reterr, -ENOMEM, "no memory");
	target->pid = pid;
	target->exe_fd = -1;
	target->start_time_ns = ct_start_time(start_ticks);
	target->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	rc = open_all(target, start_ticks, reterr);
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

/* By name, in the target's own file system: what stands there now may be anything, a FIFO for one. */
static int open_by_name(const struct ct_target *target, const struct ct_mapping *mapping)
{
	char path[PATH_MAX + 64];
	_ct_close_ int fd = -1;
	struct stat file;

	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)target->pid, mapping->path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &file))
		return -errno;
	if (!S_ISREG(file.st_mode) || (file.st_ino != mapping->inode && !target->is_found_by_path))
		return -ESTALE;
	return ct_move_fd(fd);
}

int ct_target_open_mapping(const struct ct_target *target, const struct ct_mapping *mapping)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)target->pid, mapping->start,
		 mapping->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	// Without CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE that is refused.
	return fd >= 0 ? fd : open_by_name(target, mapping);
}

int ct_target_read(const struct ct_target *target, uint64_t address, void *buffer, size_t bytes)
{
	struct iovec local = {buffer, bytes};
	struct iovec remote = {(void *)(uintptr_t)address, bytes};
	ssize_t got = process_vm_readv(target->pid, &local, 1, &remote, 1, 0);

	if (got < 0)
		return -errno;
	return (size_t)got == bytes ? 0 : -EFAULT;
}
