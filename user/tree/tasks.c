// SPDX-License-Identifier: Apache-2.0
/*
 * Tasks that run. A context does not point to its maker: whether that has ended is looked up when somebody asks, so
 * the end of a task costs the same however many contexts it made.
 */
#include "tree/private.h"

#include <errno.h>

struct ct_task *ct_task_find(const struct ct_tree *tree, uint64_t task)
{
	uint32_t index = ct_map_find(&tree->by_task, task);

	return index == CT_INDEX_NONE ? NULL : ct_slab_at(&tree->tasks, index);
}

static struct ct_task *task_enter(struct ct_tree *tree, uint64_t task, uint64_t time_ns)
{
	struct ct_task *entry;
	uint32_t index;

	if (tree->tasks.used >= tree->caps.max_tasks) {
		tree->totals.refused_tasks++;
		return NULL;
	}
	index = ct_slab_take(&tree->tasks);
	entry = ct_slab_at(&tree->tasks, index);
	*entry = (struct ct_task){ .task = task, .start_ns = time_ns, .request = CT_INDEX_NONE };
	ct_map_insert(&tree->by_task, task, index);
	tree->totals.tasks_seen++;
	tree->totals.tasks_live++;
	return entry;
}

bool ct_task_seen_at_work(struct ct_tree *tree, uint64_t task, uint64_t time_ns)
{
	if (!task || !tree->has_tasks) // without a provider of tasks nothing would ever end them
		return false;
	return ct_task_find(tree, task) || task_enter(tree, task, time_ns);
}

bool ct_task_has_gone(const struct ct_tree *tree, uint64_t task, uint64_t time_ns)
{
	const struct ct_task *entry = ct_task_find(tree, task);

	return !entry || entry->start_ns > time_ns; // thread ids come again
}

/* It is another one from here on. */
static void describe(struct ct_tree *tree, struct ct_task *entry, const struct ct_event_task_start *start)
{
	if (entry->is_started)
		ct_request_note_task_end(tree, entry, start->header.time_ns);
	entry->start_ns = start->header.time_ns;
	entry->creator = start->creator;
	entry->context = start->context;
	entry->site = ct_site_of_path(tree, start->path);
	entry->at = CT_SITE_UNKNOWN;
	entry->request = ct_request_bind(tree, start, &entry->context_id);
	ct_request_note_task(tree, entry);
	entry->is_started = true;
}

int ct_apply_task_start(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_task_start *start = event->task_start;
	struct ct_task *entry;

	(void)ret_context;
	if (!start->task)
		return 0;
	if (ct_tree_reserve(tree))
		return -ENOMEM;
	tree->has_tasks = true;
	entry = ct_task_find(tree, start->task);
	if (entry && entry->is_started && start->header.time_ns > entry->start_ns)
		tree->totals.tasks_seen++; // the end of the task that had the number so far was missed
	if (!entry)
		entry = task_enter(tree, start->task, start->header.time_ns);
	if (!entry)
		return -ENOSPC;
	if (!entry->is_started || start->header.time_ns > entry->start_ns)
		describe(tree, entry, start);
	return 0;
}

/* How long it went on after the context it was started with had ended. */
static int count_latency(struct ct_tree *tree, const struct ct_task *task, uint64_t time_ns)
{
	const struct ct_ended *ended = task->context ? ct_ended_find(tree, task->context) : NULL;

	if (!ended || ended->id != (uint32_t)task->context_id || ended->reason == CT_REASON_FREED || ended->is_inferred)
		return 0;
	if (ended->time_ns < task->start_ns || ended->time_ns > time_ns)
		return 0;
	return ct_site_count_latency(tree, ended->site, time_ns - ended->time_ns, time_ns);
}

int ct_apply_task_end(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	uint32_t index = ct_map_find(&tree->by_task, event->task_end->task);
	struct ct_task *entry;

	(void)ret_context;
	tree->has_tasks = true;
	if (index == CT_INDEX_NONE) { // older than the attach
		ct_request_note_task_end(tree, &(struct ct_task){ .task = event->task_end->task, .request = CT_INDEX_NONE },
					 event->header->time_ns);
		return 0;
	}
	entry = ct_slab_at(&tree->tasks, index);
	if (count_latency(tree, entry, event->header->time_ns))
		return -ENOMEM;
	ct_request_note_task_end(tree, entry, event->header->time_ns);
	ct_map_remove(&tree->by_task, entry->task);
	entry->task = 0; // marks a free slot
	ct_slab_give(&tree->tasks, index);
	tree->totals.tasks_live--;
	return 0;
}

void ct_tasks_close(struct ct_tree *tree)
{
	ct_map_done(&tree->by_task);
	ct_slab_done(&tree->tasks);
	tree->totals.tasks_live = 0;
}

void ct_task_seen_at(struct ct_tree *tree, const struct ct_event_goroutine *seen, uint32_t site)
{
	struct ct_task *entry = ct_task_find(tree, seen->task);

	if (!entry)
		return;
	entry->at = site;
	entry->seen_ns = seen->header.time_ns;
	entry->is_boxed |= !!(seen->header.flags & CT_GOROUTINE_BOXED); // it may have left the stack since
}

uint32_t ct_tree_tasks_end(const struct ct_tree *tree)
{
	return tree->tasks.end;
}

const struct ct_task *ct_tree_task(const struct ct_tree *tree, uint32_t index)
{
	const struct ct_task *entry = index < tree->tasks.end ? ct_slab_at(&tree->tasks, index) : NULL;

	return entry && entry->task ? entry : NULL;
}

const struct ct_task *ct_tree_task_of(const struct ct_tree *tree, uint64_t task)
{
	return ct_task_find(tree, task);
}

bool ct_tree_is_task_live(const struct ct_tree *tree, uint64_t task)
{
	return ct_task_find(tree, task) != NULL;
}
