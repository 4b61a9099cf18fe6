// SPDX-License-Identifier: Apache-2.0
#include "provider/attach_link.h"

#include "base/cleanup.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UPROBE_TYPE_FILE "/sys/bus/event_source/devices/uprobe/type"

/*
 * union bpf_attr of BPF_LINK_CREATE with its uprobe_multi member, Linux 6.6 include/uapi/linux/bpf.h: headers and
 * libbpf of Debian 12 are older than the kernels they run on.
 */
struct link_create_multi {
	uint32_t program_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t count;
	uint32_t multi_flags;
	uint32_t pid;
	uint32_t pad;
};

static void name_descriptor(int fd, char ret_path[32])
{
	snprintf(ret_path, 32, "/proc/self/fd/%d", fd);
}

static int create_multi(const struct link_create_multi *attributes)
{
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, attributes, sizeof(*attributes));

	return fd < 0 ? -errno : (int)fd;
}

int ct_link_multi(const struct ct_link_request *request, struct ct_link_fds *ret_fds)
{
	_ct_free_ uint64_t *numbers = calloc(request->points_count, 2 * sizeof(*numbers));
	struct link_create_multi attributes = {
		.program_fd = (uint32_t)request->program_fd,
		.attach_type = CT_BPF_TRACE_UPROBE_MULTI,
		.count = (uint32_t)request->points_count,
		.pid = (uint32_t)request->pid,
	};
	char path[32];
	int fd;

	if (!numbers)
		return -ENOMEM;
	for (size_t i = 0; i < request->points_count; i++) {
		numbers[i] = request->points[i]->offset;
		numbers[request->points_count + i] = request->points[i]->cookie;
	}
	name_descriptor(request->plan->fd, path);
	attributes.path = (uint64_t)(uintptr_t)path;
	attributes.offsets = (uint64_t)(uintptr_t)numbers;
	attributes.cookies = (uint64_t)(uintptr_t)(numbers + request->points_count);
	fd = create_multi(&attributes);
	if (fd < 0)
		return fd;
	*ret_fds = (struct ct_link_fds){ .link_fd = fd, .event_fd = -1 };
	return 0;
}

bool ct_link_has_multi(void)
{
	// mov r0, 0; exit
	const struct bpf_insn instructions[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		    .expected_attach_type = (enum bpf_attach_type)CT_BPF_TRACE_UPROBE_MULTI);
	const uint64_t offset = 0;
	struct link_create_multi attributes = {
		.attach_type = CT_BPF_TRACE_UPROBE_MULTI,
		.path = (uint64_t)(uintptr_t)"/",
		.offsets = (uint64_t)(uintptr_t)&offset,
		.count = 1,
	};
	_ct_close_ int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "ct_try_multi", "GPL", instructions, 2, &options);

	if (fd < 0)
		return false;
	attributes.program_fd = (uint32_t)fd;
	// Only a kernel that knows uprobe_multi gets as far as finding that "/" is no regular file.
	return create_multi(&attributes) == -EBADF;
}

bool ct_link_has_cookies(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, NULL) != 0;
}

static int uprobe_event_type(uint32_t *ret_type)
{
	_ct_fclose_ FILE *file = fopen(UPROBE_TYPE_FILE, "re");
	char line[32], *end;
	unsigned long type;

	if (!file)
		return -errno;
	if (!fgets(line, sizeof(line), file))
		return -EIO;
	type = strtoul(line, &end, 10);
	if (end == line || type > UINT32_MAX)
		return -EIO;
	*ret_type = (uint32_t)type;
	return 0;
}

static int open_event(const struct ct_link_request *request, int *ret_fd)
{
	struct perf_event_attr attributes = { .size = sizeof(attributes) };
	char path[32];
	int err = uprobe_event_type(&attributes.type);
	long fd;

	if (err)
		return err;
	name_descriptor(request->plan->fd, path);
	attributes.uprobe_path = (uint64_t)(uintptr_t)path;
	attributes.probe_offset = request->points[0]->offset;
	fd = syscall(SYS_perf_event_open, &attributes, request->pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = (int)fd;
	return 0;
}

int ct_link_perf(const struct ct_link_request *request, struct ct_link_fds *ret_fds)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .perf_event.bpf_cookie = request->points[0]->cookie);
	_ct_close_ int event_fd = -1;
	_ct_close_ int link_fd = -1;
	int err = open_event(request, &event_fd);

	if (err)
		return err;
	link_fd = bpf_link_create(request->program_fd, event_fd, BPF_PERF_EVENT, &options);
	if (link_fd < 0)
		return -errno;
	if (ioctl(event_fd, PERF_EVENT_IOC_ENABLE, 0))
		return -errno;
	*ret_fds = (struct ct_link_fds){ .link_fd = ct_move_fd(link_fd), .event_fd = ct_move_fd(event_fd) };
	return 0;
}

void ct_link_done(struct ct_link_fds *fds)
{
	if (fds->link_fd >= 0)
		close(fds->link_fd);
	if (fds->event_fd >= 0)
		close(fds->event_fd);
	*fds = (struct ct_link_fds){ -1, -1 };
}
