// SPDX-License-Identifier: Apache-2.0
/*
 * Go numbers its wait reasons anew whenever one is put between others, and moved those of channels in 1.26. One list
 * with the releases in which each stands at its place gives all the tables. Made from the constants (not the strings,
 * which stand in another order) in the sources of 1.17.13, 1.18.10, 1.19.13, 1.20.14, 1.21.13, 1.22.12, 1.23.12,
 * 1.24.13, 1.25.7, 1.26.8 and 1.27.3; of a later release nothing is known.
 */
#include "memory/wait_reason.h"

#include <stddef.h>

#define LAST 27

static const struct {
	uint8_t minor_from, minor_to;
	const char *text;
} reasons[] = {
	{ 17, LAST, "" },
	{ 17, LAST, "GC assist marking" },
	{ 17, LAST, "IO wait" },
	{ 17, 25, "chan receive (nil chan)" },
	{ 17, 25, "chan send (nil chan)" },
	{ 17, LAST, "dumping heap" },
	{ 17, LAST, "garbage collection" },
	{ 17, LAST, "garbage collection scan" },
	{ 17, LAST, "panicwait" },
	{ 17, 25, "select" },
	{ 17, 25, "select (no cases)" },
	{ 17, LAST, "GC assist wait" },
	{ 17, LAST, "GC sweep wait" },
	{ 17, LAST, "GC scavenge wait" },
	{ 17, 25, "chan receive" },
	{ 17, 25, "chan send" },
	{ 17, LAST, "finalizer wait" },
	{ 17, LAST, "force gc (idle)" },
	{ 25, LAST, "GOMAXPROCS updater (idle)" },
	{ 17, LAST, "semacquire" },
	{ 17, LAST, "sleep" },
	{ 26, LAST, "chan receive (nil chan)" },
	{ 26, LAST, "chan send (nil chan)" },
	{ 26, LAST, "select (no cases)" },
	{ 26, LAST, "select" },
	{ 26, LAST, "chan receive" },
	{ 26, LAST, "chan send" },
	{ 17, LAST, "sync.Cond.Wait" },
	{ 17, 19, "timer goroutine (idle)" },
	{ 20, LAST, "sync.Mutex.Lock" },
	{ 20, LAST, "sync.RWMutex.RLock" },
	{ 20, LAST, "sync.RWMutex.Lock" },
	{ 24, LAST, "sync.WaitGroup.Wait" },
	{ 17, LAST, "trace reader (blocked)" },
	{ 17, LAST, "wait for GC cycle" },
	{ 17, LAST, "GC worker (idle)" },
	{ 20, LAST, "GC worker (active)" },
	{ 17, LAST, "preempted" },
	{ 17, LAST, "debug call" },
	{ 20, LAST, "GC mark termination" },
	{ 20, LAST, "stopping the world" },
	{ 22, LAST, "flushing proc caches" },
	{ 22, LAST, "trace goroutine status" },
	{ 22, LAST, "trace proc status" },
	{ 22, LAST, "page trace flush" },
	{ 22, LAST, "coroutine" },
	{ 23, LAST, "GC weak to strong wait" },
	{ 24, LAST, "synctest.Run" },
	{ 24, LAST, "synctest.Wait" },
	{ 24, 24, "chan receive (synctest)" },
	{ 24, 24, "chan send (synctest)" },
	{ 24, 24, "select (synctest)" },
	{ 25, LAST, "chan receive (durable)" },
	{ 25, LAST, "chan send (durable)" },
	{ 25, LAST, "select (durable)" },
	{ 25, LAST, "sync.WaitGroup.Wait (durable)" },
	{ 25, LAST, "cleanup wait" },
};

const char *ct_wait_reason_text(unsigned int minor, uint8_t reason)
{
	unsigned int left = reason;

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (minor < reasons[i].minor_from || minor > reasons[i].minor_to)
			continue;
		if (!left--)
			return reasons[i].text;
	}
	return "";
}

const char *ct_goroutine_state_text(uint32_t status)
{
	// src/runtime/runtime2.go, _Gidle and on; 5 and 7 are not used
	static const char *const names[] = { "idle", "runnable", "running",    "syscall",   "waiting", "",
					     "dead", "",	 "copystack", "preempted", "leaked",  "dead" };

	return status < sizeof(names) / sizeof(names[0]) && *names[status] ? names[status] : "unknown";
}
