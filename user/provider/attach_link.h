// SPDX-License-Identifier: Apache-2.0
/*
 * The system calls of attach.c: links by uprobe_multi and by perf_event, and what to say when they are refused.
 */
#pragma once

#include "ctxtrace/error.h"
#include "ctxtrace/provider.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** expected_attach_type of a program for uprobe_multi: enum bpf_attach_type of Linux 6.6. */
#define CT_BPF_TRACE_UPROBE_MULTI 48

/** Points of one file for one program. */
struct ct_link_request {
	int program_fd;
	pid_t pid;
	const struct ct_plan *plan;		     /**< Its path and descriptor name the file. */
	const struct ct_attach_point *const *points; /**< Not empty. */
	size_t points_count;
};

/** A link; closing it takes the probes out. */
struct ct_link_fds {
	int link_fd;  /**< -1: none. */
	int event_fd; /**< perf_event only, else -1. */
};

/** One uprobe_multi link over all points. @return 0 or negative errno. */
int ct_link_multi(const struct ct_link_request *request, struct ct_link_fds *ret_fds);

/** A perf_event link at the first point. @return 0 or negative errno. */
int ct_link_perf(const struct ct_link_request *request, struct ct_link_fds *ret_fds);

/** Close both, the link first. */
void ct_link_done(struct ct_link_fds *fds);

/** Does the kernel take uprobe_multi links? */
bool ct_link_has_multi(void);

/** Can a program ask for the cookie of the probe it runs at (Linux 5.15)? True also where trying is not allowed. */
bool ct_link_has_cookies(void);

/** Tell why a point (NULL: several) of a plan could not be probed. @return `code`. */
int ct_link_refused(int code, const struct ct_plan *plan, const struct ct_attach_point *point, bool is_multi,
		    struct ct_error *reterr);

/** Tell that the kernel has no cookies. @return -EOPNOTSUPP. */
int ct_kernel_refused(struct ct_error *reterr);

/** Tell why the kernel side could not be loaded. @return `code`. */
int ct_load_refused(int code, bool is_multi, struct ct_error *reterr);
