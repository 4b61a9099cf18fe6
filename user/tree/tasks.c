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

/* The program does not count the runtime's own among its goroutines, so neither does the tree. */
static void set_system(struct ct_tree *tree, struct ct_task *entry, bool is_system)
{
	if (entry->is_system == is_system)
		return;
	entry->is_system = is_system;
	tree->totals.tasks_seen += is_system ? UINT64_MAX : 1; // one less or one more
	tree->totals.tasks_live += is_system ? UINT64_MAX : 1;
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

	return !entry || entry->start_ns > time_ns || tree->window.is_target_gone; // thread ids come again
}

/* It is another one from here on. */
static void describe(struct ct_tree *tree, struct ct_task *entry, const struct ct_event_task_start *start)
{
	uint8_t flags = start->header.flags;

	if (entry->is_started)
		ct_request_note_task_end(tree, entry, start->header.time_ns);
	set_system(tree, entry, flags & CT_TASK_SYSTEM && !(flags & CT_TASK_THREAD));
	*entry = (struct ct_task){
		.task = start->task,
		.start_ns = start->header.time_ns,
		.creator = start->creator,
		.request = CT_INDEX_NONE,
		.site = ct_site_of_path(tree, start->path),
		.seen_ns = entry->seen_ns,
		.is_boxed = entry->is_boxed,
		.is_system = entry->is_system,
		.is_started = true,
	};
	if (flags & CT_TASK_SPAWNED) {
		ct_thread_spawned(tree, entry, start);
		return;
	}
	entry->context = start->context;
	entry->is_explicit = flags & CT_TASK_THREAD;
	entry->request = ct_request_bind(tree, start, &entry->context_id);
	ct_request_note_task(tree, entry);
}

/* A thread that is known tells what it works for; it is no other one. */
static bool is_same_thread(const struct ct_tree *tree, const struct ct_task *entry, const struct ct_event_task_start *start)
{
	return entry && tree->has_threads && (start->header.flags & (CT_TASK_THREAD | CT_TASK_SPAWNED)) == CT_TASK_THREAD;
}

int ct_apply_task_start(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_task_start *start = event->task_start;
	struct ct_task *entry;

	(void)ret_context;
	if (!start->task)
		return 0;
	if (ct_tree_reserve(tree) || ct_slab_reserve(&tree->sites, 2) || ct_map_reserve(&tree->by_path, 2))
		return -ENOMEM;
	tree->has_tasks = true;
	tree->has_threads |= start->header.flags & CT_TASK_SPAWNED;
	entry = ct_task_find(tree, start->task);
	if (is_same_thread(tree, entry, start)) {
		ct_thread_begins_task(tree, entry, start);
		return 0;
	}
	if (entry && entry->is_started && !entry->is_system && start->header.time_ns > entry->start_ns)
		tree->totals.tasks_seen++; // the end of the task that had the number so far was missed
	if (!entry)
		entry = task_enter(tree, start->task, start->header.time_ns);
	if (!entry)
		return -ENOSPC;
	if (!entry->is_started || start->header.time_ns > entry->start_ns)
		describe(tree, entry, start);
	return 0;
}

uint64_t ct_tree_task_deadline_passed(const struct ct_tree *tree, const struct ct_task *task)
{
	const struct ct_ended *ended = task->context ? ct_ended_find(tree, task->context) : NULL;

	if (!ended || ended->id != (uint32_t)task->context_id || ended->reason != CT_REASON_DEADLINE || ended->is_inferred)
		return 0;
	return ended->time_ns > task->start_ns ? ended->time_ns : 0;
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

/* From here on nothing of it is left. */
static void task_leave(struct ct_tree *tree, uint32_t index, uint64_t time_ns)
{
	struct ct_task *entry = ct_slab_at(&tree->tasks, index);

	ct_request_note_task_end(tree, entry, time_ns);
	ct_map_remove(&tree->by_task, entry->task);
	tree->totals.tasks_live -= !entry->is_system;
	entry->task = 0; // marks a free slot
	ct_slab_give(&tree->tasks, index);
}

int ct_apply_task_end(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	uint32_t index = ct_map_find(&tree->by_task, event->task_end->task);

	(void)ret_context;
	tree->has_tasks = true;
	tree->has_threads |= event->header->flags & CT_TASK_THREAD;
	if (index == CT_INDEX_NONE && tree->has_threads && !(event->header->flags & CT_TASK_THREAD))
		return 0; // the thread goes on, and is one that nobody knows
	if (index == CT_INDEX_NONE) { // older than the attach
		ct_request_note_task_end(tree, &(struct ct_task){ .task = event->task_end->task, .request = CT_INDEX_NONE },
					 event->header->time_ns);
		return 0;
	}
	if (count_latency(tree, ct_slab_at(&tree->tasks, index), event->header->time_ns))
		return -ENOMEM;
	if (tree->has_threads && !(event->header->flags & CT_TASK_THREAD)) {
		ct_thread_ends_task(tree, ct_slab_at(&tree->tasks, index));
		return 0;
	}
	task_leave(tree, index, event->header->time_ns);
	return 0;
}

/*
 * A goroutine whose start nobody saw. It is bound to no request: neither what it was started with is known, nor which request
 * its creator had made last. Numbers do not come again, so whatever it is seen to do is its own: it starts at 0.
 */
static int adopt(struct ct_tree *tree, const struct ct_event_task_seen *seen)
{
	struct ct_task *entry;

	if (ct_tree_reserve(tree))
		return -ENOMEM;
	entry = ct_task_find(tree, seen->task) ?: task_enter(tree, seen->task, 0);
	if (!entry)
		return -ENOSPC;
	if (entry->is_started)
		return 0;
	set_system(tree, entry, seen->header.flags & CT_TASK_SEEN_SYSTEM);
	entry->start_ns = 0;
	entry->creator = seen->creator;
	entry->site = ct_site_of_path(tree, seen->created);
	entry->is_adopted = true;
	return 0;
}

int ct_apply_task_seen(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_task_seen *seen = event->task_seen;
	uint32_t index = ct_map_find(&tree->by_task, seen->task);

	(void)ret_context;
	if (!(seen->header.flags & CT_TASK_SEEN_GONE))
		return adopt(tree, seen);
	if (index != CT_INDEX_NONE)
		task_leave(tree, index, seen->header.time_ns);
	return 0;
}

void ct_tasks_close(struct ct_tree *tree)
{
	ct_map_done(&tree->by_task);
	ct_slab_done(&tree->tasks);
	tree->totals.tasks_live = 0;
}

/* What memory says of one says it of what runs the same code: the next one need not wait until memory is asked again. */
static void learn_site(struct ct_tree *tree, const struct ct_task *task)
{
	const struct ct_request *request = ct_tree_request(tree, task->request);
	struct ct_site *site = ct_tree_site_at(tree, task->site);

	if (!request || request->flags & (CT_REQUEST_IS_HIJACKED | CT_REQUEST_IS_GUESSED_OVER))
		return;
	site->may_detach |= task->is_boxed;
	site->leaves_work |= request->over_ns && task->seen_ns > request->over_ns + tree->grace_ns;
}

void ct_task_seen_at(struct ct_tree *tree, const struct ct_event_goroutine *seen, uint32_t site)
{
	struct ct_task *entry = ct_task_find(tree, seen->task);

	if (!entry)
		return;
	entry->at = site;
	entry->seen_ns = seen->header.time_ns;
	entry->is_boxed = seen->header.flags & CT_GOROUTINE_BOXED;
	learn_site(tree, entry);
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

uint32_t ct_tree_task_index(const struct ct_tree *tree, const struct ct_task *task)
{
	return ct_slab_index(&tree->tasks, task);
}

const struct ct_task *ct_tree_task_of(const struct ct_tree *tree, uint64_t task)
{
	return ct_task_find(tree, task);
}

bool ct_tree_task_has_gap(const struct ct_tree *tree, const struct ct_task *task)
{
	return tree->gap_to_ns > task->start_ns;
}

bool ct_tree_is_task_live(const struct ct_tree *tree, uint64_t task)
{
	return ct_task_find(tree, task) != NULL;
}
