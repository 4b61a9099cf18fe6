// SPDX-License-Identifier: Apache-2.0
/*
 * Every map, once, each with its bound explained. Weak, because each .bpf.c includes this and the linker keeps one.
 *
 * Programs attached to uprobes can be preempted, so two of them may be under way on one CPU: what is per CPU is changed
 * by atomic additions only, and there is no scratch memory.
 */
#pragma once

#include "ctxtrace/event.h"
#include "ctxtrace/process_config.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define CT_MAP __attribute__((weak)) SEC(".maps")

/**
 * A function the verifier checks once, for any arguments, and takes as one step wherever it is called. Every loop is in
 * one: checked anew on each way that leads to it, a walk takes Linux 6.1 past its limit of a million instructions.
 *
 * What makes it so is that it is not static; weak as the maps are. Linux asks that it returns a number and checks its
 * pointers for NULL, and takes pointers to whole structs without holes (5.13), but not to registers.
 */
#define CT_CHECKED_ONCE __attribute__((noinline, weak))

/**
 * The stream. 8 MiB hold about 100 ms of what one core can produce (1.5 million events a second of 48 bytes and their
 * heads), ten times the drain interval. User space may choose another size before the load.
 */
#define CT_RING_BYTES (8 << 20)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CT_RING_BYTES);
} events CT_MAP;

/** A backlog of this many bytes wakes the consumer out of its timed drain. Set with the ring's size. */
const volatile __u64 ct_wake_bytes __attribute__((weak)) = CT_RING_BYTES / 4;

/** Processes watched at once: one, and room for the commands it may exec into. */
#define CT_PROCESSES_MAX 16

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_PROCESSES_MAX);
	__type(key, __u32); /* process id */
	__type(value, struct ct_process_config);
} processes CT_MAP;

/** Return addresses that tell call paths apart. A fourth costs about 60 ns a hit. */
#define CT_PATH_KEY_FRAMES 3

/** Paths that end differently within CT_PATH_KEY_FRAMES callers outside the library. */
struct ct_path_key {
	__u64 frames[CT_PATH_KEY_FRAMES]; /**< Innermost first; 0 where the stack ended. */
	__u32 process;
	__u32 pad;
};

/**
 * Known call paths. Large programs have some thousand creation sites; when it is full, further paths are unknown and
 * counted (paths_full).
 */
#define CT_PATHS_MAX 32768

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_PATHS_MAX);
	__type(key, struct ct_path_key);
	__type(value, __u32); /* number of the path */
} paths CT_MAP;

/** The last number given to a path. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} path_numbers CT_MAP;

/** Totals since the load, one set per CPU. */
struct ct_cpu_counters {
	__u64 value[CT_COUNTER_MAX]; /**< By enum ct_counter. */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_cpu_counters);
} counters CT_MAP;

/** The last event number of each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sequences CT_MAP;

/** A context by its address. */
struct ct_context_key {
	__u64 context;
	__u32 process;
	__u32 pad;
};

/** What a root, value or detached context of a C library leads to. Links to links are followed when they are made. */
struct ct_link {
	__u64 parent;	  /**< Nearest ancestor that can be cancelled; 0 when a root comes first. */
	__u8 parent_kind; /**< As in CREATE. */
	__u8 flags;	  /**< CT_CREATE_ flags met on the way. */
	__u8 hops;	  /**< Links on the way, this one included; 255 means that or more. */
	__u8 pad[5];
};

/** Live links of C libraries. When it is full a link looks like a context that can be cancelled (map_update). */
#define CT_LINKS_MAX 65536

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_LINKS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ct_context_key);
	__type(value, struct ct_link);
} links CT_MAP;

/** A cancel function's closure under way on a goroutine. */
struct ct_closure_call {
	__u64 context;
	__u64 address; /**< Of the probe in the closure. */
};

/** One entry for each goroutine that ever ran a probed closure; the runtime reuses their memory. */
#define CT_CLOSURE_CALLS_MAX 16384

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_CLOSURE_CALLS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ct_context_key); /* of the goroutine */
	__type(value, struct ct_closure_call);
} closure_calls CT_MAP;

/** A thread that is being started: what pthread_create was given. */
struct ct_spawn {
	__u64 handle_at; /**< Where the new thread's pthread_t is put, before the thread is made. */
	__u64 entry;
	__u64 context; /**< The argument, or what it leads to. */
	__u32 path;
	__u32 entry_path;
	__u32 flags; /**< CT_TASK_ flags. */
	__u32 pad;
};

/** One for each thread that is inside pthread_create; one that failed there stays until its thread tries again or ends. */
#define CT_SPAWNS_MAX 1024

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_SPAWNS_MAX);
	__type(key, __u32); /* thread that starts the other one */
	__type(value, struct ct_spawn);
} spawns CT_MAP;

/**
 * Threads by their pthread_t. A handle comes again with the next thread in the same place, and then means that one. The
 * threads of long ago make room: whoever waits for one of them waits unseen.
 */
#define CT_HANDLES_MAX 16384

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_HANDLES_MAX);
	__type(key, struct ct_context_key); /* of the handle */
	__type(value, __u32);		    /* thread */
} handles CT_MAP;
