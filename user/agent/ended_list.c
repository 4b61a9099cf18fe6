// SPDX-License-Identifier: Apache-2.0
#include "agent/ended_list.h"

#include <stdlib.h>

static bool reserve(struct ct_ended_list *list)
{
	size_t capacity = list->capacity ? list->capacity * 2 : 1024;
	__u64 *grown;

	if (list->count < list->capacity)
		return true;
	grown = capacity <= CT_ENDED_LIST_MAX ? realloc(list->numbers, capacity * sizeof(*grown)) : NULL;
	if (!grown)
		return false;
	list->numbers = grown;
	list->capacity = capacity;
	return true;
}

static void add(struct ct_ended_list *list, __u64 number)
{
	list->is_cut |= !reserve(list);
	if (list->is_cut)
		return;
	list->numbers[list->count++] = number;
	list->is_sorted = false;
}

void ct_ended_list_note(struct ct_ended_list *list, const struct ct_event *event)
{
	__u64 address;

	if (event->header->type == CT_EVENT_CANCEL)
		address = event->cancel->context;
	else if (event->header->type == CT_EVENT_FREE)
		address = event->context->context;
	else
		return;
	add(list, address);
}

void ct_ended_list_note_task(struct ct_ended_list *list, const struct ct_event *event)
{
	if (event->header->type == CT_EVENT_TASK_END)
		add(list, event->task_end->task);
}

static int compare(const void *left, const void *right)
{
	const __u64 *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

bool ct_ended_list_has(struct ct_ended_list *list, __u64 number)
{
	if (list->is_cut)
		return true;
	if (!list->is_sorted && list->count)
		qsort(list->numbers, list->count, sizeof(*list->numbers), compare);
	list->is_sorted = true;
	return list->count && bsearch(&number, list->numbers, list->count, sizeof(number), compare);
}

void ct_ended_list_done(struct ct_ended_list *list)
{
	free(list->numbers);
	*list = (struct ct_ended_list){ 0 };
}
