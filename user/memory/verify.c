// SPDX-License-Identifier: Apache-2.0
/*
 * Is the layout that was read by the one the program has? A runtime that somebody patched says a known version and lies
 * in memory as it likes; a release newer than the tables may still be laid out as the newest of them. A wrong layout
 * must never be judged: the words of a context that are not where they are looked for could look like a leak.
 *
 * The passes count what fits and what does not (struct ct_evidence). A known release is refused when most does not fit:
 * a running program always has a few odd ones. An unknown one has to show everything a verdict rests on: spans of Go's
 * size classes, goroutines, contexts in the children of others, cancel functions, and the callback of a deadline's
 * timer, whose place in the names of the code is the compiler's choice.
 */
#include "memory/scan.h"

#include <stdarg.h>
#include <stdio.h>

#define SPANS_MIN 4 /* a program that prints a line has 30 */
#define COUNTS_MIN 4
#define KEYS_MIN 8  /* fewer may all have ended while they were read */
#define TIMERS_MAX 16
#define TIMER_WORDS 16 /* time.Timer is 72 to 120 bytes (src/time/sleep.go, src/runtime/time.go) */

#define SIZED_MAX 1024 /* each costs some reads */

struct verifying {
	struct ct_scan *scan;
	char *reason;
	size_t room;
	unsigned int share; /* one odd one in so many contradicts the layout */
};

/* A context that ended meanwhile left its place to something else. */
static bool is_context_still(struct ct_scan *scan, uint64_t address)
{
	struct ct_census *census = scan->census;
	uint64_t word;

	if (census->layout.context->is_timer_indirect)
		return true; // the first word of a timerCtx is no itab
	return !ct_memory_read_word(scan->memory, address, &word) &&
	       ct_itabs_look(&census->itabs, word).interface == CT_INTERFACE_CONTEXT;
}

void ct_weigh_size(struct ct_scan *scan, struct ct_sized sized[2], uint64_t address, uint8_t kind)
{
	struct ct_census *census = scan->census;
	const struct ct_context_layout *layout = census->layout.context;
	bool is_large = kind != CT_KIND_CANCEL;
	uint8_t class = is_large ? layout->timer_class : layout->cancel_class;
	struct ct_span span;

	sized += is_large;
	if (sized->sound + sized->odd >= SIZED_MAX || ct_heap_span_at(&census->heap, address, &span))
		return; // freed since, or not to be read: says nothing
	if (span.element_bytes == class && (address - span.start) % class == 0)
		sized->sound++;
	else if (is_context_still(scan, address))
		sized->odd++;
}

__attribute__((format(printf, 2, 3))) static bool refuse(struct verifying *verifying, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(verifying->reason, verifying->room, format, args);
	va_end(args);
	return false;
}

static bool is_too_odd(const struct verifying *verifying, uint64_t sound, uint64_t odd)
{
	return odd * verifying->share > sound + odd;
}

static bool refuse_odd(struct verifying *verifying, uint64_t sound, uint64_t odd, const char *what)
{
	return refuse(verifying, "%llu of %llu %s", (unsigned long long)odd, (unsigned long long)(sound + odd), what);
}

static bool verify_spans(struct verifying *verifying)
{
	const struct ct_heap *heap = &verifying->scan->census->heap;
	const struct ct_evidence *evidence = &verifying->scan->evidence;
	uint64_t count = heap->sound_spans + heap->odd_spans;

	if (is_too_odd(verifying, heap->sound_spans, heap->odd_spans))
		return refuse_odd(verifying, heap->sound_spans, heap->odd_spans,
				  "spans of its heap do not fit together");
	if (count < SPANS_MIN)
		return refuse(verifying, "its heap has no more than %llu spans in use", (unsigned long long)count);
	if (evidence->counted + evidence->odd_counted >= COUNTS_MIN &&
	    is_too_odd(verifying, evidence->counted, evidence->odd_counted))
		return refuse_odd(verifying, evidence->counted, evidence->odd_counted,
				  "spans have another number of live elements than they say");
	return true;
}

static bool verify_goroutines(struct verifying *verifying)
{
	const struct ct_evidence *evidence = &verifying->scan->evidence;

	if (is_too_odd(verifying, evidence->goroutines, evidence->odd_goroutines))
		return refuse_odd(verifying, evidence->goroutines, evidence->odd_goroutines,
				  "goroutines do not fit together");
	if (is_too_odd(verifying, evidence->waiting, evidence->odd_waiting))
		return refuse_odd(verifying, evidence->waiting, evidence->odd_waiting,
				  "goroutines that wait have no frame");
	if (evidence->has_odd_main)
		return refuse(verifying, "its first goroutine is not that of main");
	return true;
}

/* Only one of the sizes may be wrong: how many there are of the other kind must not outweigh it. */
static bool verify_sizes(struct verifying *verifying, const struct ct_sized sized[2])
{
	for (int i = 0; i < 2; i++)
		if (sized[i].sound + sized[i].odd >= KEYS_MIN && is_too_odd(verifying, sized[i].sound, sized[i].odd))
			return refuse_odd(verifying, sized[i].sound, sized[i].odd, "contexts have another size");
	return true;
}

static bool verify_keys(struct verifying *verifying)
{
	const struct ct_evidence *evidence = &verifying->scan->evidence;

	if (evidence->keys + evidence->odd_keys >= KEYS_MIN &&
	    is_too_odd(verifying, evidence->keys, evidence->odd_keys))
		return refuse_odd(verifying, evidence->keys, evidence->odd_keys, "children of contexts are no contexts");
	return verify_sizes(verifying, evidence->linked) && verify_sizes(verifying, evidence->owned);
}

/* A deadline that has not come has its timer; while a context is made or ends it has none, so only the lost are asked. */
static bool verify_armed(struct verifying *verifying)
{
	const struct ct_scan *scan = verifying->scan;
	uint64_t armed = 0, odd = 0;

	if (scan->census->layout.context->is_timer_indirect)
		return true;
	for (size_t i = 0; i < scan->count; i++) {
		if (!(scan->candidates[i].flags & CT_SEEN_TIMER) ||
		    scan->candidates[i].seen.state != CT_OBSERVED_LOST)
			continue;
		armed += scan->candidates[i].is_armed;
		odd += !scan->candidates[i].is_armed;
	}
	return armed + odd < KEYS_MIN || !is_too_odd(verifying, armed, odd) ||
	       refuse_odd(verifying, armed, odd, "contexts with a deadline have no timer");
}

/* The timer of a deadline names its callback somewhere. @return its role; NONE when none of the roles is there. */
static enum ct_closure_role callback_of(struct ct_scan *scan, const struct ct_candidate *candidate)
{
	const struct ct_census *census = scan->census;
	uint64_t timer, words[TIMER_WORDS], code;

	if (ct_memory_read_word(scan->memory, candidate->object + census->layout.context->timer, &timer) ||
	    ct_memory_read(scan->memory, timer, words, sizeof(words)))
		return CT_CLOSURE_NONE;
	for (size_t i = 0; i < TIMER_WORDS; i++) {
		if (words[i] % 8 || !ct_heap_contains(&census->heap, words[i]) ||
		    ct_memory_read_word(scan->memory, words[i], &code))
			continue;
		if (ct_closures_look(&census->facts.closures, code) != CT_CLOSURE_NONE)
			return ct_closures_look(&census->facts.closures, code);
	}
	return CT_CLOSURE_NONE;
}

static bool verify_timers(struct verifying *verifying)
{
	struct ct_scan *scan = verifying->scan;
	unsigned int seen = 0, sound = 0;

	for (size_t i = 0; i < scan->count && seen < TIMERS_MAX; i++) {
		const struct ct_candidate *candidate = &scan->candidates[i];

		if (candidate->seen.kind != CT_KIND_DEADLINE || !candidate->is_armed)
			continue;
		seen++;
		sound += callback_of(scan, candidate) == CT_CLOSURE_TIMER;
	}
	if (seen && sound < (seen + 1) / 2)
		return refuse(verifying, "the callback of %u of %u timers of deadlines is another function",
			      seen - sound, seen);
	return true;
}

/* An unknown release that shows nothing a verdict rests on has proven nothing. */
static bool verify_presence(struct verifying *verifying)
{
	const struct ct_evidence *evidence = &verifying->scan->evidence;

	if (!evidence->goroutines)
		return refuse(verifying, "its goroutines were not found");
	if (evidence->whole_goroutines * 2 < evidence->goroutines)
		return refuse_odd(verifying, evidence->whole_goroutines,
				  evidence->goroutines - evidence->whole_goroutines, "goroutines have no entry");
	if (!evidence->keys)
		return refuse(verifying, "there is no context below another one to check it with");
	if (!evidence->owners)
		return refuse(verifying, "there is no cancel function to check it with");
	return true;
}

bool ct_scan_verify(struct ct_scan *scan, char *ret_reason, size_t room)
{
	bool is_known = ct_go_minor_is_known(scan->census->facts.minor);
	struct verifying verifying = { .scan = scan, .reason = ret_reason, .room = room, .share = is_known ? 2 : 8 };

	if (!verify_spans(&verifying) || !verify_goroutines(&verifying) || !verify_keys(&verifying) ||
	    !verify_armed(&verifying))
		return false;
	return is_known || (verify_presence(&verifying) && verify_timers(&verifying));
}
