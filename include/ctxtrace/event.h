// SPDX-License-Identifier: Apache-2.0
/*
 * THE contract between the kernel side (bpf/) and user space (user/): every event, its bytes and its meaning.
 *
 * Events come from three places and make ONE stream: probes in the target (the kernel numbers them per CPU), the live
 * source (gaps, sites, ticks) and the reader of the target's memory (scans). A recording is this stream, so a replay
 * sees exactly what the live run saw; detectors run on nothing else. This header describes bytes; decoding and
 * validation are in user/event, meaning in user/tree.
 *
 * Rules: natural alignment, explicit padding, sizes asserted. Fields are added at the end of a struct; anything else
 * is a new event type and a higher CT_EVENT_ABI. Decoders check the length before a field and skip unknown types.
 * Times are nanoseconds of CLOCK_MONOTONIC. An address is an alias of a context, never its identity.
 */
#pragma once

#include <linux/types.h>

/** Version of everything below. A recording with a higher number is refused. */
#define CT_EVENT_ABI 1

/** Frames in one call path. Deeper callers are cut; the innermost ones name the site. */
#define CT_STACK_FRAMES_MAX 32

/** Longest event in bytes, header included. A SITE with 32 long names fits; anything longer is refused. */
#define CT_EVENT_BYTES_MAX 32768

/**
 * Catalogue: CT_EVENT(NAME, number, struct, minimum bytes of the struct, one line of documentation).
 * Numbers below 32 come from the kernel, the others from user space.
 */
#define CT_EVENT_CATALOGUE(CT_EVENT)                                                                     \
	CT_EVENT(CREATE, 1, ct_event_create, 56, "a context was made")                                   \
	CT_EVENT(CANCEL, 2, ct_event_cancel, 32, "a context ended, and why")                             \
	CT_EVENT(CANCEL_CALL, 3, ct_event_cancel_call, 32, "cancel function called after the end")       \
	CT_EVENT(FREE, 4, ct_event_context, 24, "the memory of a context goes back to the library")      \
	CT_EVENT(ABANDON, 5, ct_event_context, 24, "C: last user reference dropped without cancel")      \
	CT_EVENT(TASK_START, 6, ct_event_task_start, 56, "a goroutine or thread started")                \
	CT_EVENT(TASK_END, 7, ct_event_task_end, 24, "a goroutine or thread ended")                      \
	CT_EVENT(STACK, 8, ct_event_stack, 280, "call path, sent once: raw addresses")                   \
	CT_EVENT(REQUEST, 9, ct_event_request, 32, "a request begins, ends, or becomes a stream")        \
	CT_EVENT(EXEC, 10, ct_event_mark, 16, "the target called exec: all contexts are gone")           \
	CT_EVENT(EXIT, 11, ct_event_mark, 16, "the target's last thread is gone")                        \
	CT_EVENT(TASK_JOIN, 12, ct_event_task_join, 32, "a thread waits for another one to end")         \
	CT_EVENT(CANCEL_CAUSE, 13, ct_event_cancel_cause, 152, "CANCEL with the cause the program gave: raw") \
	CT_EVENT(TARGET, 32, ct_event_target, 40, "who is watched")                                      \
	CT_EVENT(PROVIDER, 33, ct_event_provider, 24, "a provider was attached")                         \
	CT_EVENT(SITE, 34, ct_event_site, 24, "call path, sent once: names and lines")                   \
	CT_EVENT(BEGIN, 35, ct_event_begin, 24, "all probes are in place: the window opens")             \
	CT_EVENT(END, 36, ct_event_end, 24, "the window closes")                                         \
	CT_EVENT(TICK, 37, ct_event_mark, 16, "time passed; everything older has been delivered")        \
	CT_EVENT(GAP, 38, ct_event_gap, 40, "events were lost in this interval")                         \
	CT_EVENT(COUNTERS, 39, ct_event_counters, 144, "totals of drops and failed helpers")             \
	CT_EVENT(SCAN_BEGIN, 40, ct_event_scan, 56, "the target's memory was read")                      \
	CT_EVENT(OBSERVED, 41, ct_event_observed, 72, "what memory says about one context")              \
	CT_EVENT(SCAN_END, 42, ct_event_scan, 56, "all of this scan has been told")                      \
	CT_EVENT(GOROUTINE, 43, ct_event_goroutine, 72, "a goroutine as memory shows it")                \
	CT_EVENT(HOLDER, 44, ct_event_holder, 64, "one hop of who holds a cancel function")              \
	CT_EVENT(MEMORY, 45, ct_event_memory, 48, "what the census read: the target's bytes")            \
	CT_EVENT(FACTS, 46, ct_event_facts, 24, "what the census knew of the program beforehand") \
	CT_EVENT(RULES, 47, ct_event_rules, 32, "from which age on contexts and late work are spoken of") \
	CT_EVENT(CAUSE, 48, ct_event_cause, 32, "the cause of the CANCEL that follows") \
	CT_EVENT(TASK_SEEN, 50, ct_event_task_seen, 40, "a goroutine the stream does not tell, or no longer should") \
	CT_EVENT(ROUTE, 55, ct_event_route, 40, "what a request that is being served asks for")          \
	CT_EVENT(TASK_IDLE, 56, ct_event_task_idle, 32, "a goroutine waits for a channel's next value")

/** Event types, CT_EVENT_CREATE and so on. */
enum ct_event_type {
#define CT_EVENT_ENUM(name, number, type, bytes, text) CT_EVENT_##name = (number),
	CT_EVENT_CATALOGUE(CT_EVENT_ENUM)
#undef CT_EVENT_ENUM
	CT_EVENT_TYPE_END = 64,
};

/** What a context is. Only CANCEL, DEADLINE and AFTER_FUNC can be cancelled and count as created. */
enum ct_context_kind {
	CT_KIND_UNKNOWN = 0,	/**< Not readable; treated as CANCEL without a timer. */
	CT_KIND_BACKGROUND = 1, /**< Root: context.Background(). */
	CT_KIND_TODO = 2,	/**< Root: context.TODO(). */
	CT_KIND_CANCEL = 3,
	CT_KIND_DEADLINE = 4,	/**< Has its own timer. */
	CT_KIND_AFTER_FUNC = 5, /**< A registration that runs a function when its parent ends. */
	CT_KIND_VALUE = 6,
	CT_KIND_DETACHED = 7, /**< WithoutCancel. */
	CT_KIND_FOREIGN = 8,  /**< A type that is not the library's own. */
	CT_KIND_END = 9,
};

/** Why a context ended. */
enum ct_cancel_reason {
	CT_REASON_NONE = 0,
	CT_REASON_EXPLICIT = 1, /**< Its cancel (or stop) function. */
	CT_REASON_DEADLINE = 2,
	CT_REASON_PARENT = 3, /**< An ancestor ended. */
	CT_REASON_FREED = 4,  /**< Seen only by the reuse of its address or in memory. */
	CT_REASON_END = 5,
};

/**
 * Head of every event, 16 bytes.
 *
 * Kernel events are numbered per CPU without a hole from 1; a jump says how many were dropped, and between which
 * two events. User-space events carry sequence 0.
 */
struct ct_event_header {
	__u64 time_ns;	/**< When it happened. */
	__u32 sequence; /**< Per CPU, from 1; 0 for events made in user space. */
	__u16 cpu;	/**< CPU that numbered it. */
	__u8 type;	/**< enum ct_event_type. */
	__u8 flags;	/**< Depends on the type. */
};

/* Flags of CREATE. */
#define CT_CREATE_DETACHED 0x01	    /**< A WithoutCancel link lies between the context and `parent`. */
#define CT_CREATE_PARENT_UNREAD 0x02 /**< The walk to the parent failed or was deeper than its bound. */
#define CT_CREATE_WATCHED 0x04	     /**< The parent is foreign: the library may start a watcher goroutine. */
#define CT_CREATE_ASKED_LATER 0x08   /**< A deadline was asked for, but one above is earlier: kind CANCEL, no timer. */

/** A context is being made; it is not linked into its parent yet. */
struct ct_event_create {
	struct ct_event_header header;
	__u64 context;	   /**< Its address. */
	__u64 parent;	   /**< Nearest ancestor that is no value, detached or stop link; 0 for a root. */
	__u64 task;	   /**< Goroutine id or thread id that makes it. */
	__u64 deadline_ns; /**< Absolute, CLOCK_MONOTONIC; 0 without deadline or unreadable. */
	__u32 path;	   /**< Call path, see STACK; 0 unknown. */
	__u8 kind;	   /**< enum ct_context_kind. */
	__u8 parent_kind;  /**< BACKGROUND, TODO, FOREIGN, or CANCEL for anything that can be cancelled; 0 unread. */
	__u8 hops;	   /**< Links walked over on the way to `parent`. */
	__u8 pad;
};

/** Flag of CANCEL: it ended while being made (dead parent, deadline already past). */
#define CT_CANCEL_BORN 0x01

/** A context ends. Sent once per context. */
struct ct_event_cancel {
	struct ct_event_header header;
	__u64 context;
	__u32 path;  /**< Canceller's call path for EXPLICIT; else 0. */
	__u8 reason; /**< enum ct_cancel_reason. */
	__u8 pad[3];
};

/** As much of a cause's text is told. */
#define CT_CAUSE_TEXT_BYTES 96
/** No text is longer: what claims more is told as this long. */
#define CT_CAUSE_TEXT_MOST 0x7fffffffu
/** As much of the name of its type. */
#define CT_CAUSE_TYPE_BYTES 64

/**
 * A context ends with a cause that the program gave for it: begins as CANCEL does. Never in a recording: user space
 * makes a CAUSE and a CANCEL of it.
 */
struct ct_event_cancel_cause {
	struct ct_event_header header;
	__u64 context;
	__u32 path;
	__u8 reason;
	__u8 pad[3];
	__u64 type;	    /**< Go: type descriptor of the error value; 0: the text is all there is. */
	__u64 text_address; /**< Where the text is; 0: this type's text is not known how to read. */
	__u32 text_bytes;   /**< How long it is. */
	__u32 read_bytes;   /**< As much of it could be read. */
	char text[CT_CAUSE_TEXT_BYTES];
};

/** Flag of CAUSE: the text goes on. */
#define CT_CAUSE_CUT 0x01

/**
 * The cause of the next CANCEL of this context. Followed by two NUL-terminated strings: the type of the error value
 * and its text; either may be empty.
 */
struct ct_event_cause {
	struct ct_event_header header;
	__u64 context;
	__u32 strings_bytes; /**< Bytes of the strings, NULs included. */
	__u32 pad;
};

/** The cancel function ran on a context that had already ended. */
struct ct_event_cancel_call {
	struct ct_event_header header;
	__u64 context;
	__u32 path; /**< Caller's path, 0 when not taken. */
	__u32 pad;
};

/** FREE and ABANDON: something happened to a context. */
struct ct_event_context {
	struct ct_event_header header;
	__u64 context;
};

/** Flag of TASK_START: a thread, not a goroutine. Of TASK_END: the thread is gone, not only done with its task. */
#define CT_TASK_THREAD 0x01

/* Flags of TASK_START, with THREAD. Without SPAWNED the thread says itself that it works for `context` from here on. */
#define CT_TASK_SPAWNED 0x02  /**< Its creator is about to let it run; `context` is what it is given, if that is one. */
#define CT_TASK_DETACHED 0x04 /**< It is given a context that no request can end: a root, or one behind WithoutCancel. */
#define CT_TASK_LIBRARY 0x08  /**< The context library starts it for purposes of its own. */

/** Flag of TASK_START: a goroutine of the runtime's own, not among those it counts itself (added in user space). */
#define CT_TASK_SYSTEM 0x10

/** A goroutine or thread starts. */
struct ct_event_task_start {
	struct ct_event_header header;
	__u64 task;    /**< goid or thread id. */
	__u64 creator; /**< Task that started it; 0 unknown. */
	__u64 context; /**< Context it captured; 0 none found. SPAWNED: the argument, which may be anything else. */
	__u64 entry;   /**< Address of the function it runs. */
	__u32 path;    /**< Creation path; 0 unknown. */
	__u32 entry_path; /**< SPAWNED: path of one frame, the function it runs; 0 unknown. */
};

/** A thread waits for another one to end, for as long as that takes (pthread_join). */
struct ct_event_task_join {
	struct ct_event_header header;
	__u64 task; /**< Who is waited for. */
	__u64 by;   /**< Who waits. */
};

/** A goroutine or thread ends. From user space, without a number: after a gap, a thread that is not there any more. */
struct ct_event_task_end {
	struct ct_event_header header;
	__u64 task;
};

/** Paths from here on are numbered in user space: the kernel side never counts so far. */
#define CT_PATH_MEMORY 0x80000000u

/** A call path, sent before its first use by the same CPU. Innermost frame first, library frames left out. */
struct ct_event_stack {
	struct ct_event_header header;
	__u32 path;  /**< Number from 1, given once per key of three return addresses. */
	__u32 depth; /**< Valid entries in `frames`. */
	__u64 frames[CT_STACK_FRAMES_MAX]; /**< Return addresses in the target. */
};

/* Flags of REQUEST. Without one it begins. */
#define CT_REQUEST_END 0x01	 /**< It ends. */
#define CT_REQUEST_HIJACKED 0x02 /**< Go: what `task` serves now had its connection taken over. `context` is 0. */
#define CT_REQUEST_STREAM 0x04	 /**< Go: what `task` serves now sends its answer in pieces. `context` is 0. */

/** A request begins or ends on a context, or becomes something else. */
struct ct_event_request {
	struct ct_event_header header;
	__u64 context;
	__u64 task;
};

/** Events without a body: EXEC, EXIT, TICK. */
struct ct_event_mark {
	struct ct_event_header header;
};

/** Runtime of the target. */
enum ct_runtime {
	CT_RUNTIME_C = 0,
	CT_RUNTIME_GO = 1,
	CT_RUNTIME_END = 2,
};

/** Flag of TARGET: it has no symbol table. */
#define CT_TARGET_STRIPPED 0x01
/** Flag of TARGET: a release newer than the known ones; its layout was verified by structure. */
#define CT_TARGET_UNKNOWN_RELEASE 0x02

/** Flag of RULES: the user chose `min_age_ns`. Else a proof made while the target stood still does not wait for it. */
#define CT_RULES_AGE_CHOSEN 0x01

/** What the user asked for, so that a replay asks for the same. First event of a stream. */
struct ct_event_rules {
	struct ct_event_header header;
	__u64 min_age_ns; /**< Before this age no finding speaks of a context. */
	__u64 grace_ns;	  /**< How long work may go on after its request or context has ended. */
};

/** Who is watched. Followed by three NUL-terminated strings: exe, runtime version, build id (any may be empty). */
struct ct_event_target {
	struct ct_event_header header;
	__u32 pid;
	__u8 runtime; /**< enum ct_runtime. */
	__u8 pad[3];
	__u64 start_time_ns; /**< Start of the process, CLOCK_MONOTONIC. */
	__u64 strings_bytes; /**< Bytes of the strings, NULs included. */
};

/** A provider. Followed by its NUL-terminated name. */
struct ct_event_provider {
	struct ct_event_header header;
	__u32 attach_points;
	__u32 name_bytes; /**< With the NUL. */
};

/** Flags of a frame in SITE. */
#define CT_FRAME_INLINED 0x01 /**< Inlined into the frame that follows it. */
#define CT_FRAME_STDLIB 0x02  /**< Belongs to the language's standard library. */
#define CT_FRAME_LIBRARY 0x04 /**< C: in a library that serves no requests, or in no file at all. */

/* Flags of SITE: what the innermost function of the path is known for (provider/request_sites.c). */
#define CT_SITE_REQUEST 0x01	  /**< Contexts made here are those of requests. */
#define CT_SITE_SERVED_BY_MAKER 0x02 /**< Who makes such a context serves the request, one after the other. */
#define CT_SITE_REQUEST_OVER 0x04 /**< It cancels a request's context because the handler has returned. */
#define CT_SITE_ENDS_REQUEST 0x08 /**< Of requests made here: whoever cancels the context, the request is over. */
#define CT_SITE_STARTS_HANDLER 0x10 /**< A task started here serves the request that its creator made last. */
#define CT_SITE_CLIENT_GONE 0x20 /**< It cancels a request's context because the client went away. */

/**
 * A call path with names. Followed by `frames` packed frames: __u32 line (0 unknown), __u8 flags, then function and
 * file as NUL-terminated strings. Innermost first; frames of the context library are left out.
 */
struct ct_event_site {
	struct ct_event_header header;
	__u32 path;
	__u16 frames;
	__u16 frames_bytes; /**< Bytes of all packed frames. */
};

/** The window opens. */
struct ct_event_begin {
	struct ct_event_header header;
	__u64 wall_clock_ns; /**< CLOCK_REALTIME at header.time_ns. */
};

/** Why the window closed. */
enum ct_end_reason {
	CT_END_DURATION = 0,
	CT_END_SIGNAL = 1,
	CT_END_TARGET_EXIT = 2,
	CT_END_REASON_END = 3,
};

/** The window closes. */
struct ct_event_end {
	struct ct_event_header header;
	__u32 reason; /**< enum ct_end_reason. */
	__u32 pad;
};

/** Events were lost after `from_ns` and before `to_ns`. Comes before the first event after the gap. */
struct ct_event_gap {
	struct ct_event_header header;
	__u64 from_ns;
	__u64 to_ns;
	__u64 lost; /**< How many. */
};

/**
 * Counters kept by the kernel side: CT_COUNTER(NAME, "name in reports", is it a drop: an event that never came).
 * A new one goes at the end.
 */
#define CT_COUNTER_CATALOGUE(CT_COUNTER)                                      \
	CT_COUNTER(RING_FULL, "ring_full", 1)                                 \
	CT_COUNTER(STACK_RING_FULL, "stack_ring_full", 0)                     \
	CT_COUNTER(PATHS_FULL, "paths_full", 0)                               \
	CT_COUNTER(CONFIG_MISSING, "config_missing", 1)                       \
	CT_COUNTER(READ_CONTEXT, "read_context", 0)                           \
	CT_COUNTER(READ_PARENT, "read_parent", 0)                             \
	CT_COUNTER(READ_TASK, "read_task", 0)                                 \
	CT_COUNTER(READ_STACK, "read_stack", 0)                               \
	CT_COUNTER(READ_CANCEL, "read_cancel", 1)                             \
	CT_COUNTER(PARENT_DEEP, "parent_deep", 0)                             \
	CT_COUNTER(MAP_UPDATE, "map_update", 0)                               \
	CT_COUNTER(READ_GOROUTINE, "read_goroutine", 0)                       \
	CT_COUNTER(READ_CAUSE, "read_cause", 0)

/** Indices into ct_event_counters.value. */
enum ct_counter {
#define CT_COUNTER_ENUM(name, text, is_drop) CT_COUNTER_##name,
	CT_COUNTER_CATALOGUE(CT_COUNTER_ENUM)
#undef CT_COUNTER_ENUM
	CT_COUNTER_END,
	CT_COUNTER_MAX = 16, /**< Room in the event. */
};

/** Totals since the attach, summed over CPUs. Sent when they changed, and before END. */
struct ct_event_counters {
	struct ct_event_header header;
	__u64 value[CT_COUNTER_MAX];
};

#include "ctxtrace/event_memory.h"

_Static_assert(sizeof(struct ct_event_header) == 16, "header");
_Static_assert(sizeof(struct ct_fact) == 24, "fact");
#define CT_EVENT_SIZE(name, number, type, bytes, text) \
	_Static_assert(sizeof(struct type) == (bytes), "size of " #name);
CT_EVENT_CATALOGUE(CT_EVENT_SIZE)
#undef CT_EVENT_SIZE
_Static_assert(__builtin_offsetof(struct ct_event_cancel_cause, type) == sizeof(struct ct_event_cancel),
	       "begins as CANCEL");
_Static_assert((int)CT_COUNTER_END <= (int)CT_COUNTER_MAX, "counters fit their event");
