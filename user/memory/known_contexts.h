// SPDX-License-Identifier: Apache-2.0
/* Contexts by their address and by their done channel, for words found on stacks. */
#pragma once

#include "memory/explain.h"
#include "memory/objects.h"
#include "memory/scan.h"

/** What a word on a stack is, when it is a context. */
struct ct_context_word {
	uint64_t word; /**< 0: empty. */
	uint8_t state; /**< enum ct_observed_state; CT_OBSERVED_END: no context. */
};

/** The index. Zero-initialise. */
struct ct_known_contexts {
	struct ct_census *census;
	const struct ct_objects *objects;
	const struct ct_known_context *contexts; /**< Borrowed. */
	size_t count;
	size_t slots;	      /**< Power of two. */
	uint32_t *by_address; /**< Open addressing: index + 1, 0 empty. */
	uint32_t *by_done;
	uint64_t *done; /**< Of each: its channel, 0 none made yet. */
	struct ct_memory_window window;
	struct ct_context_word strangers[4096]; /**< Answers about words that are none of `contexts`. */
};

/** Make the index, reading each one's done channel. @return 0 or -ENOMEM. */
int ct_known_contexts_init(struct ct_known_contexts *known, struct ct_census *census, const struct ct_objects *objects,
			   const struct ct_known_context *contexts, size_t count);

/** Is the word the address of an object that is one context and nothing else? withoutCancelCtx is such an object. */
bool ct_known_contexts_is_boxed(struct ct_known_contexts *known, uint64_t word);

/** Release it. */
void ct_known_contexts_done(struct ct_known_contexts *known);

/** @return the context whose done channel this is, or NULL. */
const struct ct_known_context *ct_known_contexts_waited(const struct ct_known_contexts *known, uint64_t channel);

/** @return the state of the context a word refers to; CT_OBSERVED_END when it is none, or one nobody knows and lives. */
uint8_t ct_known_contexts_look(struct ct_known_contexts *known, uint64_t word);
