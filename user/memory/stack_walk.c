// SPDX-License-Identifier: Apache-2.0
#include "memory/stack_walk.h"

#include "memory/scan.h"

#define STACK_BYTES_MAX (UINT64_C(1) << 30) /* Go's own limit of one stack on 64 bit: 1 GB */

bool ct_stack_of(const struct ct_goroutine_layout *layout, const uint8_t *g, struct ct_stack *ret_stack)
{
	uint64_t low = ct_load64(g + CT_G_STACK_LOW), sp = ct_load64(g + CT_G_SCHED_SP);
	struct ct_stack stack = {
		.high = ct_load64(g + CT_G_STACK_HIGH),
		.pc = ct_load64(g + CT_G_SCHED_PC),
		.bp = ct_load64(g + layout->sched_bp),
		.is_running = ct_goroutine_status(layout, g) == CT_GOROUTINE_RUNNING,
	};

	if (low % 8 || stack.high % 8 || low >= stack.high || stack.high - low > STACK_BYTES_MAX)
		return false;
	// a running goroutine's saved stack pointer is old
	stack.is_running |= sp < low || sp >= stack.high || sp % 8;
	stack.sp = stack.is_running ? low : sp;
	*ret_stack = stack;
	return true;
}

/* Words at `address` and the one after it, from a copy of the stack. */
static bool frame_words(const struct ct_stack *stack, const void *words, size_t bytes, uint64_t address,
			uint64_t pair[2])
{
	uint64_t offset = address - stack->sp;

	if (address % 8 || address < stack->sp || bytes < 16 || offset > bytes - 16)
		return false;
	pair[0] = ct_load64((const uint8_t *)words + offset);
	pair[1] = ct_load64((const uint8_t *)words + offset + 8);
	return true;
}

void ct_stack_walk(const struct ct_stack *stack, const void *words, size_t bytes, struct ct_stack_walk *ret_walk)
{
	uint64_t frame = stack->bp, pair[2];

	ret_walk->count = 0;
	if (stack->is_running || !stack->pc)
		return;
	ret_walk->pcs[0] = stack->pc;
	ret_walk->ends[0] = stack->high;
	ret_walk->count = 1;
	while (ret_walk->count < CT_STACK_FRAMES_MAX && frame_words(stack, words, bytes, frame, pair) && pair[1]) {
		ret_walk->ends[ret_walk->count - 1] = frame + 16;
		ret_walk->pcs[ret_walk->count] = pair[1];
		ret_walk->ends[ret_walk->count++] = stack->high;
		if (pair[0] <= frame)
			return;
		frame = pair[0];
	}
}

int ct_stack_frame_of(const struct ct_stack *stack, const struct ct_stack_walk *walk, uint64_t address)
{
	if (address < stack->sp)
		return -1;
	for (unsigned int i = 0; i < walk->count; i++)
		if (address < walk->ends[i])
			return (int)i;
	return -1;
}
