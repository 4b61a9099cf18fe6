// SPDX-License-Identifier: Apache-2.0
/*
 * `run` asks its own child's memory once more at the child's exit, before it goes: what a short program lost is proven
 * although it never collected garbage.
 *
 * A probe where Go's runtime leaves stops the whole process (bpf/go_exit.bpf.h); then it is read as by --stop, and let
 * go. If ctxtrace dies in between, the kernel lets it go: the child asked for SIGCONT at its parent's death
 * (child.c). A program that is killed by SIGKILL passes no such place, and is judged as it was seen until then.
 */
#pragma once

#include "agent/live.h"

/** Plan the probes of a Go child whose memory can be asked. @return 0 or -ENOMEM. */
int ct_last_moment_plan(struct ct_live *live);

/** Is the child held at its exit? Then read it, and let it go. */
void ct_last_moment_look(struct ct_live *live, ct_scan_breathe drain);

/** Nobody will look any more: let it go, if it is held or has just been. The probes must be out. */
void ct_last_moment_pass(struct ct_live *live);
