// SPDX-License-Identifier: Apache-2.0
/*
 * What user space tells the kernel side about one process: the roles of its probes and the facts a probe needs to read
 * registers and memory. Written by a provider, checked by attach, read by bpf/ from a map keyed by process id.
 *
 * Nothing here is a decision: a program looks up an address range or an offset and emits an event. Addresses are
 * virtual addresses in the running process (load bias applied).
 */
#pragma once

#include <linux/types.h>

/**
 * What a probe point means. Travels in bits 0-7 of the probe's cookie; `argument` in bits 8-15.
 * Registers named are those of the Go register ABI on amd64 (go_abi.bpf.h has the other machines) or of the C ABI.
 */
enum ct_role {
	CT_ROLE_NONE = 0,
	CT_ROLE_GO_CREATE = 1,	     /**< After the stack check of (*cancelCtx).propagateCancel, Go 1.21 and newer. */
	CT_ROLE_GO_CREATE_OLD = 2,   /**< The same in context.propagateCancel, Go 1.17-1.20: other registers. */
	CT_ROLE_GO_CANCEL = 3,	     /**< In a cancel method; argument: enum ct_go_receiver. */
	CT_ROLE_GO_CANCEL_CLOSURE = 4, /**< In a cancel function's closure into which cancel was inlined. */
	CT_ROLE_GO_TASK_START = 5,   /**< At `call runqput` in newproc.func1. */
	CT_ROLE_GO_TASK_END = 6,     /**< In runtime.goexit1. */
	CT_ROLE_GO_EXIT = 7,	     /**< In runtime.exit or runtime.dieFromSignal: the process is stopped there. */
	CT_ROLE_GO_HIJACK = 8,	     /**< In net/http.(*conn).hijackLocked: its goroutine's request loses its connection. */
	CT_ROLE_GO_FLUSH = 9,	     /**< In FlushError or Flush of an HTTP response: it is sent in pieces. */
	CT_ROLE_C_CREATE = 16,	     /**< cctx_create_(id, parent, kind, deadline_ns, flags) */
	CT_ROLE_C_CANCEL = 17,	     /**< cctx_cancel_(id, reason | 0x100 when born, cause) */
	CT_ROLE_C_CANCEL_CALL = 18,  /**< cctx_cancel_call_(id) */
	CT_ROLE_C_ABANDON = 19,	     /**< cctx_abandon_(id) */
	CT_ROLE_C_DESTROY = 20,	     /**< cctx_destroy_(id) */
	CT_ROLE_C_REQUEST_BEGIN = 21,
	CT_ROLE_C_REQUEST_END = 22,
	CT_ROLE_C_TASK_BEGIN = 23, /**< cctx_task_begin_(task, id) */
	CT_ROLE_C_TASK_END = 24,   /**< cctx_task_end_(task) */
	CT_ROLE_C_SPAWN = 25,	   /**< pthread_create(handle, attributes, start routine, argument) */
	CT_ROLE_C_JOIN = 26,	   /**< pthread_join(handle, result) */
	CT_ROLE_END = 32,
};

/** Receiver of a Go cancel method, the argument of CT_ROLE_GO_CANCEL. */
enum ct_go_receiver {
	CT_RECEIVER_CANCEL = 0,
	CT_RECEIVER_TIMER = 1,
	CT_RECEIVER_AFTER_FUNC = 2,
};

/** May be added to the argument of CT_ROLE_GO_CANCEL_CLOSURE: the closure is given a cause. */
#define CT_RECEIVER_TAKES_CAUSE 0x80

/** Build and take apart a cookie. */
#define CT_COOKIE(role, argument) ((__u64)(role) | (__u64)(argument) << 8)
#define CT_COOKIE_ROLE(cookie) ((__u32)((cookie) & 0xff))
#define CT_COOKIE_ARGUMENT(cookie) ((__u32)((cookie) >> 8 & 0xff))

/**
 * May be added to a cookie: the probed instruction is the `jbe` of Go's stack check (Go 1.17-1.20, where what follows
 * it would be single-stepped). A hit that is about to grow the stack is skipped: the function will begin again.
 */
#define CT_COOKIE_AT_STACK_CHECK (1ull << 16)

/** Half-open range of addresses. Empty when `end` is 0. */
struct ct_range {
	__u64 start;
	__u64 end;
};

/**
 * Text of the context library: frames inside are skipped when a call path is keyed and walked. Go: package context.
 * Several ranges because linkers split it (and because user copies of a library may be mapped twice).
 */
#define CT_LIBRARY_RANGES_MAX 4

/** Known concrete Go types, by the address of their type descriptor (itab word 1). */
#define CT_GO_TYPES_MAX 24

/** One known type; `kind` is enum ct_context_kind, or one of the two below. */
struct ct_go_type {
	__u64 address;
	__u32 kind;
	__u32 pad;
};
#define CT_GO_TYPE_STOP_CTX 100		     /**< stopCtx: a link to be walked over. */
#define CT_GO_TYPE_DEADLINE_EXCEEDED 101     /**< deadlineExceededError: tells a fired timer from a call. */
#define CT_GO_TYPE_ERROR_TEXT 102	     /**< An error whose first field is the string that is its text. */

/** Functions whose return addresses classify a cancellation (go-context-hooks table "which cancel is it"). */
enum ct_go_caller {
	CT_CALLER_TIMER_CANCEL = 0,	 /**< (*timerCtx).cancel: its inner call is dropped. */
	CT_CALLER_AFTER_FUNC_CANCEL = 1, /**< (*afterFuncCtx).cancel: the same. */
	CT_CALLER_PROPAGATE = 2,	 /**< propagateCancel: born of a dead parent. */
	CT_CALLER_WITH_DEADLINE = 3,	 /**< WithDeadline[Cause] itself: born past its deadline. */
	CT_CALLER_CANCEL = 4,		 /**< (*cancelCtx).cancel: cascade. */
	CT_CALLER_WATCHER = 5,		 /**< The goroutine of propagateCancel for a foreign parent. May be empty. */
	CT_CALLER_FOREIGN = 6,		 /**< What propagateCancel registers with a parent that has an AfterFunc of its own. */
	CT_CALLER_END = 8,
};

/** Facts about Go's runtime and context package in this process. Offsets in bytes. */
struct ct_go_config {
	struct ct_go_type types[CT_GO_TYPES_MAX]; /**< Unused entries have address 0. */
	struct ct_range callers[CT_CALLER_END];
	__u64 time_base_ns; /**< CLOCK_MONOTONIC at which the process's own monotonic time is 0; 0 unknown. */
	__u64 background;   /**< Go 1.17-1.20: data pointer of Background and TODO; 0 where types tell. */
	__u64 todo;
	__u32 g_goid;
	__u32 g_parent_goid; /**< 0: this version has none. */
	__u32 g_gopc;
	__u32 g_startpc;
	__u32 context_err;	/**< Offset of the error word in cancelCtx. */
	__u32 context_deadline; /**< Offset of the deadline in timerCtx. */
	__u32 timer_is_split;	/**< Go 1.20: timerCtx points to a separately allocated cancelCtx. */
	__u32 cancel_has_cause; /**< Go 1.20 and newer: cancel methods take a cause. */
	/*
	 * What a goroutine captured, from the function value it starts with. How many words belong to that object is
	 * told by its span; without `heap_arenas` only the first pair is looked at, which always does.
	 */
	__u64 heap_arenas;	/**< Address of the second-level array of heap arenas (value of mheap_.arenas[0]). */
	__u64 heap_base;	/**< Added to an address before it is shifted to an arena number: arenaBaseOffset. */
	__u32 arena_spans;	/**< Offset of heapArena.spans. */
	__u32 span_elem_bytes;	/**< Offset of mspan.elemsize. */
	__u32 g_sched_ctxt;	/**< Offset of g.sched.ctxt; 0: captured contexts are not looked for. */
	__u32 pad;
	/** Where the program keeps `time_base_ns`, read by the probe while that is 0: before its first instruction. */
	__u64 time_base_at;
	__u64 heap_arenas_at; /**< The same of `heap_arenas`. */
};

/** One process. */
struct ct_process_config {
	struct ct_range library[CT_LIBRARY_RANGES_MAX];
	struct ct_go_config go;
	__u32 runtime; /**< enum ct_runtime of event.h. */
	__u32 take_stacks; /**< 0: no call paths at all (for measurements). */
	__u32 exit_uid; /**< CT_ROLE_GO_EXIT stops a process of this user only: another's could not be let go. */
	__u32 watch_threads; /**< Threads are told when they start and when they end. */
};

_Static_assert(sizeof(struct ct_go_type) == 16, "type entry");
_Static_assert(sizeof(struct ct_process_config) % 8 == 0, "map value");
