// SPDX-License-Identifier: Apache-2.0
/*
 * The process to be watched, as its files in /proc show it: executable, mapped files, runtime, start. Its binary is
 * opened once, through /proc, so it may be deleted or replaced on disk. Everything read is hostile and bounded.
 */
#pragma once

#include "ctxtrace/provider.h"
#include "symbol/binary.h"

#include <sys/types.h>

/** Most file mappings looked at; a process with more has its later ones ignored. */
#define CT_MAPPINGS_MAX 4096

/** One mapping of a file. */
struct ct_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /**< In the file. */
	bool is_executable;
	uint64_t inode;
	uint64_t device;
	char *path; /**< As the target sees it; owned by the target. */
};

/**
 * Open a process.
 *
 * @return 0; -ESRCH no such process or a zombie; -EINVAL a kernel thread, a thread's id or ctxtrace itself; -EACCES
 *         without the privilege to look into it; -ENOEXEC when its program is no ELF file of this machine.
 */
int ct_target_open(pid_t pid, struct ct_target **ret_target, struct ct_error *reterr);

/** Free it. NULL is fine. */
void ct_target_free(struct ct_target *target);

/**
 * Ask every provider for its plan.
 *
 * @param config     Filled in for the kernel side.
 * @param ret_plans  Room for `room` plans, each to be released with ct_plan_done().
 * @return number of plans, at least 1; -EOPNOTSUPP with a sentence when no provider knows this program.
 */
int ct_target_plan_all(struct ct_target *target, struct ct_process_config *config, struct ct_plan *ret_plans,
		       size_t room, struct ct_error *reterr);

/** Its process id. */
pid_t ct_target_pid(const struct ct_target *target);

/** A pidfd that polls readable when it has exited. Borrowed; -1 where the kernel has none. */
int ct_target_pidfd(const struct ct_target *target);

/** Path of its executable without " (deleted)". Borrowed. */
const char *ct_target_exe(const struct ct_target *target);

/** "go1.26.8", or "" for C. Borrowed. */
const char *ct_target_runtime_version(const struct ct_target *target);

/** GNU build id as hex, or "". Borrowed. */
const char *ct_target_build_id(const struct ct_target *target);

/** No symbol table? */
bool ct_target_is_stripped(const struct ct_target *target);

/** Start of the process, CLOCK_MONOTONIC nanoseconds, to a hundredth of a second; 0 unknown. */
uint64_t ct_target_start_time(const struct ct_target *target);

/** Its executable. Borrowed. */
struct ct_binary *ct_target_binary(struct ct_target *target);

/** Descriptor of its executable, borrowed. */
int ct_target_exe_fd(const struct ct_target *target);

/** Runtime address minus address as linked, for the executable. */
uint64_t ct_target_load_bias(const struct ct_target *target);

/** Go's version; all zero for C. */
const struct ct_go_version *ct_target_go_version(const struct ct_target *target);

/** Its file mappings in the order of their addresses, borrowed until ct_target_refresh(). */
const struct ct_mapping *ct_target_mappings(const struct ct_target *target, size_t *ret_count);

/** Read the mappings again: a library may have been loaded meanwhile. @return 0 or negative errno. */
int ct_target_refresh(struct ct_target *target);

/** Runtime address minus address as linked, for the file behind a mapping. */
uint64_t ct_target_bias(const struct ct_target *target, const struct ct_mapping *mapping,
			const struct ct_binary *binary);

/** Does a mapping show the target's executable? */
bool ct_target_is_exe(const struct ct_target *target, const struct ct_mapping *mapping);

/** Open the file behind a mapping, deleted or not. @return a descriptor to be closed, or negative errno. */
int ct_target_open_mapping(const struct ct_target *target, const struct ct_mapping *mapping);

/** Read the target's memory. @return 0 or negative errno; all or nothing. */
int ct_target_read(const struct ct_target *target, uint64_t address, void *buffer, size_t bytes);

/** Name of a role for `ctxtrace check` ("create", "cancel", ...). */
const char *ct_role_name(uint32_t role);
