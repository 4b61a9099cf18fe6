// SPDX-License-Identifier: Apache-2.0
/*
 * The frames of a goroutine that does not run, by frame pointers from what its runtime.g saved (pc, sp, bp). Hostile
 * input: a frame lies above the one before it and inside the stack, so the walk ends.
 */
#pragma once

#include "ctxtrace/event.h"
#include "memory/layout.h"
#include "memory/reader.h"

/** What a runtime.g says of its goroutine's stack. */
struct ct_stack {
	uint64_t sp;   /**< First word in use; the stack's low end while the goroutine runs. */
	uint64_t high; /**< One past its last byte. */
	uint64_t pc, bp;
	bool is_running; /**< It has no saved frames. */
};

/** Frames, innermost first. */
struct ct_stack_walk {
	unsigned int count;
	uint64_t pcs[CT_STACK_FRAMES_MAX];  /**< The saved pc, then return addresses. */
	uint64_t ends[CT_STACK_FRAMES_MAX]; /**< One past the frame's last byte; it begins where the one before ends. */
};

/** Read the fields from CT_G_BYTES of a runtime.g. @return false when they do not fit together. */
bool ct_stack_of(const struct ct_goroutine_layout *layout, const uint8_t *g, struct ct_stack *ret_stack);

/**
 * Follow the frames. What cannot be read, or points down, ends the walk.
 *
 * @param words   A copy of the stack from `sp` on.
 * @param bytes   Its length; frames above it are not followed.
 */
void ct_stack_walk(const struct ct_stack *stack, const void *words, size_t bytes, struct ct_stack_walk *ret_walk);

/** @return the index of the frame that `address` lies in, or -1. */
int ct_stack_frame_of(const struct ct_stack *stack, const struct ct_stack_walk *walk, uint64_t address);
