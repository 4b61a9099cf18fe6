// SPDX-License-Identifier: Apache-2.0
/*
 * Provider for libctxtrace-context, the C context library: probes on its exported functions that do nothing but stand
 * there (user/context/probe_points.h), in the shared library or in a program that has it linked in.
 */
#include "base/cleanup.h"
#include "ctxtrace/context_census.h"
#include "ctxtrace/event.h"
#include "provider/context_library.h"
#include "provider/plan_function.h"
#include "provider/target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static const struct {
	const char *symbol;
	enum ct_role role;
	bool is_end;
} wanted[] = {
	{"cctx_create_", CT_ROLE_C_CREATE, false}, // arguments: process_config.h
	{"cctx_cancel_", CT_ROLE_C_CANCEL, true},
	{"cctx_cancel_call_", CT_ROLE_C_CANCEL_CALL, true},
	{"cctx_abandon_", CT_ROLE_C_ABANDON, true},
	{"cctx_destroy_", CT_ROLE_C_DESTROY, true},
	{"cctx_request_begin_", CT_ROLE_C_REQUEST_BEGIN, false},
	{"cctx_request_end_", CT_ROLE_C_REQUEST_END, true},
	{"cctx_task_begin_", CT_ROLE_C_TASK_BEGIN, false},
	{"cctx_task_end_", CT_ROLE_C_TASK_END, true},
};

/* The library as the target has it: a file mapped on its own, or the executable itself. */
struct library {
	struct ct_binary *binary;
	const char *path;
	int fd;
	uint64_t bias;
	const struct ct_mapping *mapping; /* NULL: linked into the executable */
};

static int add_point(struct ct_binary *binary, size_t index, struct ct_plan *plan)
{
	struct ct_function function;

	if (ct_binary_find(binary, wanted[index].symbol, &function, 1) < 1)
		return ct_plan_refuse(plan, wanted[index].symbol, "no such symbol");
	return ct_plan_function(plan, binary, wanted[index].symbol, &function, ct_probe_point_c,
				CT_COOKIE(wanted[index].role, 0), wanted[index].is_end);
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

/* Ranges are shared with the Go provider: a Go program may use the library through cgo. */
static void add_range(struct ct_process_config *config, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < CT_LIBRARY_RANGES_MAX; i++) {
		if (config->library[i].end)
			continue;
		config->library[i] = (struct ct_range){start, end};
		return;
	}
}

static void set_ranges(const struct ct_target *target, const struct library *library, struct ct_process_config *config)
{
	const struct ct_mapping *mapping = library->mapping;
	struct extent extent = {0};
	size_t count;
	const struct ct_mapping *list = ct_target_mappings(target, &count);

	if (!mapping) {
		if (!ct_binary_each_function(library->binary, widen, &extent) && extent.end)
			add_range(config, extent.start + library->bias, extent.end + library->bias);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (list[i].is_executable && list[i].inode == mapping->inode && list[i].device == mapping->device)
			add_range(config, list[i].start, list[i].end);
}

/* The roots are announced at their first use, which may be long ago: their addresses stand in exported words. */
static void set_roots(const struct library *library, struct ct_process_config *config)
{
	uint64_t address, bytes;

	if (!ct_binary_data_symbol(library->binary, "cctx_background_", &address, &bytes))
		config->go.background = address + library->bias;
	if (!ct_binary_data_symbol(library->binary, "cctx_todo_", &address, &bytes))
		config->go.todo = address + library->bias;
}

static int make_plan(const struct ct_target *target, const struct library *library, struct ct_process_config *config,
		     struct ct_plan *ret_plan)
{
	struct ct_plan plan = {.provider = "ctxtrace-context", .fd = fcntl(library->fd, F_DUPFD_CLOEXEC, 0)};
	int rc = plan.fd < 0 ? -errno : 0;

	plan.path = strdup(library->path);
	if (!plan.path)
		rc = -ENOMEM;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]) && !rc; i++)
		rc = add_point(library->binary, i, &plan);
	if (rc) {
		ct_plan_done(&plan);
		return rc;
	}
	config->take_stacks = 1;
	set_ranges(target, library, config);
	set_roots(library, config);
	*ret_plan = plan;
	return 1;
}

static bool has_library(struct ct_binary *binary)
{
	struct ct_function function;

	return ct_binary_find(binary, "cctx_create_", &function, 1) > 0;
}

/* What is wanted of the library where it is found. @return 1; 0 when it is of no use; negative errno. */
typedef int (*use_fn)(struct ct_target *target, const struct library *library, void *opaque);

/* 0 as well when this mapping is not the library. */
static int try_mapping(struct ct_target *target, const struct ct_mapping *mapping, use_fn use, void *opaque)
{
	struct library library = {.path = mapping->path, .mapping = mapping};
	_ct_close_ int fd = -1;
	int rc = 0;

	if (!strstr(mapping->path, "libctxtrace-context"))
		return 0;
	fd = library.fd = ct_target_open_mapping(target, mapping);
	if (fd < 0 || ct_binary_open(fd, mapping->path, &library.binary, NULL))
		return 0;
	library.bias = ct_target_bias(target, mapping, library.binary);
	if (has_library(library.binary))
		rc = use(target, &library, opaque);
	ct_binary_free(library.binary);
	return rc;
}

static int try_executable(struct ct_target *target, use_fn use, void *opaque)
{
	struct library library = {
		.binary = ct_target_binary(target),
		.path = ct_target_exe(target),
		.fd = ct_target_exe_fd(target),
		.bias = ct_target_load_bias(target),
	};

	return has_library(library.binary) ? use(target, &library, opaque) : 0;
}

static int find_library(struct ct_target *target, use_fn use, void *opaque)
{
	size_t count;
	const struct ct_mapping *list = ct_target_mappings(target, &count);
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		if (list[i].is_executable)
			rc = try_mapping(target, &list[i], use, opaque);
	return rc ?: try_executable(target, use, opaque);
}

/* What a plan goes into. */
struct planning {
	struct ct_process_config *config;
	struct ct_plan *plan;
};

static int plan_in(struct ct_target *target, const struct library *library, void *opaque)
{
	struct planning *planning = opaque;

	return make_plan(target, library, planning->config, planning->plan);
}

static int plan_context_library(struct ct_target *target, struct ct_process_config *config, struct ct_plan *ret_plan,
				struct ct_error *reterr)
{
	int rc = find_library(target, plan_in, &(struct planning){config, ret_plan});

	return rc < 0 ? ct_error_set(reterr, rc, "cannot plan probes in libctxtrace-context: %s", strerror(-rc)) : rc;
}

static int is_there(struct ct_target *target, const struct library *library, void *opaque)
{
	(void)target;
	(void)library;
	(void)opaque;
	return 1;
}

bool ct_context_library_is_used(struct ct_target *target)
{
	return find_library(target, is_there, NULL) > 0;
}

static int find_census(struct ct_target *target, const struct library *library, void *opaque)
{
	uint64_t address, bytes, *ret_address = opaque;

	(void)target;
	if (ct_binary_data_symbol(library->binary, CCTX_CENSUS_SYMBOL, &address, &bytes))
		return 0;
	*ret_address = address + library->bias;
	return 1;
}

bool ct_context_library_census(struct ct_target *target, uint64_t *ret_address)
{
	return find_library(target, find_census, ret_address) > 0;
}

const struct ct_provider ct_provider_context_library = {
	.name = "ctxtrace-context",
	.describe = "the C context library libctxtrace-context, shared or linked in",
	.plan = plan_context_library,
};
