// SPDX-License-Identifier: Apache-2.0
/* Facts about one Go program that the kernel side needs: types, callers, clock. */
#include "provider/go.h"

#include "ctxtrace/event.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *type;
	const char *interface;
	uint32_t kind;
} types[] = {
	{ "context.cancelCtx", "context.Context", CT_KIND_CANCEL },
	{ "context.timerCtx", "context.Context", CT_KIND_DEADLINE },
	{ "context.afterFuncCtx", "context.Context", CT_KIND_AFTER_FUNC },
	{ "context.cancelCtx", "context.canceler", CT_KIND_CANCEL },
	{ "context.timerCtx", "context.canceler", CT_KIND_DEADLINE },
	{ "context.afterFuncCtx", "context.canceler", CT_KIND_AFTER_FUNC },
	{ "context.valueCtx", "context.Context", CT_KIND_VALUE },
	{ "context.withoutCancelCtx", "context.Context", CT_KIND_DETACHED },
	{ "context.stopCtx", "context.Context", CT_GO_TYPE_STOP_CTX },
	{ "context.backgroundCtx", "context.Context", CT_KIND_BACKGROUND },
	{ "context.todoCtx", "context.Context", CT_KIND_TODO },
	{ "context.deadlineExceededError", "error", CT_GO_TYPE_DEADLINE_EXCEEDED },
};

static const struct {
	enum ct_go_caller caller;
	const char *function;
} callers[] = {
	{ CT_CALLER_TIMER_CANCEL, "context.(*timerCtx).cancel" },
	{ CT_CALLER_AFTER_FUNC_CANCEL, "context.(*afterFuncCtx).cancel" },
	{ CT_CALLER_PROPAGATE, CT_GO_PROPAGATE },
	{ CT_CALLER_WITH_DEADLINE, "context.WithDeadlineCause" },
	{ CT_CALLER_CANCEL, CT_GO_CANCEL },
	{ CT_CALLER_WATCHER, "context.(*cancelCtx).propagateCancel.func2" },
};

static bool has_type(const struct ct_go_config *config, uint64_t address)
{
	for (size_t i = 0; i < CT_GO_TYPES_MAX && config->types[i].address; i++)
		if (config->types[i].address == address)
			return true;
	return false;
}

static void set_types(struct ct_binary *binary, uint64_t bias, struct ct_go_config *config)
{
	size_t used = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && used < CT_GO_TYPES_MAX; i++) {
		uint64_t address;

		if (ct_binary_go_type(binary, types[i].type, types[i].interface, &address) ||
		    has_type(config, address + bias))
			continue;
		config->types[used++] = (struct ct_go_type){ .address = address + bias, .kind = types[i].kind };
	}
}

static void set_callers(struct ct_binary *binary, uint64_t bias, struct ct_go_config *config)
{
	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
		struct ct_function function;

		if (ct_binary_find(binary, callers[i].function, &function, 1) > 0 && function.end)
			config->callers[callers[i].caller] =
				(struct ct_range){ function.start + bias, function.end + bias };
	}
}

#define TIME_NOW_BYTES 512

/*
 * Address of time.startNano, the zero of a Go program's monotonic time. Without a symbol: time.Now and time.Since
 * subtract it, the only subtraction of a global there: `sub d(%rip),%reg` (Intel SDM volume 2).
 */
static int find_start_nano(struct ct_binary *binary, uint64_t *ret_address)
{
	static const char *const users[] = { "time.Now", "time.Since" };
	uint64_t bytes;

	if (!ct_binary_data_symbol(binary, "time.startNano", ret_address, &bytes))
		return 0;
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		uint8_t code[TIME_NOW_BYTES];
		struct ct_function function;
		size_t length;

		if (ct_binary_find(binary, users[i], &function, 1) < 1 || function.end <= function.start)
			continue;
		length = function.end - function.start < sizeof(code) ? function.end - function.start : sizeof(code);
		if (ct_binary_read(binary, function.start, code, length))
			continue;
		for (size_t at = 0; at + 7 <= length; at++) {
			int32_t distance;

			if ((code[at] & 0xfb) != 0x48 || code[at + 1] != 0x2b || (code[at + 2] & 0xc7) != 0x05)
				continue;
			memcpy(&distance, code + at + 3, sizeof(distance));
			*ret_address = function.start + at + 7 + (uint64_t)(int64_t)distance;
			return 0;
		}
	}
	return -ENOENT;
}

static uint64_t time_base(struct ct_target *target, struct ct_binary *binary)
{
	uint64_t address, zero_ns = 0;

	if (find_start_nano(binary, &address) ||
	    ct_target_read(target, address + ct_target_load_bias(target), &zero_ns, sizeof(zero_ns)))
		return 0;
	return zero_ns;
}

int ct_go_configure(struct ct_target *target, struct ct_go_config *config, struct ct_range *library)
{
	struct ct_binary *binary = ct_target_binary(target);
	uint64_t bias = ct_target_load_bias(target);
	uint64_t start, end;

	set_types(binary, bias, config);
	if (!config->types[0].address)
		return -ENOENT;
	set_callers(binary, bias, config);
	ct_go_set_offsets(ct_go_layout_of(ct_target_go_version(target)), config);
	config->time_base_ns = time_base(target, binary);
	if (!ct_binary_go_package_text(binary, "context.", &start, &end))
		library[0] = (struct ct_range){ start + bias, end + bias };
	return 0;
}
