// SPDX-License-Identifier: Apache-2.0
#include "provider/attach.h"

#include "base/cleanup.h"
#include "base/time.h"
#include "ctxtrace.skel.h"
#include "provider/attach_link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/** A program with the roles it knows. */
enum program {
	PROGRAM_GO_END,
	PROGRAM_C_END,
	PROGRAM_GO_BEGIN,
	PROGRAM_C_BEGIN,
	PROGRAM_COUNT, /**< Also: no program knows this role. */
};

struct ct_attach {
	struct ctxtrace_bpf *skeleton;
	struct ct_link_fds *links; /**< In the order of their making. */
	size_t links_count;
	struct bpf_link *exec_link, *exit_link;
	struct bpf_link *fork_link; /**< Where threads are to be told; else NULL. */
	struct ct_attach_figures figures;
};

/** An attach under way. */
struct attaching {
	struct ct_attach *attach;
	pid_t pid;
	const struct ct_plan *plans;
	size_t plans_count;
	struct ct_error *reterr;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CT_NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static enum program program_of(uint64_t cookie)
{
	switch (CT_COOKIE_ROLE(cookie)) {
	case CT_ROLE_GO_CREATE:
	case CT_ROLE_GO_CREATE_OLD:
	case CT_ROLE_GO_TASK_START:
		return PROGRAM_GO_BEGIN;
	case CT_ROLE_GO_CANCEL:
	case CT_ROLE_GO_CANCEL_CLOSURE:
	case CT_ROLE_GO_TASK_END:
	case CT_ROLE_GO_EXIT:
	case CT_ROLE_GO_HIJACK:
	case CT_ROLE_GO_FLUSH:
		return PROGRAM_GO_END;
	case CT_ROLE_C_CREATE:
	case CT_ROLE_C_REQUEST_BEGIN:
	case CT_ROLE_C_TASK_BEGIN:
	case CT_ROLE_C_SPAWN:
	case CT_ROLE_C_JOIN:
		return PROGRAM_C_BEGIN;
	case CT_ROLE_C_CANCEL:
	case CT_ROLE_C_CANCEL_CALL:
	case CT_ROLE_C_ABANDON:
	case CT_ROLE_C_DESTROY:
	case CT_ROLE_C_REQUEST_END:
	case CT_ROLE_C_TASK_END:
		return PROGRAM_C_END;
	default:
		return PROGRAM_COUNT;
	}
}

static struct bpf_program *program_by_number(const struct ctxtrace_bpf *skeleton, enum program program)
{
	struct bpf_program *const programs[PROGRAM_COUNT] = {
		[PROGRAM_GO_END] = skeleton->progs.go_end,
		[PROGRAM_C_END] = skeleton->progs.c_end,
		[PROGRAM_GO_BEGIN] = skeleton->progs.go_begin,
		[PROGRAM_C_BEGIN] = skeleton->progs.c_begin,
	};

	return programs[program];
}

static bool is_wanted(const struct attaching *attaching, enum program program)
{
	for (size_t i = 0; i < attaching->plans_count; i++)
		for (size_t j = 0; j < attaching->plans[i].points_count; j++)
			if (program_of(attaching->plans[i].points[j].cookie) == program)
				return true;
	return false;
}

/* Starts of threads are told by the kernel, but for what pthread_create alone knows. */
static bool wants_threads(const struct attaching *attaching)
{
	for (size_t i = 0; i < attaching->plans_count; i++)
		for (size_t j = 0; j < attaching->plans[i].points_count; j++)
			if (CT_COOKIE_ROLE(attaching->plans[i].points[j].cookie) == CT_ROLE_C_SPAWN)
				return true;
	return false;
}

static int check_plans(const struct attaching *attaching)
{
	size_t points = 0;

	for (size_t i = 0; i < attaching->plans_count; i++) {
		const struct ct_plan *plan = &attaching->plans[i];

		for (size_t j = 0; j < plan->points_count; j++)
			if (program_of(plan->points[j].cookie) == PROGRAM_COUNT)
				return ct_error_set(attaching->reterr, -EINVAL, "attaching to %s of %s: unknown role",
						    plan->points[j].symbol, plan->path);
		points += plan->points_count;
	}
	if (!points)
		return ct_error_set(attaching->reterr, -ENOENT, "attaching to process %d: no attach points",
				    (int)attaching->pid);
	attaching->attach->figures.points = points;
	attaching->attach->links = calloc(points, sizeof(*attaching->attach->links));
	return attaching->attach->links ? 0 : ct_error_set(attaching->reterr, -ENOMEM, "attaching: no memory");
}

// Errors come back as values; what libbpf would print beside them is for its developers.
static int print_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int set_ring(struct ctxtrace_bpf *skeleton, uint32_t ring_bytes)
{
	if (!ring_bytes)
		return 0;
	skeleton->rodata->ct_wake_bytes = ring_bytes / 4;
	return bpf_map__set_max_entries(skeleton->maps.events, ring_bytes);
}

static int prepare_programs(const struct attaching *attaching, struct ctxtrace_bpf *skeleton)
{
	int err = bpf_program__set_autoload(skeleton->progs.process_fork, wants_threads(attaching));

	for (enum program i = 0; i < PROGRAM_COUNT && !err; i++) {
		struct bpf_program *program = program_by_number(skeleton, i);

		err = bpf_program__set_autoload(program, is_wanted(attaching, i));
		if (!err && attaching->attach->figures.is_multi)
			err = bpf_program__set_expected_attach_type(
				program, (enum bpf_attach_type)CT_BPF_TRACE_UPROBE_MULTI);
	}
	return err;
}

// Before Linux 6.1 a tracing program that adds to such a map allocates in bad places, and the kernel log says so. Where
// links are multi it is surely newer; elsewhere 7 MiB are taken at once.
static int prepare_maps(const struct attaching *attaching, struct ctxtrace_bpf *skeleton)
{
	int err;

	if (attaching->attach->figures.is_multi)
		return 0;
	err = bpf_map__set_map_flags(skeleton->maps.links, 0);
	return err ? err : bpf_map__set_map_flags(skeleton->maps.closure_calls, 0);
}

static int load(const struct attaching *attaching, uint32_t ring_bytes)
{
	struct ctxtrace_bpf *skeleton;
	int err;

	skeleton = ctxtrace_bpf__open();
	attaching->attach->skeleton = skeleton;
	if (!skeleton)
		return ct_load_refused(-errno, attaching->attach->figures.is_multi, attaching->reterr);
	err = set_ring(skeleton, ring_bytes);
	if (!err)
		err = prepare_programs(attaching, skeleton);
	if (!err)
		err = prepare_maps(attaching, skeleton);
	if (!err)
		err = ctxtrace_bpf__load(skeleton);
	return err ? ct_load_refused(err, attaching->attach->figures.is_multi, attaching->reterr) : 0;
}

static int watch_process(const struct attaching *attaching)
{
	struct ct_attach *attach = attaching->attach;

	attach->exec_link = bpf_program__attach(attach->skeleton->progs.process_exec);
	if (attach->exec_link)
		attach->exit_link = bpf_program__attach(attach->skeleton->progs.process_exit);
	if (attach->exit_link && wants_threads(attaching))
		attach->fork_link = bpf_program__attach(attach->skeleton->progs.process_fork);
	if (!attach->exit_link || (wants_threads(attaching) && !attach->fork_link))
		return ct_load_refused(-errno, attach->figures.is_multi, attaching->reterr);
	return 0;
}

static int link_points(const struct attaching *attaching, const struct ct_link_request *request)
{
	struct ct_attach *attach = attaching->attach;
	int err;

	if (attach->figures.is_multi) {
		err = ct_link_multi(request, &attach->links[attach->links_count]);
		if (err)
			return ct_link_refused(err, request->plan, request->points_count == 1 ? request->points[0] : NULL,
					       true, attaching->reterr);
		attach->links_count++;
		return 0;
	}
	for (size_t i = 0; i < request->points_count; i++) {
		struct ct_link_request one = *request;

		one.points = request->points + i;
		one.points_count = 1;
		err = ct_link_perf(&one, &attach->links[attach->links_count]);
		if (err)
			return ct_link_refused(err, request->plan, one.points[0], false, attaching->reterr);
		attach->links_count++;
	}
	return 0;
}

static int link_plan(const struct attaching *attaching, const struct ct_plan *plan, enum program program)
{
	_ct_free_ const struct ct_attach_point **points = calloc(plan->points_count + 1, sizeof(const void *));
	struct ct_link_request request = { .pid = attaching->pid, .plan = plan, .points = points };

	if (!points)
		return ct_error_set(attaching->reterr, -ENOMEM, "attaching: no memory");
	for (size_t i = 0; i < plan->points_count; i++)
		if (program_of(plan->points[i].cookie) == program)
			points[request.points_count++] = &plan->points[i];
	if (!request.points_count)
		return 0;
	request.program_fd = bpf_program__fd(program_by_number(attaching->attach->skeleton, program));
	return link_points(attaching, &request);
}

// In the order of enum program: all ends of all files, then everything that begins.
static int link_all(const struct attaching *attaching)
{
	int err = 0;

	for (enum program program = 0; program < PROGRAM_COUNT; program++)
		for (size_t i = 0; i < attaching->plans_count && !err; i++)
			err = link_plan(attaching, &attaching->plans[i], program);
	attaching->attach->figures.links = attaching->attach->links_count;
	if (err == -ESRCH)
		return ct_error_set(attaching->reterr, err, "process %d ended while probes were attached to it",
				    (int)attaching->pid);
	return err;
}

static int run(struct attaching *attaching, const struct ct_process_config *config,
	       const struct ct_attach_options *options)
{
	struct ct_attach *attach = attaching->attach;
	uint64_t began_ns = now_ns();
	int err = check_plans(attaching);

	if (err)
		return err;
	err = ct_attach_try_kernel(attaching->reterr);
	if (err)
		return err;
	attach->figures.is_multi = !(options && options->force_perf) && ct_link_has_multi();
	err = load(attaching, options ? options->ring_bytes : 0);
	if (err)
		return err;
	err = ct_attach_configure(attach, attaching->pid, config);
	if (err)
		return ct_load_refused(err, attach->figures.is_multi, attaching->reterr);
	err = watch_process(attaching);
	if (!err)
		err = link_all(attaching);
	attach->figures.elapsed_ns = now_ns() - began_ns;
	return err;
}

int ct_attach_new(pid_t pid, const struct ct_process_config *config, const struct ct_plan *plans, size_t plans_count,
		  const struct ct_attach_options *options, struct ct_attach **ret_attach, struct ct_error *reterr)
{
	struct ct_attach *attach = calloc(1, sizeof(*attach));
	struct attaching attaching = {
		.attach = attach,
		.pid = pid,
		.plans = plans,
		.plans_count = plans_count,
		.reterr = reterr,
	};
	int err;

	if (!attach)
		return ct_error_set(reterr, -ENOMEM, "attaching: no memory");
	err = run(&attaching, config, options);
	if (err) {
		ct_attach_free(attach);
		return err;
	}
	*ret_attach = attach;
	return 0;
}

void ct_attach_detach(struct ct_attach *attach)
{
	while (attach->links_count)
		ct_link_done(&attach->links[--attach->links_count]);
	bpf_link__destroy(attach->fork_link);
	bpf_link__destroy(attach->exit_link);
	bpf_link__destroy(attach->exec_link);
	attach->fork_link = NULL;
	attach->exit_link = NULL;
	attach->exec_link = NULL;
}

void ct_attach_free(struct ct_attach *attach)
{
	if (!attach)
		return;
	ct_attach_detach(attach);
	ctxtrace_bpf__destroy(attach->skeleton);
	free(attach->links);
	free(attach);
}

// At most as many rounds as the map has room: the target may fill it again meanwhile.
static void clear_map(const struct bpf_map *map)
{
	_ct_free_ void *key = calloc(1, bpf_map__key_size(map));
	int fd = bpf_map__fd(map);

	for (uint32_t i = 0; key && i < bpf_map__max_entries(map); i++)
		if (bpf_map_get_next_key(fd, NULL, key) || bpf_map_delete_elem(fd, key))
			break;
}

int ct_attach_configure(struct ct_attach *attach, pid_t pid, const struct ct_process_config *config)
{
	__u32 process = (__u32)pid;

	clear_map(attach->skeleton->maps.paths);
	clear_map(attach->skeleton->maps.links);
	if (bpf_map_update_elem(bpf_map__fd(attach->skeleton->maps.processes), &process, config, BPF_ANY))
		return -errno;
	return 0;
}

int ct_attach_ring_fd(const struct ct_attach *attach)
{
	return bpf_map__fd(attach->skeleton->maps.events);
}

int ct_attach_counters_fd(const struct ct_attach *attach)
{
	return bpf_map__fd(attach->skeleton->maps.counters);
}

const struct ct_attach_figures *ct_attach_figures(const struct ct_attach *attach)
{
	return &attach->figures;
}

int ct_attach_try_kernel(struct ct_error *reterr)
{
	libbpf_set_print(print_nothing);
	return ct_link_has_cookies() ? 0 : ct_kernel_refused(reterr);
}

bool ct_attach_is_held(const struct ct_attach *attach)
{
	return __atomic_load_n(&attach->skeleton->bss->ct_exits, __ATOMIC_ACQUIRE) != 0;
}

bool ct_attach_has_multi(void)
{
	return ct_link_has_multi();
}
