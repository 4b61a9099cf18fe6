// SPDX-License-Identifier: Apache-2.0
/* Does the tree say what the model says? */
#include "model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Higher bits are the tree's own. */
#define STATE_BITS 0x1fff

__attribute__((format(printf, 1, 2))) static const char *differ(const char *format, ...)
{
	static char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

static const char *compare_totals(const struct ct_totals *model, const struct ct_totals *tree)
{
#define FIELD(name) {#name, model->name, tree->name}
	const struct {
		const char *name;
		uint64_t model, tree;
	} fields[] = {
		FIELD(events),
		FIELD(created),
		FIELD(ended[CT_REASON_EXPLICIT]),
		FIELD(ended[CT_REASON_DEADLINE]),
		FIELD(ended[CT_REASON_PARENT]),
		FIELD(ended[CT_REASON_FREED]),
		FIELD(adopted_ended),
		FIELD(cancel_called),
		FIELD(live),
		FIELD(peak_live),
		FIELD(adopted),
		FIELD(unmatched),
		FIELD(late),
		FIELD(gaps),
		FIELD(lost_events),
		FIELD(refused_contexts),
		FIELD(refused_sites),
		FIELD(refused_tasks),
		FIELD(tasks_seen),
		FIELD(tasks_live),
		FIELD(requests_started),
		FIELD(requests_live),
		FIELD(scans),
		FIELD(failed_scans),
	};
#undef FIELD

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].model != fields[i].tree)
			return differ("totals.%s is %" PRIu64 ", should be %" PRIu64, fields[i].name, fields[i].tree,
				      fields[i].model);
	return NULL;
}

static bool is_maker_gone(const struct model *model, const struct model_context *context)
{
	const struct model_task *task = &model->tasks[context->task];

	return context->is_task_known &&
	       (model->has_exited || !task->task || task->start_ns > context->created_ns);
}

static uint16_t state_of(const struct model *model, const struct model_context *context)
{
	return (uint16_t)((context->is_adopted ? CT_CONTEXT_ADOPTED : 0) |
			  (context->is_detached ? CT_CONTEXT_DETACHED : 0) |
			  (context->is_abandoned ? CT_CONTEXT_ABANDONED : 0) |
			  (context->is_request ? CT_CONTEXT_REQUEST : 0) |
			  (context->is_request_over ? CT_CONTEXT_REQUEST_OVER : 0) |
			  (context->created_ns < model->gap_to_ns ? CT_CONTEXT_GAP : 0) |
			  (is_maker_gone(model, context) ? CT_CONTEXT_MAKER_GONE : 0));
}

static const char *compare_parent(const struct model *model, const struct model_context *context,
				  const struct ct_tree *tree, const struct ct_context *seen)
{
	const struct ct_context *parent = ct_tree_parent(tree, seen);
	const struct model_context *expected = context->parent < 0 ? NULL : &model->contexts[context->parent];

	if (!parent || !expected)
		return !parent && !expected ? NULL
					    : differ("0x%" PRIx64 " has %s parent", seen->address, parent ? "a" : "no");
	if (parent->address != expected->address || !(parent->state & CT_CONTEXT_ENDED) != expected->is_live ||
	    parent->reason != expected->reason)
		return differ("0x%" PRIx64 " hangs below another 0x%" PRIx64, seen->address, parent->address);
	if (parent->id >= seen->id || parent->created_ns > seen->created_ns)
		return differ("0x%" PRIx64 " is older than its parent", seen->address);
	return NULL;
}

static const char *compare_context(const struct model *model, int index, const struct ct_tree *tree)
{
	const struct model_context *context = &model->contexts[index];
	const struct ct_context *seen = ct_tree_find(tree, context->address);
	uint32_t children = 0;

	if (!seen)
		return differ("0x%" PRIx64 " should live", context->address);
	if ((seen->state & STATE_BITS) != state_of(model, context))
		return differ("0x%" PRIx64 " has state %x, should have %x", context->address, seen->state,
			      state_of(model, context));
	if (seen->created_ns != context->created_ns || seen->deadline_ns != context->deadline_ns ||
	    seen->task != context->task || seen->kind != context->kind || seen->is_todo != context->is_todo ||
	    ct_tree_site(tree, seen->site)->path != context->path)
		return differ("0x%" PRIx64 " was made otherwise", context->address);
	for (int i = 0; i < model->count; i++)
		children += !model->contexts[i].is_gone && model->contexts[i].parent == index;
	if (seen->children != children)
		return differ("0x%" PRIx64 " has %u children, should have %u", context->address, seen->children,
			      children);
	return compare_parent(model, context, tree, seen);
}

static const char *compare_site(const struct model *model, const struct ct_site *site)
{
	const struct model_path *path = &model->paths[site->path];

	for (unsigned int reason = 0; reason < CT_REASON_END; reason++)
		if (site->ended[reason] != path->ended[reason])
			return differ("path %u ended %" PRIu64 " by %s, should %" PRIu64, site->path,
				      site->ended[reason], ct_cancel_reason_name((uint8_t)reason), path->ended[reason]);
	for (unsigned int loss = 0; loss < CT_LOSS_END; loss++)
		if (site->losses[loss].count != path->losses[loss])
			return differ("path %u has %" PRIu64 " losses of kind %u, should have %" PRIu64, site->path,
				      site->losses[loss].count, loss, path->losses[loss]);
	if (site->created != path->created || site->live != path->live || site->todo_rooted != path->todo_rooted ||
	    site->cancel_called != path->cancel_called)
		return differ("path %u counts otherwise", site->path);
	return NULL;
}

static const char *compare_groups(const struct model *model, const struct ct_tree *tree)
{
	size_t count;
	const struct ct_cancel_group *groups = ct_tree_cancels(tree, &count);
	uint64_t grouped = 0, late = 0;

	for (size_t i = 0; i < count; i++) {
		grouped += groups[i].count;
		late += groups[i].late;
	}
	if (grouped != model->grouped || late != model->grouped_late)
		return differ("%" PRIu64 " cancellations in groups, %" PRIu64 " late; should be %" PRIu64 ", %" PRIu64,
			      grouped, late, model->grouped, model->grouped_late);
	return NULL;
}

const char *model_compare(const struct model *model, const struct ct_tree *tree)
{
	const char *wrong = compare_totals(&model->totals, ct_tree_totals(tree));

	for (int i = 0; i < model->count && !wrong; i++)
		if (model->contexts[i].is_live)
			wrong = compare_context(model, i, tree);
	for (uint32_t i = 0; i < ct_tree_sites(tree) && !wrong; i++)
		wrong = compare_site(model, ct_tree_site(tree, i));
	return wrong ? wrong : compare_groups(model, tree);
}
