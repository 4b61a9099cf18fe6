// SPDX-License-Identifier: Apache-2.0
#include "probe_points.h"

/*
 * patchable_function_entry puts one nop before everything else of the function, the frame pointer's push included.
 * The empty asm keeps the call and the arguments: without it the compiler may see that nothing happens here.
 */
#if defined(__clang__)
#define CCTX_PROBE_POINT __attribute__((noinline, used, patchable_function_entry(1, 0)))
#else
#define CCTX_PROBE_POINT __attribute__((noinline, noclone, used, patchable_function_entry(1, 0)))
#endif
#define CCTX_KEEP(argument) __asm__ volatile("" : : "r"(argument) : "memory")

CCTX_PROBE_POINT void cctx_create_(uint64_t id, uint64_t parent, uint64_t kind, uint64_t deadline_ns, uint64_t flags)
{
	CCTX_KEEP(id);
	CCTX_KEEP(parent);
	CCTX_KEEP(kind);
	CCTX_KEEP(deadline_ns);
	CCTX_KEEP(flags);
}

CCTX_PROBE_POINT void cctx_cancel_(uint64_t id, uint64_t reason, const char *cause)
{
	CCTX_KEEP(id);
	CCTX_KEEP(reason);
	CCTX_KEEP(cause);
}

CCTX_PROBE_POINT void cctx_cancel_call_(uint64_t id)
{
	CCTX_KEEP(id);
}

CCTX_PROBE_POINT void cctx_abandon_(uint64_t id)
{
	CCTX_KEEP(id);
}

CCTX_PROBE_POINT void cctx_destroy_(uint64_t id)
{
	CCTX_KEEP(id);
}

CCTX_PROBE_POINT void cctx_timer_arm_(uint64_t id, uint64_t deadline_ns)
{
	CCTX_KEEP(id);
	CCTX_KEEP(deadline_ns);
}

CCTX_PROBE_POINT void cctx_timer_disarm_(uint64_t id, uint64_t fired)
{
	CCTX_KEEP(id);
	CCTX_KEEP(fired);
}

CCTX_PROBE_POINT void cctx_request_begin_(uint64_t id, const char *label)
{
	CCTX_KEEP(id);
	CCTX_KEEP(label);
}

CCTX_PROBE_POINT void cctx_request_end_(uint64_t id, uint64_t status)
{
	CCTX_KEEP(id);
	CCTX_KEEP(status);
}

CCTX_PROBE_POINT void cctx_task_begin_(uint64_t task, uint64_t id, const char *label)
{
	CCTX_KEEP(task);
	CCTX_KEEP(id);
	CCTX_KEEP(label);
}

CCTX_PROBE_POINT void cctx_task_end_(uint64_t task)
{
	CCTX_KEEP(task);
}
