// SPDX-License-Identifier: Apache-2.0
/*
 * Calls that stand still inside the library. A creator that waits between linking a context and making its cancel
 * function, or a cancel function that waits before it has cancelled and whose closure was collected meanwhile, looks
 * like a loss. That takes microseconds, unless the goroutine has to assist the collector, wants a lock, or there are
 * more runnable goroutines than processors: then it takes seconds, and readings agree (a correct program with 5,000
 * busy goroutines on two cores was accused 18 times). So stacks of goroutines that wait are followed by frame pointers;
 * what lies on one up to the caller of such a function is in flux. A goroutine that is running is not waiting.
 *
 * In a frozen process the running ones are in the middle of something too, and there is no second reading: they are
 * followed from their thread's registers, which count as words of their stacks. Where the thread is on another stack
 * (the scheduler's, a signal's) the goroutine's last frame is not known, and its whole stack is in flux; so it is while
 * the runtime moves a stack: the saved frame pointer leads to the new one before the bounds do (copystack in
 * src/runtime/stack.go). Where there is a second reading, that is over by then.
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

/*
 * Words up to the end of the frame that called the outermost creator or cancel function; 0 when there is none. One of the
 * first `unframed` words may be a return address without a frame.
 */
static size_t call_words(const struct ct_closures *closures, const struct stretch *stretch, uint64_t pc, uint64_t frame,
			 size_t unframed)
{
	bool is_call = ct_closures_is_call(closures, pc);
	size_t end = 0;

	for (size_t i = 0; i < unframed; i++)
		is_call |= ct_closures_is_call(closures, stretch->words[i]);
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

/* From an address up. @return false when it cannot be read: it was moved or freed, so its goroutine ran. */
static bool read_top(struct ct_scan *scan, struct stretch *stretch, uint64_t sp, uint64_t low, uint64_t high)
{
	if (sp % 8 || sp < low || sp >= high)
		return false;
	stretch->start = sp;
	stretch->count = (high - sp < LOOK_BYTES ? high - sp : LOOK_BYTES) / 8;
	return stretch->count && !ct_memory_read(scan->memory, sp, stretch->words, stretch->count * 8);
}

static void note_words(struct ct_scan *scan, const uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ct_scan_note(scan, words[i], CT_SEEN_IN_CALL);
}

static bool names_call(const struct ct_closures *closures, const struct stretch *stretch)
{
	for (size_t i = 0; i < stretch->count; i++)
		if (ct_closures_is_call(closures, stretch->words[i]))
			return true;
	return false;
}

/*
 * Where a goroutine that waits stands, its scheduler has written down. One that only waits for a processor was taken off it
 * anywhere, by a signal: in the middle of a prologue or an epilogue the function has no frame, and its caller, which may be
 * a creator, is in none of the chain. There the whole top counts if it names such a call at all.
 */
static void visit_waiting(struct ct_scan *scan, struct stretch *stretch, const uint8_t *g)
{
	const struct ct_closures *closures = &scan->census->facts.closures;
	uint32_t status = ct_goroutine_status(scan->census->layout.goroutine, g);
	uint64_t frame = ct_load64(g + scan->census->layout.goroutine->sched_bp);
	size_t words;

	if (!read_top(scan, stretch, ct_load64(g + CT_G_SCHED_SP), ct_load64(g + CT_G_STACK_LOW),
		      ct_load64(g + CT_G_STACK_HIGH)))
		return;
	if (status == CT_GOROUTINE_RUNNABLE || status == CT_GOROUTINE_PREEMPTED)
		words = names_call(closures, stretch) ? stretch->count : 0;
	else // a prologue that asks for more stack has no frame yet: its return address is the first word
		words = call_words(closures, stretch, ct_load64(g + CT_G_SCHED_PC), frame, 1);
	note_words(scan, stretch->words, words);
}

/* A thread may be anywhere in a prologue: all between its stack pointer and its frame may be a return address. */
static void visit_thread(struct ct_scan *scan, struct stretch *stretch, const struct ct_thread *thread, uint64_t low,
			 uint64_t high)
{
	size_t unframed, words;

	if (!read_top(scan, stretch, thread->sp & ~UINT64_C(7), low, high))
		return;
	unframed = index_of(stretch, thread->frame);
	if (unframed == SIZE_MAX)
		unframed = stretch->count;
	words = call_words(&scan->census->facts.closures, stretch, thread->pc, thread->frame, unframed);
	if (names_call(&scan->census->facts.closures, stretch))
		words = stretch->count; // one reading proves here: rather a loss untold than one made up
	note_words(scan, stretch->words, words);
	if (words)
		note_words(scan, thread->words, thread->words_count);
}

/* All of a stack. */
static int visit_whole(struct ct_scan *scan, struct stretch *stretch, uint64_t low, uint64_t high)
{
	if (high - low > scan->census->freeze->stack_bytes_left)
		return -EOVERFLOW;
	scan->census->freeze->stack_bytes_left -= high - low;
	for (uint64_t at = low; at < high; at += LOOK_BYTES) {
		if (!read_top(scan, stretch, at, low, high))
			return -EPROTO;
		note_words(scan, stretch->words, stretch->count);
	}
	return 0;
}

static int visit_all(struct ct_scan *scan, struct stretch *stretch, const uint8_t *g)
{
	struct ct_stretch stacks[2];
	size_t count = ct_freeze_stacks_of(scan->census->freeze, scan->census->layout.goroutine, g, stacks);
	int rc = count ? 0 : -EOVERFLOW;

	for (size_t i = 0; i < count && !rc; i++)
		rc = visit_whole(scan, stretch, stacks[i].start, stacks[i].end);
	return rc;
}

/* Has nobody written down where in its stack it stands? */
static bool is_anywhere(const struct ct_goroutine_layout *layout, const uint8_t *g)
{
	uint64_t sp = ct_load64(g + CT_G_SCHED_SP);

	return ct_goroutine_status(layout, g) == CT_GOROUTINE_RUNNING || ct_goroutine_is_moving(layout, g) ||
	       sp < ct_load64(g + CT_G_STACK_LOW) || sp >= ct_load64(g + CT_G_STACK_HIGH);
}

static int visit(struct ct_scan *scan, const uint8_t *g, void *opaque)
{
	const struct ct_freeze *freeze = scan->census->freeze;
	uint64_t low = ct_load64(g + CT_G_STACK_LOW), high = ct_load64(g + CT_G_STACK_HIGH);
	const struct ct_goroutine_layout *layout = scan->census->layout.goroutine;
	bool is_running = ct_goroutine_status(layout, g) == CT_GOROUTINE_RUNNING;
	struct ct_stretch stacks[2];
	bool is_one = freeze && ct_freeze_stacks_of(freeze, layout, g, stacks) == 1;
	const struct ct_thread *thread = is_one ? ct_freeze_thread_on(freeze, low, high) : NULL;

	if (thread)
		visit_thread(scan, opaque, thread, low, high);
	else if (freeze && is_anywhere(layout, g))
		return visit_all(scan, opaque, g);
	else if (!is_running)
		visit_waiting(scan, opaque, g);
	return 0;
}

int ct_scan_calls(struct ct_scan *scan)
{
	struct stretch *stretch = malloc(sizeof(*stretch));
	int rc = stretch ? ct_scan_each_goroutine(scan, visit, stretch) : -ENOMEM;

	free(stretch);
	return rc;
}
