// SPDX-License-Identifier: Apache-2.0
#include "agent/goroutines.h"

#include "agent/clock.h"
#include "ctxtrace/work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BREATH_TASKS 256u

/* Which tasks of the tree memory has, by index. */
struct marks {
	uint8_t *bits;
	uint32_t end;
};

static uint64_t mix(uint64_t value)
{
	value *= UINT64_C(0x9e3779b97f4a7c15);
	return value ^ value >> 32;
}

/* src/runtime/traceback.go, isSystemGoroutine: all that begin in package runtime itself but for these two. */
static bool is_system_name(const char *name)
{
	return !strncmp(name, "runtime.", 8) && strcmp(name, "runtime.main") != 0 && strcmp(name, "runtime.corostart") != 0;
}

bool ct_goroutines_is_system(struct ct_goroutines *goroutines, uint64_t entry)
{
	size_t slot = mix(entry) % CT_GOROUTINE_ENTRIES;
	struct ct_function function;

	if (!entry)
		return false;
	if (goroutines->entries[slot].address != entry) {
		bool is_named = !ct_binary_function_at(goroutines->binary, entry - goroutines->load_bias, &function);

		goroutines->entries[slot].address = entry;
		goroutines->entries[slot].is_system = is_named && is_system_name(function.name);
	}
	return goroutines->entries[slot].is_system;
}

static uint64_t *ends_of(const struct ct_goroutines *goroutines, uint64_t task)
{
	return goroutines->ends + mix(task) % (CT_GOROUTINE_ENDS / CT_GOROUTINE_END_WAYS) * CT_GOROUTINE_END_WAYS;
}

/* The newest of a set stands first. */
void ct_goroutines_note_end(struct ct_goroutines *goroutines, uint64_t task)
{
	uint64_t *set;

	if (!goroutines->ends)
		goroutines->ends = calloc(CT_GOROUTINE_ENDS, sizeof(*goroutines->ends));
	if (!goroutines->ends)
		return;
	set = ends_of(goroutines, task);
	memmove(set + 1, set, (CT_GOROUTINE_END_WAYS - 1) * sizeof(*set));
	*set = task;
}

bool ct_goroutines_has_ended(const struct ct_goroutines *goroutines, uint64_t task)
{
	const uint64_t *set = goroutines->ends ? ends_of(goroutines, task) : NULL;

	for (unsigned int i = 0; set && i < CT_GOROUTINE_END_WAYS; i++)
		if (set[i] == task)
			return true;
	return false;
}

static int push(const struct ct_goroutines_telling *telling, const struct ct_event_task_seen *event)
{
	return ct_pipeline_push(telling->pipeline, &(struct ct_event){ .task_seen = event, .bytes = sizeof(*event) });
}

static int push_found(const struct ct_goroutines_telling *telling, const struct ct_census_goroutine *seen)
{
	struct ct_goroutines *goroutines = telling->goroutines;
	bool is_system = ct_goroutines_is_system(goroutines, seen->entry);
	struct ct_event_task_seen event = {
		.header = { .time_ns = ct_clock_ns(),
			    .type = CT_EVENT_TASK_SEEN,
			    .flags = is_system ? CT_TASK_SEEN_SYSTEM : 0 },
		.task = seen->task,
		.creator = seen->creator,
	};
	// Nobody's go statement started the main one. Paths are of return addresses.
	bool is_main = seen->task == 1;
	uint64_t entry = seen->entry + 1;
	int rc = ct_paths_number(&goroutines->paths, &seen->created_pc, seen->created_pc && !is_system && !is_main,
				 event.header.time_ns, &event.created);

	rc = rc ?: ct_paths_number(&goroutines->paths, &entry, seen->entry && !is_system, event.header.time_ns, &event.entry);
	return rc ?: push(telling, &event);
}

static int push_gone(const struct ct_goroutines_telling *telling, uint64_t task)
{
	struct ct_event_task_seen event = {
		.header = { .time_ns = ct_clock_ns(), .type = CT_EVENT_TASK_SEEN, .flags = CT_TASK_SEEN_GONE },
		.task = task,
	};

	return push(telling, &event);
}

/* Does the stream tell nothing of it but its number? */
static bool is_stranger(const struct ct_task *task)
{
	return !task || (!task->is_started && !task->is_adopted);
}

/* Older ones leave half of the tree to those that are started in the window. */
static bool has_room(const struct ct_goroutines_telling *telling)
{
	return ct_tree_totals(telling->pipeline->tree)->tasks_live < CT_TASKS_MAX / 2;
}

static void mark(struct marks *marks, const struct ct_tree *tree, const struct ct_task *task)
{
	uint32_t index = task ? ct_tree_task_index(tree, task) : marks->end;

	if (index < marks->end)
		marks->bits[index / 8] |= (uint8_t)(1u << index % 8);
}

/* Those the tree does not know. What the exact list and the memory of ends say has ended is in neither hand. */
static int tell_found(const struct ct_goroutines_telling *telling, struct marks *marks)
{
	const struct ct_tree *tree = telling->pipeline->tree;
	int rc = 0;

	for (size_t i = 0; i < telling->result->goroutines_count && !rc; i++) {
		const struct ct_census_goroutine *seen = &telling->result->goroutines[i];
		const struct ct_task *task;

		if (i % BREATH_TASKS == 0)
			telling->breathe(telling->opaque); // which may change the tree
		task = ct_tree_task_of(tree, seen->task);
		if (is_stranger(task) && has_room(telling) && !ct_ended_list_has(telling->ended, seen->task) &&
		    !ct_goroutines_has_ended(telling->goroutines, seen->task)) {
			rc = push_found(telling, seen);
			task = ct_tree_task_of(tree, seen->task);
		}
		mark(marks, tree, task);
	}
	return rc;
}

/* Those that were there before memory was read, and are not in it. */
static int tell_gone(const struct ct_goroutines_telling *telling, const struct marks *marks)
{
	const struct ct_tree *tree = telling->pipeline->tree;
	int rc = 0;

	for (uint32_t i = 0; i < marks->end && !rc; i++) {
		const struct ct_task *task;

		if (i % BREATH_TASKS == 0)
			telling->breathe(telling->opaque);
		task = marks->bits[i / 8] >> i % 8 & 1 ? NULL : ct_tree_task(tree, i);
		if (task && task->start_ns < telling->result->began_ns)
			rc = push_gone(telling, task->task);
	}
	return rc;
}

int ct_goroutines_tell(const struct ct_goroutines_telling *telling)
{
	struct marks marks = { .end = ct_tree_tasks_end(telling->pipeline->tree) };
	int rc;

	marks.bits = calloc(marks.end / 8 + 1, 1);
	if (!marks.bits)
		return -ENOMEM;
	rc = tell_found(telling, &marks);
	if (!rc)
		rc = tell_gone(telling, &marks);
	free(marks.bits);
	return rc;
}

void ct_goroutines_done(struct ct_goroutines *goroutines)
{
	ct_paths_done(&goroutines->paths);
	free(goroutines->ends);
	*goroutines = (struct ct_goroutines){ 0 };
}
