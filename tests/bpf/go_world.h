// SPDX-License-Identifier: Apache-2.0
/*
 * A Go process as its context package's probes see it: types, itabs, contexts, a goroutine and a stack, in the shim's
 * memory. What Go code would do between two probes (ending a context, running a closure) is a function here.
 */
#pragma once

#include "expect.h"

/** An interface value. */
struct go_interface {
	uint64_t itab;
	uint64_t data;
};

/** The process, and the registers of the thread that hits a probe. */
struct go_world {
	struct ct_process_config config;
	struct pt_regs regs;
	uint64_t heap; /**< Next free address. */
};

/* Places. Types, callers and the library's text are far apart. */
#define GO_LIBRARY	   0x480000 // package context, up to 0x490000
#define GO_LIBRARY_END	   0x490000
#define GO_CALLER(which)   (GO_LIBRARY + 0x1000 + 0x100 * (uint64_t)(which)) // 0x80 bytes of text each
#define GO_CANCEL_CLOSURE  (GO_LIBRARY + 0x5000)			     // WithCancel.func1
#define GO_MAIN		   0x401000
#define GO_HANDLER	   0x402000
#define GO_RUNTIME	   0x403000
#define GO_STACK	   0xc000100000
#define GO_G		   0xc000002000
#define GO_BACKGROUND	   0x600010 // Go 1.17-1.20: the roots
#define GO_TODO		   0x600020
#define GO_ERROR_STRING	   0x5ff000 // type of Canceled
#define GO_QUOTA_ERROR	   0x5ff100 // a type of the program's own
#define GO_TASK		   42	    // goroutine id

/* Offsets the world is laid out with; none is one of Go's, so that no program can have them built in. */
#define GO_GOID	    160
#define GO_PARENT   288
#define GO_GOPC	    296
#define GO_STARTPC  312
#define GO_SCHED    64
#define GO_ERR	    48
#define GO_DEADLINE 88

/** Make the world: Go 1.21 and newer. The stack is main -> handler -> library -> the probed function. */
void go_world_init(struct go_world *world);

/** As Go 1.17 to 1.20 has it: one type for both roots, no cause unless 1.20, a split timerCtx in 1.20. */
void go_world_make_old(struct go_world *world, unsigned int minor);

/** Tell the kernel side; again after every change of `config`. */
void go_world_configure(const struct go_world *world);

/** Type descriptor of a kind (enum ct_context_kind or CT_GO_TYPE_). */
uint64_t go_type(uint32_t kind);

/** An itab of a kind; each call makes another one, as one type has several. */
uint64_t go_itab(struct go_world *world, uint32_t kind);

/** A fresh context object of 112 zero bytes. */
uint64_t go_object(struct go_world *world);

/** A context of a kind. */
struct go_interface go_context(struct go_world *world, uint32_t kind);

/** `inner` behind a value, detached or stop link. */
struct go_interface go_wrap(struct go_world *world, uint32_t kind, struct go_interface inner);

/** An error value: DeadlineExceeded, Canceled. */
struct go_interface go_deadline_exceeded(struct go_world *world);
struct go_interface go_canceled(struct go_world *world);

/** An error whose text is known how to read (errors.New), or not; `text` is put into memory where it is given. */
struct go_interface go_error(struct go_world *world, uint32_t kind, const char *text, uint64_t bytes);

/** Set the error word: the context has ended. */
void go_end_context(const struct go_world *world, uint64_t context);

/** The deadline of a timerCtx. */
void go_set_deadline(uint64_t context, uint64_t wall, int64_t ext);

/** The stack as return addresses, innermost first, in frames linked by rbp. */
void go_stack(struct go_world *world, const uint64_t *return_addresses, size_t count);

/** Where frame `index` keeps its frame pointer; its return address is 8 bytes above. Frame 0 is the caller's. */
uint64_t go_frame(size_t index);

/** Hit propagateCancel with parent and child in the registers of this release. */
void go_create(struct go_world *world, struct go_interface parent, struct go_interface child);

/** How a cancel method is called. */
struct go_cancel_call {
	uint32_t receiver; /**< enum ct_go_receiver. */
	uint64_t context;
	bool removes;
	struct go_interface error;
	struct go_interface cause;
	uint64_t from; /**< Return address. */
};

/** Hit a cancel method. */
void go_cancel(struct go_world *world, const struct go_cancel_call *call);

/** Hit a cancel function's closure, which holds `context`. The probe is at GO_CANCEL_CLOSURE. */
void go_cancel_closure(struct go_world *world, uint64_t context);

/** As go_cancel_closure(), with another argument in the probe's cookie. */
void go_cancel_closure_with(struct go_world *world, uint64_t context, uint32_t argument);
