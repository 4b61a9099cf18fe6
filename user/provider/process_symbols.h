// SPDX-License-Identifier: Apache-2.0
/*
 * Names for the raw call paths of a running process. Frames of the context library are left out, inlined frames
 * expanded, frames of the standard library marked. After this nothing needs the target's files any more.
 */
#pragma once

#include "ctxtrace/source.h"
#include "provider/target.h"

/** Binaries of one process, opened as its frames need them. */
struct ct_process_symbols;

/** @param target  Borrowed; must outlive the symbols. @return 0 or -ENOMEM. */
int ct_process_symbols_new(struct ct_target *target, struct ct_process_symbols **ret_symbols, struct ct_error *reterr);

/** Functions the user says make the contexts of requests. Borrowed. */
void ct_process_symbols_choose(struct ct_process_symbols *symbols, const char *const *functions, size_t count);

/** Free them. NULL is fine. */
void ct_process_symbols_free(struct ct_process_symbols *symbols);

/**
 * Name a call path.
 *
 * @param stack      Raw addresses, borrowed.
 * @param buffer     8-byte aligned; the event is built here.
 * @param ret_event  A SITE event in `buffer`.
 * @return 0; -ENOSPC when `size` is too small for even one frame.
 */
int ct_process_symbols_site(struct ct_process_symbols *symbols, const struct ct_event_stack *stack, void *buffer,
			    size_t size, struct ct_event *ret_event);

/** As ct_process_symbols_site(), and the frames of the context library stay: for goroutines, which may be its own. */
int ct_process_symbols_all(struct ct_process_symbols *symbols, const struct ct_event_stack *stack, void *buffer,
			   size_t size, struct ct_event *ret_event);
