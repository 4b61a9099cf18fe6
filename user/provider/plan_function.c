// SPDX-License-Identifier: Apache-2.0
#include "provider/plan_function.h"

#define LEAST_BYTES 16 /* to choose a place at the very end of a segment */

size_t ct_function_code(struct ct_binary *binary, const struct ct_function *function, uint8_t *code, size_t room)
{
	size_t bytes = room;

	if (function->end > function->start && function->end - function->start < room)
		bytes = (size_t)(function->end - function->start);
	if (!ct_binary_read(binary, function->start, code, bytes))
		return bytes;
	return bytes > LEAST_BYTES && !ct_binary_read(binary, function->start, code, LEAST_BYTES) ? LEAST_BYTES : 0;
}

static bool has_offset(const struct ct_plan *plan, uint64_t offset)
{
	for (size_t i = 0; i < plan->points_count; i++)
		if (plan->points[i].offset == offset)
			return true;
	return false;
}

int ct_plan_function(struct ct_plan *plan, struct ct_binary *binary, const char *name,
		     const struct ct_function *function, ct_probe_chooser choose, uint64_t cookie, bool is_end)
{
	struct ct_attach_point point = {.symbol = (char *)name, .cookie = cookie, .is_end = is_end};
	uint8_t code[CT_PROBE_BYTES];
	size_t bytes = ct_function_code(binary, function, code, sizeof(code));
	struct ct_probe_point place;
	const char *reason = NULL;

	if (!bytes)
		return ct_plan_refuse(plan, name, "its code cannot be read");
	if (choose(code, bytes, &place, &reason))
		return ct_plan_refuse(plan, name, reason);
	point.address = function->start + place.offset;
	point.cost = place.cost;
	point.cookie |= place.cookie_flags;
	if (ct_binary_offset(binary, point.address, &point.offset))
		return ct_plan_refuse(plan, name, "it lies in no loaded segment");
	return has_offset(plan, point.offset) ? 0 : ct_plan_add(plan, &point);
}
