// SPDX-License-Identifier: Apache-2.0
/*
 * Stands in for libbpf's <bpf/bpf_helpers.h> where bpf/ is compiled for the host: maps are named tables, memory of the
 * target is what the test made of it, helpers are plain functions (shim.h).
 */
#pragma once

#include "../shim.h"

#include <linux/bpf.h>

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, type)  __typeof__(type) *name

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define barrier_var(variable) asm volatile("" : "+r"(variable))

/* What a map's declaration says, and a look at the key's type, which the kernel does not take. */
#define SHIM_MAP(map)                                                                              \
	shim_map(#map, sizeof(*(map)->type) / sizeof(int), sizeof(*(map)->key), sizeof(*(map)->value), \
		 sizeof(*(map)->max_entries) / sizeof(int))
#define SHIM_SAME(member, pointer) (void)sizeof((member) == (pointer))

#define bpf_map_lookup_elem(map, at) (SHIM_SAME((map)->key, at), shim_map_find(SHIM_MAP(map), at))
#define bpf_map_delete_elem(map, at) (SHIM_SAME((map)->key, at), shim_map_delete(SHIM_MAP(map), at))
#define bpf_map_update_elem(map, at, new_value, flags)            \
	(SHIM_SAME((map)->key, at), SHIM_SAME((map)->value, new_value), \
	 shim_map_update(SHIM_MAP(map), at, new_value, flags))

#define bpf_ringbuf_reserve(map, bytes, flags) \
	shim_ring_reserve(sizeof(*(map)->max_entries) / sizeof(int), bytes, flags)
#define bpf_ringbuf_submit(event, flags)  shim_ring_submit(event, flags)
#define bpf_ringbuf_discard(event, flags) shim_ring_discard(event, flags)
#define bpf_ringbuf_query(map, what)	  shim_ring_query(what)

#define bpf_probe_read_user(to, bytes, from) shim_read_user(to, bytes, from)
#define bpf_probe_read_user_str(to, bytes, from) shim_read_user_str(to, bytes, from)
#define bpf_get_current_pid_tgid()	     shim_pid_tgid()
#define bpf_get_current_uid_gid()	     shim_uid_gid()
#define bpf_send_signal(number)		     shim_send_signal(number)
#define bpf_get_smp_processor_id()	     shim_cpu()
#define bpf_get_attach_cookie(regs)	     shim_cookie(regs)
#define bpf_tail_call(regs, map, index)	     ((void)(regs))
#define bpf_ktime_get_ns()		     shim_time_ns()
