// SPDX-License-Identifier: Apache-2.0
/*
 * Putting events into the ring: number, reserve, head, submit; and counting what could not be.
 *
 * An event takes its number before it asks for room. When there is none the number is missing in the stream, and so
 * user space knows not only how many were lost but between which two events.
 */
#pragma once

#include "maps.bpf.h"

/** Never set. The verifier knows, and takes away what depends on it. */
const volatile __u32 ct_never __attribute__((weak)) = 0;

/**
 * Every uprobe program begins with this: its variables stay on the stack of the thread it runs on.
 *
 * Linux 6.13 and newer put frames of 64 bytes and more on a stack per CPU, in the belief that no program of this type
 * is begun again on a CPU before it has ended. A uprobe program can be preempted, and the next thread that hits a probe
 * there overwrites what it knew: events go wrong, and a pointer found to be good is NULL, in the kernel (Linux 7.3).
 * Programs that may make a tail call are spared; so each has one, which is looked for before dead code is removed.
 */
static __always_inline void ct_keep_stack(void *regs)
{
	if (ct_never)
		bpf_tail_call(regs, NULL, 0);
}

/** Add one to a counter of this CPU. */
static __always_inline void ct_count(enum ct_counter counter)
{
	__u32 zero = 0;
	struct ct_cpu_counters *mine = bpf_map_lookup_elem(&counters, &zero);

	if (mine)
		__sync_fetch_and_add(&mine->value[counter], 1);
}

/** @return the next event number of this CPU. */
static __always_inline __u32 ct_number_event(void)
{
	__u32 zero = 0;
	__u32 *last = bpf_map_lookup_elem(&sequences, &zero);

	return last ? __sync_fetch_and_add(last, 1) + 1 : 0;
}

/** There should be an event here and cannot be: it keeps its number. `counter` is one that counts drops. */
static __always_inline void ct_drop(enum ct_counter counter)
{
	ct_number_event();
	ct_count(counter);
}

static __always_inline void ct_fill_header(struct ct_event_header *header, __u32 sequence, __u8 type, __u8 flags)
{
	header->time_ns = bpf_ktime_get_ns();
	header->sequence = sequence;
	header->cpu = (__u16)bpf_get_smp_processor_id();
	header->type = type;
	header->flags = flags;
}

/**
 * Room for an event of `bytes` (a constant), its head filled in, the rest as it was.
 * @return NULL when the ring is full; that is counted.
 */
static __always_inline void *ct_reserve(__u64 bytes, __u8 type, __u8 flags)
{
	__u32 sequence = ct_number_event();
	struct ct_event_header *header = bpf_ringbuf_reserve(&events, bytes, 0);

	if (!header) {
		ct_count(CT_COUNTER_RING_FULL);
		return NULL;
	}
	ct_fill_header(header, sequence, type, flags);
	return header;
}

/**
 * Hand an event over. The consumer drains by a timer and is woken only when the backlog passes a multiple of a quarter
 * of the ring: a wake-up costs the traced thread ten times the event itself.
 */
static __always_inline void ct_submit(void *event, __u64 bytes)
{
	__u64 backlog = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	__u64 wake_bytes = ct_wake_bytes;
	__u64 over = wake_bytes ? backlog % wake_bytes : backlog;

	bpf_ringbuf_submit(event, backlog >= wake_bytes && over < bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/** The process of the running thread. */
static __always_inline __u32 ct_current_process(void)
{
	return (__u32)(bpf_get_current_pid_tgid() >> 32);
}

/** The running thread. */
static __always_inline __u32 ct_current_thread(void)
{
	return (__u32)bpf_get_current_pid_tgid();
}

/** Its settings, or NULL: a drop, counted. */
static __always_inline const struct ct_process_config *ct_current_config(void)
{
	__u32 process = ct_current_process();
	const struct ct_process_config *config = bpf_map_lookup_elem(&processes, &process);

	if (!config)
		ct_drop(CT_COUNTER_CONFIG_MISSING);
	return config;
}
