// SPDX-License-Identifier: Apache-2.0
/*
 * A kernel in miniature, for the programs of bpf/ compiled for the host: maps, a ring, the memory of a target, and who
 * runs. It is as strict as the kernel where that can hide a fault: reserved memory is not cleared, a failed read clears
 * its destination, a full ring stays full until it is consumed, and a reservation must be submitted or discarded.
 *
 * The upper part is for tests, the lower part for bpf/bpf_helpers.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** CPUs there are. */
#define SHIM_CPUS 4

/** Who runs, and what the next hit is told. */
struct shim {
	uint32_t process;
	uint32_t thread;
	uint32_t cpu;
	uint64_t cookie;
	uint64_t time_ns; /**< Goes on by itself, one nanosecond a look. */

	uint64_t reads;	    /**< Reads of the target's memory so far. */
	uint64_t fail_read; /**< The read of this number fails, from 1; 0 none. */
	uint64_t ring_bytes; /**< Size of the ring; 0: as declared. */
	uint64_t wake_ups;
	uint32_t user;	     /**< Real uid of who runs. */
	uint32_t signals;    /**< Sent to the process so far. */
	uint32_t signal;     /**< The last one. */
	bool fail_signal;    /**< It cannot be sent. */
};
extern struct shim shim;

/** Everything as after boot: no map has entries, no memory is mapped. */
void shim_reset(void);

/** Map one word of the target's memory; `address` is a multiple of 8. What is not mapped cannot be read. */
void shim_poke(uint64_t address, uint64_t word);

/** Unmap it. */
void shim_unmap(uint64_t address);

/** Events handed over and not consumed, in the ring's order. @return NULL past the last. */
const void *shim_event(size_t index, size_t *ret_bytes);

/** @return how many there are. */
size_t shim_events(void);

/** @return how many reservations are open; none may be when a program has returned. */
size_t shim_reservations(void);

/** The consumer takes everything: the ring is empty. */
void shim_consume(void);

/** A map by its name in bpf/, for user space's side. Sizes must be those of its declaration. */
struct shim_map;
struct shim_map *shim_map_of(const char *name, uint32_t type, size_t key_bytes, size_t value_bytes);

/** Let it hold only so many entries. */
void shim_map_limit(struct shim_map *map, uint32_t max_entries);

/** @return how many entries it has. */
size_t shim_map_count(const struct shim_map *map);

/* What the helpers are made of. `name` as in the source: "&links". */
struct shim_map *shim_map(const char *name, uint32_t type, size_t key_bytes, size_t value_bytes, uint32_t max_entries);
void *shim_map_find(struct shim_map *map, const void *key);
long shim_map_update(struct shim_map *map, const void *key, const void *value, uint64_t flags);
long shim_map_delete(struct shim_map *map, const void *key);
void *shim_ring_reserve(uint64_t ring_bytes, uint64_t bytes, uint64_t flags);
void shim_ring_submit(void *event, uint64_t flags);
void shim_ring_discard(void *event, uint64_t flags);
uint64_t shim_ring_query(uint64_t what);
long shim_read_user(void *to, uint32_t bytes, const void *from);
long shim_read_user_str(void *to, uint32_t bytes, const void *from);
uint64_t shim_pid_tgid(void);
uint64_t shim_uid_gid(void);
long shim_send_signal(uint32_t number);
uint32_t shim_cpu(void);
uint64_t shim_cookie(const void *regs);
uint64_t shim_time_ns(void);
