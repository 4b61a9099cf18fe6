// SPDX-License-Identifier: Apache-2.0
#include "go_heap.h"

#include <stdlib.h>

/* Functions, by the addresses their closures begin with. */
#define TEXT 0x400000
#define CANCEL 0x401000
#define TIMER 0x402000
#define WATCHER 0x403000
#define CREATOR 0x405000
#define TEXT_END 0x4f0000

#define ITABS 0x8000 /* in `types` */
#define ALLGS 0xf000
#define ELSEWHERE (GO_HEAP_ARENA + 5 * 8192) /* what no span of interest holds: maps, goroutines, stacks */
#define MAP ELSEWHERE
#define GROUP (ELSEWHERE + 0x400)
#define OWN (ELSEWHERE + 0x800)
#define TIMER_OBJECT (ELSEWHERE + 0x900)
#define ALLGS_ARRAY (ELSEWHERE + 0xa00)
#define GOROUTINES (ELSEWHERE + 0x1000)
#define GOROUTINE_BYTES 512
#define DEFERS (GO_HEAP_ARENA + GO_HEAP_DEFERS)
#define STACKS (ELSEWHERE + 0x4000)
#define STACK_BYTES 0x400

#define SWEEPGEN 10
#define HAS_MONOTONIC (UINT64_C(1) << 63)

enum type { CONTEXT, CANCELER, CANCEL_CTX, TIMER_CTX, AFTER_FUNC_CTX, VALUE_CTX, BACKGROUND, FOREIGN, TYPES };

static const char *const names[TYPES] = {
	"context.Context",  "context.canceler",	     "*context.cancelCtx", "*context.timerCtx", "*context.afterFuncCtx",
	"*context.valueCtx", "context.backgroundCtx", "*main.own",
};

static uint8_t *at(struct go_heap *process, uint64_t address)
{
	for (size_t i = 0; i < process->fake.count; i++)
		if (address - process->fake.stretches[i].base < process->fake.stretches[i].bytes)
			return process->fake.stretches[i].data + (address - process->fake.stretches[i].base);
	abort();
}

static void put(struct go_heap *process, uint64_t address, uint64_t value)
{
	fake_put(at(process, address), value, 8);
}

static void put_name(struct go_heap *process, uint64_t address, const char *name)
{
	uint8_t *to = at(process, address);

	to[1] = (uint8_t)strlen(name);
	memcpy(to + 2, name, strlen(name));
}

static uint64_t type_of(enum type type)
{
	return GO_HEAP_TYPES + 0x100 * (uint64_t)(type + 1);
}

static uint64_t itab_of(enum type interface, enum type concrete)
{
	return GO_HEAP_TYPES + ITABS + 0x40 * (uint64_t)(interface * TYPES + concrete);
}

static void put_types(struct go_heap *process, unsigned int minor)
{
	put_name(process, GO_HEAP_TYPES + 0x3000, "context");
	for (enum type type = 0; type < TYPES; type++) {
		const char *name = type == BACKGROUND && minor <= 20 ? "*context.emptyCtx" : names[type];

		put_name(process, GO_HEAP_TYPES + 0x2000 + 0x40 * type, name);
		fake_put(at(process, type_of(type) + 40), 0x2000 + 0x40 * type, 4);
		if (type > CANCELER)
			continue;
		put(process, type_of(type) + 48, GO_HEAP_TYPES + 0x3000);
		for (enum type concrete = CANCEL_CTX; concrete < TYPES; concrete++) {
			put(process, itab_of(type, concrete), type_of(type));
			put(process, itab_of(type, concrete) + 8, type_of(concrete));
		}
	}
}

#define LIVE 16 /* elements of each span, its first ones */

/* spanclass: the number of the size class (src/runtime/sizeclasses.go), and a bit for spans without pointers. */
static uint8_t span_class(uint8_t bytes)
{
	return (uint8_t)(2 * (bytes <= 32 ? bytes / 8 : 2 + bytes / 16));
}

/* Spans of one page: contexts, contexts with timers, closures of 16 and 32 bytes, value contexts. */
static void put_spans(struct go_heap *process)
{
	const struct ct_heap_layout *layout = process->go.heap;
	const uint8_t sizes[GO_HEAP_SPANS] = { process->go.context->cancel_class, process->go.context->timer_class, 16,
					       32, 48 };

	for (uint64_t i = 0; i < GO_HEAP_SPANS; i++) {
		uint8_t *header = process->headers + 160 * i;

		fake_put(header + 24, GO_HEAP_ARENA + i * CT_GO_PAGE_BYTES, 8);
		fake_put(header + 32, 1, 8);
		fake_put(header + layout->elements, CT_GO_PAGE_BYTES / sizes[i], layout->count_bytes);
		fake_put(header + layout->free_index, 2, layout->count_bytes);
		fake_put(header + layout->alloc_bits, GO_HEAP_BITS + 64 * i, 8);
		fake_put(header + layout->sweepgen, SWEEPGEN, 4);
		fake_put(header + layout->state - 3, LIVE, 2); // mspan.allocCount
		header[layout->state - 1] = span_class(sizes[i]);
		header[layout->state] = 1;
		fake_put(header + layout->element_bytes, sizes[i], 8);
		put(process, GO_HEAP_ARENA_INFO + layout->arena_spans + 8 * i, GO_HEAP_HEADERS + 160 * i);
		fake_put(process->bits + 64 * i, (1u << LIVE) - 1, 2);
	}
}

static void put_heap(struct go_heap *process)
{
	const struct ct_heap_layout *layout = process->go.heap;

	put(process, GO_HEAP_MHEAP + layout->heap_arenas, GO_HEAP_ARENAS);
	put(process, GO_HEAP_MHEAP + layout->heap_sweepgen, SWEEPGEN);
	put(process, GO_HEAP_ARENAS + 8 * ((GO_HEAP_ARENA + CT_ARENA_BASE) / CT_ARENA_BYTES % CT_ARENA_COUNT),
	    GO_HEAP_ARENA_INFO);
	put_spans(process);
}

/* The parent is an interface value. */
static void put_context(struct go_heap *process, uint64_t address, enum type parent_type, uint64_t parent)
{
	put(process, address + CT_CONTEXT_PARENT_ITAB, itab_of(CONTEXT, parent_type));
	put(process, address + CT_CONTEXT_PARENT_DATA, parent);
}

static void put_contexts(struct go_heap *process)
{
	const struct ct_context_layout *layout = process->go.context;
	uint64_t *contexts = process->contexts, values = GO_HEAP_ARENA + 4 * CT_GO_PAGE_BYTES, timer;

	for (uint64_t fate = GO_HEAP_ROOT; fate < GO_HEAP_TIMED; fate++) {
		contexts[fate] = GO_HEAP_ARENA + fate * layout->cancel_class;
		put_context(process, contexts[fate], CANCEL_CTX, contexts[GO_HEAP_ROOT]);
	}
	put_context(process, contexts[GO_HEAP_ROOT], BACKGROUND, GO_HEAP_TYPES);
	put(process, contexts[GO_HEAP_ROOT] + CT_CONTEXT_CHILDREN, MAP);
	put_context(process, contexts[GO_HEAP_WRAPPED], VALUE_CTX, values);
	put_context(process, values, VALUE_CTX, values + 48);
	put_context(process, values + 48, CANCEL_CTX, contexts[GO_HEAP_ROOT]);
	put_context(process, contexts[GO_HEAP_WATCHED], FOREIGN, OWN);
	put(process, contexts[GO_HEAP_CANCELLED] + CT_CONTEXT_ERR, itab_of(CONTEXT, FOREIGN));
	timer = contexts[GO_HEAP_TIMED] = GO_HEAP_ARENA + CT_GO_PAGE_BYTES;
	put(process, timer + layout->timer, TIMER_OBJECT);
	put(process, timer + layout->deadline, HAS_MONOTONIC);
	put(process, timer + layout->deadline + 8, GO_HEAP_DEADLINE - GO_HEAP_TIME_BASE);
	if (layout->is_timer_indirect) {
		put(process, timer, GO_HEAP_ARENA + 9u * layout->cancel_class);
		timer = GO_HEAP_ARENA + 9u * layout->cancel_class;
	}
	put_context(process, timer, CANCEL_CTX, contexts[GO_HEAP_ROOT]);
}

static void put_closures(struct go_heap *process)
{
	static const enum go_heap_fate held[] = { GO_HEAP_ROOT, GO_HEAP_HELD, GO_HEAP_DEFERRED };
	uint64_t closures = GO_HEAP_ARENA + 2 * CT_GO_PAGE_BYTES;

	for (uint64_t i = 0; i < 3; i++) {
		put(process, closures + 16 * i, CANCEL);
		put(process, closures + 16 * i + 8, process->contexts[held[i]]);
	}
	put(process, GO_HEAP_ARENA + 3 * CT_GO_PAGE_BYTES, TIMER);
	put(process, GO_HEAP_ARENA + 3 * CT_GO_PAGE_BYTES + 8, process->contexts[GO_HEAP_TIMED]);
}

/* The root's children: one bucket of a classic map, or a Swiss map without a directory. */
static void put_children(struct go_heap *process)
{
	static const enum go_heap_fate children[] = { GO_HEAP_HELD,	GO_HEAP_LOST,	 GO_HEAP_WRAPPED,
						      GO_HEAP_DEFERRED, GO_HEAP_IN_CALL, GO_HEAP_TIMED };
	const uint64_t count = sizeof(children) / sizeof(children[0]);
	bool is_swiss = process->go.context->has_swiss_maps;

	put(process, MAP, count);
	put(process, MAP + 16, GROUP);
	for (uint64_t i = 0; i < 8; i++) {
		uint64_t key = GROUP + 8 + i * (is_swiss ? 24 : 16);

		at(process, GROUP)[i] = i < count ? 7 : is_swiss ? 0x80 : 0;
		if (i >= count)
			continue;
		put(process, key, itab_of(CANCELER, children[i] == GO_HEAP_TIMED ? TIMER_CTX : CANCEL_CTX));
		put(process, key + 8, process->contexts[children[i]]);
	}
}

static void put_goroutine(struct go_heap *process, uint64_t i, uint64_t goid, uint64_t start_pc)
{
	const struct ct_goroutine_layout *layout = process->go.goroutine;
	uint64_t g = GOROUTINES + GOROUTINE_BYTES * i, stack = STACKS + STACK_BYTES * i;

	put(process, ALLGS_ARRAY + 8 * i, g);
	put(process, g + CT_G_STACK_LOW, stack);
	put(process, g + CT_G_STACK_HIGH, stack + STACK_BYTES);
	put(process, g + CT_G_SCHED_SP, stack + 0x300);
	put(process, g + CT_G_SCHED_PC, TEXT + 0x8000);
	put(process, g + layout->sched_bp, stack + 0x340);
	fake_put(at(process, g + layout->status), 4, 4); // waiting
	put(process, g + layout->goid, goid);
	put(process, g + layout->start_pc, start_pc);
}

/* The main one, one that defers in a loop, a watcher, and one inside a creator. */
static void put_goroutines(struct go_heap *process)
{
	const struct ct_goroutine_layout *layout = process->go.goroutine;
	const uint64_t goids[] = { 1, GO_HEAP_TASK, 8, 9 }, watcher = GO_HEAP_ARENA + GO_HEAP_WATCHER_STACK;
	const uint64_t inside = STACKS + 3 * STACK_BYTES + 0x340;

	for (uint64_t i = 0; i < 4; i++)
		put_goroutine(process, i, goids[i], i == 2 ? WATCHER : TEXT + 0x9000);
	for (size_t i = 0; i < 3; i++)
		put(process, GO_HEAP_TYPES + ALLGS + 8 * i, i ? 4 : ALLGS_ARRAY);
	put(process, GOROUTINES + GOROUTINE_BYTES + CT_G_DEFER, DEFERS);
	for (uint64_t i = 0; i < 50; i++) {
		put(process, DEFERS + 48 * i + CT_DEFER_SP, STACKS + STACK_BYTES + 0x300);
		put(process, DEFERS + 48 * i + CT_DEFER_FN, GO_HEAP_ARENA + 2 * CT_GO_PAGE_BYTES + 32);
		put(process, DEFERS + 48 * i + layout->defer_link, i < 49 ? DEFERS + 48 * (i + 1) : 0);
	}
	put(process, GOROUTINES + 2 * GOROUTINE_BYTES + CT_G_SCHED_SP, watcher);
	put(process, watcher, OWN);
	put(process, watcher + 8, process->contexts[GO_HEAP_WATCHED]);
	put(process, GOROUTINES + 3 * GOROUTINE_BYTES + CT_G_SCHED_PC, CREATOR + 0x10);
	put(process, inside - 8, process->contexts[GO_HEAP_IN_CALL]);
	put(process, inside, inside + 0x40); // the caller's frame
	put(process, inside + 8, TEXT + 0x8000);
}

void go_heap_build(struct go_heap *process, unsigned int minor)
{
	memset(process, 0, sizeof(*process));
	if (ct_go_layout_find(minor, &process->go))
		abort();
	process->arena_info_bytes = process->go.heap->arena_spans + CT_ARENA_PAGES * 8;
	process->arenas = calloc(CT_ARENA_COUNT, 8);
	process->arena_info = calloc(1, process->arena_info_bytes);
	if (!process->arenas || !process->arena_info)
		abort();
	fake_init(&process->fake);
	fake_add(&process->fake, GO_HEAP_TYPES, process->types, sizeof(process->types));
	fake_add(&process->fake, GO_HEAP_MHEAP, process->mheap, sizeof(process->mheap));
	fake_add(&process->fake, GO_HEAP_ARENAS, process->arenas, CT_ARENA_COUNT * 8);
	fake_add(&process->fake, GO_HEAP_ARENA_INFO, process->arena_info, process->arena_info_bytes);
	fake_add(&process->fake, GO_HEAP_HEADERS, process->headers, sizeof(process->headers));
	fake_add(&process->fake, GO_HEAP_BITS, process->bits, sizeof(process->bits));
	fake_add(&process->fake, GO_HEAP_ARENA, process->heap, sizeof(process->heap));
	put_types(process, minor);
	put_heap(process);
	put_contexts(process);
	put_closures(process);
	put_children(process);
	put_goroutines(process);
}

struct ct_census_facts go_heap_facts(unsigned int minor)
{
	struct ct_census_facts facts = {
		.minor = minor,
		.mheap = GO_HEAP_MHEAP,
		.types = GO_HEAP_TYPES,
		.etypes = GO_HEAP_TYPES + 0x4000,
		.text = TEXT,
		.etext = TEXT_END,
		.image_start = TEXT,
		.image_end = GO_HEAP_MHEAP + sizeof(((struct go_heap *)0)->mheap),
		.time_base_ns = GO_HEAP_TIME_BASE,
	};
	int rc = 0;

	// half of the releases as with a symbol table, half as without
	if (minor % 2)
		facts.allgs = GO_HEAP_TYPES + ALLGS;
	else
		rc = ct_census_facts_guess_allgs(&facts, GO_HEAP_TYPES) ?:
			     ct_census_facts_guess_allgs(&facts, GO_HEAP_TYPES + ALLGS);
	if (rc || ct_closures_add(&facts.closures, CANCEL, CT_CLOSURE_CANCEL) ||
	    ct_closures_add(&facts.closures, TIMER, CT_CLOSURE_TIMER) ||
	    ct_closures_add(&facts.closures, WATCHER, CT_CLOSURE_WATCHER) ||
	    ct_closures_add_call(&facts.closures, CANCEL, CANCEL + 0x100) ||
	    ct_closures_add_call(&facts.closures, CREATOR, CREATOR + 0x100))
		abort();
	return facts;
}

void go_heap_done(struct go_heap *process)
{
	free(process->arenas);
	free(process->arena_info);
}
