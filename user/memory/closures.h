// SPDX-License-Identifier: Apache-2.0
/*
 * The functions whose closures matter: cancel and stop functions that are given to users, the timer's own callback,
 * the goroutine that watches a parent of a foreign type.
 *
 * A name may stand at several addresses (one program had context.WithCancel.func1 twice, and a table by name then
 * called a held root lost), so the table goes from address to role.
 */
#pragma once

#include "symbol/binary.h"

#include <stddef.h>
#include <stdint.h>

/** What a closure is for. */
enum ct_closure_role {
	CT_CLOSURE_NONE = 0,
	CT_CLOSURE_CANCEL,     /**< Owner's, of WithCancel or WithCancelCause. */
	CT_CLOSURE_DEADLINE,   /**< Owner's, of WithDeadline, WithTimeout. */
	CT_CLOSURE_AFTER_FUNC, /**< Owner's stop function. */
	CT_CLOSURE_TIMER,      /**< The timer's callback: the library's. */
	CT_CLOSURE_WATCHER,    /**< Entry of the goroutine that watches a foreign parent. */
};

/** Role of a function by its name; `minor` is Go 1.x. */
enum ct_closure_role ct_closure_role_of(const char *name, unsigned int minor);

/** Is the role an owner's: may somebody outside the library call it? */
static inline bool ct_closure_is_owner(enum ct_closure_role role)
{
	return role >= CT_CLOSURE_CANCEL && role <= CT_CLOSURE_AFTER_FUNC;
}

/** Code address to role. Zero-initialise. */
struct ct_closures {
	struct ct_closure_slot {
		uint64_t code;
		uint64_t role;
	} *slots;
	size_t room; /**< Power of two. */
	size_t count;
	/** Code of creators and of owners' closures, by address. */
	struct ct_code_range {
		uint64_t start, end;
	} *calls;
	size_t calls_count, calls_room;
};

/** Add one. @return 0 or -ENOMEM. */
int ct_closures_add(struct ct_closures *closures, uint64_t code, enum ct_closure_role role);

/** Add those of a binary. @return 0 or negative errno. */
int ct_closures_load(struct ct_closures *closures, struct ct_binary *binary, unsigned int minor, uint64_t load_bias);

/** @return the role of the function at runtime address `code`. */
enum ct_closure_role ct_closures_look(const struct ct_closures *closures, uint64_t code);

/** Is a return address one inside a creator (WithCancel, ...) or an owner's closure? */
bool ct_closures_is_call(const struct ct_closures *closures, uint64_t pc);

/** Add such code. @return 0 or -ENOMEM. */
int ct_closures_add_call(struct ct_closures *closures, uint64_t start, uint64_t end);

/** Release. */
void ct_closures_done(struct ct_closures *closures);
