// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines: start, end, and the context one captured.
 *
 * The start probe sits at `call runqput` in newproc.func1, on the system stack, where the new g is complete: argument 1
 * of runqput. Its function value {code, captured words...} is in g.sched.ctxt (gostartcall, src/runtime/sys_x86.go).
 */
#pragma once

#include "go_abi.bpf.h"
#include "go_types.bpf.h"
#include "path.bpf.h"

/** Words looked at behind the code pointer. */
#define CT_CAPTURED_WORDS 8

/** Of these, words that may be the address of a captured variable. */
#define CT_CAPTURED_BOXES 4

/** What the start of a goroutine tells. */
struct ct_go_start {
	__u64 id;
	__u64 parent_id;
	__u64 go_statement; /**< Return address of the `go` statement. */
	__u64 entry;
	__u64 function; /**< Function value. */
};

static __always_inline int ct_read_word(__u64 address, __u64 *ret_word)
{
	return (int)bpf_probe_read_user(ret_word, sizeof(*ret_word), (void *)address);
}

static __always_inline bool ct_go_read_start(const struct ct_go_config *go, __u64 g, struct ct_go_start *start)
{
	int err = ct_read_word(g + go->g_goid, &start->id);

	err |= ct_read_word(g + go->g_gopc, &start->go_statement);
	err |= ct_read_word(g + go->g_startpc, &start->entry);
	if (go->g_parent_goid)
		err |= ct_read_word(g + go->g_parent_goid, &start->parent_id);
	if (go->g_sched_ctxt)
		err |= ct_read_word(g + go->g_sched_ctxt, &start->function);
	if (err)
		ct_count(CT_COUNTER_READ_GOROUTINE);
	return err == 0;
}

/* Arenas are 64 MiB, pages 8 KiB on 64-bit Linux (src/runtime/malloc.go, mheap.go); one first-level entry. */
#define CT_GO_ARENA_SHIFT 26
#define CT_GO_PAGE_SHIFT 13
#define CT_GO_ARENA_PAGES (1 << (CT_GO_ARENA_SHIFT - CT_GO_PAGE_SHIFT))

/* Of a program that was traced from its first instruction they came later. 0: unknown. */
static __always_inline __u64 ct_go_arenas(const struct ct_go_config *go)
{
	__u64 arenas = 0;

	if (go->heap_arenas || !go->heap_arenas_at)
		return go->heap_arenas;
	return ct_read_word(go->heap_arenas_at, &arenas) ? 0 : arenas;
}

/** Bytes of the heap object that holds `address`; 0: not on the heap, or not readable. */
static __always_inline __u64 ct_go_object_bytes(const struct ct_go_config *go, __u64 arenas, __u64 address)
{
	__u64 page = (address >> CT_GO_PAGE_SHIFT) & (CT_GO_ARENA_PAGES - 1);
	__u64 arena = 0, span = 0, bytes = 0;

	if (ct_read_word(arenas + 8 * ((address + go->heap_base) >> CT_GO_ARENA_SHIFT), &arena) || !arena)
		return 0;
	if (ct_read_word(arena + go->arena_spans + 8 * page, &span) || !span)
		return 0;
	if (ct_read_word(span + go->span_elem_bytes, &bytes))
		return 0;
	return bytes;
}

/* Words behind the code pointer that surely belong to the function value. */
static __always_inline __u64 ct_go_captured_words(const struct ct_go_config *go, __u64 arenas, __u64 function)
{
	__u64 words;

	// Two captured words are never cut: if the first is half of an interface, the other half follows.
	if (!arenas)
		return 2;
	words = ct_go_object_bytes(go, arenas, function) / 8;
	if (words > CT_CAPTURED_WORDS)
		return CT_CAPTURED_WORDS;
	return words ? words - 1 : 0;
}

/* Is this pair an interface that holds one of the context package's types? */
static __always_inline bool ct_go_is_context(const struct ct_go_config *go, __u64 itab, __u64 data)
{
	__u64 type = 0;
	__u32 kind;

	// Small numbers and nil are the most frequent words that are no itab; reading them would be in vain.
	if (itab < 4096 || !data || ct_go_type(itab, &type))
		return false;
	kind = ct_go_kind(go, type);
	return kind != 0 && kind != CT_GO_TYPE_DEADLINE_EXCEEDED;
}

/*
 * Is the word an itab of the same interface as `itab`, context.Context? Then what follows it is a context of the program's
 * own type, which may lead to another one, detached as likely as not.
 */
static __always_inline bool ct_go_is_same_interface(__u64 word, __u64 itab)
{
	__u64 one = 0, other = 0;

	return word >= 4096 && !ct_read_word(word, &one) && !ct_read_word(itab, &other) && one == other;
}

/**
 * The captured context, by value or as a variable of its own on the heap. Of two different ones nobody knows which it works
 * with. @return false: none, or several.
 */
static __always_inline bool ct_go_find_captured(const struct ct_go_config *go, __u64 function,
						struct ct_go_interface *ret_found)
{
	__u64 words[CT_CAPTURED_WORDS + 1] = {}; // the last one stays 0
	__u64 arenas = ct_go_arenas(go), count = ct_go_captured_words(go, arenas, function);
	struct ct_go_interface found = {}, box;
	__u32 bytes = (__u32)count * sizeof(words[0]);

	if (!function || !bytes || bytes > CT_CAPTURED_WORDS * sizeof(words[0]) ||
	    bpf_probe_read_user(words, bytes, (void *)(function + 8)))
		return false;
	for (int i = 0; i < CT_CAPTURED_WORDS && (__u64)i < count; i++) {
		if ((__u64)i + 1 < count && ct_go_is_context(go, words[i], words[i + 1])) {
			box = (struct ct_go_interface){ words[i], words[i + 1] };
		} else {
			// A variable that is assigned to after it is captured lives in an object of its size: an interface.
			if (i >= CT_CAPTURED_BOXES || !arenas ||
			    ct_go_object_bytes(go, arenas, words[i]) != sizeof(box) ||
			    bpf_probe_read_user(&box, sizeof(box), (void *)words[i]) ||
			    !ct_go_is_context(go, box.itab, box.data) ||
			    (i && ct_go_is_same_interface(words[i - 1], box.itab)))
				continue;
		}
		if (found.data && found.data != box.data)
			return false;
		found = box;
	}
	*ret_found = found;
	return found.data != 0;
}

/** The context that can end what the goroutine captured; 0: none, a root, or behind a detached link. */
CT_CHECKED_ONCE __u64 ct_go_captured_context(const struct ct_go_config *go, __u64 function)
{
	struct ct_go_interface found = {};
	struct ct_go_parent parent = {};

	if (!go || !go->g_sched_ctxt || !ct_go_find_captured(go, function, &found))
		return 0;
	ct_go_find_parent(go, &found, &parent);
	return parent.flags & CT_CREATE_DETACHED ? 0 : parent.context;
}

static __always_inline void ct_go_task_start(const struct pt_regs *regs, const struct ct_process_config *config)
{
	struct ct_go_start start = {};
	struct ct_event_task_start *event;
	__u64 context;
	__u32 path;

	if (!ct_go_read_start(&config->go, ct_go_argument1(regs), &start))
		return;
	context = ct_go_captured_context(&config->go, start.function);
	path = ct_path_of_one(start.go_statement, config);
	event = ct_reserve(sizeof(*event), CT_EVENT_TASK_START, 0);
	if (!event)
		return;
	event->task = start.id;
	event->creator = start.parent_id;
	event->context = context;
	event->entry = start.entry;
	event->path = path;
	event->entry_path = 0;
	ct_submit(event, sizeof(*event));
}

static __always_inline void ct_go_task_end(const struct pt_regs *regs, const struct ct_process_config *config)
{
	__u64 id = ct_go_id(&config->go, ct_go_g(regs));
	struct ct_event_task_end *event = ct_reserve(sizeof(*event), CT_EVENT_TASK_END, 0);

	if (!event)
		return;
	event->task = id;
	ct_submit(event, sizeof(*event));
}

/** What the goroutine serves becomes something else: whether it serves anything, the tree knows. */
static __always_inline void ct_go_request_becomes(const struct pt_regs *regs, const struct ct_process_config *config,
						  __u8 flags)
{
	__u64 id = ct_go_id(&config->go, ct_go_g(regs));
	struct ct_event_request *event = ct_reserve(sizeof(*event), CT_EVENT_REQUEST, flags);

	if (!event)
		return;
	event->context = 0;
	event->task = id;
	ct_submit(event, sizeof(*event));
}
