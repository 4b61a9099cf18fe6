// SPDX-License-Identifier: Apache-2.0
/*
 * Call paths. The stack is walked to its end once per path: the key is the first three return addresses outside the
 * context library, and only a new key costs a whole walk, sent as an event of its own.
 *
 * The walk follows frame pointers: Go keeps them always, C libraries when built so. Probes sit before the function
 * makes its frame, so the first return address is on top of the stack and the chain starts at the caller's frame.
 */
#pragma once

#include "emit.bpf.h"
#include "machine.bpf.h"

#include <linux/errno.h>
#include <stdbool.h>

/** Frames looked at, those of the library included: deeper ones do not name a site. */
#define CT_WALK_FRAMES_MAX 48

/** A frame is smaller than this; whatever claims more is no frame pointer. */
#define CT_FRAME_BYTES_MAX (1 << 20)

/** A walk under way. */
struct ct_walk {
	__u64 return_address; /**< Of the frame reached. */
	__u64 frame;	      /**< Frame pointer of its caller; 0 when the chain ends. */
	__u64 looked_at;      /**< Frames so far. */
	__u64 asked_deadline; /**< 1: a library frame stepped over was one that makes deadlines. */
};

/*
 * 1 when the address lies in the range, else 0. By arithmetic and without a branch: in a walk the verifier would
 * follow both sides for every range of every frame. Addresses of programs are far below 2^63.
 */
static __always_inline __u64 ct_in_range(const struct ct_range *range, __u64 address)
{
	__u64 offset = address - range->start;

	return (~offset & (offset - (range->end - range->start))) >> 63;
}

static __always_inline __u64 ct_in_library(const struct ct_process_config *config, __u64 address)
{
	__u64 inside = 0;

	for (int i = 0; i < CT_LIBRARY_RANGES_MAX; i++)
		inside |= ct_in_range(&config->library[i], address);
	return inside;
}

/** @return false when not even the first return address can be read. */
static __always_inline bool ct_walk_begin(struct ct_walk *walk, const struct pt_regs *regs)
{
	__u64 stack = ct_stack_pointer(regs);
	__u64 frame = ct_frame_pointer(regs);

	if (ct_return_address(regs, &walk->return_address)) {
		ct_count(CT_COUNTER_READ_STACK);
		return false;
	}
	walk->looked_at = 0;
	walk->asked_deadline = 0;
	walk->frame = frame - stack < CT_FRAME_BYTES_MAX ? frame : 0;
	return true;
}

/** @return false at the end of the chain. */
static __always_inline bool ct_walk_next(struct ct_walk *walk)
{
	__u64 record[2] = {};

	if (!walk->frame)
		return false;
	if (bpf_probe_read_user(record, sizeof(record), (void *)walk->frame)) {
		ct_count(CT_COUNTER_READ_STACK);
		return false;
	}
	// Frames only go up: a chain that does not is no chain (or a target that wants us to go in circles).
	if (record[0] - walk->frame - 1 >= CT_FRAME_BYTES_MAX)
		record[0] = 0;
	walk->frame = record[0];
	walk->return_address = record[1];
	return record[1] != 0;
}

/** Go on to the next frame outside the library; the frame at which the walk began counts. @return false: none. */
CT_CHECKED_ONCE bool ct_walk_out(const struct ct_process_config *config, struct ct_walk *walk)
{
	if (!config || !walk)
		return false;
	for (int i = 0; i < CT_WALK_FRAMES_MAX && walk->looked_at < CT_WALK_FRAMES_MAX; i++) {
		if (walk->looked_at++ && !ct_walk_next(walk))
			return false;
		if (!ct_in_library(config, walk->return_address))
			return true;
		walk->asked_deadline |=
			ct_in_range(&config->go.callers[CT_CALLER_WITH_DEADLINE], walk->return_address);
	}
	return false;
}

/** @return false when there is no path. `ret_asked`: below the innermost frame the library was asked for a deadline. */
static __always_inline bool ct_take_key(const struct ct_process_config *config, struct ct_walk walk,
					struct ct_path_key *key, __u64 *ret_asked)
{
	int found = 0;

	for (; found < CT_PATH_KEY_FRAMES && ct_walk_out(config, &walk); found++) {
		if (!found)
			*ret_asked = walk.asked_deadline;
		key->frames[found] = walk.return_address;
	}
	return found != 0;
}

static __always_inline void ct_take_frames(const struct ct_process_config *config, struct ct_walk walk,
					   struct ct_event_stack *stack)
{
	int depth = 0;

	for (; depth < CT_STACK_FRAMES_MAX && ct_walk_out(config, &walk); depth++)
		stack->frames[depth] = walk.return_address;
	stack->depth = (__u32)depth;
}

/**
 * Give a new path its number and publish it.
 *
 * Its STACK was reserved before the key can be found by anybody, so the ring shows it before every event that uses the
 * path, on every CPU. Nothing stays behind when it cannot be sent: the next hit tries again.
 */
static __always_inline __u32 ct_publish_path(struct ct_event_stack *stack, const struct ct_path_key *key)
{
	__u32 zero = 0;
	__u32 *last = bpf_map_lookup_elem(&path_numbers, &zero);
	__u32 path = last ? __sync_fetch_and_add(last, 1) + 1 : 0;
	long err = bpf_map_update_elem(&paths, key, &path, BPF_NOEXIST);

	if (err) {
		__u32 *known = err == -EEXIST ? bpf_map_lookup_elem(&paths, key) : NULL;

		bpf_ringbuf_discard(stack, BPF_RB_NO_WAKEUP);
		if (!known)
			ct_count(CT_COUNTER_PATHS_FULL);
		return known ? *known : 0;
	}
	stack->path = path;
	ct_fill_header(&stack->header, ct_number_event(), CT_EVENT_STACK, 0);
	ct_submit(stack, sizeof(*stack));
	return path;
}

static __always_inline struct ct_event_stack *ct_reserve_stack(void)
{
	struct ct_event_stack *stack = bpf_ringbuf_reserve(&events, sizeof(*stack), 0);

	if (stack)
		__builtin_memset(stack, 0, sizeof(*stack));
	else
		ct_count(CT_COUNTER_STACK_RING_FULL);
	return stack;
}

/** @return the number of the call path that begins where the walk stands, or 0. Sets `asked_deadline` for its site. */
CT_CHECKED_ONCE __u32 ct_path_of_walk(const struct ct_process_config *config, struct ct_walk *walk)
{
	struct ct_path_key key = { .process = ct_current_process() };
	struct ct_event_stack *stack;
	__u64 asked = 0;
	__u32 *known;

	if (!config || !walk || !ct_take_key(config, *walk, &key, &asked))
		return 0;
	walk->asked_deadline = asked;
	known = bpf_map_lookup_elem(&paths, &key);
	if (known)
		return *known;
	stack = ct_reserve_stack();
	if (!stack)
		return 0;
	ct_take_frames(config, *walk, stack);
	return ct_publish_path(stack, &key);
}

/** As ct_path(), and whether the library was asked for a deadline there. */
static __always_inline __u32 ct_path_and_ask(const struct pt_regs *regs, const struct ct_process_config *config,
					     bool *ret_asked)
{
	struct ct_walk walk;
	__u32 path;

	if (!config->take_stacks || !ct_walk_begin(&walk, regs))
		return 0;
	path = ct_path_of_walk(config, &walk);
	*ret_asked = walk.asked_deadline != 0;
	return path;
}

/** @return the number of the call path that led to this probe, or 0. */
static __always_inline __u32 ct_path(const struct pt_regs *regs, const struct ct_process_config *config)
{
	bool asked;

	return ct_path_and_ask(regs, config, &asked);
}

/** @return the number of a path of which only one return address is known, or 0. */
static __always_inline __u32 ct_path_of_one(__u64 return_address, const struct ct_process_config *config)
{
	struct ct_path_key key = { .process = ct_current_process(), .frames = { return_address } };
	struct ct_event_stack *stack;
	__u32 *known;

	if (!config->take_stacks || !return_address)
		return 0;
	known = bpf_map_lookup_elem(&paths, &key);
	if (known)
		return *known;
	stack = ct_reserve_stack();
	if (!stack)
		return 0;
	stack->frames[0] = return_address;
	stack->depth = 1;
	return ct_publish_path(stack, &key);
}
