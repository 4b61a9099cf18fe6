// SPDX-License-Identifier: Apache-2.0
/* Facts about one Go program that the kernel side needs: types, callers, clock. */
#include "provider/go.h"

#include "base/time.h"
#include "ctxtrace/event.h"
#include "memory/layout.h"
#include "memory/locate.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define MINOR_CAUSE 20 /* cancel methods are given a cause, from this release on */

/* A type is found through one of the interfaces the program stores it in. */
static const struct {
	const char *type;
	uint32_t kind;
	const char *interfaces[2];
} types[] = {
	{"context.cancelCtx", CT_KIND_CANCEL, {"context.Context", "context.canceler"}},
	{"context.timerCtx", CT_KIND_DEADLINE, {"context.Context", "context.canceler"}},
	{"context.afterFuncCtx", CT_KIND_AFTER_FUNC, {"context.Context", "context.canceler"}},
	{"context.valueCtx", CT_KIND_VALUE, {"context.Context"}},
	{"context.withoutCancelCtx", CT_KIND_DETACHED, {"context.Context"}},
	{"context.stopCtx", CT_GO_TYPE_STOP_CTX, {"context.Context"}},
	{"context.backgroundCtx", CT_KIND_BACKGROUND, {"context.Context"}},
	{"context.todoCtx", CT_KIND_TODO, {"context.Context"}},
	{"context.emptyCtx", CT_KIND_BACKGROUND, {"context.Context"}}, // up to 1.20 TODO too: the pointer tells
	{"context.deadlineExceededError", CT_GO_TYPE_DEADLINE_EXCEEDED, {"error"}},
	{"errors.errorString", CT_GO_TYPE_ERROR_TEXT, {"error"}},
	{"fmt.wrapError", CT_GO_TYPE_ERROR_TEXT, {"error"}},
	{"fmt.wrapErrors", CT_GO_TYPE_ERROR_TEXT, {"error"}},
};
#define TYPES (sizeof(types) / sizeof(types[0]))
_Static_assert(TYPES <= CT_GO_TYPES_MAX, "room for all");

#define PACKAGE "context."
#define PACKAGE_LENGTH (sizeof(PACKAGE) - 1)

static const struct {
	enum ct_go_caller caller;
	const char *function;
} callers[] = {
	{CT_CALLER_TIMER_CANCEL, CT_GO_CANCEL_TIMER},
	{CT_CALLER_AFTER_FUNC_CANCEL, CT_GO_CANCEL_AFTER_FUNC},
	{CT_CALLER_PROPAGATE, CT_GO_PROPAGATE},
	{CT_CALLER_PROPAGATE, CT_GO_PROPAGATE_OLD},
	{CT_CALLER_WITH_DEADLINE, "context.WithDeadlineCause"},
	{CT_CALLER_CANCEL, CT_GO_CANCEL},
	{CT_CALLER_WATCHER, "context.(*cancelCtx).propagateCancel.func2"},
	{CT_CALLER_WATCHER, "context.propagateCancel.func1"}, // up to 1.20
	{CT_CALLER_FOREIGN, "context.(*cancelCtx).propagateCancel.func1"},
};

static uint64_t find_type(struct ct_binary *binary, size_t type)
{
	uint64_t address;

	for (size_t i = 0; i < 2 && types[type].interfaces[i]; i++)
		if (!ct_binary_go_type(binary, types[type].type, types[type].interfaces[i], &address))
			return address;
	return 0;
}

/* Which of the types have methods in this program, as bits. */
struct linked {
	uint32_t types;
};

static int note_method(void *opaque, const struct ct_function *function)
{
	struct linked *linked = opaque;
	const char *name = function->name;

	if (strncmp(name, PACKAGE, PACKAGE_LENGTH) != 0)
		return 0;
	name += PACKAGE_LENGTH;
	name += name[0] == '(' && name[1] == '*' ? 2 : 0;
	for (size_t i = 0; i < TYPES; i++) {
		const char *type = types[i].type + PACKAGE_LENGTH;
		size_t length;

		if (strncmp(types[i].type, PACKAGE, PACKAGE_LENGTH) != 0)
			continue;
		length = strlen(type);
		if (!strncmp(name, type, length) && (name[length] == '.' || name[length] == ')'))
			linked->types |= UINT32_C(1) << i;
	}
	return 0;
}

/* A type that is there and was not found: what it would have told is lost, and the plan says so. */
static int set_types(struct ct_binary *binary, uint64_t bias, struct ct_go_config *config, struct ct_plan *plan)
{
	struct linked linked = {0};
	size_t used = 0;
	int rc = ct_binary_each_function(binary, note_method, &linked);

	for (size_t i = 0; i < TYPES && !rc; i++) {
		uint64_t address = find_type(binary, i);

		if (address)
			config->types[used++] = (struct ct_go_type){.address = address + bias, .kind = types[i].kind};
		else if (types[i].kind == CT_KIND_CANCEL)
			rc = -ENOENT;
		else if (linked.types & UINT32_C(1) << i)
			rc = ct_plan_refuse(plan, types[i].type,
					    "its type was not found: such contexts count as unknown");
	}
	return rc;
}

static void set_callers(struct ct_binary *binary, const struct ct_go_version *version, uint64_t bias,
			struct ct_go_config *config)
{
	struct ct_function function;

	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++)
		if (ct_binary_find(binary, callers[i].function, &function, 1) > 0 && function.end)
			config->callers[callers[i].caller] =
				(struct ct_range){function.start + bias, function.end + bias};
	if (version->minor < CT_GO_MINOR_METHOD && ct_binary_find(binary, "context.WithDeadline", &function, 1) > 0 &&
	    function.end)
		config->callers[CT_CALLER_WITH_DEADLINE] =
			(struct ct_range){function.start + bias, function.end + bias};
}

/*
 * The zero of the program's clock. Before the program has run it is not there yet, and a wrong address would show as
 * a time at which the process did not run: 0 then, unknown.
 */
static uint64_t time_base(struct ct_target *target, uint64_t address)
{
	struct timespec now;
	uint64_t zero_ns, now_ns, start_ns = ct_target_start_time(target);

	if (ct_target_read(target, address, &zero_ns, sizeof(zero_ns)) || clock_gettime(CLOCK_MONOTONIC, &now))
		return 0;
	now_ns = (uint64_t)now.tv_sec * CT_NSEC_PER_SEC + (uint64_t)now.tv_nsec;
	// The start is known to a hundredth of a second; after a suspend the two clocks may be read a little apart.
	return zero_ns <= now_ns && zero_ns + CT_NSEC_PER_SEC >= start_ns ? zero_ns : 0;
}

static int set_clock(struct ct_target *target, uint64_t bias, struct ct_go_config *config, struct ct_plan *plan)
{
	uint64_t address;

	if (ct_go_find_start_nano(ct_target_binary(target), &address))
		return ct_plan_refuse(plan, "time.startNano", "not found: deadlines are not known");
	config->time_base_ns = time_base(target, address + bias);
	config->time_base_at = address + bias;
	return 0;
}

/* Up to 1.20 Background and TODO are of one type: two pointers, set before the first instruction of main. */
static int set_roots(struct ct_target *target, uint64_t bias, struct ct_go_config *config, struct ct_plan *plan)
{
	uint64_t background, todo;

	if (ct_target_go_version(target)->minor >= CT_GO_MINOR_METHOD)
		return 0;
	if (ct_locate_roots(ct_target_binary(target), &background, &todo))
		return ct_plan_refuse(plan, "context.todo", "not found: TODO counts as Background");
	if (ct_target_read(target, background + bias, &config->background, sizeof(config->background)))
		config->background = 0;
	if (ct_target_read(target, todo + bias, &config->todo, sizeof(config->todo)))
		config->todo = 0;
	return 0;
}

static int set_heap(struct ct_target *target, uint64_t bias, const struct ct_go_layout *layout,
		    struct ct_go_config *config, struct ct_plan *plan)
{
	uint64_t address, arenas = 0;

	if (ct_locate_heap(ct_target_binary(target), &address))
		return ct_plan_refuse(plan, "runtime.mheap_",
				      "not found: only a goroutine's first captured context is seen");
	if (ct_target_read(target, address + bias + layout->heap->heap_arenas, &arenas, sizeof(arenas)))
		arenas = 0;
	config->heap_arenas = arenas;
	config->heap_arenas_at = address + bias + layout->heap->heap_arenas;
	config->heap_base = CT_ARENA_BASE;
	config->arena_spans = layout->heap->arena_spans;
	config->span_elem_bytes = layout->heap->element_bytes;
	return 0;
}

static void set_offsets(const struct ct_go_version *version, const struct ct_go_layout *layout,
			struct ct_go_config *config)
{
	config->g_goid = layout->goroutine->goid;
	config->g_parent_goid = layout->goroutine->parent_goid;
	config->g_gopc = layout->goroutine->gopc;
	config->g_startpc = layout->goroutine->start_pc;
	config->g_sched_ctxt = CT_G_SCHED_CTXT;
	config->context_err = CT_CONTEXT_ERR;
	config->context_deadline = layout->context->deadline;
	config->timer_is_split = layout->context->is_timer_indirect;
	config->cancel_has_cause = version->minor >= MINOR_CAUSE;
}

static void set_library(struct ct_binary *binary, uint64_t bias, struct ct_process_config *config)
{
	struct ct_function runs[CT_LIBRARY_RANGES_MAX];
	int count = ct_binary_go_package_runs(binary, PACKAGE, runs, CT_LIBRARY_RANGES_MAX);

	for (int i = 0; i < count; i++)
		config->library[i] = (struct ct_range){runs[i].start + bias, runs[i].end + bias};
}

int ct_go_configure(struct ct_target *target, struct ct_process_config *config, struct ct_plan *plan)
{
	struct ct_binary *binary = ct_target_binary(target);
	const struct ct_go_version *version = ct_target_go_version(target);
	uint64_t bias = ct_target_load_bias(target);
	struct ct_go_layout layout;
	int rc = ct_go_layout_find(version->minor, &layout);

	if (!rc)
		rc = set_types(binary, bias, &config->go, plan);
	if (!rc)
		rc = set_roots(target, bias, &config->go, plan);
	if (!rc)
		rc = set_clock(target, bias, &config->go, plan);
	if (!rc)
		rc = set_heap(target, bias, &layout, &config->go, plan);
	if (rc)
		return rc;
	set_callers(binary, version, bias, &config->go);
	set_offsets(version, &layout, &config->go);
	set_library(binary, bias, config);
	return 0;
}
