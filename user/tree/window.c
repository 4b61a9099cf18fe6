// SPDX-License-Identifier: Apache-2.0
/* The window, the target, and the events about the stream itself. */
#include "tree/private.h"

#include <errno.h>
#include <string.h>

/* A loss counts from the age at which a live one would be told. */
int ct_apply_rules(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	(void)ret_context;
	tree->caps.lost_age_ns = event->rules->min_age_ns;
	tree->grace_ns = event->rules->grace_ns;
	return 0;
}

int ct_apply_target(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_target *target = event->target;
	struct ct_window *window = &tree->window;
	char *strings = ct_allocate(tree->allocator, target->strings_bytes);

	(void)ret_context;
	if (!strings)
		return -ENOMEM;
	memcpy(strings, target + 1, target->strings_bytes);
	ct_release(tree->allocator, tree->target_strings);
	tree->target_strings = strings;
	window->pid = target->pid;
	window->runtime = target->runtime;
	window->is_stripped = target->header.flags & CT_TARGET_STRIPPED;
	window->is_unknown_release = target->header.flags & CT_TARGET_UNKNOWN_RELEASE;
	window->exe = strings;
	window->runtime_version = window->exe + strlen(window->exe) + 1;
	window->build_id = window->runtime_version + strlen(window->runtime_version) + 1;
	return 0;
}

int ct_apply_provider(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const char *name = (const char *)(event->provider + 1);
	struct ct_window *window = &tree->window;
	size_t i = 0, room = sizeof(window->providers[0].name) - 1, length = strnlen(name, room);

	(void)ret_context;
	while (i < window->providers_count && strncmp(window->providers[i].name, name, room))
		i++;
	if (i == sizeof(window->providers) / sizeof(window->providers[0]))
		return -ENOSPC;
	if (i == window->providers_count) {
		memcpy(window->providers[i].name, name, length);
		window->providers_count++;
	}
	window->providers[i].attach_points = event->provider->attach_points;
	return 0;
}

int ct_apply_begin(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	(void)ret_context;
	tree->window.has_begun = true;
	tree->window.begin_ns = event->header->time_ns;
	tree->window.wall_clock_ns = event->begin->wall_clock_ns;
	return 0;
}

int ct_apply_end(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	(void)ret_context;
	tree->window.has_ended = true;
	tree->window.end_ns = event->header->time_ns;
	tree->window.end_reason = (uint8_t)event->end->reason;
	tree->window.is_target_gone |= event->end->reason == CT_END_TARGET_EXIT;
	return 0;
}

/* Whatever lived when events were lost is marked when it is looked at, see ct_tree_show(). */
int ct_apply_gap(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	(void)ret_context;
	tree->totals.gaps++;
	tree->totals.lost_events += event->gap->lost;
	if (event->gap->to_ns > tree->gap_to_ns)
		tree->gap_to_ns = event->gap->to_ns;
	for (uint32_t i = 0; i < CT_ENDED_SLOTS; i++)
		tree->ended[i].address = 0; // a create at any of these addresses may be among the lost ones
	return 0;
}

int ct_apply_counters(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	(void)ret_context;
	memcpy(tree->totals.counters, event->counters->value, sizeof(tree->totals.counters));
	return 0;
}

/* A new program: nothing of the old one exists any more, so nothing of it can be a leak. */
int ct_apply_exec(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	(void)ret_context;
	ct_requests_close(tree);
	ct_context_forget_all(tree, event->header->time_ns);
	ct_tasks_close(tree);
	tree->scans.scan = 0;
	tree->scans.told_count = 0;
	tree->scans.has_told = false;
	ct_census_groups_forget(tree);
	tree->scans.history_count = 0;
	tree->window.last_scan_ns = 0;
	tree->window.stopped_ns = 0;
	tree->window.collected_before_ns = 0;
	tree->window.last_collection_ns = 0;
	return 0;
}

int ct_apply_exit(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	(void)event;
	(void)ret_context;
	// its tasks and requests stay, as its contexts do: what went on after its end did so up to the exit
	tree->window.is_target_gone = true;
	return 0;
}
