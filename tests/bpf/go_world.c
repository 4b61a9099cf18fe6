// SPDX-License-Identifier: Apache-2.0
#include "go_world.h"

#include <string.h>

#define TYPES	   0x500000
#define FRAME_BYTES 0x40
#define GARBAGE	   0xdeadbeefdeadbeef

uint64_t go_type(uint32_t kind)
{
	return TYPES + 0x40 * (uint64_t)kind;
}

static void add_type(struct go_world *world, size_t index, uint32_t kind)
{
	world->config.go.types[index] = (struct ct_go_type){ .address = go_type(kind), .kind = kind };
}

static void lay_out(struct ct_go_config *go)
{
	go->time_base_ns = 1000;
	go->g_goid = GO_GOID;
	go->g_parent_goid = GO_PARENT;
	go->g_gopc = GO_GOPC;
	go->g_startpc = GO_STARTPC;
	go->g_sched_ctxt = GO_SCHED;
	go->context_err = GO_ERR;
	go->context_deadline = GO_DEADLINE;
	go->cancel_has_cause = 1;
	for (uint32_t i = 0; i < CT_CALLER_END; i++)
		go->callers[i] = (struct ct_range){ GO_CALLER(i), GO_CALLER(i) + 0x80 };
}

void go_world_init(struct go_world *world)
{
	static const uint32_t kinds[] = { CT_KIND_BACKGROUND, CT_KIND_TODO,  CT_KIND_CANCEL,   CT_KIND_DEADLINE,
					  CT_KIND_AFTER_FUNC, CT_KIND_VALUE, CT_KIND_DETACHED, CT_GO_TYPE_STOP_CTX,
					  CT_GO_TYPE_DEADLINE_EXCEEDED, CT_GO_TYPE_ERROR_TEXT };
	const uint64_t stack[] = { GO_LIBRARY + 0x10, GO_HANDLER, GO_MAIN, GO_RUNTIME };

	shim_reset();
	memset(world, 0, sizeof(*world));
	world->heap = 0xc000200000;
	world->config.runtime = CT_RUNTIME_GO;
	world->config.take_stacks = 1;
	world->config.library[1] = (struct ct_range){ GO_LIBRARY, GO_LIBRARY_END };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		add_type(world, 2 * i, kinds[i]); // with holes between them
	lay_out(&world->config.go);
	shim_poke(GO_G + GO_GOID, GO_TASK);
	world->regs.r14 = GO_G;
	go_stack(world, stack, sizeof(stack) / sizeof(*stack));
	go_world_configure(world);
}

void go_world_make_old(struct go_world *world, unsigned int minor)
{
	world->config.go.background = GO_BACKGROUND;
	world->config.go.todo = GO_TODO;
	for (size_t i = 0; i < CT_GO_TYPES_MAX; i++)
		if (world->config.go.types[i].kind == CT_KIND_TODO)
			world->config.go.types[i] = (struct ct_go_type){ .address = 0 };
	world->config.go.cancel_has_cause = minor >= 20;
	world->config.go.timer_is_split = minor == 20;
	go_world_configure(world);
}

void go_world_configure(const struct go_world *world)
{
	configure(shim.process, &world->config);
}

static uint64_t allocate(struct go_world *world, size_t words)
{
	uint64_t address = world->heap;

	for (size_t i = 0; i < words; i++)
		shim_poke(address + 8 * i, 0);
	world->heap += 8 * words + 64; // what lies behind an object is not mapped
	return address;
}

uint64_t go_itab(struct go_world *world, uint32_t kind)
{
	uint64_t itab = allocate(world, 2);

	shim_poke(itab, GARBAGE); // the interface's type: not to be looked at
	shim_poke(itab + 8, go_type(kind));
	return itab;
}

uint64_t go_object(struct go_world *world)
{
	return allocate(world, 14);
}

struct go_interface go_context(struct go_world *world, uint32_t kind)
{
	return (struct go_interface){ go_itab(world, kind), go_object(world) };
}

struct go_interface go_wrap(struct go_world *world, uint32_t kind, struct go_interface inner)
{
	struct go_interface outer = go_context(world, kind);

	shim_poke(outer.data, inner.itab);
	shim_poke(outer.data + 8, inner.data);
	return outer;
}

struct go_interface go_deadline_exceeded(struct go_world *world)
{
	return (struct go_interface){ go_itab(world, CT_GO_TYPE_DEADLINE_EXCEEDED), 0 };
}

struct go_interface go_canceled(struct go_world *world)
{
	uint64_t itab = go_itab(world, 0);

	shim_poke(itab + 8, GO_ERROR_STRING);
	return (struct go_interface){ itab, 0x600100 };
}

struct go_interface go_error(struct go_world *world, uint32_t kind, const char *text, uint64_t bytes)
{
	struct go_interface error = { go_itab(world, kind), allocate(world, 2) };
	uint64_t words = text ? (strlen(text) + 7) / 8 : 0, at = allocate(world, words);

	if (kind != CT_GO_TYPE_ERROR_TEXT)
		shim_poke(error.itab + 8, GO_QUOTA_ERROR);
	for (uint64_t i = 0; i < words; i++) {
		uint64_t word = 0;

		memcpy(&word, text + 8 * i, strnlen(text + 8 * i, sizeof(word)));
		shim_poke(at + 8 * i, word);
	}
	shim_poke(error.data, text ? at : 0x10);
	shim_poke(error.data + 8, bytes);
	return error;
}

void go_end_context(const struct go_world *world, uint64_t context)
{
	shim_poke(context + world->config.go.context_err, GO_ERROR_STRING);
}

void go_set_deadline(uint64_t context, uint64_t wall, int64_t ext)
{
	shim_poke(context + GO_DEADLINE, wall);
	shim_poke(context + GO_DEADLINE + 8, (uint64_t)ext);
}

uint64_t go_frame(size_t index)
{
	return GO_STACK + FRAME_BYTES * (index + 1);
}

/* The first return address is on top of the stack: the probed function has made no frame yet. */
void go_stack(struct go_world *world, const uint64_t *return_addresses, size_t count)
{
	world->regs.rsp = GO_STACK;
	world->regs.rbp = count > 1 ? go_frame(0) : 0;
	shim_poke(GO_STACK, return_addresses[0]);
	for (size_t i = 1; i < count; i++) {
		shim_poke(go_frame(i - 1), i + 1 < count ? go_frame(i) : 0);
		shim_poke(go_frame(i - 1) + 8, return_addresses[i]);
	}
}

void go_create(struct go_world *world, struct go_interface parent, struct go_interface child)
{
	struct pt_regs *regs = &world->regs;
	bool is_old = world->config.go.background != 0;

	if (is_old) {
		regs->rax = parent.itab;
		regs->rbx = parent.data;
		regs->rcx = child.itab;
		regs->rdi = child.data;
		regs->rsi = GARBAGE;
	} else {
		regs->rax = child.data;
		regs->rbx = parent.itab;
		regs->rcx = parent.data;
		regs->rdi = child.itab;
		regs->rsi = child.data;
	}
	hit(go_begin, regs, CT_COOKIE(is_old ? CT_ROLE_GO_CREATE_OLD : CT_ROLE_GO_CREATE, 0));
}

void go_cancel(struct go_world *world, const struct go_cancel_call *call)
{
	struct pt_regs regs = world->regs;

	regs.rax = call->context;
	regs.rbx = (GARBAGE & ~UINT64_C(0xff)) | call->removes; // only the low byte of a bool is defined
	regs.rcx = call->error.itab;
	regs.rdi = call->error.data;
	regs.rsi = call->cause.itab;
	regs.r8 = call->cause.data;
	if (!world->config.go.cancel_has_cause)
		regs.rsi = regs.r8 = GARBAGE;
	shim_poke(GO_STACK, call->from);
	hit(go_end, &regs, CT_COOKIE(CT_ROLE_GO_CANCEL, call->receiver));
}

void go_cancel_closure(struct go_world *world, uint64_t context)
{
	go_cancel_closure_with(world, context, CT_RECEIVER_CANCEL);
}

void go_cancel_closure_with(struct go_world *world, uint64_t context, uint32_t argument)
{
	struct pt_regs regs = world->regs;

	regs.rdx = allocate(world, 2);
	shim_poke(regs.rdx, GO_CANCEL_CLOSURE);
	shim_poke(regs.rdx + 8, context);
	regs.rip = GO_CANCEL_CLOSURE + 0xc;
	hit(go_end, &regs, CT_COOKIE(CT_ROLE_GO_CANCEL_CLOSURE, argument));
}
