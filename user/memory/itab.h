// SPDX-License-Identifier: Apache-2.0
/*
 * What a word that may be an itab says: is it one of context.Context or context.canceler, and of which type?
 *
 * An itab is {interface type, concrete type, ...} (src/internal/abi/iface.go). One type has several, and conversions
 * make more at run time, so the types' names are compared, never addresses of itabs. A user's package may be called
 * "context" too: the interface's package path decides.
 */
#pragma once

#include "memory/heap.h"

#include <stdint.h>

/** Interface of an itab. */
enum ct_interface {
	CT_INTERFACE_NONE = 0, /**< No itab that matters here. */
	CT_INTERFACE_CONTEXT = 1,
	CT_INTERFACE_CANCELER = 2, /**< Not exported: only package context makes these. */
};

/** Concrete type of an itab. */
enum ct_concrete {
	CT_CONCRETE_FOREIGN = 0,
	CT_CONCRETE_CANCEL,
	CT_CONCRETE_TIMER,
	CT_CONCRETE_AFTER_FUNC,
	CT_CONCRETE_VALUE,
	CT_CONCRETE_DETACHED,
	CT_CONCRETE_STOP,
	CT_CONCRETE_BACKGROUND,
	CT_CONCRETE_TODO,
	CT_CONCRETE_EMPTY, /**< Up to 1.20: Background or TODO, told apart by the data pointer. */
};

/** One word and what it is. */
struct ct_itab {
	uint64_t word;
	uint8_t interface; /**< enum ct_interface. */
	uint8_t concrete;  /**< enum ct_concrete. */
};

#define CT_ITAB_SLOTS 4096

/** Words seen so far. */
struct ct_itabs {
	struct ct_memory *memory;
	const struct ct_heap *heap; /**< Words that point into it are no itabs. */
	uint64_t hash;		    /**< Odd; which slot a word begins at. */
	uint64_t types, etypes;	    /**< Runtime addresses of the type descriptors. */
	struct ct_itab slots[CT_ITAB_SLOTS];
	size_t used;
};

/** Forget all words: another scan begins. */
void ct_itabs_clear(struct ct_itabs *itabs);

/** Look a word up. @return what it is; words that are no itab have CT_INTERFACE_NONE. */
struct ct_itab ct_itabs_look(struct ct_itabs *itabs, uint64_t word);
