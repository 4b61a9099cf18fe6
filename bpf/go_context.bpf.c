// SPDX-License-Identifier: Apache-2.0
/*
 * Go's context package. Every context that can be cancelled passes propagateCancel once, while it is made; every end
 * passes a cancel method. Two programs, so that two links are enough: what ends, and what begins.
 */
#include "go_abi.bpf.h"
#include "go_cancel.bpf.h"
#include "go_exit.bpf.h"
#include "go_goroutine.bpf.h"
#include "go_types.bpf.h"
#include "path.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/** time.Time: {wall, ext, loc}; bit 63 of wall says that ext is a reading of the monotonic clock (src/time/time.go). */
#define GO_TIME_IS_MONOTONIC (1ull << 63)

/** What propagateCancel is given. */
struct go_create {
	__u64 context;
	__u64 child_itab;
	struct ct_go_interface parent;
};

/*
 * Go 1.21 and newer: func (c *cancelCtx) propagateCancel(parent Context, child canceler).
 * Go 1.17-1.20:      func propagateCancel(parent Context, child canceler): no receiver.
 * All registers are read before one is chosen: the compiler would choose the register's address instead, and the
 * verifier allows no computed offset into the registers.
 */
static __always_inline struct go_create read_create(const struct pt_regs *regs, bool is_old)
{
	__u64 words[] = {
		ct_go_argument0(regs), ct_go_argument1(regs), ct_go_argument2(regs),
		ct_go_argument3(regs), ct_go_argument4(regs),
	};

	for (int i = 0; i < 5; i++)
		barrier_var(words[i]);
	if (is_old)
		return (struct go_create){ words[3], words[2], { words[0], words[1] } };
	return (struct go_create){ words[4], words[3], { words[1], words[2] } };
}

static __always_inline __u8 kind_of_child(const struct ct_go_config *go, __u64 itab)
{
	__u64 type = 0;
	__u32 kind;

	if (ct_go_type(itab, &type)) {
		ct_count(CT_COUNTER_READ_CONTEXT);
		return CT_KIND_UNKNOWN;
	}
	kind = ct_go_kind(go, type);
	if (kind == CT_KIND_CANCEL || kind == CT_KIND_DEADLINE || kind == CT_KIND_AFTER_FUNC)
		return (__u8)kind;
	return CT_KIND_UNKNOWN;
}

/* CLOCK_MONOTONIC at the zero of the program's own clock; 0 unknown. */
static __always_inline __u64 time_base(const struct ct_go_config *go)
{
	__u64 base = 0;

	if (go->time_base_ns || !go->time_base_at)
		return go->time_base_ns;
	if (bpf_probe_read_user(&base, sizeof(base), (void *)go->time_base_at))
		ct_count(CT_COUNTER_READ_CONTEXT);
	return base <= bpf_ktime_get_ns() ? base : 0;
}

/* The deadline is stored before propagateCancel is called. 0: it has none on the monotonic clock. */
static __always_inline __u64 read_deadline(const struct ct_go_config *go, __u64 context)
{
	struct {
		__u64 wall;
		__s64 ext;
	} time = {};
	__u64 base = time_base(go);
	__s64 deadline;

	if (!base)
		return 0;
	if (bpf_probe_read_user(&time, sizeof(time), (void *)(context + go->context_deadline))) {
		ct_count(CT_COUNTER_READ_CONTEXT);
		return 0;
	}
	if (!(time.wall & GO_TIME_IS_MONOTONIC))
		return 0;
	// WithTimeout of the longest duration: ext is as large as it can be.
	if (time.ext > 0 && base + (__u64)time.ext >= (1ull << 63))
		return 0;
	deadline = (__s64)base + time.ext;
	return deadline > 0 ? (__u64)deadline : 1;
}

static __always_inline void on_create(const struct pt_regs *regs, const struct ct_process_config *config,
				      const struct go_create *create)
{
	__u8 kind = kind_of_child(&config->go, create->child_itab);
	__u64 deadline_ns = kind == CT_KIND_DEADLINE ? read_deadline(&config->go, create->context) : 0;
	__u64 task = ct_go_id(&config->go, ct_go_g(regs));
	struct ct_event_create *event;
	struct ct_go_parent parent = {};
	bool asked = false;
	__u32 path;

	ct_go_find_parent(&config->go, &create->parent, &parent);
	path = ct_path_and_ask(regs, config, &asked);
	// A later deadline than the one above is no deadline: WithDeadline makes what WithCancel would.
	if (asked && kind == CT_KIND_CANCEL)
		parent.flags |= CT_CREATE_ASKED_LATER;
	event = ct_reserve(sizeof(*event), CT_EVENT_CREATE, parent.flags);
	if (!event)
		return;
	event->context = create->context;
	event->parent = parent.context;
	event->task = task;
	event->deadline_ns = deadline_ns;
	event->path = path;
	event->kind = kind;
	event->parent_kind = parent.kind;
	event->hops = parent.hops;
	event->pad = 0;
	ct_submit(event, sizeof(*event));
}

SEC("uprobe")
int go_begin(struct pt_regs *regs)
{
	__u64 cookie = bpf_get_attach_cookie(regs);
	__u32 role = CT_COOKIE_ROLE(cookie);
	const struct ct_process_config *config;
	struct go_create create;

	ct_keep_stack(regs);
	if (cookie & CT_COOKIE_AT_STACK_CHECK && ct_go_will_grow(regs))
		return 0;
	config = ct_current_config();
	if (!config)
		return 0;
	if (role == CT_ROLE_GO_TASK_START) {
		ct_go_task_start(regs, config);
		return 0;
	}
	if (role != CT_ROLE_GO_CREATE && role != CT_ROLE_GO_CREATE_OLD)
		return 0;
	create = read_create(regs, role == CT_ROLE_GO_CREATE_OLD);
	on_create(regs, config, &create);
	return 0;
}

SEC("uprobe")
int go_end(struct pt_regs *regs)
{
	__u64 cookie = bpf_get_attach_cookie(regs);
	const struct ct_process_config *config;

	ct_keep_stack(regs);
	if (cookie & CT_COOKIE_AT_STACK_CHECK && ct_go_will_grow(regs))
		return 0;
	config = ct_current_config();
	if (!config)
		return 0;
	switch (CT_COOKIE_ROLE(cookie)) {
	case CT_ROLE_GO_CANCEL:
		ct_go_cancel(regs, config, CT_COOKIE_ARGUMENT(cookie));
		break;
	case CT_ROLE_GO_CANCEL_CLOSURE:
		ct_go_cancel_closure(regs, config, CT_COOKIE_ARGUMENT(cookie));
		break;
	case CT_ROLE_GO_TASK_END:
		ct_go_task_end(regs, config);
		break;
	case CT_ROLE_GO_HIJACK:
		ct_go_request_becomes(regs, config, CT_REQUEST_HIJACKED);
		break;
	case CT_ROLE_GO_FLUSH:
		ct_go_request_becomes(regs, config, CT_REQUEST_STREAM);
		break;
	case CT_ROLE_GO_EXIT:
		ct_go_exit(config);
		break;
	}
	return 0;
}
