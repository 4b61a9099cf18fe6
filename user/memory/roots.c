// SPDX-License-Identifier: Apache-2.0
/*
 * First pass over a frozen process: what can be reached, and from where. Roots are
 * - the registers of all threads, vector registers included: a copy of 16 bytes is in one of them for a moment;
 * - the stack of every goroutine from its stack pointer up. A goroutine on a thread has that of the thread; where the
 *   thread is on another stack meanwhile (the scheduler's, a signal's) nobody knows it, and the whole stack counts;
 * - what is between a thread's stack pointer and the end of such another stack, and the stacks its words lead to;
 * - all private writable memory outside the arenas. The words of an mspan are left out: they are the addresses of spans,
 *   and each would mark the first object of one.
 *
 * All this errs on the safe side: what is marked by mistake hides a loss, and can never make one up.
 */
#include "memory/frozen.h"
#include "memory/scan.h"

#include <errno.h>

/* Words of an mspan that name its memory lie below this (src/runtime/mheap.go: startAddr to limit). */
#define HEADER_BYTES 128
#define STACK_BYTES_MAX (UINT64_C(16) << 30)
#define LED_TO_MAX 16 /* other stacks the words of one lead to */

static int mark_registers(struct ct_mark *mark, const struct ct_freeze *freeze)
{
	int rc = 0;

	for (size_t i = 0; i < freeze->threads.count && !rc; i++)
		for (size_t k = 0; k < freeze->threads.list[i].words_count && !rc; k++)
			rc = ct_mark_word(mark, freeze->threads.list[i].words[k]);
	return rc;
}

static int mark_stack(struct ct_freeze *freeze, uint64_t sp, uint64_t high)
{
	if (high - sp > freeze->stack_bytes_left)
		return -EOVERFLOW;
	freeze->stack_bytes_left -= high - sp;
	return ct_mark_range(&freeze->mark, sp & ~UINT64_C(7), high);
}

static int mark_goroutine(struct ct_scan *scan, const uint8_t *g, void *opaque)
{
	struct ct_freeze *freeze = scan->census->freeze;
	const struct ct_goroutine_layout *layout = scan->census->layout.goroutine;
	struct ct_stretch stacks[2];
	size_t count = ct_freeze_stacks_of(freeze, layout, g, stacks);
	uint64_t low = stacks[0].start, high = stacks[0].end, sp = ct_load64(g + CT_G_SCHED_SP);
	struct ct_thread *thread = ct_freeze_thread_on(freeze, low, high);
	int rc;

	(void)opaque;
	if (!count)
		return -EPROTO;
	if (count == 2) {
		rc = mark_stack(freeze, low, high);
		return rc ? rc : mark_stack(freeze, stacks[1].start, stacks[1].end);
	}
	if (thread) {
		thread->is_on_goroutine = true;
		sp = thread->sp;
	} else if (ct_goroutine_status(layout, g) == CT_GOROUTINE_RUNNING || sp < low || sp >= high) {
		sp = low;
	}
	return mark_stack(freeze, sp, high);
}

/* A signal's stack holds the stack pointer of what it interrupted, which may be a scheduler's: follow it once. */
static int mark_led_to(struct ct_freeze *freeze, const struct ct_stretch *stack, uint64_t sp)
{
	int rc = 0, left = LED_TO_MAX;

	for (uint64_t at = sp & ~UINT64_C(7); at + 8 <= stack->end && left && !rc; at += 8) {
		uint64_t word = 0, there;
		const uint8_t *bytes = ct_copy_at(&freeze->copy, at, &there);
		const struct ct_stretch *other;

		if (!bytes || there < 8)
			continue;
		word = ct_load64(bytes);
		other = ct_freeze_stack_at(freeze, word);
		if (!other || other == stack)
			continue;
		left--;
		rc = ct_mark_range(&freeze->mark, word & ~UINT64_C(7), other->end);
	}
	return rc;
}

/* Threads on no goroutine's stack. Those on memory outside the arenas are covered by the other roots. */
static int mark_thread_stacks(struct ct_freeze *freeze)
{
	int rc = 0;

	for (size_t i = 0; i < freeze->threads.count && !rc; i++) {
		uint64_t sp = freeze->threads.list[i].sp;
		const struct ct_stretch *stack = ct_freeze_stack_at(freeze, sp);

		if (!stack || freeze->threads.list[i].is_on_goroutine)
			continue;
		rc = ct_mark_range(&freeze->mark, sp & ~UINT64_C(7), stack->end);
		if (!rc)
			rc = mark_led_to(freeze, stack, sp);
	}
	return rc;
}

static int mark_memory(struct ct_freeze *freeze)
{
	size_t header = 0;
	int rc = 0;

	for (size_t i = 0; i < freeze->roots.count && !rc; i++) {
		uint64_t at = freeze->roots.list[i].start, end = freeze->roots.list[i].end;

		while (header < freeze->headers_count && freeze->headers[header] + HEADER_BYTES <= at)
			header++;
		for (; header < freeze->headers_count && freeze->headers[header] < end && !rc; header++) {
			if (freeze->headers[header] > at)
				rc = ct_mark_range(&freeze->mark, at, freeze->headers[header]);
			at = freeze->headers[header] + HEADER_BYTES;
		}
		if (at < end && !rc)
			rc = ct_mark_range(&freeze->mark, at, end);
	}
	return rc;
}

int ct_scan_mark(struct ct_scan *scan)
{
	struct ct_freeze *freeze = scan->census->freeze;
	int rc;

	ct_mark_done(&freeze->mark);
	freeze->stack_bytes_left = STACK_BYTES_MAX;
	rc = ct_mark_init(&freeze->mark, &freeze->copy, &freeze->heap);
	if (!rc)
		rc = mark_registers(&freeze->mark, freeze);
	if (!rc)
		rc = ct_scan_each_goroutine(scan, mark_goroutine, NULL);
	if (!rc)
		rc = mark_thread_stacks(freeze);
	if (!rc)
		rc = mark_memory(freeze);
	if (!rc)
		rc = ct_mark_follow(&freeze->mark);
	if (freeze->swapped_pages)
		ct_scan_incomplete(scan, "%llu pages are swapped out", (unsigned long long)freeze->swapped_pages);
	if (rc == -EOVERFLOW || rc == -EPROTO) {
		ct_scan_incomplete(scan, "what can be reached could not be found (error %d)", -rc);
		rc = 0;
	}
	return rc;
}
