// SPDX-License-Identifier: Apache-2.0
#include "agent/ended_list.h"

#include <stdlib.h>

static bool reserve(struct ct_ended_list *list)
{
	size_t capacity = list->capacity ? list->capacity * 2 : 1024;
	__u64 *grown;

	if (list->count < list->capacity)
		return true;
	grown = capacity <= CT_ENDED_LIST_MAX ? realloc(list->addresses, capacity * sizeof(*grown)) : NULL;
	if (!grown)
		return false;
	list->addresses = grown;
	list->capacity = capacity;
	return true;
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
	list->is_cut |= !reserve(list);
	if (list->is_cut)
		return;
	list->addresses[list->count++] = address;
	list->is_sorted = false;
}

static int compare(const void *left, const void *right)
{
	const __u64 *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

bool ct_ended_list_has(struct ct_ended_list *list, __u64 address)
{
	if (list->is_cut)
		return true;
	if (!list->is_sorted && list->count)
		qsort(list->addresses, list->count, sizeof(*list->addresses), compare);
	list->is_sorted = true;
	return list->count && bsearch(&address, list->addresses, list->count, sizeof(address), compare);
}

void ct_ended_list_done(struct ct_ended_list *list)
{
	free(list->addresses);
	*list = (struct ct_ended_list){ 0 };
}
