// SPDX-License-Identifier: Apache-2.0
/*
 * What the program says of why it cancels. Few texts are kept of each group of cancellations, so their number is bounded
 * by that of the groups, however many different ones a program makes up. What an end passes on has the number of the
 * text it was told with.
 */
#include "tree/private.h"

#include <errno.h>
#include <string.h>

#define CAUSES_MAX ((CT_CANCEL_GROUPS_MAX + CT_REASON_END) * CT_GROUP_CAUSES)

const struct ct_cause *ct_tree_cause(const struct ct_tree *tree, uint32_t number)
{
	return number && number <= tree->causes.count ? &tree->causes.items[number - 1] : NULL;
}

const struct ct_cause *ct_tree_cause_to_come(const struct ct_tree *tree, uint64_t address)
{
	return address && tree->causes.to_come_of == address ? &tree->causes.to_come : NULL;
}

int ct_causes_reserve(struct ct_tree *tree)
{
	struct ct_cause_table *causes = &tree->causes;
	uint32_t capacity = causes->capacity ? causes->capacity * 2 : 16;
	struct ct_cause *grown;

	if (!causes->to_come_of)
		return 0;
	if (!causes->caused)
		causes->caused = ct_allocate(tree->allocator, CT_CAUSED_SLOTS * sizeof(*causes->caused));
	if (!causes->caused)
		return -ENOMEM;
	if (causes->count < causes->capacity || causes->count >= CAUSES_MAX)
		return 0;
	grown = ct_resize(tree->allocator, causes->items, capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	causes->items = grown;
	causes->capacity = capacity;
	return 0;
}

void ct_causes_done(struct ct_tree *tree)
{
	ct_release(tree->allocator, tree->causes.items);
	ct_release(tree->allocator, tree->causes.caused);
}

static bool is_same(const struct ct_cause *a, const struct ct_cause *b)
{
	return a->is_cut == b->is_cut && !strcmp(a->text, b->text) && !strcmp(a->type, b->type);
}

/* The slot of a group for a cause: its own, or one that is free. @return CT_GROUP_CAUSES: there is none. */
static unsigned int slot_for(const struct ct_tree *tree, const struct ct_cancel_group *group,
			     const struct ct_cause *cause)
{
	unsigned int slot = 0;

	while (slot < CT_GROUP_CAUSES && group->causes[slot].count &&
	       !is_same(ct_tree_cause(tree, group->causes[slot].cause), cause))
		slot++;
	return slot;
}

/* Count it in its group. `number`: of a cause that has one; 0: it gets one. @return the number it counts under. */
static uint32_t count_in(struct ct_tree *tree, struct ct_cancel_group *group, const struct ct_cause *cause,
			 uint32_t number)
{
	unsigned int slot = slot_for(tree, group, cause);

	if (slot == CT_GROUP_CAUSES || (!number && !group->causes[slot].count &&
					tree->causes.count >= tree->causes.capacity)) {
		group->other_causes++;
		return number ? number : CT_CAUSE_OTHER;
	}
	if (!group->causes[slot].count && !number) {
		tree->causes.items[tree->causes.count] = *cause;
		number = ++tree->causes.count;
	}
	if (!group->causes[slot].count)
		group->causes[slot].cause = number;
	group->causes[slot].count++;
	return group->causes[slot].cause;
}

uint32_t ct_cause_count(struct ct_tree *tree, uint32_t group, const struct ct_cause *cause)
{
	if (!cause || group == CT_INDEX_NONE)
		return 0;
	return count_in(tree, &tree->groups[group], cause, 0);
}

uint32_t ct_cause_inherit(struct ct_tree *tree, uint32_t group, uint32_t number)
{
	const struct ct_cause *cause = ct_tree_cause(tree, number);

	if (!number || group == CT_INDEX_NONE)
		return number;
	if (cause)
		return count_in(tree, &tree->groups[group], cause, number);
	tree->groups[group].other_causes++;
	return number;
}

void ct_caused_keep(struct ct_tree *tree, uint64_t id, uint32_t cause)
{
	if (cause)
		tree->causes.caused[id % CT_CAUSED_SLOTS] = (struct ct_caused){ .id = id, .cause = cause };
}

uint32_t ct_caused_find(const struct ct_tree *tree, uint64_t id)
{
	const struct ct_caused *caused = tree->causes.caused ? &tree->causes.caused[id % CT_CAUSED_SLOTS] : NULL;

	return caused && caused->id == id ? caused->cause : 0;
}

int ct_apply_cause(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const char *type = (const char *)(event->cause + 1), *text = type + strlen(type) + 1;
	struct ct_cause *cause = &tree->causes.to_come;

	(void)ret_context;
	*cause = (struct ct_cause){ .is_cut = event->header->flags & CT_CAUSE_CUT };
	strncat(cause->type, type, sizeof(cause->type) - 1);
	strncat(cause->text, text, sizeof(cause->text) - 1);
	cause->is_cut |= strlen(text) >= sizeof(cause->text);
	tree->causes.to_come_of = event->cause->context;
	return 0;
}
