// SPDX-License-Identifier: Apache-2.0
/*
 * An allocator that counts and that fails when it is told to: the Nth request of a test has no memory, for every N.
 * Each block carries its size in front of it, so that what is out is known to the byte.
 */
#pragma once

#include "ctxtrace/allocator.h"

#include <stddef.h>
#include <stdlib.h>

/** Never fails. */
#define METER_NEVER (-1)

/** What was asked for and what is still out. Zeroed, the first request fails; see meter_of(). */
struct meter {
	struct ct_allocator allocator; /**< Hand this one to the object under test. */
	int left;		       /**< Requests that succeed before one fails; METER_NEVER. */
	int requests;		       /**< Requests so far, frees not counted. */
	int failed;		       /**< Of these refused. */
	int blocks;		       /**< Still out. */
	size_t bytes;		       /**< Still out. */
	size_t largest;		       /**< Largest single request. */
	size_t moved;		       /**< Largest block that was resized, and so may have been copied. */
};

/* Keeps the block behind it aligned as malloc's are. */
union meter_head {
	size_t bytes;
	max_align_t align;
};

static inline void *meter_free(struct meter *meter, union meter_head *head)
{
	if (head) {
		meter->blocks--;
		meter->bytes -= head->bytes;
	}
	free(head);
	return NULL;
}

static inline void *meter_resize(void *opaque, void *pointer, size_t bytes)
{
	struct meter *meter = opaque;
	union meter_head *head = pointer ? (union meter_head *)pointer - 1 : NULL;
	size_t before = head ? head->bytes : 0;

	if (!bytes)
		return meter_free(meter, head);
	meter->requests++;
	if (meter->left == 0) {
		meter->failed++;
		return NULL;
	}
	if (meter->left > 0)
		meter->left--;
	head = realloc(head, sizeof(*head) + bytes);
	if (!head)
		return NULL;
	head->bytes = bytes;
	meter->blocks += !pointer;
	meter->bytes += bytes - before;
	if (before > meter->moved)
		meter->moved = before;
	if (bytes > meter->largest)
		meter->largest = bytes;
	return head + 1;
}

/** Set up in place; `left` requests succeed, then all fail until `left` is set again. */
static inline void meter_init(struct meter *meter, int left)
{
	*meter = (struct meter){.left = left};
	meter->allocator = (struct ct_allocator){.resize = meter_resize, .opaque = meter};
}
