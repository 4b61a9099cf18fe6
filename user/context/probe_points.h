// SPDX-License-Identifier: Apache-2.0
/*
 * Where a tracer looks: functions that do nothing, exported so that uprobes find them by name. ctxtrace knows them by
 * these names and arguments; they are an interface. Names end in an underscore, and programs never call them.
 *
 * Each begins (after an `endbr64`) with a one-byte nop: the kernel emulates it, where it would single-step most other
 * instructions at many times the price. They are called with a frame pointer chain that leads to the program, and
 * never by a tail call.
 *
 * An id is the address of a context.
 */
#ifndef CCTX_PROBE_POINTS_H
#define CCTX_PROBE_POINTS_H

#include "ctxtrace/context.h"

/** Flag of cctx_cancel_(): the context ended while it was being made. */
#define CCTX_CANCEL_BORN 0x100

/** Flag of cctx_create_() for the root cctx_todo(). */
#define CCTX_CREATE_TODO 1

/** Flag of cctx_create_(): a deadline was asked for, but one above is earlier. The kind is CCTX_KIND_CANCEL then. */
#define CCTX_CREATE_ASKED_LATER 2

/** A context was made and is in no list yet. `parent`: as the program gave it. `deadline_ns`: of its own timer or 0. */
CCTX_API void cctx_create_(uint64_t id, uint64_t parent, uint64_t kind, uint64_t deadline_ns, uint64_t flags);

/** A context ends: once each. `reason`: enum cctx_reason and flags. `cause`: a string or NULL. */
CCTX_API void cctx_cancel_(uint64_t id, uint64_t reason, const char *cause);

/** A cancel or stop function ran on a context that had ended. */
CCTX_API void cctx_cancel_call_(uint64_t id);

/** The last user reference of a live context went: nobody can cancel it any more. */
CCTX_API void cctx_abandon_(uint64_t id);

/** The memory goes back to malloc. */
CCTX_API void cctx_destroy_(uint64_t id);

/** A timer was armed. */
CCTX_API void cctx_timer_arm_(uint64_t id, uint64_t deadline_ns);

/** A timer fired (1) or was disarmed (0). */
CCTX_API void cctx_timer_disarm_(uint64_t id, uint64_t fired);

/** A request begins on this thread. */
CCTX_API void cctx_request_begin_(uint64_t id, const char *label);

/** It ends. */
CCTX_API void cctx_request_end_(uint64_t id, uint64_t status);

/** A thread (`task`: its kernel id) works for a context. */
CCTX_API void cctx_task_begin_(uint64_t task, uint64_t id, const char *label);

/** It no longer does. */
CCTX_API void cctx_task_end_(uint64_t task);

#endif
