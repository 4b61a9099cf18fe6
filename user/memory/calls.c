// SPDX-License-Identifier: Apache-2.0
/*
 * Calls that stand still inside the library. A creator that waits between linking a context and making its cancel
 * function, or a cancel function that waits before it has cancelled and whose closure was collected meanwhile, looks
 * like a loss. That takes microseconds, unless the goroutine has to assist the collector, wants a lock, or there are
 * more runnable goroutines than processors: then it takes seconds, and readings agree (a correct program with 5,000
 * busy goroutines on two cores was accused 18 times). So stacks of goroutines that wait are followed by frame pointers;
 * what lies on one up to the caller of such a function is in flux. A goroutine that is running is not waiting.
 *
 * Only exact frames count: stale words of earlier calls name creators too, and would hide the leaks they made.
 */
#include "memory/scan.h"

#include <errno.h>
#include <stdlib.h>

#define LOOK_BYTES 4096 /* from the top of the stack; the library's own frames take a tenth of it */
#define FRAMES_MAX 64

/* A stretch of stack from the saved stack pointer on. */
struct stretch {
	uint64_t start;
	size_t count;
	uint64_t words[LOOK_BYTES / 8];
};

/* Index of the word at `address`, or SIZE_MAX: above what was read, or no address of this stack. */
static size_t index_of(const struct stretch *stretch, uint64_t address)
{
	uint64_t index = (address - stretch->start) / 8;

	return address % 8 == 0 && address >= stretch->start && index + 1 < stretch->count ? index : SIZE_MAX;
}

/* Words up to the end of the frame that called the outermost creator or cancel function; 0 when there is none. */
static size_t call_words(const struct ct_closures *closures, const struct stretch *stretch, uint64_t pc, uint64_t frame)
{
	// preempted in its prologue a function has no frame yet: its return address is the first word, the frame its caller's
	bool is_call = ct_closures_is_call(closures, pc) || ct_closures_is_call(closures, stretch->words[0]);
	size_t end = 0;

	for (size_t i = 0; i < FRAMES_MAX; i++) {
		size_t at = index_of(stretch, frame), above;

		if (at == SIZE_MAX)
			return is_call ? stretch->count : end;
		above = index_of(stretch, stretch->words[at]);
		if (is_call)
			end = above == SIZE_MAX ? stretch->count : above;
		if (stretch->words[at] <= frame)
			return end;
		is_call = ct_closures_is_call(closures, stretch->words[at + 1]);
		frame = stretch->words[at];
	}
	return end;
}

static int visit(struct ct_scan *scan, const uint8_t *g, void *opaque)
{
	struct stretch *stretch = opaque;
	const struct ct_goroutine_layout *layout = scan->census->layout.goroutine;
	uint64_t sp = ct_load64(g + CT_G_SCHED_SP), high = ct_load64(g + CT_G_STACK_HIGH), pc;
	size_t words;

	if (ct_goroutine_status(layout, g) == CT_GOROUTINE_RUNNING || sp % 8 || sp < ct_load64(g + CT_G_STACK_LOW) ||
	    sp >= high)
		return 0;
	stretch->start = sp;
	stretch->count = (high - sp < LOOK_BYTES ? high - sp : LOOK_BYTES) / 8;
	if (!stretch->count || ct_memory_read(scan->memory, sp, stretch->words, stretch->count * 8))
		return 0; // its stack was moved or freed: it ran
	pc = ct_load64(g + CT_G_SCHED_PC);
	words = call_words(&scan->census->facts.closures, stretch, pc, ct_load64(g + layout->sched_bp));
	for (size_t i = 0; i < words; i++)
		ct_scan_note(scan, stretch->words[i], CT_SEEN_IN_CALL);
	return 0;
}

int ct_scan_calls(struct ct_scan *scan)
{
	struct stretch *stretch = malloc(sizeof(*stretch));
	int rc = stretch ? ct_scan_each_goroutine(scan, visit, stretch) : -ENOMEM;

	free(stretch);
	return rc;
}
