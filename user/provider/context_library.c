// SPDX-License-Identifier: Apache-2.0
/*
 * Provider for libctxtrace-context, the C context library: probes on its exported functions that do nothing but stand
 * there (user/context/probe_points.h), in the shared library or in a program that has it linked in.
 */
#include "base/cleanup.h"
#include "provider/probe_point.h"
#include "provider/target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ctxtrace/event.h"

static const struct {
	const char *symbol;
	enum ct_role role;
	bool is_end;
} wanted[] = {
	{ "cctx_create_", CT_ROLE_C_CREATE, false },
	{ "cctx_cancel_", CT_ROLE_C_CANCEL, true },
	{ "cctx_cancel_call_", CT_ROLE_C_CANCEL_CALL, true },
	{ "cctx_abandon_", CT_ROLE_C_ABANDON, true },
	{ "cctx_destroy_", CT_ROLE_C_DESTROY, true },
	{ "cctx_request_begin_", CT_ROLE_C_REQUEST_BEGIN, false },
	{ "cctx_request_end_", CT_ROLE_C_REQUEST_END, true },
	{ "cctx_task_begin_", CT_ROLE_C_TASK_BEGIN, false },
	{ "cctx_task_end_", CT_ROLE_C_TASK_END, true },
};

static int add_point(struct ct_binary *binary, size_t index, struct ct_plan *plan)
{
	struct ct_attach_point point = { .symbol = (char *)wanted[index].symbol, .is_end = wanted[index].is_end };
	uint8_t code[CT_PROBE_BYTES];
	struct ct_probe_point place;
	struct ct_function function;
	const char *reason = NULL;

	if (ct_binary_find(binary, wanted[index].symbol, &function, 1) < 1)
		return ct_plan_refuse(plan, wanted[index].symbol, "no such symbol");
	if (ct_binary_read(binary, function.start, code, sizeof(code)))
		return ct_plan_refuse(plan, wanted[index].symbol, "its code cannot be read");
	if (ct_probe_point_c(code, sizeof(code), &place, &reason))
		return ct_plan_refuse(plan, wanted[index].symbol, reason);
	point.address = function.start + place.offset;
	point.cost = place.cost;
	point.cookie = CT_COOKIE(wanted[index].role, 0);
	if (ct_binary_offset(binary, point.address, &point.offset))
		return ct_plan_refuse(plan, wanted[index].symbol, "it lies in no loaded segment");
	return ct_plan_add(plan, &point);
}

/* Runtime addresses of the library's code: of its functions named cctx_ when it is linked into a program. */
struct extent {
	uint64_t start, end;
};

static int widen(void *opaque, const struct ct_function *function)
{
	struct extent *extent = opaque;

	if (strncmp(function->name, "cctx_", 5) || !function->end)
		return 0;
	if (!extent->end || function->start < extent->start)
		extent->start = function->start;
	if (function->end > extent->end)
		extent->end = function->end;
	return 0;
}

static void set_library(struct ct_target *target, const struct ct_mapping *mapping, struct ct_binary *binary,
			struct ct_process_config *config)
{
	uint64_t bias = ct_target_bias(target, mapping, binary);
	struct extent extent = { 0 };
	size_t count;
	const struct ct_mapping *list = ct_target_mappings(target, &count);

	if (binary == ct_target_binary(target)) {
		if (!ct_binary_each_function(binary, widen, &extent) && extent.end)
			config->library[0] = (struct ct_range){ extent.start + bias, extent.end + bias };
		return;
	}
	for (size_t i = 0, used = 0; i < count && used < CT_LIBRARY_RANGES_MAX; i++)
		if (list[i].is_executable && list[i].inode == mapping->inode && list[i].device == mapping->device)
			config->library[used++] = (struct ct_range){ list[i].start, list[i].end };
}

/* The roots are announced at their first use, which may be long ago: their addresses stand in exported words. */
static void set_roots(uint64_t bias, struct ct_binary *binary, struct ct_process_config *config)
{
	uint64_t address, bytes;

	if (!ct_binary_data_symbol(binary, "cctx_background_", &address, &bytes))
		config->go.background = address + bias;
	if (!ct_binary_data_symbol(binary, "cctx_todo_", &address, &bytes))
		config->go.todo = address + bias;
}

static int make_plan(struct ct_target *target, const struct ct_mapping *mapping, struct ct_binary *binary, int fd,
		     struct ct_process_config *config, struct ct_plan *ret_plan)
{
	struct ct_plan plan = { .provider = "ctxtrace-context", .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0) };
	int rc = plan.fd < 0 ? -errno : 0;

	plan.path = strdup(mapping->path);
	if (!plan.path)
		rc = -ENOMEM;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]) && !rc; i++)
		rc = add_point(binary, i, &plan);
	if (rc) {
		ct_plan_done(&plan);
		return rc;
	}
	config->runtime = CT_RUNTIME_C;
	config->take_stacks = 1;
	set_library(target, mapping, binary, config);
	set_roots(ct_target_bias(target, mapping, binary), binary, config);
	*ret_plan = plan;
	return 1;
}

static bool has_library(struct ct_binary *binary)
{
	struct ct_function function;

	return ct_binary_find(binary, "cctx_create_", &function, 1) > 0;
}

/* @return 1 with a plan, 0 when this mapping is not the library. */
static int try_mapping(struct ct_target *target, const struct ct_mapping *mapping, struct ct_process_config *config,
		       struct ct_plan *ret_plan)
{
	struct ct_binary *binary = NULL;
	_ct_close_ int fd = -1;
	int rc = 0;

	if (!strstr(mapping->path, "libctxtrace-context"))
		return 0;
	fd = ct_target_open_mapping(target, mapping);
	if (fd < 0 || ct_binary_open(fd, mapping->path, &binary, NULL))
		return 0;
	if (has_library(binary))
		rc = make_plan(target, mapping, binary, fd, config, ret_plan);
	ct_binary_free(binary);
	return rc;
}

static int plan_context_library(struct ct_target *target, struct ct_process_config *config, struct ct_plan *ret_plan,
				struct ct_error *reterr)
{
	size_t count;
	const struct ct_mapping *list = ct_target_mappings(target, &count);
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		if (list[i].is_executable)
			rc = try_mapping(target, &list[i], config, ret_plan);
	if (!rc && has_library(ct_target_binary(target)) && count)
		rc = make_plan(target, &list[0], ct_target_binary(target), ct_target_exe_fd(target), config, ret_plan);
	return rc < 0 ? ct_error_set(reterr, rc, "cannot plan probes in libctxtrace-context: %s", strerror(-rc)) : rc;
}

const struct ct_provider ct_provider_context_library = {
	.name = "ctxtrace-context",
	.describe = "the C context library libctxtrace-context, shared or linked in",
	.plan = plan_context_library,
};
