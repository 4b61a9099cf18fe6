// SPDX-License-Identifier: Apache-2.0
/*
 * The contexts, or the tasks, that ended while memory was read, by address or number and exactly. The tree remembers the last ones too, but
 * forgets: a busy program ends more of them during one reading than it has room for, and memory, read before, still
 * shows them alive. Taken for older than the attach, they would live on in the tree for ever.
 */
#pragma once

#include "ctxtrace/source.h"

#include <stdbool.h>
#include <stddef.h>

/** Most of them: 64 MB, for a reading of a heap of some 10 GB beside a million ends a second. */
#define CT_ENDED_LIST_MAX ((size_t)8 << 20)

/** Addresses, or numbers. Zero-initialise. */
struct ct_ended_list {
	__u64 *numbers;
	size_t count, capacity;
	bool is_cut; /**< It could not grow: more have ended than it has. */
	bool is_sorted;
};

/** Note the end of a context, CANCEL or FREE; other events are left alone. */
void ct_ended_list_note(struct ct_ended_list *list, const struct ct_event *event);

/** Note the end of a task. */
void ct_ended_list_note_task(struct ct_ended_list *list, const struct ct_event *event);

/** @return whether a context has ended at the address, or the task; a cut list: it may have. */
bool ct_ended_list_has(struct ct_ended_list *list, __u64 number);

/** Release the list. */
void ct_ended_list_done(struct ct_ended_list *list);
