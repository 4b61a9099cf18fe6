// SPDX-License-Identifier: Apache-2.0
/*
 * Threads of C programs. pthread_create says what the new thread is to run and is given; it makes the thread on the
 * thread it was called on, so the next thread that one forks is it. What is started otherwise has neither.
 */
#pragma once

#include "path.bpf.h"

/** pthread_create begins. `link` is what the stream knows of its argument, as a context. */
static __always_inline void ct_note_spawn(struct pt_regs *regs, const struct ct_process_config *config,
					  const struct ct_link *link)
{
	__u32 thread = ct_current_thread();
	struct ct_spawn spawn = {
		.handle_at = ct_c_argument0(regs),
		.entry = ct_c_argument2(regs),
		.flags = CT_TASK_THREAD | CT_TASK_SPAWNED,
	};
	__u64 caller = 0;

	if (ct_c_argument3(regs)) {
		bool is_endless = link->flags & CT_CREATE_DETACHED || !link->parent;

		spawn.context = is_endless ? 0 : link->parent;
		spawn.flags |= is_endless ? CT_TASK_DETACHED : 0;
	}
	ct_return_address(regs, &caller);
	if (ct_in_library(config, caller) | ct_in_library(config, spawn.entry))
		spawn.flags |= CT_TASK_LIBRARY;
	spawn.path = ct_path(regs, config);
	// Paths are made of return addresses: the one behind the function's first byte is in the function.
	spawn.entry_path = spawn.entry ? ct_path_of_one(spawn.entry + 1, config) : 0;
	if (bpf_map_update_elem(&spawns, &thread, &spawn, BPF_ANY))
		ct_count(CT_COUNTER_MAP_UPDATE);
}

/** A thread is there and does not run yet. `child` is its number. */
static __always_inline void ct_emit_thread_start(__u32 child)
{
	__u32 thread = ct_current_thread();
	const struct ct_spawn *found = bpf_map_lookup_elem(&spawns, &thread);
	struct ct_spawn spawn = { .flags = CT_TASK_THREAD | CT_TASK_SPAWNED };
	struct ct_context_key handle = { .process = ct_current_process() };
	struct ct_event_task_start *event;

	if (found) {
		spawn = *found;
		bpf_map_delete_elem(&spawns, &thread);
	}
	if (spawn.handle_at && !bpf_probe_read_user(&handle.context, sizeof(handle.context), (void *)spawn.handle_at))
		bpf_map_update_elem(&handles, &handle, &child, BPF_ANY);
	event = ct_reserve(sizeof(*event), CT_EVENT_TASK_START, (__u8)spawn.flags);
	if (!event)
		return;
	event->task = child;
	event->creator = thread;
	event->context = spawn.context;
	event->entry = spawn.entry;
	event->path = spawn.path;
	event->entry_path = spawn.entry_path;
	ct_submit(event, sizeof(*event));
}

/** The running thread is about to be gone. */
static __always_inline void ct_emit_thread_end(void)
{
	__u32 thread = ct_current_thread();
	struct ct_event_task_end *event = ct_reserve(sizeof(*event), CT_EVENT_TASK_END, CT_TASK_THREAD);

	bpf_map_delete_elem(&spawns, &thread);
	if (!event)
		return;
	event->task = thread;
	ct_submit(event, sizeof(*event));
}

/** pthread_join begins. Of threads that nobody knows it tells nothing. */
static __always_inline void ct_emit_join(struct pt_regs *regs)
{
	struct ct_context_key handle = { .context = ct_c_argument0(regs), .process = ct_current_process() };
	const __u32 *thread = bpf_map_lookup_elem(&handles, &handle);
	struct ct_event_task_join *event;
	__u32 task;

	if (!thread)
		return;
	task = *thread;
	event = ct_reserve(sizeof(*event), CT_EVENT_TASK_JOIN, 0);
	if (!event)
		return;
	event->task = task;
	event->by = ct_current_thread();
	ct_submit(event, sizeof(*event));
}
