// SPDX-License-Identifier: Apache-2.0
/*
 * Executes plans: loads the kernel side, tells it about the process, puts the probes in, takes them out. The only room
 * that knows the skeleton; what it hands on are descriptors.
 *
 * All probes of one kind in one file are one uprobe_multi link (kernel 6.6): a link costs a grace period when it goes.
 * Where the kernel refuses that, each point is a perf_event link. Ends go in first and out last, so that no context is
 * seen to begin whose end cannot be seen.
 */
#pragma once

#include "ctxtrace/error.h"
#include "ctxtrace/process_config.h"
#include "ctxtrace/provider.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** How to attach. Zero-initialised: the defaults. */
struct ct_attach_options {
	bool force_perf;     /**< perf_event links even where the kernel has uprobe_multi. */
	uint32_t ring_bytes; /**< Size of the ring, a power of two of whole pages; 0: the default, 8 MiB. */
};

/** What an attach came to. */
struct ct_attach_figures {
	size_t points;	     /**< Probes in place. */
	size_t links;	     /**< Links that hold them. */
	uint64_t elapsed_ns; /**< From load to last probe. */
	bool is_multi;	     /**< uprobe_multi; else perf_event. */
};

/** Probes in place. */
struct ct_attach;

/**
 * Load, configure and attach.
 *
 * @param pid         The target.
 * @param config      Its settings, copied into the kernel.
 * @param plans       Where the probes go. Borrowed for this call; their descriptors must be open.
 * @param options     May be NULL.
 * @param ret_attach  The probes; to be released with ct_attach_free().
 * @param reterr      What could not be done, and what would help.
 * @return 0 or negative errno; then nothing is attached.
 */
int ct_attach_new(pid_t pid, const struct ct_process_config *config, const struct ct_plan *plans, size_t plans_count,
		  const struct ct_attach_options *options, struct ct_attach **ret_attach, struct ct_error *reterr);

/** Detach and unload. NULL is fine. */
void ct_attach_free(struct ct_attach *attach);

/** Take all probes out; the ring and the counters stay readable until ct_attach_free(). */
void ct_attach_detach(struct ct_attach *attach);

/**
 * New settings for a process, after its EXEC event: the kernel side forgot the old ones by itself. Call paths and links
 * of the old image are forgotten too; numbers of paths are not reused.
 *
 * @return 0 or negative errno.
 */
int ct_attach_configure(struct ct_attach *attach, pid_t pid, const struct ct_process_config *config);

/** Descriptor of the ring, borrowed. For ct_source_live_new(). */
int ct_attach_ring_fd(const struct ct_attach *attach);

/** Descriptor of the counters, borrowed. For ct_source_live_new(). */
int ct_attach_counters_fd(const struct ct_attach *attach);

/** Is the process stopped where it is about to leave (CT_ROLE_GO_EXIT)? It stays so until it gets SIGCONT. */
bool ct_attach_is_held(const struct ct_attach *attach);

/** What it came to, borrowed. */
const struct ct_attach_figures *ct_attach_figures(const struct ct_attach *attach);

/**
 * Has this kernel what every attach needs? Found by trying; where that is not allowed, loading will say so.
 *
 * @return 0, or -EOPNOTSUPP: what it lacks, and which has it.
 */
int ct_attach_try_kernel(struct ct_error *reterr);

/** Does this kernel take uprobe_multi links? Found by trying, needs CAP_BPF. */
bool ct_attach_has_multi(void);
